//! Values with destructors that panic or come back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cede_sync::{broadcast, mpsc, oneshot};

/// Counts its drops, and panics in one of them.
struct Bomb {
    drops: Arc<AtomicUsize>,
    armed: bool,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        assert!(!self.armed, "bomb");
    }
}

#[test]
fn a_panicking_destructor_does_not_keep_the_others_from_being_dropped() {
    for armed in [0, 5, 150, 199] {
        let drops = Arc::new(AtomicUsize::new(0));
        let bomb = |index| Bomb { drops: Arc::clone(&drops), armed: index == armed };
        let (tx, rx) = mpsc::channel(200);
        (0..200).for_each(|index| tx.try_send(bomb(index)).unwrap_or_else(|_| panic!("full")));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
        assert_eq!(drops.load(Ordering::SeqCst), 200);
        assert!(tx.is_closed() && tx.capacity() == 200);

        let (tx, mut rx) = mpsc::unbounded_channel();
        (0..200).for_each(|index| tx.send(bomb(index)).unwrap_or_else(|_| panic!("closed")));
        let first = rx.try_recv();
        assert_eq!(catch_unwind(AssertUnwindSafe(|| drop(first))).is_err(), armed == 0);
        assert_eq!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err(), armed != 0);
        assert_eq!(drops.load(Ordering::SeqCst), 400);
        assert!(tx.is_closed());
    }
}

#[test]
fn a_panicking_value_of_a_oneshot_closes_it() {
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = oneshot::channel();
    assert!(tx.send(Bomb { drops: Arc::clone(&drops), armed: true }).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

/// Uses the channel that it lies in while it is dropped.
struct Reenter(mpsc::WeakSender<Reenter>);

impl Drop for Reenter {
    fn drop(&mut self) {
        if let Some(tx) = self.0.upgrade() {
            assert!(tx.is_closed());
            assert!(tx.try_reserve().is_err());
        }
    }
}

#[test]
fn destructors_may_use_the_channel() {
    let (tx, rx) = mpsc::channel(4);
    for _ in 0..3 {
        assert!(tx.try_send(Reenter(tx.downgrade())).is_ok());
    }
    let permit = tx.try_reserve().unwrap();
    drop(rx);
    permit.send(Reenter(tx.downgrade()));
}

impl Clone for Bomb {
    fn clone(&self) -> Self {
        Bomb { drops: Arc::default(), armed: false }
    }
}

#[test]
fn a_panicking_destructor_costs_a_broadcast_channel_nothing() {
    for armed in [0, 3, 7] {
        let drops = Arc::new(AtomicUsize::new(0));
        let bomb = |index| Bomb { drops: Arc::clone(&drops), armed: index == armed };
        let (tx, mut rx) = broadcast::channel(8);
        (0..8).for_each(|index| assert!(tx.send(bomb(index)).is_ok()));
        // Some are received, one is overwritten, the others go with the receiver.
        let mut panics = 0;
        let mut may_panic = |act: &mut dyn FnMut()| panics += usize::from(catch_unwind(AssertUnwindSafe(act)).is_err());
        may_panic(&mut || drop(rx.try_recv().ok()));
        may_panic(&mut || drop(tx.send(bomb(100))));
        may_panic(&mut || drop(tx.send(bomb(100))));
        let mut rx = Some(rx);
        may_panic(&mut || drop(rx.take()));
        assert_eq!((panics, drops.load(Ordering::SeqCst), tx.len(), tx.receiver_count()), (1, 10, 0, 0));
        assert_eq!(tx.subscribe().len(), 0);
    }
}
