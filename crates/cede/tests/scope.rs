//! Concurrent parts of one task that borrow from it.

#[path = "support/everywhere.rs"]
mod everywhere;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cede::scope;
use cede::sync::oneshot;
use cede::task::yield_now;

use everywhere::everywhere;

#[test]
fn children_borrow_run_concurrently_and_are_waited_for() {
    everywhere(|| async {
        let mut numbers = vec![1, 2, 3];
        let log = Mutex::new(Vec::new());
        let (first, second) = numbers.split_at_mut(1);
        let output = scope(async |s| {
            let (send, receive) = oneshot::channel();
            // Neither result is awaited by the body, yet both end before the scope does.
            let log = &log;
            drop(s.spawn(async move {
                first[0] += receive.await.unwrap();
                log.lock().unwrap().push("first");
            }));
            drop(s.spawn(async move {
                cede::time::sleep(Duration::from_millis(1)).await;
                second[0] *= 10;
                send.send(41).unwrap();
                log.lock().unwrap().push("second");
            }));
            "body"
        })
        .await;
        assert_eq!((output, numbers, log.into_inner().unwrap()), ("body", vec![42, 20, 3], vec!["second", "first"]));
    });
}

#[test]
fn children_spawn_children_and_give_outputs() {
    everywhere(|| async {
        let text = String::from("shared");
        let total = scope(async |s| {
            let outer = s.spawn({
                let s = s.clone();
                let text = &text;
                async move {
                    let inner: Vec<_> = (0..10).map(|i| s.spawn(async move { text.len() + i })).collect();
                    let mut sum = 0;
                    for child in inner {
                        sum += child.await;
                    }
                    sum
                }
            });
            outer.await
        });
        assert_eq!(total.await, 105);
    });
}

struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_dropped_scope_drops_its_children_and_a_late_child_is_dropped_at_once() {
    everywhere(|| async {
        let drops = AtomicUsize::new(0);
        let leaked = Mutex::new(None);
        let stuck = scope(async |s| {
            *leaked.lock().unwrap() = Some(s.clone());
            for _ in 0..5 {
                let counted = Counted(&drops);
                drop(s.spawn(async move {
                    let _counted = counted;
                    pending::<()>().await;
                }));
            }
            pending::<()>().await;
        });
        assert!(cede::time::timeout(Duration::from_millis(1), stuck).await.is_err());
        assert_eq!(drops.load(Ordering::SeqCst), 5);
        let counted = Counted(&drops);
        let late = leaked.lock().unwrap().take().unwrap().spawn(async move {
            let _counted = counted;
        });
        assert_eq!(drops.load(Ordering::SeqCst), 6);
        assert!(cede::spawn(late).await.unwrap_err().is_panic(), "who waits for it is told");
    });
}

#[test]
fn a_forgotten_scope_is_harmless() {
    everywhere(|| async {
        let polls = Arc::new(AtomicUsize::new(0));
        let mut forgotten = Box::pin(scope(async |s| {
            let polls = polls.clone();
            drop(s.spawn(async move {
                loop {
                    polls.fetch_add(1, Ordering::SeqCst);
                    yield_now().await;
                }
            }));
        }));
        assert!(cede::time::timeout(Duration::ZERO, &mut forgotten).await.is_err());
        std::mem::forget(forgotten);
        let seen = polls.load(Ordering::SeqCst);
        yield_now().await;
        assert_eq!(polls.load(Ordering::SeqCst), seen);
    });
}

#[test]
fn only_woken_children_are_polled() {
    everywhere(|| async {
        let polls = AtomicUsize::new(0);
        scope(async |s| {
            for i in 0..100 {
                let child = std::future::poll_fn(|_| {
                    polls.fetch_add(1, Ordering::SeqCst);
                    std::task::Poll::<()>::Pending
                });
                drop(s.spawn(cede::time::timeout(Duration::from_millis(i), cede::task::unconstrained(child))));
            }
            for _ in 0..1000 {
                yield_now().await;
            }
        })
        .await;
        assert!(
            polls.load(Ordering::SeqCst) < 500,
            "polled when spawned, when the time is over, and perhaps when the budget was not enough for that"
        );
    });
}

#[test]
fn a_scope_whose_children_are_always_ready_gives_way() {
    everywhere(|| async {
        let (stop, mut stopped) = oneshot::channel::<()>();
        let other = cede::spawn(async move { stop.send(()).unwrap() });
        scope(async |s| {
            drop(s.spawn(async {
                while stopped.try_recv().is_err() {
                    cede::task::consume_budget().await;
                }
            }));
        })
        .await;
        other.await.unwrap();
    });
}

#[test]
#[should_panic(expected = "as planned")]
fn a_childs_panic_is_the_scopes() {
    cede::block_on(scope(async |s| s.spawn(async { panic!("as planned") }).await))
}

#[test]
fn local_children_share_what_is_not_for_other_threads() {
    let log = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let runtime = cede::runtime::Builder::new_current_thread().start_paused(true).enable_all().build().unwrap();
    let sum = runtime.block_on(cede::local_scope(async |s| {
        let children: Vec<_> = (0..3_u32)
            .map(|n| {
                let (log, again) = (log.clone(), s.clone());
                s.spawn(async move {
                    cede::time::sleep(Duration::from_millis(10 - u64::from(n))).await;
                    log.borrow_mut().push(n);
                    again.spawn(async move { log.borrow_mut().push(n + 10) });
                    std::rc::Rc::new(n)
                })
            })
            .collect();
        let mut sum = 0;
        for child in children {
            sum += *child.await;
        }
        sum
    }));
    assert_eq!((sum, &*log.borrow()), (3, &vec![2, 12, 1, 11, 0, 10]));
}
