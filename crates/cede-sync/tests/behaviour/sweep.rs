//! A future may be dropped at any `Pending`: nothing is lost, nothing is doubled, nobody else waits in vain.
//!
//! A scene is a future and the steps of its surroundings, one before each further poll. It is played once for each number of polls after which the future
//! can be dropped; then the rest of the steps happen, and what is left must be as it should.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use cede_sync::{Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch};

use crate::polling::{Polled, now, polled};

struct Scene {
    future: Polled<'static, ()>,
    steps: Vec<Box<dyn FnOnce()>>,
    /// Gets whether the future came to its end.
    check: Box<dyn FnOnce(bool)>,
}

fn scene(future: impl Future<Output = ()> + 'static, steps: Vec<Box<dyn FnOnce()>>, check: impl FnOnce(bool) + 'static) -> Scene {
    Scene { future: polled(future), steps, check: Box::new(check) }
}

fn step(step: impl FnOnce() + 'static) -> Box<dyn FnOnce()> {
    Box::new(step)
}

/// Plays the scene with the future dropped after 0, 1, 2 … polls.
fn sweep(make: impl Fn() -> Scene) {
    let polls = make().steps.len() + 2;
    let mut completed = Vec::new();
    for drop_after in 0..polls {
        // Also dropped after the step that would have been seen by the next poll.
        for unseen in [false, true] {
            let Scene { mut future, steps, check } = make();
            let mut steps = steps.into_iter();
            let mut done = false;
            for poll in 0..drop_after {
                if poll > 0
                    && let Some(step) = steps.next()
                {
                    step();
                }
                done = done || future.poll().is_ready();
                if done {
                    break;
                }
            }
            if unseen && let Some(step) = steps.next() {
                step();
            }
            drop(future);
            steps.for_each(|step| step());
            check(done);
            completed.push(done);
        }
    }
    assert!(!completed[0] && completed[completed.len() - 1], "the scene has an end, and is not over at once: {completed:?}");
}

type Log = Rc<RefCell<Vec<u32>>>;

#[test]
fn receiving_from_an_mpsc_channel() {
    sweep(|| {
        let (tx, rx) = mpsc::channel(4);
        let (rx, log) = (Rc::new(RefCell::new(rx)), Log::default());
        let (receiver, written) = (rx.clone(), log.clone());
        #[expect(clippy::await_holding_refcell_ref, reason = "the check runs after the future is dropped")]
        let future = async move {
            while let Some(value) = receiver.borrow_mut().recv().await {
                written.borrow_mut().push(value);
            }
        };
        let second = tx.clone();
        let steps = vec![step(move || tx.try_send(1).unwrap()), step(move || second.try_send(2).unwrap())];
        scene(future, steps, move |_| {
            while let Some(value) = now(rx.borrow_mut().recv()) {
                log.borrow_mut().push(value);
            }
            assert_eq!(*log.borrow(), [1, 2]);
        })
    });
}

#[test]
fn receiving_from_a_broadcast_channel() {
    sweep(|| {
        let (tx, rx) = broadcast::channel(4);
        let (rx, log) = (Rc::new(RefCell::new(rx)), Log::default());
        let (receiver, written) = (rx.clone(), log.clone());
        #[expect(clippy::await_holding_refcell_ref, reason = "the check runs after the future is dropped")]
        let future = async move {
            while let Ok(value) = receiver.borrow_mut().recv().await {
                written.borrow_mut().push(value);
            }
        };
        let second = tx.clone();
        let steps = vec![step(move || assert_eq!(tx.send(1).unwrap(), 1)), step(move || assert_eq!(second.send(2).unwrap(), 1))];
        scene(future, steps, move |_| {
            while let Ok(value) = now(rx.borrow_mut().recv()) {
                log.borrow_mut().push(value);
            }
            assert_eq!(*log.borrow(), [1, 2]);
        })
    });
}

#[test]
fn sending_to_a_full_channel() {
    sweep(|| {
        let (tx, rx) = mpsc::channel(1);
        tx.try_send(0).unwrap();
        let (rx, sender) = (Rc::new(RefCell::new(rx)), tx.clone());
        let (first, second) = (rx.clone(), rx.clone());
        let future = async move {
            sender.send(1).await.unwrap();
            sender.reserve().await.unwrap().send(2);
        };
        let steps = vec![
            step(move || assert_eq!(first.borrow_mut().try_recv(), Ok(0))),
            step(move || assert_ne!(second.borrow_mut().try_recv(), Ok(2))),
        ];
        scene(future, steps, move |done| {
            let left = rx.borrow_mut().try_recv();
            assert_eq!(left.is_ok(), done);
            assert!(left.is_err() || left == Ok(2));
            assert_eq!(tx.capacity(), 1, "room was lost");
        })
    });
}

#[test]
fn taking_a_lock() {
    sweep(|| {
        let (mutex, lock) = (Arc::new(Mutex::new(0)), Arc::new(RwLock::new(0)));
        let (guard, reader) = (mutex.clone().try_lock_owned().unwrap(), lock.clone().try_read_owned().unwrap());
        let (first, second) = (mutex.clone(), lock.clone());
        let future = async move {
            *first.lock().await += 1;
            *second.write().await += 1;
        };
        let steps = vec![step(move || drop(guard)), step(move || drop(reader))];
        scene(future, steps, move |done| {
            let (mutex, lock) = (mutex.try_lock().expect("locked for ever"), lock.try_write().expect("locked for ever"));
            assert_eq!(*lock == 1, done);
            assert!(*mutex >= *lock);
        })
    });
}

#[test]
fn acquiring_permits() {
    sweep(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let (shared, first, second) = (semaphore.clone(), semaphore.clone(), semaphore.clone());
        let future = async move {
            drop(shared.acquire_many(2).await.unwrap());
            drop(shared.acquire_many(3).await.unwrap());
        };
        let steps = vec![step(move || first.add_permits(1)), step(move || second.add_permits(1))];
        scene(future, steps, move |_| assert_eq!(semaphore.available_permits(), 3))
    });
}

#[test]
fn waiting_for_a_notification() {
    sweep(|| {
        let notify = Arc::new(Notify::new());
        let (shared, one) = (notify.clone(), notify.clone());
        let future = async move { shared.notified().await };
        scene(future, vec![step(move || one.notify_one())], move |done| {
            assert_eq!(polled(notify.notified()).poll().is_ready(), !done, "the notification is taken once");
        })
    });
}

#[test]
fn waiting_for_a_oneshot() {
    sweep(|| {
        let (tx, rx) = oneshot::channel();
        let rx = Rc::new(RefCell::new(rx));
        let receiver = rx.clone();
        #[expect(clippy::await_holding_refcell_ref, reason = "the check runs after the future is dropped")]
        let future = async move { assert_eq!((&mut *receiver.borrow_mut()).await, Ok(1)) };
        scene(future, vec![step(move || tx.send(1).unwrap())], move |done| {
            assert_eq!(rx.borrow_mut().try_recv().is_ok(), !done);
        })
    });
}

#[test]
fn waiting_for_a_new_version() {
    sweep(|| {
        let (tx, rx) = watch::channel(0);
        let rx = Rc::new(RefCell::new(rx));
        let receiver = rx.clone();
        #[expect(clippy::await_holding_refcell_ref, reason = "the check runs after the future is dropped")]
        let future = async move { receiver.borrow_mut().changed().await.unwrap() };
        let sender = Rc::new(tx);
        let keep = sender.clone();
        scene(future, vec![step(move || sender.send(1).unwrap())], move |done| {
            assert_eq!(rx.borrow().has_changed().unwrap(), !done);
            drop(keep);
        })
    });
}

#[test]
fn waiting_at_a_barrier() {
    sweep(|| {
        let barrier = Rc::new(Barrier::new(2));
        let (shared, other) = (barrier.clone(), barrier.clone());
        let future = async move { assert!(!shared.wait().await.is_leader()) };
        let waiting = Rc::new(RefCell::new(None));
        let place = waiting.clone();
        let steps = vec![step(move || {
            let mut wait = polled(async move { other.wait().await.is_leader() });
            *place.borrow_mut() = wait.poll().is_pending().then_some(wait);
        })];
        scene(future, steps, move |_| {
            // The other waits on only if the dropped one was not there with it.
            if let Some(mut other) = waiting.take() {
                assert!(now(barrier.wait()).is_leader());
                assert!(!other.ready());
            }
            let mut first = polled(barrier.wait());
            first.pending();
            assert!(now(barrier.wait()).is_leader());
        })
    });
}

#[test]
fn making_and_awaiting_a_value() {
    sweep(|| {
        let (cell, once) = (Arc::new(OnceCell::new()), Arc::new(SetOnce::new()));
        let (shared, source, set) = (cell.clone(), once.clone(), once.clone());
        let future = async move {
            let made = shared.get_or_init(async || *source.wait().await + 1).await;
            assert_eq!(*made, 2);
        };
        scene(future, vec![step(move || set.set(1).unwrap())], move |done| {
            assert_eq!(cell.initialized(), done);
            assert_eq!(*now(cell.get_or_init(async || 2)), 2);
            assert_eq!(*now(once.wait()), 1);
        })
    });
}

#[test]
fn waiting_for_a_cancellation() {
    sweep(|| {
        let root = CancellationToken::new();
        let child = root.child_token();
        let (borrowed, owned, above) = (child.clone(), child.clone(), root.clone());
        let future = async move {
            borrowed.cancelled().await;
            owned.cancelled_owned().await;
        };
        scene(future, vec![step(move || above.cancel())], move |_| now(child.cancelled()))
    });
}
