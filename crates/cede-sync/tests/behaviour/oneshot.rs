//! oneshot: value, closing, termination.

use std::sync::Arc;
use std::task::Poll;

use cede_sync::oneshot::{self, error::TryRecvError};

use crate::polling::{now, polled};

#[test]
fn carries_a_value_to_a_waiting_receiver() {
    let (tx, rx) = oneshot::channel();
    let mut rx = polled(rx);
    rx.pending();
    tx.send(1).unwrap();
    assert_eq!(rx.wakes(), 1);
    assert_eq!(rx.ready(), Ok(1));
}

#[test]
fn a_dropped_sender_is_an_error() {
    let (tx, rx) = oneshot::channel::<i32>();
    let mut rx = polled(rx);
    rx.pending();
    drop(tx);
    assert_eq!(rx.wakes(), 1);
    assert_eq!(rx.ready().unwrap_err().to_string(), "channel closed");
}

#[test]
fn a_dropped_receiver_gives_the_value_back() {
    let (mut tx, rx) = oneshot::channel();
    {
        let mut closed = polled(tx.closed());
        closed.pending();
        drop(rx);
        assert_eq!(closed.wakes(), 1);
        closed.ready();
    }
    assert!(tx.is_closed());
    assert_eq!(tx.send(7), Err(7));
}

#[test]
fn closing_refuses_later_values_only() {
    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    rx.close();
    assert!(!rx.is_empty());
    assert_eq!(rx.try_recv(), Ok(1));

    let (tx, mut rx) = oneshot::channel::<i32>();
    rx.close();
    assert!(tx.is_closed());
    assert!(now(&mut rx).is_err());
    assert_eq!(tx.send(1), Err(1));

    // Also while the receiver is still there.
    let (tx, mut rx) = oneshot::channel();
    rx.close();
    assert_eq!(tx.send(1), Err(1));
    assert!(rx.is_empty());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn try_recv_ends_the_receiver() {
    let (tx, mut rx) = oneshot::channel();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert!(rx.is_empty() && !rx.is_terminated());
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(rx.is_empty() && rx.is_terminated());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    rx.close();
}

#[test]
#[should_panic(expected = "polled after it was ready")]
fn polling_a_finished_receiver_panics() {
    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    assert_eq!(now(&mut rx), Ok(1));
    assert!(rx.is_terminated());
    let _ = now(&mut rx);
}

#[test]
fn the_last_waker_counts_and_none_is_kept() {
    let (tx, rx) = oneshot::channel();
    let mut rx = polled(rx);
    rx.pending();
    let other = Arc::new(Flag::default());
    assert_eq!(rx.poll_with(&Arc::clone(&other).into()), Poll::Pending);
    tx.send(1).unwrap();
    assert_eq!((rx.wakes(), other.0.load(std::sync::atomic::Ordering::SeqCst)), (0, true));
    assert_eq!(Arc::strong_count(&other), 1);
    assert_eq!(rx.ready(), Ok(1));
}

#[derive(Default)]
struct Flag(std::sync::atomic::AtomicBool);

impl std::task::Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn the_value_goes_with_the_channel() {
    let value = Arc::new(());
    let (tx, rx) = oneshot::channel();
    tx.send(Arc::clone(&value)).unwrap();
    drop(rx);
    assert_eq!(Arc::strong_count(&value), 1);
    let (tx, rx) = oneshot::channel::<i32>();
    assert!(format!("{tx:?} {rx:?}").contains("closed: false"));
}
