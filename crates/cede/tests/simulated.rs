//! Hundreds of schedules: the sync primitives under the shipped schedulers, and the simulator's own promises.

#[path = "support/seeds.rs"]
mod seeds;

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use cede::sim::{Failure, Policy, Sim};
use cede::sync::{Mutex, Notify, RwLock, Semaphore, mpsc, oneshot, watch};
use cede::task::{Builder as Task, JoinHandle, Priority, yield_now};
use cede::time::{sleep, timeout};

use seeds::from_seeds;

const SEEDS: u64 = 300;

/// Runs a body from many seeds, on one thread and on three virtual workers.
fn everywhere<F>(body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    from_seeds(SEEDS, body);
}

#[test]
fn a_mutex_excludes_and_is_never_left_locked() {
    everywhere(|| async {
        let (lock, inside) = (Arc::new(Mutex::new(0)), Arc::new(AtomicBool::new(false)));
        let tasks: Vec<_> = (0..5)
            .map(|i| {
                let (lock, inside) = (lock.clone(), inside.clone());
                cede::spawn(async move {
                    for _ in 0..4 {
                        // Every second attempt may be given up while it waits.
                        let limit = Duration::from_nanos(if i % 2 == 0 { 1 } else { u64::MAX });
                        let Ok(mut guard) = timeout(limit, lock.lock()).await else { continue };
                        assert!(!inside.swap(true, Ordering::SeqCst), "two are inside");
                        yield_now().await;
                        if i == 3 {
                            sleep(Duration::from_nanos(2)).await;
                        }
                        *guard += 1;
                        inside.store(false, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(*lock.try_lock().expect("free at the end") >= 8);
    });
}

#[test]
fn no_permit_of_a_semaphore_is_lost_or_doubled() {
    everywhere(|| async {
        let semaphore = Arc::new(Semaphore::new(3));
        let held = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..6_u32)
            .map(|i| {
                let (semaphore, held) = (semaphore.clone(), held.clone());
                cede::spawn(async move {
                    let count = 1 + i % 3;
                    for _ in 0..3 {
                        if let Ok(permit) = timeout(Duration::from_nanos(u64::from(i)), semaphore.acquire_many(count)).await {
                            assert!(held.fetch_add(count as usize, Ordering::SeqCst) + count as usize <= 3);
                            sleep(Duration::from_nanos(1)).await;
                            held.fetch_sub(count as usize, Ordering::SeqCst);
                            drop(permit);
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(semaphore.available_permits(), 3);
    });
}

#[test]
fn a_bounded_channel_keeps_every_message_in_order_under_cancellation() {
    everywhere(|| async {
        let (sender, mut receiver) = mpsc::channel(2);
        for producer in 0..3_u32 {
            let sender = sender.clone();
            cede::spawn(async move {
                for i in 0..6_u32 {
                    loop {
                        // A reservation that is given up sends nothing.
                        if let Ok(permit) = timeout(Duration::from_nanos(1), sender.reserve()).await {
                            permit.unwrap().send((producer, i));
                            break;
                        }
                    }
                }
            });
        }
        drop(sender);
        let mut next = [0; 3];
        loop {
            match timeout(Duration::from_nanos(3), receiver.recv()).await {
                Ok(Some((producer, i))) => {
                    assert_eq!(next[producer as usize], i);
                    next[producer as usize] += 1;
                }
                Ok(None) => break,
                Err(_) => {}
            }
        }
        assert_eq!(next, [6; 3]);
    });
}

#[test]
fn unbounded_and_oneshot_deliver() {
    everywhere(|| async {
        let (requests, mut inbox) = mpsc::unbounded_channel::<(u32, oneshot::Sender<u32>)>();
        let server = cede::spawn(async move {
            while let Some((number, answer)) = inbox.recv().await {
                cede::spawn(async move {
                    yield_now().await;
                    let _ = answer.send(number * 2);
                });
            }
        });
        let clients: Vec<_> = (0..8)
            .map(|i| {
                let requests = requests.clone();
                cede::spawn(async move {
                    let (answer, answered) = oneshot::channel();
                    requests.send((i, answer)).unwrap();
                    assert_eq!(answered.await.unwrap(), i * 2);
                })
            })
            .collect();
        drop(requests);
        for client in clients {
            client.await.unwrap();
        }
        server.await.unwrap();
    });
}

#[test]
fn readers_see_whole_writes_and_writers_get_their_turn() {
    everywhere(|| async {
        let lock = Arc::new(RwLock::new((0, 0)));
        let tasks: Vec<_> = (0..6)
            .map(|i| {
                let lock = lock.clone();
                cede::spawn(async move {
                    for _ in 0..3 {
                        if i < 2 {
                            let mut pair = lock.write().await;
                            pair.0 += 1;
                            yield_now().await;
                            pair.1 += 1;
                        } else {
                            let pair = lock.read().await;
                            yield_now().await;
                            assert_eq!(pair.0, pair.1);
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*lock.read().await, (6, 6));
    });
}

#[test]
fn a_notification_is_not_lost_when_its_receiver_gives_up() {
    everywhere(|| async {
        let notify = Arc::new(Notify::new());
        let woken = Arc::new(AtomicUsize::new(0));
        let patient: Vec<_> = (0..2)
            .map(|_| {
                let (notify, woken) = (notify.clone(), woken.clone());
                cede::spawn(async move {
                    notify.notified().await;
                    woken.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        let (fickle, count) = (notify.clone(), woken.clone());
        let fickle = cede::spawn(async move {
            if timeout(Duration::from_nanos(2), fickle.notified()).await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
                fickle.notify_one();
            }
        });
        for _ in 0..2 {
            notify.notify_one();
            sleep(Duration::from_nanos(1)).await;
        }
        fickle.await.unwrap();
        // One stored notification may have been merged; the last two waiters get theirs.
        notify.notify_one();
        yield_now().await;
        notify.notify_one();
        for task in patient {
            task.await.unwrap();
        }
    });
}

#[test]
fn a_watcher_sees_the_last_value() {
    everywhere(|| async {
        let (sender, receiver) = watch::channel(0);
        let (seen, mut last_seen) = mpsc::channel(3);
        let watchers: Vec<_> = (0..3)
            .map(|_| {
                let (mut receiver, seen) = (receiver.clone(), seen.clone());
                cede::spawn(async move {
                    let mut last = 0;
                    while receiver.changed().await.is_ok() {
                        let now = *receiver.borrow_and_update();
                        assert!(now > last);
                        last = now;
                        if now == 5 {
                            seen.send(()).await.unwrap();
                        }
                    }
                    assert_eq!(last, 5);
                })
            })
            .collect();
        drop(receiver);
        for value in 1..=5 {
            sender.send(value).unwrap();
            yield_now().await;
        }
        // They are told of it, or wait for ever.
        for _ in 0..3 {
            last_seen.recv().await.unwrap();
        }
        drop(sender);
        for watcher in watchers {
            watcher.await.unwrap();
        }
    });
}

#[test]
fn select_drops_what_lost_without_losing_messages() {
    everywhere(|| async {
        let (left_sender, mut left) = mpsc::channel(1);
        let (right_sender, mut right) = mpsc::channel(1);
        for sender in [left_sender, right_sender] {
            cede::spawn(async move {
                for i in 0..5 {
                    sender.send(i).await.unwrap();
                }
            });
        }
        let (mut lefts, mut rights) = (0, 0);
        loop {
            cede::select! {
                Some(i) = left.recv() => { assert_eq!(i, lefts); lefts += 1; }
                Some(i) = right.recv() => { assert_eq!(i, rights); rights += 1; }
                else => break,
            }
        }
        assert_eq!((lefts, rights), (5, 5));
    });
}

/// A program with a race: both tasks read, yield and write.
async fn racy() -> usize {
    let value = Arc::new(AtomicUsize::new(0));
    let add = |value: Arc<AtomicUsize>| async move {
        let read = value.load(Ordering::SeqCst);
        yield_now().await;
        value.store(read + 1, Ordering::SeqCst);
    };
    let (a, b) = (cede::spawn(add(value.clone())), cede::spawn(add(value.clone())));
    a.await.unwrap();
    b.await.unwrap();
    value.load(Ordering::SeqCst)
}

#[test]
fn equal_seeds_give_equal_runs_and_different_seeds_different_ones() {
    let mut hashes = HashSet::new();
    for seed in 0..100 {
        for workers in [None, Some(3)] {
            let sim = || workers.map_or_else(|| Sim::new(seed), |count| Sim::new(seed).workers(count));
            let (first, second) = (sim().run(racy()).unwrap(), sim().run(racy()).unwrap());
            assert_eq!(first, second, "seed {seed} differs from itself");
            hashes.insert(first.trace_hash);
        }
    }
    assert!(hashes.len() > 50, "only {} different schedules", hashes.len());
}

/// Tasks with a rank are pushed to a queue that all workers take from, also while these search, linger and fall asleep.
#[test]
fn ranked_tasks_on_several_workers_are_not_left_behind() {
    async fn ring() {
        let priorities = [Priority::Background, Priority::High, Priority::Normal, Priority::Urgent, Priority::Background];
        let (first, mut next) = mpsc::channel(1);
        let mut tasks = Vec::new();
        for priority in priorities {
            let (sender, receiver) = mpsc::channel(1);
            let mut before = std::mem::replace(&mut next, receiver);
            let passes_on = async move {
                while let Some(token) = before.recv().await {
                    sender.send(token + 1).await.unwrap();
                }
            };
            tasks.push(Task::new().priority(priority).spawn(passes_on).unwrap());
        }
        for round in 0..10 {
            first.send(round).await.unwrap();
            assert_eq!(next.recv().await, Some(round + priorities.len()));
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
    }
    for seed in 0..SEEDS {
        let workers = 1 + seed as usize % 4;
        let report = Sim::new(seed).workers(workers).run(ring());
        let report = report.unwrap_or_else(|failure| panic!("Sim::new({seed}).workers({workers}): {failure}"));
        assert_eq!(report.elapsed_ns, 0, "Sim::new({seed}).workers({workers}): a task was left until the watcher's time was over");
    }
}

#[test]
fn a_planted_ordering_bug_is_found_by_chance_but_not_in_production_order() {
    // The bug shows when the late task, which is spawned last, runs before the early one.
    async fn buggy() -> bool {
        let order = Arc::new(AtomicUsize::new(0));
        let (first, second) = (order.clone(), order.clone());
        let early = cede::spawn(async move { first.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst).is_err() });
        let late = cede::spawn(async move { second.compare_exchange(0, 2, Ordering::SeqCst, Ordering::SeqCst).is_ok() });
        late.await.unwrap();
        early.await.unwrap()
    }
    let found = |policy: Option<Policy>| {
        let sim = |seed| policy.map_or_else(|| Sim::new(seed), |policy| Sim::new(seed).policy(policy));
        (0..SEEDS).filter(|&seed| sim(seed).run(buggy()).unwrap().output).count()
    };
    assert_eq!(found(Some(Policy::Fifo)), 0);
    assert!(found(Some(Policy::Random)) > 50);
    assert!(found(Some(Policy::Pct { depth: 2 })) > 50);
    assert!(found(None) > 50);
}

#[test]
fn a_deadlock_names_the_tasks_their_places_and_what_they_wait_for() {
    let cross = || async {
        let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let (a2, b2) = (a.clone(), b.clone());
        let first = cede::task::Builder::new().name("first").spawn(async move {
            let _a = a.lock().await;
            yield_now().await;
            let _b = b.lock().await;
        });
        let second = cede::task::Builder::new().name("second").spawn(async move {
            let _b = b2.lock().await;
            yield_now().await;
            let _a = a2.lock().await;
        });
        first.unwrap().await.unwrap();
        second.unwrap().await.unwrap();
    };
    for workers in [None, Some(2)] {
        let sim = |seed| workers.map_or_else(|| Sim::new(seed), |count| Sim::new(seed).workers(count));
        let failures: Vec<_> = (0..SEEDS).filter_map(|seed| sim(seed).run(cross()).err()).collect();
        assert!(failures.len() > 20, "found {} times", failures.len());
        let Failure::Deadlock(deadlock) = &failures[0] else { panic!("{}", failures[0]) };
        let report = deadlock.to_string();
        assert!(report.contains("\"first\"") && report.contains("\"second\""), "{report}");
        assert!(report.contains("simulated.rs") && report.contains("Mutex") && report.contains("Join"), "{report}");
    }
}

#[test]
fn a_lost_wake_is_found() {
    /// Forgets every waker that it is given, and never wakes.
    async fn forgetful(ready: Arc<AtomicBool>) {
        poll_fn(|_| if ready.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
    for workers in [None, Some(2), Some(4)] {
        let (mut found, mut fine) = (0, 0);
        for seed in 0..50 {
            let program = async {
                let ready = Arc::new(AtomicBool::new(false));
                let patient = cede::spawn(std::future::pending::<()>());
                let waiter = cede::spawn(forgetful(ready.clone()));
                yield_now().await;
                ready.store(true, Ordering::SeqCst);
                waiter.await.unwrap();
                patient.abort();
            };
            let sim = Sim::new(seed);
            let sim = workers.map_or(sim.clone(), |count| sim.workers(count));
            match sim.run(program) {
                // The waiter first ran after the store: nothing was lost.
                Ok(_) => fine += 1,
                Err(Failure::LostWake(lost)) => {
                    assert!(lost.to_string().contains("simulated.rs"), "{lost}");
                    found += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert!(found > 5 && fine > 5, "{workers:?}: found {found}, fine {fine}");
    }
}

#[test]
fn tasks_that_wait_for_ever_have_lost_no_wake() {
    for seed in 0..50 {
        let program = async {
            let lock = Arc::new(cede::sync::Mutex::new(()));
            let held = lock.clone().lock_owned().await;
            let waiters: Vec<_> = (0..3)
                .map(|_| {
                    cede::spawn({
                        let lock = lock.clone();
                        async move { drop(lock.lock().await) }
                    })
                })
                .collect();
            for waiter in waiters {
                waiter.await.unwrap();
            }
            drop(held);
        };
        match Sim::new(seed).workers(1 + seed as usize % 3).run(program) {
            Err(Failure::Deadlock(deadlock)) => assert_eq!(deadlock.blocked.len(), 4),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn hours_pass_in_no_time() {
    let report = Sim::new(5).workers(2).run(async { sleep(Duration::from_secs(3600 * 24 * 365 * 5)).await }).unwrap();
    assert!(report.elapsed_ns >= 5 * 365 * 24 * 3600 * 1_000_000_000);
    assert!(report.polls < 100);
}

#[test]
fn a_closure_that_may_block_has_a_turn_of_its_own_unless_it_is_aborted() {
    everywhere(|| async {
        let sum = cede::task::spawn_blocking(|| 20 + 1);
        let panics: JoinHandle<()> = cede::task::spawn_blocking(|| std::panic::resume_unwind(Box::new("on purpose")));
        let aborted: JoinHandle<()> = cede::task::spawn_blocking(|| unreachable!("it was aborted before its turn"));
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        assert_eq!(panics.await.unwrap_err().into_panic().downcast_ref::<&str>(), Some(&"on purpose"));
        assert_eq!(sum.await.unwrap(), 21);
    });
}

#[test]
fn what_a_closure_owns_is_dropped_with_its_simulated_runtime_if_it_had_no_turn() {
    let ran = Arc::new(AtomicUsize::new(0));
    for seed in 0..SEEDS {
        let (owned, count) = (Arc::new(()), ran.clone());
        let theirs = owned.clone();
        let ended = Sim::new(seed).run(async move {
            drop(cede::task::spawn_blocking(move || {
                count.fetch_add(1, Ordering::Relaxed);
                drop(theirs);
            }));
        });
        ended.unwrap();
        assert_eq!(Arc::strong_count(&owned), 1);
    }
    // The program ended first in some run at least.
    assert!(ran.load(Ordering::Relaxed) < SEEDS as usize);
}
