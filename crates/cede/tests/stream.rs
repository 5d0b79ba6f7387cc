//! Streams on the schedulers: work in flight, time, subscribers.

#[path = "support/everywhere.rs"]
mod everywhere;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cede::sim::Sim;
use cede::stream::{self, Backoff, BoxStream, Overflow, StreamExt, TaskStreamExt, retry};
use cede::sync::{SetOnce, mpsc};
use cede::time::{Instant, sleep};

use everywhere::{everywhere, simulated};

const MS: Duration = Duration::from_millis(1);

/// Counts how many exist.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn work_goes_on_while_the_consumer_is_busy() {
    for ordered in [true, false] {
        simulated(move || async move {
            let start = Instant::now();
            let done = Arc::new(AtomicUsize::new(0));
            let counted = done.clone();
            let jobs = stream::iter(0..10_u32).map(move |n| {
                let done = counted.clone();
                async move {
                    sleep(MS * (10 + n)).await;
                    assert!(start.elapsed() <= 40 * MS);
                    done.fetch_add(1, Ordering::SeqCst);
                    n
                }
            });
            let mut outputs: BoxStream<'_, u32> =
                if ordered { jobs.buffered_tasks(10).unwrap().boxed() } else { jobs.buffer_unordered_tasks(10).unwrap().boxed() };
            assert_eq!(outputs.next().await, Some(0));
            // Busy with the first.
            sleep(100 * MS).await;
            assert_eq!(done.load(Ordering::SeqCst), 10);
            let mut rest = outputs.collect::<Vec<_>>().await;
            rest.sort_unstable();
            assert!(rest.into_iter().eq(1..10));
        });
    }
}

#[test]
fn no_more_than_the_limit_is_in_flight_and_order_is_kept() {
    everywhere(|| async {
        let count = Arc::new(AtomicUsize::new(0));
        let jobs = |count: Arc<AtomicUsize>| {
            stream::iter(0..40_usize).map(move |n| {
                let count = count.clone();
                async move {
                    let _alive = Alive::new(&count);
                    assert!(count.load(Ordering::SeqCst) <= 4);
                    for _ in 0..n % 3 {
                        cede::task::yield_now().await;
                    }
                    n
                }
            })
        };
        assert!(jobs(count.clone()).buffered_tasks(4).unwrap().collect::<Vec<_>>().await.into_iter().eq(0..40));
        let mut outputs = jobs(count.clone()).buffer_unordered_tasks(4).unwrap().collect::<Vec<_>>().await;
        outputs.sort_unstable();
        assert!(outputs.into_iter().eq(0..40));
        let sum = Arc::new(AtomicUsize::new(0));
        let added = sum.clone();
        let adding = stream::iter(1..=10_usize).for_each_task(3, move |n| {
            let sum = added.clone();
            async move { assert!(sum.fetch_add(n, Ordering::SeqCst) < 55) }
        });
        cede::spawn(adding.unwrap()).await.unwrap();
        assert_eq!(sum.load(Ordering::SeqCst), 55);
    });
}

#[test]
fn dropping_the_stream_ends_its_tasks() {
    everywhere(|| async {
        let count = Arc::new(AtomicUsize::new(0));
        for ordered in [true, false] {
            let alive = count.clone();
            let jobs = stream::iter(0..5).map(move |_| {
                let alive = Alive::new(&alive);
                async move {
                    pending::<()>().await;
                    drop(alive);
                }
            });
            let mut outputs: BoxStream<'_, ()> =
                if ordered { jobs.buffered_tasks(4).unwrap().boxed() } else { jobs.buffer_unordered_tasks(4).unwrap().boxed() };
            assert!(futures_util::FutureExt::now_or_never(outputs.next()).is_none());
            assert_eq!(count.load(Ordering::SeqCst), 4);
            drop(outputs);
            while count.load(Ordering::SeqCst) > 0 {
                cede::task::yield_now().await;
            }
        }
    });
}

#[test]
fn a_panic_is_that_of_its_turn_and_the_others_go_on() {
    everywhere(|| async {
        let jobs = stream::iter(0..4).map(|n| async move {
            assert_ne!(n, 1, "number one");
            n
        });
        let mut outputs = Box::pin(jobs.buffered_tasks(4).unwrap());
        assert_eq!(outputs.next().await, Some(0));
        let turn = std::panic::AssertUnwindSafe(outputs.next());
        let panic = futures_util::FutureExt::catch_unwind(turn).await.unwrap_err();
        assert!(panic.downcast_ref::<String>().is_some_and(|text| text.contains("number one")));
        assert_eq!(outputs.collect::<Vec<_>>().await, [2, 3]);
    });
}

#[test]
fn computing_goes_to_the_blocking_threads_in_order() {
    everywhere(|| async {
        let squares = stream::iter(0..50_u64).par_map(3, |n| {
            // Blocking is allowed there.
            *cede::sync::Mutex::new(n).blocking_lock() * n
        });
        assert!(squares.unwrap().collect::<Vec<_>>().await.into_iter().eq((0..50).map(|n| n * n)));
        let halves = stream::iter(0..50_u64).map_blocking(|n| n / 2);
        assert!(halves.collect::<Vec<_>>().await.into_iter().eq((0..50).map(|n| n / 2)));
    });
}

#[test]
fn nothing_in_flight_is_refused_at_once() {
    fn refused<T>(what: &str, made: Result<T, cede::ZeroLimit>) {
        let error = made.map(drop).unwrap_err();
        assert_eq!(error.to_string(), format!("a {what} of 0 would wait for ever; give at least 1"));
    }
    refused("concurrency", stream::iter([async {}]).buffered_tasks(0));
    refused("concurrency", stream::iter([async {}]).buffer_unordered_tasks(0));
    refused("concurrency", stream::iter([1]).for_each_task(0, |_| async {}));
    refused("concurrency", stream::iter([1]).par_map(0, |n| n));
    refused("size", stream::iter([1]).chunks_timeout(0, MS));
    refused("rate", stream::iter([1]).rate_limit(0, MS, 1));
    refused("burst", stream::iter([1]).rate_limit(1, MS, 0));
    refused("capacity", stream::iter([1]).broadcast(0, Overflow::Wait));
    refused("number of attempts", Backoff::new(MS).attempts(0));
    refused("number of threads", cede::blocking::BlockingPool::builder().max_threads(0));
    refused("capacity", cede::event::channel::<()>(0, Overflow::Wait));
    refused("capacity", cede::event::Bus::<()>::new().subscribe(0, Overflow::DropOldest));
    refused("concurrency", cede::group::TaskGroup::<()>::builder().limit(0));
}

/// An item at each of these milliseconds.
fn at(moments: &'static [u32]) -> impl stream::Stream<Item = u32> + Send {
    let start = Instant::now();
    stream::iter(moments).then(move |moment| async move {
        cede::time::sleep_until(start + MS * *moment).await;
        *moment
    })
}

/// The items with the milliseconds at which they come.
async fn timed<T>(items: impl stream::Stream<Item = T>) -> Vec<(u128, T)> {
    let start = Instant::now();
    items.map(|item| (start.elapsed().as_millis(), item)).collect().await
}

#[test]
fn batches_end_by_number_by_time_and_at_the_end() {
    simulated(|| async {
        let batches = timed(at(&[0, 1, 2, 3, 20, 40, 41]).chunks_timeout(3, 10 * MS).unwrap()).await;
        assert_eq!(batches, [(2, vec![0, 1, 2]), (13, vec![3]), (30, vec![20]), (41, vec![40, 41])]);
        let mut held = Box::pin(at(&[0, 5, 50]).chunks_timeout(3, 10 * MS).unwrap());
        // Cut: what was collected stays.
        for _ in 0..3 {
            assert!(cede::time::timeout(2 * MS, held.next()).await.is_err());
        }
        assert_eq!(held.next().await, Some(vec![0, 5]));
    });
}

#[test]
fn items_keep_their_distance() {
    simulated(|| async {
        assert_eq!(timed(at(&[0, 1, 2, 50]).throttle(10 * MS)).await, [(0, 0), (10, 1), (20, 2), (50, 50)]);
        assert_eq!(timed(at(&[0, 1]).throttle(Duration::ZERO)).await, [(0, 0), (1, 1)]);
        // Five in 50 ms, two at once: one each 10 ms after that, and two again after a pause.
        let limited = timed(at(&[0, 0, 0, 0, 100, 100, 100]).rate_limit(5, 50 * MS, 2).unwrap()).await;
        let moments: Vec<_> = limited.into_iter().map(|(moment, _)| moment).collect();
        assert_eq!(moments, [0, 0, 10, 20, 100, 100, 110]);
    });
}

#[test]
fn late_items_are_told_and_come_anyway() {
    simulated(|| async {
        let items = timed(at(&[1, 30, 31]).timeout(10 * MS)).await;
        let items: Vec<_> = items.into_iter().map(|(moment, item)| (moment, item.map_err(|late| late.to_string()))).collect();
        assert_eq!(items, [(1, Ok(1)), (11, Err("deadline has elapsed".to_owned())), (30, Ok(30)), (31, Ok(31))]);
    });
}

#[test]
fn streams_merge_and_ticks_are_a_stream() {
    simulated(|| async {
        let ticks = cede::time::interval(10 * MS).take(3).map(|_| 0);
        let merged = timed(ticks.merge(at(&[5, 15]))).await;
        assert_eq!(merged, [(0, 0), (5, 5), (10, 0), (15, 15), (20, 0)]);
        let pairs = timed(at(&[0, 10]).zip_latest(at(&[5, 20]))).await;
        assert_eq!(pairs, [(5, (0, 5)), (10, (10, 5)), (20, (10, 20))]);
    });
}

#[test]
fn attempts_are_made_until_one_succeeds() {
    simulated(|| async {
        let calls = AtomicUsize::new(0);
        let start = Instant::now();
        let attempt = || async {
            let call = calls.fetch_add(1, Ordering::SeqCst);
            if call < 3 { Err(call) } else { Ok("done") }
        };
        let backoff = Backoff::new(10 * MS).without_jitter();
        assert_eq!(retry(backoff.clone(), attempt, |_| true).await, Ok("done"));
        assert_eq!(start.elapsed(), 70 * MS);
        assert_eq!(retry(backoff.clone().attempts(2).unwrap(), || async { Err::<(), _>("no") }, |_| true).await, Err("no"));
        assert_eq!(start.elapsed(), 80 * MS);
        assert_eq!(retry(backoff, || async { Err::<(), _>("fatal") }, |error| *error != "fatal").await, Err("fatal"));
        assert_eq!(start.elapsed(), 80 * MS);
    });
}

#[test]
fn jitter_stays_in_bounds_and_is_replayed() {
    let pauses = |seed| {
        let run = Sim::new(seed).run(async { Backoff::new(100 * MS).max_delay(1000 * MS).attempts(20).unwrap().collect::<Vec<_>>() });
        run.unwrap().output
    };
    let first = pauses(7);
    assert_eq!(first, pauses(7));
    assert_ne!(first, pauses(8));
    assert_eq!(first.len(), 19);
    assert!(first[0] >= 50 * MS && first[0] <= 100 * MS);
    for pair in first.windows(2) {
        let limit = (3 * pair[0]).clamp(100 * MS, 1000 * MS);
        assert!(pair[1] >= 100 * MS && pair[1] <= limit, "{pair:?}");
    }
}

#[test]
fn every_subscriber_gets_everything_when_the_source_waits() {
    everywhere(|| async {
        // On threads the first subscriber may be served before there is a second.
        let all_listen = Arc::new(SetOnce::new());
        let begin = all_listen.clone();
        let source = stream::iter(0..30).then(move |item| {
            let begin = begin.clone();
            async move {
                begin.wait().await;
                item
            }
        });
        let hub = source.broadcast(2, Overflow::Wait).unwrap();
        // Nothing is taken before somebody listens.
        cede::task::yield_now().await;
        let (mut slow, fast) = (hub.subscribe(), hub.subscribe());
        let abandoned = hub.subscribe();
        drop(hub);
        all_listen.set(()).unwrap();
        let fast = cede::spawn(fast.collect::<Vec<_>>());
        let abandoned = cede::spawn(abandoned.take(3).count());
        let mut got = Vec::new();
        while let Some(item) = slow.next().await {
            got.push(item);
            cede::task::yield_now().await;
        }
        assert_eq!(abandoned.await.unwrap(), 3);
        assert_eq!((&got, slow.missed()), (&fast.await.unwrap(), 0));
        assert!(got.into_iter().eq(0..30));
    });
}

#[test]
fn slow_subscribers_miss_items_or_are_let_go() {
    everywhere(|| async {
        for policy in [Overflow::DropOldest, Overflow::Disconnect] {
            let (tx, rx) = mpsc::unbounded_channel();
            let hub = rx.broadcast(4, policy).unwrap();
            let mut slow = hub.subscribe();
            let mut end = hub.subscribe();
            (0..10).for_each(|item| tx.send(item).unwrap());
            let most = if policy == Overflow::Disconnect { 1 } else { 6 };
            while slow.missed() < most || end.missed() < most {
                cede::task::yield_now().await;
            }
            drop(tx);
            // The other one gets what it has room for, and then the end.
            while end.next().await.is_some() {}
            let got = (&mut slow).collect::<Vec<_>>().await;
            match policy {
                Overflow::DropOldest => assert_eq!((got, slow.missed()), (vec![6, 7, 8, 9], 6)),
                _ => assert_eq!((got, slow.missed()), (vec![0, 1, 2, 3], 1)),
            }
        }
    });
}

#[test]
fn the_panic_of_a_source_reaches_its_subscribers() {
    everywhere(|| async {
        let hub = stream::iter(0..3).inspect(|item| assert_ne!(*item, 1)).broadcast(4, Overflow::Wait).unwrap();
        let mut subscriber = hub.subscribe();
        assert_eq!(subscriber.next().await, Some(0));
        let next = std::panic::AssertUnwindSafe(subscriber.next());
        assert!(futures_util::FutureExt::catch_unwind(next).await.is_err());
        let late = hub.subscribe();
        assert_eq!(late.count().await, 0);
    });
}

#[test]
fn dropped_anywhere_nothing_goes_on_and_nothing_is_done_twice() {
    simulated(|| async {
        for limit in 1..60 {
            let (begun, ended, alive) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (starts, ends, lives) = (begun.clone(), ended.clone(), alive.clone());
            let work = stream::iter(0..9_u32).for_each_task(2, move |n| {
                let (starts, ends, life) = (starts.clone(), ends.clone(), Alive::new(&lives));
                async move {
                    starts.fetch_add(1, Ordering::SeqCst);
                    sleep(MS * (5 + n)).await;
                    ends.fetch_add(1, Ordering::SeqCst);
                    drop(life);
                }
            });
            let finished = cede::time::timeout(MS * limit, work.unwrap()).await.is_ok();
            // The tasks that were aborted get their last turn.
            while alive.load(Ordering::SeqCst) > 0 {
                cede::task::yield_now().await;
            }
            let done = ended.load(Ordering::SeqCst);
            sleep(100 * MS).await;
            assert_eq!(ended.load(Ordering::SeqCst), done);
            assert!(begun.load(Ordering::SeqCst) <= done + 2);
            assert_eq!(finished, done == 9, "after {limit} ms");

            let calls = Arc::new(AtomicUsize::new(0));
            let counted = calls.clone();
            let attempt = || async {
                counted.fetch_add(1, Ordering::SeqCst);
                sleep(MS).await;
                Err::<(), _>(())
            };
            let tried = retry(Backoff::new(3 * MS).attempts(3).unwrap(), attempt, |()| true);
            let given_up = cede::time::timeout(MS * limit, tried).await;
            let made = calls.load(Ordering::SeqCst);
            sleep(100 * MS).await;
            assert_eq!(calls.load(Ordering::SeqCst), made);
            assert!(made <= 3 && (given_up.is_err() || made == 3));
        }
    });
}

#[test]
fn a_panic_without_order_leaves_the_others() {
    everywhere(|| async {
        let jobs = stream::iter(0..6).map(|n| async move {
            assert_ne!(n, 2);
            n
        });
        let mut outputs = Box::pin(jobs.buffer_unordered_tasks(3).unwrap());
        let (mut got, mut panics) = (Vec::new(), 0);
        loop {
            let turn = std::panic::AssertUnwindSafe(outputs.next());
            match futures_util::FutureExt::catch_unwind(turn).await {
                Ok(Some(n)) => got.push(n),
                Ok(None) => break,
                Err(_) => panics += 1,
            }
        }
        got.sort_unstable();
        assert_eq!((got, panics), (vec![0, 1, 3, 4, 5], 1));
    });
}
