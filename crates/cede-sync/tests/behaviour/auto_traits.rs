//! The auto traits of every public type, for values that are Send or Sync, both or neither. The table is that of tokio 1.54
//! (and of tokio-util's tokens), but `Barrier` and `OnceCell` are `UnwindSafe`, too: nothing of the user's runs while they change.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use cede_sync as sync;

macro_rules! has {
    ($type:ty, $auto:path) => {{
        struct Probe<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code, reason = "shadowed where the bound holds")]
        trait Lacks {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Lacks for Probe<T> {}
        #[allow(dead_code, reason = "not reached where the bound does not hold")]
        impl<T: ?Sized + $auto> Probe<T> {
            const HAS: bool = true;
        }
        Probe::<$type>::HAS
    }};
}

fn letters(has: [bool; 5]) -> String {
    has.iter().zip("SYURF".chars()).map(|(has, letter)| if *has { letter } else { '-' }).collect()
}

macro_rules! row {
    ($out:ident, $type:ty) => {
        $out.push_str(&letters([
            has!($type, Send),
            has!($type, Sync),
            has!($type, Unpin),
            has!($type, UnwindSafe),
            has!($type, RefUnwindSafe),
        ]));
        $out.push(' ');
    };
}

type NotSend = std::sync::MutexGuard<'static, u8>;

macro_rules! table {
    ($($name:ident: $($path:ident)::+ <$($life:lifetime)? T $(; $second:ty)?>,)*; $($plain:ident: $type:ty,)*) => {{
        let mut table = String::new();
        $({
            let mut line = String::new();
            row!(line, $($path)::+<$($life,)? u8 $(, $second)?>);
            row!(line, $($path)::+<$($life,)? Cell<u8> $(, $second)?>);
            row!(line, $($path)::+<$($life,)? Rc<u8> $(, $second)?>);
            row!(line, $($path)::+<$($life,)? NotSend $(, $second)?>);
            table.push_str(&format!("{} {}\n", line.trim_end(), stringify!($name)));
        })*
        $({
            let mut line = String::new();
            row!(line, $type);
            table.push_str(&format!("{} {}\n", line.trim_end(), stringify!($plain)));
        })*
        table
    }};
}

#[test]
fn are_those_of_tokio() {
    let table = table! {
        Mutex: sync::Mutex<T>,
        MutexGuard: sync::MutexGuard<'static T>,
        OwnedMutexGuard: sync::OwnedMutexGuard<T>,
        MappedMutexGuard: sync::MappedMutexGuard<'static T>,
        OwnedMappedMutexGuard: sync::OwnedMappedMutexGuard<T; u8>,
        RwLock: sync::RwLock<T>,
        RwLockReadGuard: sync::RwLockReadGuard<'static T>,
        RwLockWriteGuard: sync::RwLockWriteGuard<'static T>,
        RwLockMappedWriteGuard: sync::RwLockMappedWriteGuard<'static T>,
        OwnedRwLockReadGuard: sync::OwnedRwLockReadGuard<T; u8>,
        OwnedRwLockWriteGuard: sync::OwnedRwLockWriteGuard<T>,
        OwnedRwLockMappedWriteGuard: sync::OwnedRwLockMappedWriteGuard<T; u8>,
        OneshotSender: sync::oneshot::Sender<T>,
        OneshotReceiver: sync::oneshot::Receiver<T>,
        Sender: sync::mpsc::Sender<T>,
        WeakSender: sync::mpsc::WeakSender<T>,
        Receiver: sync::mpsc::Receiver<T>,
        Permit: sync::mpsc::Permit<'static T>,
        PermitIterator: sync::mpsc::PermitIterator<'static T>,
        OwnedPermit: sync::mpsc::OwnedPermit<T>,
        UnboundedSender: sync::mpsc::UnboundedSender<T>,
        WeakUnboundedSender: sync::mpsc::WeakUnboundedSender<T>,
        UnboundedReceiver: sync::mpsc::UnboundedReceiver<T>,
        SendError: sync::mpsc::error::SendError<T>,
        TrySendError: sync::mpsc::error::TrySendError<T>,
        WatchSender: sync::watch::Sender<T>,
        WatchReceiver: sync::watch::Receiver<T>,
        WatchRef: sync::watch::Ref<'static T>,
        WatchSendError: sync::watch::error::SendError<T>,
        BroadcastSender: sync::broadcast::Sender<T>,
        BroadcastWeakSender: sync::broadcast::WeakSender<T>,
        BroadcastReceiver: sync::broadcast::Receiver<T>,
        BroadcastSendError: sync::broadcast::error::SendError<T>,
        OnceCell: sync::OnceCell<T>,
        SetOnce: sync::SetOnce<T>,
        SetError: sync::SetError<T>,
        SetOnceError: sync::SetOnceError<T>,
        ;
        Semaphore: sync::Semaphore,
        SemaphorePermit: sync::SemaphorePermit<'static>,
        OwnedSemaphorePermit: sync::OwnedSemaphorePermit,
        Notify: sync::Notify,
        Notified: sync::futures::Notified<'static>,
        OwnedNotified: sync::futures::OwnedNotified,
        AcquireError: sync::AcquireError,
        TryAcquireError: sync::TryAcquireError,
        TryLockError: sync::TryLockError,
        OneshotRecvError: sync::oneshot::error::RecvError,
        WatchRecvError: sync::watch::error::RecvError,
        TryRecvError: sync::mpsc::error::TryRecvError,
        Barrier: sync::Barrier,
        BarrierWaitResult: sync::BarrierWaitResult,
        BroadcastRecvError: sync::broadcast::error::RecvError,
        BroadcastTryRecvError: sync::broadcast::error::TryRecvError,
        CancellationToken: sync::CancellationToken,
        DropGuard: sync::DropGuard,
        WaitForCancellation: sync::WaitForCancellationFuture<'static>,
        WaitForCancellationOwned: sync::WaitForCancellationFutureOwned,
    };
    let expected = include_str!("auto_traits.txt");
    let differences: Vec<_> = expected.lines().zip(table.lines()).filter(|(expected, actual)| expected != actual).collect();
    assert!(expected == table, "(tokio's, ours): {differences:#?}");
}
