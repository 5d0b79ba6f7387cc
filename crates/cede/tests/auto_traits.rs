//! Which public types may be sent, shared and moved: part of the interface, and easily changed by accident.

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

/// Asks the compiler, by autoref: the inherent constant exists only if the bound holds.
macro_rules! holds {
    ($type:ty: $bound:ident) => {{
        #[allow(dead_code, reason = "used where the bound does not hold")]
        trait Otherwise {
            const HOLDS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "which of the two constants is used depends on the type")]
        impl<T: ?Sized + $bound> Probe<T> {
            const HOLDS: bool = true;
        }
        <Probe<$type>>::HOLDS
    }};
}

macro_rules! table {
    ($($type:ty: $send:literal $sync:literal $unpin:literal;)*) => {
        $(
            let found = (holds!($type: Send), holds!($type: Sync), holds!($type: Unpin));
            assert_eq!(found, ($send, $sync, $unpin), "{} is (Send, Sync, Unpin)", stringify!($type));
        )*
    };
}

type NotSend = Rc<()>;
type NotSync = Cell<u8>;

#[test]
fn as_tokio_has_them() {
    table! {
        cede::runtime::Runtime: true true true;
        cede::runtime::Handle: true true true;
        cede::runtime::LocalRuntime: false false true;
        cede::runtime::EnterGuard<'static>: false true true;
        cede::runtime::LocalOptions: false false true;
        cede::task::JoinHandle<u8>: true true true;
        cede::task::JoinHandle<NotSync>: true true true;
        cede::task::JoinHandle<NotSend>: false false true;
        cede::task::AbortHandle: true true true;
        cede::task::JoinError: true true true;
        cede::task::Id: true true true;
        cede::task::JoinSet<u8>: true true true;
        cede::task::JoinSet<NotSync>: true true true;
        cede::task::JoinSet<NotSend>: false false true;
        cede::task::LocalSet: false false true;
        cede::task::LocalEnterGuard: false false true;
        cede::task::LocalKey<NotSend>: true true true;
        cede::task::AccessError: true true true;
        cede::task::futures::TaskLocalFuture<u8, std::future::Ready<u8>>: true true false;
        cede::task::futures::TaskLocalFuture<NotSend, std::future::Ready<u8>>: false false false;
        cede::task::coop::RestoreOnPending: false false true;
        cede::task::coop::Coop<std::future::Ready<NotSend>>: false false true;
        cede::task::Unconstrained<std::future::Ready<u8>>: true true true;
        cede::task::Builder<'static>: true true true;
        cede::runtime::Builder: true true true;
        cede::runtime::Id: true true true;
        cede::runtime::RuntimeMetrics: true true true;
        cede::runtime::ShutdownReport: true true true;
        cede::group::TaskGroup<u8>: true true true;
        cede::group::Spawner<NotSync>: true true true;
        cede::scope::Scope<'static>: true true true;
        cede::scope::Child<u8>: true true true;
        cede::time::Sleep: true true false;
        cede::time::Interval: true true true;
        cede::time::Instant: true true true;
        cede::time::Timeout<std::future::Ready<u8>>: true true false;
        cede::net::TcpListener: true true true;
        cede::net::TcpStream: true true true;
        cede::net::tcp::OwnedReadHalf: true true true;
        cede::net::tcp::OwnedWriteHalf: true true true;
        cede::net::tcp::ReadHalf<'static>: true true true;
        cede::net::TcpSocket: true true true;
        cede::net::UdpSocket: true true true;
        cede::net::UnixListener: true true true;
        cede::net::UnixStream: true true true;
        cede::net::UnixDatagram: true true true;
        cede::net::unix::OwnedReadHalf: true true true;
        cede::net::unix::OwnedWriteHalf: true true true;
        cede::net::unix::SocketAddr: true true true;
        cede::net::unix::pipe::Sender: true true true;
        cede::net::unix::pipe::Receiver: true true true;
        cede::io::unix::AsyncFd<std::fs::File>: true true true;
        cede::io::unix::AsyncFdReadyGuard<'static, std::fs::File>: true true true;
        cede::io::ReadHalf<std::marker::PhantomPinned>: true true true;
        cede::io::Stdin: true true true;
        cede::io::Stdout: true true true;
        cede::fs::File: true true true;
        cede::fs::ReadDir: true true true;
        cede::fs::DirEntry: true true true;
        cede::process::Child: true true true;
        cede::process::Command: true true true;
        cede::process::ChildStdin: true true true;
        cede::signal::unix::Signal: true true true;
        cede::sim::Sim: true true true;
        cede::sim::Failure: true true true;
    }
}

#[test]
fn runtimes_and_handles_may_cross_a_catch_unwind() {
    fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    unwind_safe::<cede::runtime::Runtime>();
    unwind_safe::<cede::task::JoinError>();
    unwind_safe::<cede::runtime::Handle>();
    unwind_safe::<cede::task::JoinHandle<NotSend>>();
    unwind_safe::<cede::task::AbortHandle>();
    unwind_safe::<cede::task::JoinSet<NotSend>>();
    unwind_safe::<cede::net::TcpListener>();
    unwind_safe::<cede::net::TcpStream>();
    unwind_safe::<cede::net::UdpSocket>();
    unwind_safe::<cede::net::UnixListener>();
    unwind_safe::<cede::net::unix::pipe::Sender>();
}
