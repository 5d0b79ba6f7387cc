//! Hundreds of schedules for what `simulated.rs` does not have: broadcasts, barriers, cells, cancellation, timers of all widths, and what comes to one who gives up.

#[path = "support/seeds.rs"]
mod seeds;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cede::sync::broadcast::error::RecvError;
use cede::sync::{Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc};
use cede::task::{JoinHandle, JoinSet, yield_now};
use cede::time::{self, Instant, sleep, sleep_until, timeout};

use seeds::from_seeds;

const SEEDS: u64 = 300;
const NS: Duration = Duration::from_nanos(1);

/// Runs a body from many seeds, on one thread and on three virtual workers.
fn everywhere<F>(body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    from_seeds(SEEDS, body);
}

async fn all(tasks: impl IntoIterator<Item = JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn a_broadcast_reaches_each_receiver_in_order_or_is_counted_as_missed() {
    let (got, missed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    everywhere(|| broadcast_in_bursts(got.clone(), missed.clone()));
    // Else the schedules show one half of it only.
    let (got, missed) = (got.load(Ordering::SeqCst), missed.load(Ordering::SeqCst));
    assert!(got > 1000 && missed > 1000, "{got} came, {missed} were missed");
}

async fn broadcast_in_bursts(got: Arc<AtomicUsize>, missed: Arc<AtomicUsize>) {
    let (sender, first) = broadcast::channel(2);
    let receivers: Vec<_> = (0..3).map(|_| first.resubscribe()).collect();
    drop(first);
    let (last_came, mut last) = mpsc::channel(3);
    let tasks: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(number, mut receiver)| {
            let (got, missed, last_came) = (got.clone(), missed.clone(), last_came.clone());
            cede::spawn(async move {
                let mut next = 0;
                loop {
                    let limit = if number == 1 { NS } else { Duration::MAX };
                    match timeout(limit, receiver.recv()).await {
                        Err(_) => {}
                        Ok(Ok(value)) => {
                            assert_eq!(std::mem::replace(&mut next, value + 1), value);
                            got.fetch_add(1, Ordering::SeqCst);
                            if value == 7 {
                                last_came.send(()).await.unwrap();
                            }
                        }
                        Ok(Err(RecvError::Lagged(count))) => {
                            next += count;
                            missed.fetch_add(count as usize, Ordering::SeqCst);
                        }
                        Ok(Err(RecvError::Closed)) => break,
                    }
                }
                assert_eq!(next, 8);
            })
        })
        .collect();
    for value in 0..8_u64 {
        drop(sender.send(value));
        if value == 3 {
            sleep(NS).await;
        } else {
            yield_now().await;
        }
    }
    // Nothing follows the last one: they are told of it, or wait for ever.
    for _ in 0..3 {
        last.recv().await.unwrap();
    }
    drop(sender);
    all(tasks).await;
}

#[test]
fn nobody_passes_a_barrier_alone() {
    everywhere(|| async {
        let (barrier, leaders, passed) = (Arc::new(Barrier::new(4)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..4)
            .map(|number| {
                let (barrier, leaders, passed) = (barrier.clone(), leaders.clone(), passed.clone());
                cede::spawn(async move {
                    for round in 0..5 {
                        if number == round % 4 {
                            yield_now().await;
                        }
                        leaders.fetch_add(usize::from(barrier.wait().await.is_leader()), Ordering::SeqCst);
                        let passed = passed.fetch_add(1, Ordering::SeqCst);
                        assert!((4 * round..4 * round + 8).contains(&passed), "{passed} have passed in round {round}");
                    }
                })
            })
            .collect();
        all(tasks).await;
        assert_eq!(leaders.load(Ordering::SeqCst), 5);
    });
}

#[test]
fn a_value_is_made_once_though_makers_give_up() {
    everywhere(|| async {
        let (cell, made) = (Arc::new(OnceCell::new()), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..5)
            .map(|number| {
                let (cell, made) = (cell.clone(), made.clone());
                cede::spawn(async move {
                    let make = async || {
                        yield_now().await;
                        sleep(2 * NS).await;
                        made.fetch_add(1, Ordering::SeqCst);
                        number
                    };
                    // Some leave before they are done, with the turn or without.
                    let limit = if number % 2 == 0 { NS } else { Duration::MAX };
                    if let Ok(value) = timeout(limit, cell.get_or_init(make)).await {
                        assert_eq!(Some(value), cell.get());
                    }
                })
            })
            .collect();
        all(tasks).await;
        assert_eq!(made.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_cancellation_reaches_those_below_and_nobody_else() {
    everywhere(|| async {
        let root = CancellationToken::new();
        let (branch, other) = (root.child_token(), root.child_token());
        let ended = Arc::new(AtomicUsize::new(0));
        let below: Vec<_> = (0..4)
            .map(|number| {
                let (branch, ended) = (branch.clone(), ended.clone());
                cede::spawn(async move {
                    // Made before the cancellation, or beside it, or after it.
                    for _ in 0..number {
                        yield_now().await;
                    }
                    let leaf = branch.child_token();
                    drop(branch);
                    leaf.cancelled().await;
                    ended.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        let beside = cede::spawn(other.clone().cancelled_owned());
        yield_now().await;
        yield_now().await;
        branch.cancel();
        all(below).await;
        assert!(ended.load(Ordering::SeqCst) == 4 && !other.is_cancelled() && !root.is_cancelled() && !beside.is_finished());
        root.cancel();
        beside.await.unwrap();
    });
}

/// So long is the `number`th sleep: of each width that the wheel tells apart, and odd.
fn length(number: u32) -> Duration {
    Duration::from_nanos((1_u64 << (4 * number)) + 3 * u64::from(number))
}

#[test]
fn timers_of_all_widths_end_when_they_are_due_or_not_at_all() {
    everywhere(|| async {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for number in 0..12 {
            tasks.spawn(async move {
                sleep(length(number)).await;
                assert_eq!(start.elapsed(), length(number));
            });
            tasks.spawn(async move {
                // Its time is over first, or it is.
                let outcome = timeout(length(number), sleep(length(number + 1))).await;
                assert!(outcome.is_err() && start.elapsed() == length(number));
                let outcome = timeout_from(start, length(number + 1), length(number) * 2).await;
                assert_eq!((outcome, start.elapsed()), (true, length(number) * 2));
            });
            tasks.spawn(async move {
                // Set to a later time, and back, while it waits.
                let mut sleep = std::pin::pin!(sleep_until(start + length(number + 2)));
                assert!(timeout(NS, sleep.as_mut()).await.is_err());
                sleep.as_mut().reset(start + length(number + 3));
                assert!(timeout(NS, sleep.as_mut()).await.is_err());
                sleep.as_mut().reset(start + length(number + 1));
                sleep.await;
                assert_eq!(start.elapsed(), length(number + 1));
            });
            tasks.spawn(async move {
                let mut interval = time::interval_at(start + length(number), length(number));
                for tick in 1..4 {
                    assert_eq!(interval.tick().await, start + tick * length(number));
                    assert_eq!(start.elapsed(), tick * length(number));
                }
            });
            // Aborted while it waits.
            let aborted = tasks.spawn(sleep_until(start + length(number + 1)));
            tasks.spawn(async move {
                sleep(length(number)).await;
                aborted.abort();
            });
        }
        while let Some(ended) = tasks.join_next().await {
            assert!(ended.is_ok() || ended.unwrap_err().is_cancelled());
        }
        assert!(start.elapsed() == length(12), "nothing was waited for that was given up");
    });
}

/// Whether a sleep that ends at `due` is within the `limit`, both from `start`.
async fn timeout_from(start: Instant, limit: Duration, due: Duration) -> bool {
    time::timeout_at(start + limit, sleep_until(start + due)).await.is_ok()
}

/// Gives up when the time is over, even if what it waits for has come by then.
async fn impatient<T>(limit: Duration, wait: impl Future<Output = T>) -> Option<T> {
    cede::select! {
        biased;
        () = sleep(limit) => None,
        output = wait => Some(output),
    }
}

/// Of two that wait, the first gives up in the moment in which one of them is given something. Whoever drops what it got hands it on.
async fn handed_on<F>(wait: impl Fn() -> F, give: impl FnOnce())
where
    F: Future<Output: Send> + Send + 'static,
{
    let (fickle, patient) = (wait(), wait());
    let fickle = cede::spawn(async move { drop(impatient(2 * NS, fickle).await) });
    let patient = cede::spawn(async move { drop(patient.await) });
    sleep(2 * NS).await;
    give();
    all([fickle, patient]).await;
}

/// A notification that goes on when it is dropped.
struct PassedOn(Arc<Notify>);

impl Drop for PassedOn {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[test]
fn what_comes_to_one_who_gives_up_is_the_next_ones() {
    everywhere(|| async {
        let notify = Arc::new(Notify::new());
        let wait = || {
            let notify = notify.clone();
            async move {
                notify.notified().await;
                PassedOn(notify)
            }
        };
        handed_on(wait, || notify.notify_one()).await;

        let semaphore = Arc::new(Semaphore::new(0));
        handed_on(|| semaphore.clone().acquire_many_owned(2), || semaphore.add_permits(2)).await;
        assert_eq!(semaphore.available_permits(), 2);

        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.clone().lock_owned().await;
        handed_on(|| mutex.clone().lock_owned(), || drop(guard)).await;

        let lock = Arc::new(RwLock::new(()));
        let guard = lock.clone().read_owned().await;
        handed_on(|| lock.clone().write_owned(), || drop(guard)).await;

        let (sender, mut receiver) = mpsc::channel(1);
        sender.send(1).await.unwrap();
        handed_on(|| sender.clone().reserve_owned(), || assert_eq!(receiver.try_recv(), Ok(1))).await;
        assert_eq!(sender.capacity(), 1);
    });
}

#[test]
fn both_ends_of_a_full_or_empty_channel_are_woken() {
    everywhere(|| async {
        let (sender, mut receiver) = mpsc::channel(2);
        for producer in 0..3_usize {
            let sender = sender.clone();
            cede::spawn(async move {
                for number in 0..6 {
                    if (producer + number) % 4 == 0 {
                        sleep(NS).await;
                    }
                    sender.send((producer, number)).await.unwrap();
                }
            });
        }
        drop(sender);
        let mut next = [0; 3];
        // Nobody looks again by himself: one who is not woken waits for ever.
        while let Some((producer, number)) = receiver.recv().await {
            assert_eq!(std::mem::replace(&mut next[producer], number + 1), number);
            if number == 2 {
                sleep(2 * NS).await;
            }
        }
        assert_eq!(next, [6; 3]);
    });
}
