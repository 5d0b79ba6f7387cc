//! What a call takes while a foreign waker panics: it goes back to where others find it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Wake, Waker};

use cede_sync::mpsc::error::{TryRecvError, TrySendError};
use cede_sync::{Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};

use crate::hostile::{Hostile, When, waker};
use crate::polling::{Polled, now, polled};

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

fn panicking() -> Waker {
    Waker::from(Arc::new(Panicking))
}

#[track_caller]
fn panics<T>(act: impl FnOnce() -> T) {
    assert!(catch_unwind(AssertUnwindSafe(act)).is_err(), "no waker panicked");
}

/// Polls once with a waker that does something when it is cloned, and panics when it is dropped.
#[track_caller]
fn meets<T>(future: &mut Polled<'_, T>, when_cloned: impl Fn() + 'static) {
    let hostile = Hostile::new(move |when| match when {
        When::Clone => when_cloned(),
        When::Drop => panic!("a destructor that panics"),
        When::Wake => {}
    });
    let bad = waker(&hostile);
    hostile.armed.set(true);
    panics(|| future.poll_with(&bad).is_ready());
    hostile.armed.set(false);
}

/// A channel of `bound` places, full from zero on, and a sender that waits with a waker that panics.
fn full<'a>(
    bound: i32,
    waits: impl FnOnce(mpsc::Sender<i32>) -> Polled<'a, ()>,
) -> (mpsc::Sender<i32>, mpsc::Receiver<i32>, Polled<'a, ()>) {
    let (tx, rx) = mpsc::channel(bound as usize);
    (0..bound).for_each(|value| tx.try_send(value).unwrap());
    let mut waits = waits(tx.clone());
    assert!(waits.poll_with(&panicking()).is_pending());
    (tx, rx, waits)
}

#[test]
fn a_value_stays_in_the_channel_when_the_sender_that_gets_its_place_cannot_be_woken() {
    type Receive = fn(&mut mpsc::Receiver<i32>) -> Option<i32>;
    let receives: [Receive; 2] = [|rx| rx.try_recv().ok(), |rx| now(rx.recv())];
    for receive in receives {
        let (tx, mut rx, mut waits) = full(2, |tx| polled(async move { tx.send(2).await.unwrap() }));
        panics(|| receive(&mut rx));
        assert_eq!(rx.len(), 2);
        waits.ready();
        assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)), "the place was given away once");
        assert_eq!([rx.try_recv(), rx.try_recv(), rx.try_recv(), rx.try_recv()], [Ok(0), Ok(1), Ok(2), Err(TryRecvError::Empty)]);
        assert_eq!(tx.capacity(), 2);
    }
}

#[test]
fn the_place_of_a_value_that_came_back_is_not_given_twice() {
    let (tx, mut rx, mut first) = full(1, |tx| polled(async move { tx.send(1).await.unwrap() }));
    let mut second = polled(tx.send(2));
    second.pending();
    panics(|| rx.try_recv());
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!(second.wakes(), 0, "the one place is the first sender's");
    first.ready();
    assert_eq!(rx.try_recv(), Ok(1));
    second.ready().unwrap();
    assert_eq!(now(rx.recv()), Some(2));
    assert_eq!(tx.capacity(), 1);
}

#[test]
fn what_came_back_is_dropped_with_the_receiver_and_its_place_counted_once() {
    let (tx, mut rx, waits) = full(1, |tx| polled(async move { drop(tx.reserve().await) }));
    panics(|| rx.try_recv());
    drop(rx);
    drop(waits);
    assert_eq!((tx.capacity(), tx.is_closed()), (1, true));
}

#[test]
fn several_values_are_in_the_buffer_also_when_a_sender_cannot_be_woken() {
    let (tx, mut rx, mut waits) = full(3, |tx| polled(async move { tx.send(3).await.unwrap() }));
    let mut buffer = Vec::new();
    panics(|| now(rx.recv_many(&mut buffer, 2)));
    assert_eq!(buffer, [0, 1]);
    waits.ready();
    assert_eq!([rx.try_recv(), rx.try_recv(), rx.try_recv()], [Ok(2), Ok(3), Err(TryRecvError::Empty)]);
    assert_eq!(tx.capacity(), 3);
}

#[test]
fn a_value_stays_in_the_channel_when_the_receivers_waker_was_not_needed() {
    let (tx, mut rx) = mpsc::channel(1);
    meets(&mut polled(rx.recv()), {
        let tx = tx.clone();
        move || tx.try_send(7).unwrap_or(())
    });
    assert_eq!((rx.try_recv(), tx.capacity()), (Ok(7), 1));
    let (tx, mut rx) = mpsc::unbounded_channel();
    meets(&mut polled(rx.recv()), move || tx.send(7).unwrap_or(()));
    assert_eq!(rx.try_recv(), Ok(7));
}

/// A future that waits, and finds what it waits for when its waker was cloned: in its first poll, and in a later one with another waker.
#[track_caller]
fn comes_back<'a, F: Future + 'a>(wait: impl Fn() -> F, release: impl Fn() + Clone + 'static, rest: impl Fn()) {
    meets(&mut polled(wait()), release.clone());
    rest();
    let mut waits = polled(wait());
    waits.pending();
    meets(&mut waits, release);
    drop(waits);
    rest();
}

#[test]
fn permits_go_back_when_the_waker_was_not_needed() {
    let semaphore = Arc::new(Semaphore::new(0));
    let (shared, given) = (semaphore.clone(), semaphore.clone());
    let rest = || assert_eq!(semaphore.forget_permits(9), 2);
    comes_back(move || shared.clone().acquire_many_owned(2), move || given.add_permits(2), rest);
}

#[test]
fn a_lock_is_unlocked_when_the_waker_was_not_needed() {
    let mutex = Arc::new(Mutex::new(0));
    let guard = Arc::new(std::sync::Mutex::new(mutex.clone().try_lock_owned().ok()));
    let (shared, held) = (mutex.clone(), guard.clone());
    let rest = || *guard.lock().unwrap() = mutex.clone().try_lock_owned().ok();
    let release = move || drop(held.lock().unwrap().take().expect("it was unlocked"));
    comes_back(move || shared.clone().lock_owned(), release, rest);
    assert!(guard.lock().unwrap().is_some());

    let lock = Arc::new(RwLock::new(0));
    let guard = Arc::new(std::sync::Mutex::new(lock.clone().try_write_owned().ok()));
    let (shared, held) = (lock.clone(), guard.clone());
    let rest = || *guard.lock().unwrap() = lock.clone().try_write_owned().ok();
    let release = move || drop(held.lock().unwrap().take().expect("it was unlocked"));
    comes_back(move || shared.clone().write_owned(), release, rest);
    assert!(guard.lock().unwrap().is_some());
}

#[test]
fn a_notification_goes_back_when_the_waker_was_not_needed() {
    let notify = Arc::new(Notify::new());
    let (shared, notifier) = (notify.clone(), notify.clone());
    comes_back(move || shared.clone().notified_owned(), move || notifier.notify_one(), || now(notify.notified()));
}

#[test]
fn a_notification_of_one_that_cannot_be_woken_goes_to_the_next() {
    let notify = Notify::new();
    let mut first = polled(notify.notified());
    assert!(first.poll_with(&panicking()).is_pending());
    let mut second = polled(notify.notified());
    second.pending();
    panics(|| notify.notify_one());
    drop(first);
    second.ready();
}

#[test]
fn what_was_sent_is_there_though_the_receiver_cannot_be_woken() {
    let (tx, mut rx) = mpsc::channel(1);
    assert!(polled(rx.recv()).poll_with(&panicking()).is_pending());
    panics(|| tx.try_send(1));
    assert_eq!(rx.try_recv(), Ok(1));

    let (tx, mut rx) = mpsc::unbounded_channel();
    assert!(polled(rx.recv()).poll_with(&panicking()).is_pending());
    panics(|| tx.send(1));
    assert_eq!(rx.try_recv(), Ok(1));

    let (tx, mut rx) = oneshot::channel();
    assert!(polled(&mut rx).poll_with(&panicking()).is_pending());
    panics(|| tx.send(1));
    assert_eq!(rx.try_recv(), Ok(1));

    let (tx, mut rx) = watch::channel(0);
    let mut waits = polled(rx.changed());
    assert!(waits.poll_with(&panicking()).is_pending());
    panics(|| tx.send_replace(1));
    drop(waits);
    assert_eq!((rx.has_changed().unwrap(), *rx.borrow_and_update()), (true, 1));

    let (tx, mut rx) = broadcast::channel(1);
    let mut waits = polled(rx.recv());
    assert!(waits.poll_with(&panicking()).is_pending());
    panics(|| tx.send(1));
    drop(waits);
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn a_value_of_a_broadcast_stays_when_the_receivers_waker_was_not_needed() {
    let (tx, mut rx) = broadcast::channel(4);
    meets(&mut polled(rx.recv()), move || drop(tx.send(7)));
    assert_eq!(rx.try_recv(), Ok(7));
}

#[test]
fn a_value_of_a_oneshot_stays_when_the_receivers_waker_was_not_needed() {
    let (tx, mut rx) = oneshot::channel();
    let tx = std::cell::Cell::new(Some(tx));
    meets(&mut polled(&mut rx), move || assert!(tx.take().is_none_or(|tx| tx.send(7).is_ok())));
    assert_eq!(rx.try_recv(), Ok(7));
}
