//! Values with destructors that panic or come back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use cede_sync::{OnceCell, SetOnce, broadcast, mpsc, oneshot, watch};

use crate::polling::polled;

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

#[test]
fn a_destructor_that_panics_when_it_is_overwritten_keeps_the_new_value_from_nobody() {
    let drops = Arc::new(AtomicUsize::new(0));
    let bomb = |armed| Bomb { drops: Arc::clone(&drops), armed };
    let (tx, _slow) = broadcast::channel(1);
    assert!(tx.send(bomb(true)).is_ok());
    let mut rx = tx.subscribe();
    let mut waits = polled(rx.recv());
    waits.pending();
    assert!(catch_unwind(AssertUnwindSafe(|| tx.send(bomb(false)))).is_err());
    assert_eq!(waits.wakes(), 1);
    assert!(waits.ready().is_ok());
}

#[test]
fn a_panicking_destructor_keeps_no_new_value_from_its_watchers() {
    let drops = Arc::new(AtomicUsize::new(0));
    let bomb = |armed| Bomb { drops: Arc::clone(&drops), armed };
    let (tx, rx) = watch::channel(bomb(true));
    let mut receivers = [rx.clone(), rx];
    let [mut first, mut second] = receivers.each_mut().map(|rx| polled(rx.changed()));
    first.pending();
    second.pending();
    assert!(catch_unwind(AssertUnwindSafe(|| tx.send(bomb(true)))).is_err());
    assert!(first.ready().is_ok() && second.ready().is_ok());
    drop((first, second));
    assert!(receivers.iter().all(|rx| rx.borrow().armed) && drops.load(Ordering::SeqCst) == 1);
    drop(receivers);
    assert!(tx.is_closed());
    // The value that nobody watches goes with the last half.
    assert!(catch_unwind(AssertUnwindSafe(|| drop(tx))).is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 2);
}

/// Calls its channel while it is dropped.
struct Calls<T>(Arc<OnceLock<Weak<T>>>, fn(&T), Arc<AtomicUsize>);

impl<T> Calls<T> {
    fn new(call: fn(&T)) -> (Arc<OnceLock<Weak<T>>>, Arc<AtomicUsize>, impl Fn() -> Self) {
        let (target, calls) = (Arc::new(OnceLock::new()), Arc::new(AtomicUsize::new(0)));
        let both = (Arc::clone(&target), Arc::clone(&calls));
        (both.0, both.1, move || Self(Arc::clone(&target), call, Arc::clone(&calls)))
    }
}

impl<T> Clone for Calls<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), self.1, Arc::clone(&self.2))
    }
}

impl<T> Drop for Calls<T> {
    fn drop(&mut self) {
        if let Some(target) = self.0.get().and_then(Weak::upgrade) {
            self.2.fetch_add(1, Ordering::SeqCst);
            (self.1)(&target);
        }
    }
}

#[test]
fn destructors_may_use_the_watch_channel() {
    struct Tx(watch::Sender<Option<Calls<Tx>>>);
    let (target, calls, value) = Calls::new(|tx: &Tx| {
        drop(tx.0.borrow());
        drop(tx.0.subscribe());
        tx.0.send_modify(|_| ());
    });
    let (tx, rx) = watch::channel(Some(value()));
    let tx = Arc::new(Tx(tx));
    assert!(target.set(Arc::downgrade(&tx)).is_ok());
    assert!(tx.0.send(Some(value())).is_ok());
    drop(tx.0.send_replace(None));
    assert_eq!((calls.load(Ordering::SeqCst), rx.borrow().is_none()), (2, true));
}

#[test]
fn destructors_may_use_the_broadcast_channel() {
    struct Tx(broadcast::Sender<Calls<Tx>>);
    let (target, calls, value) = Calls::new(|tx: &Tx| {
        assert!(tx.0.len() <= 2);
        drop(tx.0.subscribe().try_recv());
    });
    let (tx, mut rx) = broadcast::channel(2);
    let tx = Arc::new(Tx(tx));
    assert!(target.set(Arc::downgrade(&tx)).is_ok());
    // One is overwritten, one is received, the others go with the receiver.
    (0..3).for_each(|_| assert!(tx.0.send(value()).is_ok()));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert!(rx.try_recv().is_err(), "it has missed one");
    drop(rx.try_recv().ok());
    assert!(tx.0.send(value()).is_ok());
    drop(rx);
    assert_eq!((calls.load(Ordering::SeqCst) >= 4, tx.0.len()), (true, 0));
}

#[test]
fn destructors_of_what_comes_too_late_may_use_the_cell() {
    struct Cells(OnceCell<Option<Calls<Cells>>>, SetOnce<Option<Calls<Cells>>>);
    let (target, calls, value) = Calls::new(|cells: &Cells| {
        assert!(cells.0.get().is_some() && cells.1.get().is_some());
        assert!(cells.0.set(None).is_err() && cells.1.set(None).is_err());
    });
    let cells = Arc::new(Cells(OnceCell::new(), SetOnce::new()));
    assert!(cells.0.set(None).is_ok() && cells.1.set(None).is_ok());
    assert!(target.set(Arc::downgrade(&cells)).is_ok());
    drop(cells.0.set(Some(value())));
    drop(cells.1.set(Some(value())));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn whoever_makes_a_value_and_panics_leaves_the_turn_to_the_next() {
    let cell = OnceCell::new();
    let mut first = polled(cell.get_or_init(async || {
        assert!(cell.get().is_none(), "whoever makes it may look");
        pending_once().await;
        panic!("bomb")
    }));
    first.pending();
    let mut second = polled(cell.get_or_init(async || 7));
    second.pending();
    assert!(catch_unwind(AssertUnwindSafe(|| first.poll().is_ready())).is_err());
    assert_eq!(second.ready(), &7);
}

/// Pending once.
async fn pending_once() {
    let mut over = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut over, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
