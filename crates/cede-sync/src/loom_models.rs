//! The primitives under the loom model checker: each model is two or three threads and a handful of steps, and holds in every interleaving.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::vec::Vec;

use loom::sync::Notify as ThreadNotify;
use loom::thread;

use crate::broadcast::error::RecvError;
use crate::{Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch};

mod happens_before;

struct Unpark(ThreadNotify);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify();
    }
}

/// Polls to the end; a lost wake is a deadlock, which loom reports.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let unpark = Arc::new(Unpark(ThreadNotify::new()));
    let waker = Waker::from(Arc::clone(&unpark));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        unpark.0.wait();
        // A receiver whose old waker is just being called wakes itself until that is over: let the caller run.
        thread::yield_now();
    }
}

/// One poll with a waker of its own, and the drop of the future.
fn touch(future: impl Future) {
    let waker = Waker::from(Arc::new(Unpark(ThreadNotify::new())));
    let _ = pin!(future).poll(&mut Context::from_waker(&waker)).is_ready();
}

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

#[test]
fn oneshot_send_wakes_the_receiver() {
    model(|| {
        let (tx, rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(1).unwrap());
        assert_eq!(block_on(rx), Ok(1));
        sender.join().unwrap();
    });
}

#[test]
fn oneshot_close_beside_send() {
    model(|| {
        let (tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(1));
        rx.close();
        let received = block_on(rx);
        assert_eq!(sender.join().unwrap().is_ok(), received.is_ok());
    });
}

#[test]
fn oneshot_drop_after_poll_beside_send() {
    model(|| {
        let (tx, rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(1).is_ok());
        touch(rx);
        sender.join().unwrap();
    });
}

#[test]
fn oneshot_closed_beside_drop() {
    model(|| {
        let (mut tx, rx) = oneshot::channel::<i32>();
        let receiver = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        receiver.join().unwrap();
    });
}

/// Beside a sender that sends or is dropped, the value ends in one place only, and the channel with its last half.
fn oneshot_value_is_where_it_belongs(receive: impl Fn(oneshot::Receiver<Arc<()>>) -> bool + Send + Sync + 'static) {
    model(move || {
        let value = Arc::new(());
        let (tx, rx) = oneshot::channel();
        let sent = Arc::clone(&value);
        let sender = thread::spawn(move || tx.send(sent).is_ok());
        let received = receive(rx);
        let taken = sender.join().unwrap();
        assert!(taken || !received);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn oneshot_try_recv_beside_send() {
    oneshot_value_is_where_it_belongs(|mut rx| {
        let first = rx.try_recv();
        let empty = rx.is_empty();
        let second = rx.try_recv();
        assert!(first.is_err() || second == Err(oneshot::error::TryRecvError::Closed));
        assert!(empty || second.is_ok());
        first.is_ok() || second.is_ok()
    });
}

#[test]
fn oneshot_poll_then_close_then_try_recv_beside_send() {
    oneshot_value_is_where_it_belongs(|mut rx| {
        touch(&mut rx);
        rx.close();
        let received = rx.try_recv();
        assert_ne!(received, Err(oneshot::error::TryRecvError::Empty));
        received.is_ok()
    });
}

#[test]
fn oneshot_change_of_wakers_beside_send() {
    oneshot_value_is_where_it_belongs(|mut rx| {
        touch(&mut rx);
        rx.is_terminated() || block_on(rx).is_ok()
    });
}

#[test]
fn oneshot_closed_then_send_beside_close_and_drop() {
    model(|| {
        let value = Arc::new(());
        let (mut tx, mut rx) = oneshot::channel();
        let receiver = thread::spawn(move || rx.close());
        touch(tx.closed());
        let closed = tx.is_closed();
        let refused = tx.send(Arc::clone(&value)).is_err();
        assert!(refused || !closed);
        receiver.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn oneshot_both_halves_are_dropped() {
    model(|| {
        let (mut tx, mut rx) = oneshot::channel::<i32>();
        touch(tx.closed());
        touch(&mut rx);
        let sender = thread::spawn(move || drop(tx));
        drop(rx);
        sender.join().unwrap();
    });
}

#[test]
fn mpsc_two_senders_and_the_receiver() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let senders: Vec<_> = (0..2)
            .map(|value| {
                let tx = tx.clone();
                thread::spawn(move || tx.send(value).unwrap())
            })
            .collect();
        drop(tx);
        // One waker for all: it stays in its slot, and may be claimed again while it is being called.
        let sum = block_on(async {
            let mut sum = 10;
            while let Some(value) = rx.recv().await {
                sum += value;
            }
            sum
        });
        assert_eq!(sum, 11);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

#[test]
fn mpsc_values_of_a_sender_come_in_order() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || (0..3).for_each(|value| tx.send(value).unwrap()));
        let first = rx.try_recv().ok();
        let rest = block_on(async {
            let mut rest = Vec::from_iter(first);
            while rx.recv_many(&mut rest, 2).await > 0 {}
            rest
        });
        assert_eq!(rest, [0, 1, 2]);
        assert!(rx.is_empty());
        sender.join().unwrap();
    });
}

#[test]
fn mpsc_unbounded_values_are_dropped_with_the_receiver() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let value = Arc::new(());
        let sent = Arc::clone(&value);
        let sender = thread::spawn(move || {
            let _ = tx.send(Arc::clone(&sent));
            let _ = tx.send(sent);
        });
        let received = rx.try_recv();
        let left = rx.len();
        assert!(left <= 2 - usize::from(received.is_ok()));
        drop((rx, received));
        sender.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn mpsc_full_channel_hands_its_place_over() {
    model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let sender = thread::spawn(move || {
            block_on(tx.send(1)).unwrap();
            block_on(tx.send(2)).unwrap();
        });
        assert_eq!(block_on(rx.recv()), Some(1));
        assert_eq!(block_on(rx.recv()), Some(2));
        assert_eq!(block_on(rx.recv()), None);
        sender.join().unwrap();
    });
}

#[test]
fn mpsc_the_receiver_changes_its_waker_beside_sends() {
    model(|| {
        let (tx, mut rx) = mpsc::channel(2);
        let sender = thread::spawn(move || {
            tx.try_send(1).unwrap();
            tx.try_send(2).unwrap();
        });
        // Each `block_on` has another waker.
        touch(pin!(rx.recv()));
        while block_on(rx.recv()).is_some() {}
        sender.join().unwrap();
    });
}

#[test]
fn mpsc_close_beside_send() {
    model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let sender = thread::spawn(move || block_on(tx.send(1)).is_ok());
        rx.close();
        let received = block_on(rx.recv()).is_some();
        assert_eq!(sender.join().unwrap(), received);
    });
}

#[test]
fn mpsc_drop_beside_a_waiting_send() {
    model(|| {
        let (tx, rx) = mpsc::channel(1);
        tx.try_send(Arc::new(1)).unwrap();
        let value = Arc::new(2);
        let sent = Arc::clone(&value);
        let sender = thread::spawn(move || assert!(block_on(tx.send(sent)).is_err()));
        drop(rx);
        sender.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn mpsc_permit_of_a_closed_channel() {
    model(|| {
        let (tx, mut rx) = mpsc::channel::<i32>(1);
        let permit = tx.try_reserve_owned().unwrap();
        let sender = thread::spawn(move || drop(permit.release()));
        rx.close();
        assert_eq!(block_on(rx.recv()), None);
        sender.join().unwrap();
    });
}

#[test]
fn semaphore_acquire_release_cancel() {
    model(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let (first, second) = (Arc::clone(&semaphore), Arc::clone(&semaphore));
        let acquirer = thread::spawn(move || drop(block_on(first.acquire())));
        let canceller = thread::spawn(move || touch(second.acquire()));
        drop(block_on(semaphore.acquire()));
        acquirer.join().unwrap();
        canceller.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn semaphore_close_beside_acquire() {
    model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let shared = Arc::clone(&semaphore);
        let acquirer = thread::spawn(move || assert!(block_on(shared.acquire_many(2)).is_err()));
        semaphore.add_permits(1);
        semaphore.close();
        acquirer.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn mutex_excludes() {
    model(|| {
        let mutex = Arc::new(Mutex::new(0));
        let shared = Arc::clone(&mutex);
        let other = thread::spawn(move || *block_on(shared.lock()) += 1);
        *block_on(mutex.lock()) += 1;
        other.join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), 2);
    });
}

#[test]
fn rwlock_writers_exclude_all_and_readers_only_writers() {
    model(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let (written, read) = (Arc::clone(&lock), Arc::clone(&lock));
        let writer = thread::spawn(move || {
            let mut value = block_on(written.write());
            value.0 += 1;
            value.1 += 1;
        });
        let reader = thread::spawn(move || {
            let value = block_on(read.read());
            assert_eq!(value.0, value.1);
        });
        {
            let value = block_on(lock.read());
            assert_eq!(value.0, value.1);
        }
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(*lock.try_write().unwrap(), (1, 1));
    });
}

#[test]
fn rwlock_two_writers() {
    model(|| {
        let lock = Arc::new(RwLock::new(0));
        let shared = Arc::clone(&lock);
        let other = thread::spawn(move || *block_on(shared.write()) += 1);
        *block_on(lock.write()) += 1;
        other.join().unwrap();
        assert_eq!(*lock.try_read().unwrap(), 2);
    });
}

#[test]
fn rwlock_a_writer_that_leaves_lets_the_readers_behind_it_in() {
    model(|| {
        let lock = Arc::new(RwLock::new(1));
        let (left, read) = (Arc::clone(&lock), Arc::clone(&lock));
        let held = lock.try_read().unwrap();
        let leaver = thread::spawn(move || touch(left.write()));
        let reader = thread::spawn(move || assert_eq!(*block_on(read.read()), 1));
        // A reader that waits does so for the writer only, which is gone then.
        reader.join().unwrap();
        leaver.join().unwrap();
        drop(held);
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn rwlock_a_downgrade_lets_readers_in_and_keeps_writers_out() {
    model(|| {
        let lock = Arc::new(RwLock::new(0));
        let shared = Arc::clone(&lock);
        let mut guard = lock.try_write().unwrap();
        let reader = thread::spawn(move || assert_eq!(*block_on(shared.read()), 1));
        *guard = 1;
        let guard = guard.downgrade();
        reader.join().unwrap();
        assert!(lock.try_write().is_err());
        drop(guard);
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn notify_one_is_not_lost() {
    model(|| {
        let notify = Arc::new(Notify::new());
        let shared = Arc::clone(&notify);
        let notifier = thread::spawn(move || shared.notify_one());
        block_on(notify.notified());
        notifier.join().unwrap();
    });
}

#[test]
fn notify_one_is_forwarded_by_a_dropped_future() {
    model(|| {
        let notify = Arc::new(Notify::new());
        let (first, second) = (Arc::clone(&notify), Arc::clone(&notify));
        let canceller = thread::spawn(move || {
            let waker = Waker::from(Arc::new(Unpark(ThreadNotify::new())));
            let mut notified = pin!(first.notified());
            if notified.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                first.notify_one();
            }
        });
        let notifier = thread::spawn(move || second.notify_one());
        block_on(notify.notified());
        canceller.join().unwrap();
        notifier.join().unwrap();
    });
}

#[test]
fn notify_waiters_beside_poll_and_drop() {
    model(|| {
        let notify = Arc::new(Notify::new());
        let (first, second) = (Arc::clone(&notify), Arc::clone(&notify));
        let notified = notify.notified();
        let canceller = thread::spawn(move || touch(first.notified()));
        let notifier = thread::spawn(move || second.notify_waiters());
        block_on(notified);
        canceller.join().unwrap();
        notifier.join().unwrap();
    });
}

#[test]
fn watch_changes_are_seen() {
    model(|| {
        let (tx, mut rx) = watch::channel(0);
        let sender = thread::spawn(move || {
            tx.send(1).unwrap();
        });
        block_on(rx.changed()).unwrap();
        assert_eq!(*rx.borrow_and_update(), 1);
        assert!(block_on(rx.changed()).is_err());
        sender.join().unwrap();
    });
}

#[test]
fn watch_closed_is_seen() {
    model(|| {
        let (tx, rx) = watch::channel(0);
        let receiver = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        receiver.join().unwrap();
    });
}

#[test]
fn broadcast_values_come_or_are_missed() {
    model(|| {
        let (tx, mut rx) = broadcast::channel(1);
        let sender = thread::spawn(move || (0..2_u64).for_each(|value| assert!(tx.send(value).is_ok())));
        let mut next = 0;
        loop {
            match block_on(rx.recv()) {
                Ok(value) => assert_eq!(core::mem::replace(&mut next, value + 1), value),
                Err(RecvError::Lagged(missed)) => next += missed,
                Err(RecvError::Closed) => break,
            }
        }
        assert_eq!(next, 2);
        sender.join().unwrap();
    });
}

#[test]
fn broadcast_two_receivers_and_the_drop_of_one() {
    model(|| {
        let value = Arc::new(());
        let (tx, mut first) = broadcast::channel(2);
        let second = tx.subscribe();
        let sent = Arc::clone(&value);
        let sender = thread::spawn(move || tx.send(sent).unwrap());
        let dropper = thread::spawn(move || drop(second));
        drop(block_on(first.recv()).unwrap());
        let reached = sender.join().unwrap();
        dropper.join().unwrap();
        assert!(reached == 1 || reached == 2);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn broadcast_closed_is_seen() {
    model(|| {
        let (tx, rx) = broadcast::channel::<i32>(1);
        let receiver = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        receiver.join().unwrap();
    });
}

#[test]
fn barrier_opens_for_both_twice() {
    model(|| {
        let barrier = Arc::new(Barrier::new(2));
        let shared = Arc::clone(&barrier);
        let other = thread::spawn(move || [block_on(shared.wait()).is_leader(), block_on(shared.wait()).is_leader()]);
        let mine = [block_on(barrier.wait()).is_leader(), block_on(barrier.wait()).is_leader()];
        let theirs = other.join().unwrap();
        assert!(mine[0] != theirs[0] && mine[1] != theirs[1]);
    });
}

#[test]
fn once_cell_is_filled_beside_a_maker_that_leaves() {
    model(|| {
        let cell = Arc::new(OnceCell::new());
        let (first, second) = (Arc::clone(&cell), Arc::clone(&cell));
        let leaver = thread::spawn(move || touch(first.get_or_init(core::future::pending)));
        let setter = thread::spawn(move || second.set(2).is_ok());
        let value = *block_on(cell.get_or_init(async || 1));
        leaver.join().unwrap();
        assert_eq!(setter.join().unwrap(), value == 2);
    });
}

#[test]
fn set_once_is_set_by_one_and_seen() {
    model(|| {
        let once = Arc::new(SetOnce::new());
        let (first, second) = (Arc::clone(&once), Arc::clone(&once));
        let one = thread::spawn(move || first.set(1).is_ok());
        let two = thread::spawn(move || second.set(2).is_ok());
        let value = *block_on(once.wait());
        assert_eq!([one.join().unwrap(), two.join().unwrap()], [value == 1, value == 2]);
    });
}

#[test]
fn cancellation_beside_a_new_child_and_a_leaving_parent() {
    model(|| {
        let root = CancellationToken::new();
        let middle = root.child_token();
        let maker = thread::spawn(move || {
            let leaf = middle.child_token();
            drop(middle);
            block_on(leaf.cancelled_owned());
        });
        root.cancel();
        maker.join().unwrap();
    });
}

#[test]
fn cancellation_from_above_and_below() {
    model(|| {
        let root = CancellationToken::new();
        let middle = root.child_token();
        let leaf = middle.child_token();
        let canceller = thread::spawn(move || {
            middle.cancel();
            assert!(leaf.is_cancelled());
        });
        root.cancel_with("reason");
        assert!(root.reason().is_some());
        canceller.join().unwrap();
    });
}
