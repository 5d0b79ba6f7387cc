//! watch: versions, waiting, closing.

use cede_sync::watch;

use crate::polling::{now, polled};

#[test]
fn receivers_see_the_latest_value_once() {
    let (tx, mut rx) = watch::channel(0);
    let mut other = rx.clone();
    assert!(!rx.has_changed().unwrap());
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert!(rx.borrow().has_changed());
    assert!(now(rx.changed()).is_ok());
    assert_eq!(*rx.borrow_and_update(), 2);
    polled(rx.changed()).pending();
    assert!(other.borrow_and_update().has_changed());
    assert!(!other.has_changed().unwrap());
    rx.mark_changed();
    assert!(rx.has_changed().unwrap());
    rx.mark_unchanged();
    assert!(!rx.has_changed().unwrap());
}

#[test]
fn all_that_wait_are_woken() {
    let (tx, rx) = watch::channel(0);
    let mut receivers: Vec<_> = (0..40).map(|_| rx.clone()).collect();
    let mut waiters: Vec<_> = receivers.iter_mut().map(|rx| polled(rx.changed())).collect();
    waiters.iter_mut().for_each(|waiter| waiter.pending());
    tx.send_modify(|value| *value += 1);
    for waiter in &mut waiters {
        assert_eq!(waiter.wakes(), 1);
        assert!(waiter.ready().is_ok());
    }
}

#[test]
fn closing_shows_the_last_value_first() {
    let (tx, mut rx) = watch::channel(0);
    tx.send(1).unwrap();
    drop(tx);
    assert!(rx.is_closed() && rx.has_changed().is_err());
    assert!(now(rx.changed()).is_ok());
    assert!(now(rx.changed()).is_err());
    assert_eq!(*rx.borrow(), 1);
}

#[test]
fn the_last_sender_wakes_receivers_and_the_last_receiver_senders() {
    let (tx, mut rx) = watch::channel(0);
    let second = tx.clone();
    assert_eq!((tx.sender_count(), tx.receiver_count()), (2, 1));
    let mut changed = polled(rx.changed());
    changed.pending();
    drop(tx);
    changed.pending();
    assert_eq!(changed.wakes(), 0);
    drop(second);
    assert_eq!(changed.wakes(), 1);
    assert!(changed.ready().is_err());

    let (tx, rx) = watch::channel(0);
    let mut closed = polled(tx.closed());
    closed.pending();
    drop(rx.clone());
    closed.pending();
    drop(rx);
    assert_eq!(closed.wakes(), 1);
    closed.ready();
    assert_eq!(tx.send(3).unwrap_err().0, 3);
    assert_eq!(*tx.borrow(), 0);
    assert_eq!(tx.send_replace(4), 0);
    let late = tx.subscribe();
    assert!(!tx.is_closed() && !late.has_changed().unwrap());
}

#[test]
fn wait_for_tries_the_present_value_first() {
    let (tx, mut rx) = watch::channel(1);
    assert!(!now(rx.wait_for(|value| *value == 1)).unwrap().has_changed());
    {
        let mut waiter = polled(rx.wait_for(|value| *value == 3));
        waiter.pending();
        tx.send(2).unwrap();
        waiter.pending();
        tx.send(3).unwrap();
        assert_eq!(waiter.wakes(), 2);
        assert_eq!(*waiter.ready().unwrap(), 3);
    }
    drop(tx);
    assert!(now(rx.wait_for(|value| *value == 3)).is_ok());
    assert!(now(rx.wait_for(|value| *value == 4)).is_err());
}

#[test]
fn an_unmodified_value_tells_nobody_and_a_panic_leaves_the_lock_free() {
    let (tx, rx) = watch::channel(1);
    assert!(!tx.send_if_modified(|_| false));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tx.send_modify(|_| panic!("closure"))));
    assert!(panic.is_err());
    assert!(!rx.has_changed().unwrap());
    tx.send(2).unwrap();
    assert_eq!(*rx.borrow(), 2);
}

#[test]
fn the_old_value_is_dropped_outside_of_the_lock() {
    struct Look(Option<watch::Receiver<Look>>);
    impl Drop for Look {
        fn drop(&mut self) {
            if let Some(rx) = &self.0 {
                assert!(rx.borrow().0.is_none());
            }
        }
    }
    let (tx, rx) = watch::channel(Look(None));
    tx.send(Look(Some(rx.clone()))).unwrap();
    tx.send(Look(None)).unwrap();
}

#[test]
fn same_channel_compares_identity() {
    let (tx, rx) = watch::channel(1);
    let (other, _) = watch::channel(1);
    assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other));
    assert!(rx.same_channel(&tx.subscribe()) && !rx.same_channel(&other.subscribe()));
    assert_eq!(*watch::Sender::<u8>::default().borrow(), 0);
}
