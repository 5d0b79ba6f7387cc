//! Wakers that panic, or come back to the primitive, in wake, clone or drop: one matrix over all primitives.
//!
//! Each scenario has futures that wait, a `release` that ends a wait, and a `probe` that goes through the primitive's lock. A first future waits with the hostile
//! waker. Whatever that does, the lock must be free afterwards, and a second, well-behaved poll must get through.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use cede_sync::{Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch};

use crate::hostile::{Hostile, When, waker};
use crate::polling::polled;

type Wait = Pin<Box<dyn Future<Output = ()>>>;

struct Scenario {
    waits: Vec<Wait>,
    release: Box<dyn Fn()>,
    probe: Rc<dyn Fn()>,
}

fn scenario(waits: Vec<Wait>, release: impl Fn() + 'static, probe: impl Fn() + 'static) -> Scenario {
    Scenario { waits, release: Box::new(release), probe: Rc::new(probe) }
}

fn check(name: &str, make: fn() -> Scenario) {
    for when in [When::Wake, When::Clone, When::Drop] {
        for panics in [true, false] {
            eprintln!("{name}: {when:?}, {}", if panics { "panics" } else { "re-enters" });
            let Scenario { waits, release, probe } = make();
            let reenter = Rc::clone(&probe);
            let act: Box<dyn Fn()> = if panics { Box::new(|| panic!("hostile")) } else { Box::new(move || reenter()) };
            let hostile = Hostile::new(move |now| {
                if now == when {
                    act();
                }
            });
            attack(waits, &*release, &*probe, &hostile);
        }
    }
}

fn attack(mut waits: Vec<Wait>, release: &dyn Fn(), probe: &dyn Fn(), hostile: &Rc<Hostile>) {
    let bad = waker(hostile);
    let mut good = polled(waits.pop().expect("a scenario waits"));
    let several = !waits.is_empty();
    // All but one wait with hostile wakers; the second poll changes the waker, so one is dropped.
    hostile.armed.set(true);
    for wait in &mut waits {
        let _ = catch_unwind(AssertUnwindSafe(|| wait.as_mut().poll(&mut Context::from_waker(&bad)).is_ready()));
    }
    if !several {
        let _ = catch_unwind(AssertUnwindSafe(|| good.poll_with(&bad).is_ready()));
    }
    probe();
    let waiting = catch_unwind(AssertUnwindSafe(|| good.poll().is_pending())).unwrap_or(true);
    assert!(waiting, "nothing was released yet");
    for _ in 0..=waits.len() {
        let _ = catch_unwind(AssertUnwindSafe(release));
    }
    probe();
    if several {
        for wait in waits {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(wait)));
        }
    }
    hostile.armed.set(false);
    assert!(good.wakes() > 0 || !several, "another's waker kept this one from being woken");
    // Whatever a panic cut short, one more release must do.
    if good.poll().is_pending() {
        release();
        good.ready();
    }
}

macro_rules! matrix {
    ($($name:ident: $make:expr;)*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name), $make);
        }
    )*};
}

/// Several futures that wait for the same.
fn several(make: impl Fn() -> Wait) -> Vec<Wait> {
    (0..3).map(|_| make()).collect()
}

/// One poll of a future that is dropped then.
fn touch(future: impl Future) {
    let _ = polled(future).poll_with(Waker::noop()).is_ready();
}

matrix! {
    semaphore_add: || {
        let semaphore = Arc::new(Semaphore::new(0));
        let (shared, probed) = (semaphore.clone(), semaphore.clone());
        let waits = several(|| {
            let semaphore = shared.clone();
            Box::pin(async move { semaphore.acquire().await.unwrap().forget() })
        });
        scenario(waits, move || semaphore.add_permits(3), move || touch(probed.acquire_many(1000)))
    };
    semaphore_close: || {
        let semaphore = Arc::new(Semaphore::new(0));
        let (shared, probed) = (semaphore.clone(), semaphore.clone());
        let waits = several(|| {
            let semaphore = shared.clone();
            Box::pin(async move { assert!(semaphore.acquire().await.is_err()) })
        });
        scenario(waits, move || semaphore.close(), move || touch(probed.acquire_many(1000)))
    };
    mutex_unlock: || {
        let mutex = Arc::new(Mutex::new(()));
        let (shared, probed) = (mutex.clone(), mutex.clone());
        let guard = RefCell::new(mutex.try_lock_owned().ok());
        let waits = several(|| {
            let mutex = shared.clone();
            Box::pin(async move { drop(mutex.lock().await) })
        });
        scenario(waits, move || drop(guard.take()), move || touch(probed.lock()))
    };
    rwlock_unlock: || {
        let lock = Arc::new(RwLock::new(()));
        let (shared, probed) = (lock.clone(), lock.clone());
        let guard = RefCell::new(lock.try_write_owned().ok());
        let waits = several(|| {
            let lock = shared.clone();
            Box::pin(async move { drop(lock.read().await) })
        });
        scenario(waits, move || drop(guard.take()), move || touch(probed.read()))
    };
    rwlock_downgrade: || {
        let lock = Arc::new(RwLock::new(()));
        let (shared, probed) = (lock.clone(), lock.clone());
        let guard = RefCell::new(lock.try_write_owned().ok());
        let waits = several(|| {
            let lock = shared.clone();
            Box::pin(async move { drop(lock.read().await) })
        });
        scenario(waits, move || drop(guard.take().map(|guard| guard.downgrade())), move || touch(probed.read()))
    };
    notify_one: || {
        let notify = Arc::new(Notify::new());
        let (shared, probed) = (notify.clone(), notify.clone());
        let waits = several(|| Box::pin(shared.clone().notified_owned()));
        scenario(waits, move || notify.notify_one(), move || drop(polled(probed.notified())))
    };
    notify_waiters: || {
        let notify = Arc::new(Notify::new());
        let (shared, probed) = (notify.clone(), notify.clone());
        let waits = several(|| Box::pin(shared.clone().notified_owned()));
        scenario(waits, move || notify.notify_waiters(), move || touch(probed.notified()))
    };
    oneshot_send: || {
        let (tx, mut rx) = oneshot::channel();
        let tx = Rc::new(RefCell::new(Some(tx)));
        let probed = tx.clone();
        let wait: Wait = Box::pin(poll_fn(move |cx| Pin::new(&mut rx).poll(cx).map(|sent| sent.unwrap())));
        scenario(
            vec![wait],
            move || {
                let tx = tx.take();
                let _ = tx.map(|tx| tx.send(()));
            },
            move || {
                if let Ok(Some(tx)) = probed.try_borrow().as_deref() {
                    assert!(!tx.is_closed());
                }
            },
        )
    };
    oneshot_drop: || {
        let (tx, mut rx) = oneshot::channel::<()>();
        let tx = RefCell::new(Some(tx));
        let wait: Wait = Box::pin(poll_fn(move |cx| Pin::new(&mut rx).poll(cx).map(|sent| assert!(sent.is_err()))));
        scenario(vec![wait], move || drop(tx.take()), || ())
    };
    oneshot_close: || {
        let (mut tx, rx) = oneshot::channel::<()>();
        let rx = Rc::new(RefCell::new(Some(rx)));
        let probed = rx.clone();
        let wait: Wait = Box::pin(poll_fn(move |cx| tx.poll_closed(cx)));
        scenario(vec![wait], move || drop(rx.take()), move || {
            if let Ok(Some(rx)) = probed.try_borrow().as_deref() {
                assert!(rx.is_empty());
            }
        })
    };
    mpsc_send: || {
        let (tx, mut rx) = mpsc::channel(4);
        let probed = tx.clone();
        let wait: Wait = Box::pin(poll_fn(move |cx| rx.poll_recv(cx).map(|sent| sent.unwrap())));
        scenario(vec![wait], move || tx.try_send(()).unwrap_or(()), move || drop(probed.try_reserve()))
    };
    mpsc_unbounded_send: || {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let probed = tx.clone();
        let wait: Wait = Box::pin(poll_fn(move |cx| rx.poll_recv(cx).map(|sent| sent.unwrap())));
        scenario(vec![wait], move || tx.send(()).unwrap_or(()), move || drop(probed.clone()))
    };
    mpsc_last_sender: || {
        let (tx, mut rx) = mpsc::channel::<()>(4);
        let weak = tx.downgrade();
        let tx = RefCell::new(Some(tx));
        let wait: Wait = Box::pin(poll_fn(move |cx| rx.poll_recv(cx).map(|sent| assert!(sent.is_none()))));
        scenario(vec![wait], move || drop(tx.take()), move || assert_eq!(weak.weak_count(), 1))
    };
    mpsc_room: || {
        let (tx, rx) = mpsc::channel(3);
        let probed = tx.clone();
        (0..3).for_each(|_| tx.try_send(()).unwrap());
        let rx = RefCell::new(rx);
        let waits = several(|| {
            let tx = tx.clone();
            Box::pin(async move { tx.send(()).await.unwrap() })
        });
        scenario(
            waits,
            move || while rx.borrow_mut().try_recv().is_ok() {},
            move || touch(probed.reserve_many(3)),
        )
    };
    mpsc_close: || {
        let (tx, rx) = mpsc::channel(1);
        let probed = tx.clone();
        tx.try_send(()).unwrap();
        let waits = several(|| {
            let tx = tx.clone();
            Box::pin(async move { assert!(tx.send(()).await.is_err()) })
        });

        let rx = RefCell::new(rx);
        scenario(waits, move || rx.borrow_mut().close(), move || touch(probed.reserve()))
    };
    mpsc_closed: || {
        let (tx, rx) = mpsc::channel::<()>(1);
        let probed = tx.clone();
        let waits = several(|| {
            let tx = tx.clone();
            Box::pin(async move { tx.closed().await })
        });
        let rx = RefCell::new(Some(rx));
        scenario(waits, move || drop(rx.take()), move || touch(probed.closed()))
    };
    mpsc_room_and_closed: || {
        let (tx, rx) = mpsc::channel(1);
        let probed = tx.clone();
        tx.try_send(()).unwrap();
        // The last one has the good waker.
        let waits = [true, true, false].map(|sends| -> Wait {
            let tx = tx.clone();
            Box::pin(async move { if sends { assert!(tx.send(()).await.is_err()) } else { tx.closed().await } })
        });
        let rx = RefCell::new(Some(rx));
        scenario(waits.into(), move || drop(rx.take()), move || touch(probed.reserve()))
    };
    watch_send: || {
        let (tx, rx) = watch::channel(0);
        let probed = rx.clone();
        let waits = several(|| {
            let mut rx = rx.clone();
            Box::pin(async move { rx.changed().await.unwrap() })
        });
        scenario(waits, move || tx.send(1).unwrap(), move || {
            let mut rx = probed.clone();
            rx.mark_unchanged();
            touch(rx.changed());
        })
    };
    watch_closed: || {
        let (tx, rx) = watch::channel(0);
        let tx = Arc::new(tx);
        let probed = tx.clone();
        let waits = several(|| {
            let tx = tx.clone();
            Box::pin(async move { tx.closed().await })
        });
        let rx = RefCell::new(Some(rx));
        scenario(waits, move || drop(rx.take()), move || touch(probed.closed()))
    };
    broadcast_send: || {
        let (tx, rx) = broadcast::channel(4);
        let probed = rx.resubscribe();
        let waits = several(|| {
            let mut rx = rx.resubscribe();
            Box::pin(async move { rx.recv().await.unwrap() })
        });
        scenario(waits, move || assert!(tx.send(()).is_ok()), move || touch(probed.resubscribe().recv()))
    };
    broadcast_last_sender: || {
        let (tx, rx) = broadcast::channel::<()>(4);
        let waits = several(|| {
            let mut rx = rx.resubscribe();
            Box::pin(async move { assert!(rx.recv().await.is_err()) })
        });
        let tx = RefCell::new(Some(tx));
        scenario(waits, move || drop(tx.take()), move || assert!(rx.is_empty()))
    };
    broadcast_closed: || {
        let (tx, rx) = broadcast::channel::<()>(4);
        let tx = Arc::new(tx);
        let probed = tx.clone();
        let waits = several(|| {
            let tx = tx.clone();
            Box::pin(async move { tx.closed().await })
        });
        let rx = RefCell::new(Some(rx));
        scenario(waits, move || drop(rx.take()), move || touch(probed.closed()))
    };
    barrier_open: || {
        // With the probe there is always one missing.
        let barrier = Arc::new(Barrier::new(5));
        let (shared, probed) = (barrier.clone(), barrier.clone());
        let waits = several(|| {
            let barrier = shared.clone();
            Box::pin(async move { assert!(!barrier.wait().await.is_leader()) })
        });
        scenario(
            waits,
            move || {
                let mut missing: Vec<_> = (0..5).map(|_| polled(barrier.wait())).collect();
                missing.iter_mut().for_each(|wait| drop(wait.poll()));
            },
            move || touch(probed.wait()),
        )
    };
    once_cell_set: || {
        let cell = Arc::new(OnceCell::new());
        let (shared, probed) = (cell.clone(), cell.clone());
        let (tx, rx) = oneshot::channel();
        let (tx, rx) = (RefCell::new(Some(tx)), RefCell::new(Some(rx)));
        let maker = RefCell::new(polled(async move {
            let rx = rx.take().unwrap();
            cell.get_or_init(async || rx.await.unwrap()).await;
        }));
        maker.borrow_mut().pending();
        let waits = several(|| {
            let cell = shared.clone();
            Box::pin(async move { *cell.get_or_init(std::future::pending::<()>).await })
        });
        scenario(
            waits,
            move || {
                if let Some(tx) = tx.take() {
                    tx.send(()).unwrap();
                    maker.borrow_mut().ready();
                }
            },
            move || assert!(probed.set(()).is_err()),
        )
    };
    set_once_set: || {
        let once = Arc::new(SetOnce::new());
        let (shared, probed) = (once.clone(), once.clone());
        let waits = several(|| {
            let once = shared.clone();
            Box::pin(async move { *once.wait().await })
        });
        scenario(waits, move || once.set(()).unwrap_or(()), move || touch(probed.wait()))
    };
    cancellation: || {
        let root = CancellationToken::new();
        let (shared, probed) = (root.child_token(), root.clone());
        let waits = several(|| Box::pin(shared.child_token().cancelled_owned()));
        scenario(waits, move || root.cancel(), move || touch(probed.child_token().cancelled()))
    };
}
