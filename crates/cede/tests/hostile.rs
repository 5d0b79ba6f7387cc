//! What a hostile user does: sources that always have an item, huge limits and times, wakers that panic, handles that outlive what they belong to.

use std::future::{Future as _, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use cede::event::{self, Bus};
use cede::runtime::{Builder, Runtime};
use cede::stream::{self, Backoff, Overflow, StreamExt, TaskStreamExt};
use cede::task::yield_now;
use cede::time::timeout;

const MS: Duration = Duration::from_millis(1);

/// One thread, and a time that goes on by itself: what never gives way hangs here.
fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

#[test]
fn a_source_that_always_has_an_item_does_not_hold_up_what_a_huge_limit_allows() {
    paused().block_on(async {
        let jobs = || stream::repeat(1).map(|n| async move { n });
        assert_eq!(jobs().buffered_tasks(usize::MAX).unwrap().take(1000).count().await, 1000);
        assert_eq!(jobs().buffer_unordered_tasks(usize::MAX).unwrap().take(1000).count().await, 1000);
        assert_eq!(stream::repeat(1).par_map(usize::MAX, |n| n).unwrap().take(100).count().await, 100);
    });
}

#[test]
fn all_of_a_finite_source_is_started_without_further_polls_of_the_consumer() {
    paused().block_on(async {
        let ended = Arc::new(AtomicUsize::new(0));
        let count = ended.clone();
        let jobs = stream::iter(0..1000).map(move |_| {
            let ended = count.clone();
            async move { ended.fetch_add(1, Ordering::SeqCst) }
        });
        let mut outputs = pin!(
            stream::iter([pending().left_future()])
                .chain(jobs.map(futures_util::FutureExt::right_future))
                .buffered_tasks(usize::MAX)
                .unwrap()
        );
        use futures_util::FutureExt as _;
        assert!(timeout(MS, outputs.next()).await.is_err(), "the first never ends");
        assert_eq!(ended.load(Ordering::SeqCst), 1000);
    });
}

#[test]
fn a_batch_is_given_in_time_though_there_is_always_one_more_item() {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut batches = pin!(stream::repeat(1).chunks_timeout(usize::MAX, MS).unwrap());
        assert!(!batches.next().await.unwrap().is_empty());
    });
}

#[test]
fn times_that_no_clock_can_show_are_never() {
    paused().block_on(async {
        let never = Duration::MAX;
        let two = || stream::iter([1, 2]);
        let mut slow = pin!(two().throttle(never));
        assert_eq!(slow.next().await, Some(1));
        assert!(timeout(MS, slow.next()).await.is_err());
        assert_eq!(two().timeout(never).count().await, 2);
        assert_eq!(two().chunks_timeout(2, never).unwrap().collect::<Vec<_>>().await, [[1, 2]]);
        for burst in [1, u32::MAX] {
            let mut limited = pin!(two().rate_limit(1, never, burst).unwrap());
            assert_eq!(limited.next().await, Some(1));
            assert_eq!(timeout(MS, limited.next()).await.is_err(), burst == 1);
        }
        let pauses = Backoff::new(never).max_delay(never).attempts(4).unwrap();
        assert!(pauses.clone().count() == 3 && pauses.clone().without_jitter().all(|pause| pause == never));
        assert!(pauses.skip(1).all(|pause| pause == never));
    });
}

#[test]
fn nothing_is_taken_for_subscribers_that_are_gone() {
    paused().block_on(async {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = taken.clone();
        let source = stream::iter(0..).inspect(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let hub = source.broadcast(1, Overflow::Wait).unwrap();
        drop(hub.subscribe());
        cede::time::sleep(MS).await;
        assert_eq!(taken.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn what_always_has_an_item_ends_with_its_handle() {
    paused().block_on(async {
        let life = Arc::new(());
        fn endless(held: Arc<()>) -> impl stream::Stream<Item = usize> {
            stream::repeat_with(move || Arc::strong_count(&held))
        }
        let hub = endless(life.clone()).broadcast(1, Overflow::DropOldest).unwrap();
        let subscriber = hub.subscribe();
        let listener = event::call_for_each(endless(life.clone()), |count| assert!(count > 0));
        yield_now().await;
        drop((hub, subscriber, listener));
        cede::time::sleep(MS).await;
        assert_eq!(Arc::strong_count(&life), 1);
    });
}

/// Panics when it is woken.
struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

/// Knows whether it was woken.
#[derive(Default)]
struct Told(AtomicBool);

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_waker_that_panics_keeps_no_event_from_the_others() {
    let bus = Bus::new();
    let mut first = bus.subscribe(1, Overflow::DropOldest).unwrap();
    let mut second = bus.subscribe(1, Overflow::DropOldest).unwrap();
    assert!(first.poll_next_unpin(&mut Context::from_waker(&Waker::from(Arc::new(Panicking)))).is_pending());
    let told = Arc::new(Told::default());
    let waker = Waker::from(told.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(second.poll_next_unpin(&mut cx).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| cede::block_on(bus.publish(7)))).is_err());
    assert!(told.0.load(Ordering::SeqCst), "the second subscriber was woken");
    assert_eq!(second.poll_next_unpin(&mut cx), Poll::Ready(Some(7)));
}

#[test]
fn a_child_that_ended_with_its_scope_is_no_wait_for_ever() {
    paused().block_on(async {
        let mut kept = None;
        {
            let mut scope = pin!(cede::scope(async |s| {
                kept = Some((s.clone(), s.spawn(pending::<u8>())));
                pending::<()>().await;
            }));
            poll_fn(|cx| Poll::Ready(scope.as_mut().poll(cx).is_pending())).await;
        }
        let (scope, child) = kept.unwrap();
        for child in [child, scope.spawn(async { 7 })] {
            let panic = cede::spawn(child).await.unwrap_err().into_panic();
            assert!(panic.downcast_ref::<&str>().unwrap().contains("scope"));
        }
    });
}

fn panicking() -> Waker {
    Waker::from(Arc::new(Panicking))
}

fn panics<T>(act: impl FnOnce() -> T) {
    assert!(catch_unwind(AssertUnwindSafe(act)).is_err(), "no waker panicked");
}

#[test]
fn an_event_stays_in_the_queue_when_the_emitter_that_gets_its_room_cannot_be_woken() {
    let (emitter, mut events) = event::channel(1, Overflow::Wait).unwrap();
    emitter.emit(1).unwrap();
    let mut sends = Box::pin(emitter.send(2));
    assert!(sends.as_mut().poll(&mut Context::from_waker(&panicking())).is_pending());
    panics(|| events.try_recv());
    assert_eq!(events.len(), 1);
    assert!(cede::block_on(sends).is_ok());
    assert!(emitter.emit(3).is_err(), "the room was given back once");
    assert_eq!([events.try_recv().ok(), events.try_recv().ok(), events.try_recv().ok()], [Some(1), Some(2), None]);
    emitter.emit(4).unwrap();
    assert!(emitter.emit(5).is_err(), "there is room for one");
    assert_eq!(events.clear(), 1);
}

#[test]
fn an_emitter_that_cannot_be_woken_keeps_the_end_from_nobody() {
    let told = Arc::new(Told::default());
    let waker = Waker::from(told.clone());
    let (emitter, mut events) = event::channel(1, Overflow::Wait).unwrap();
    let room = cede::block_on(emitter.reserve()).unwrap();
    let mut waits = Box::pin(emitter.reserve());
    assert!(waits.as_mut().poll(&mut Context::from_waker(&panicking())).is_pending());
    assert!(events.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
    panics(|| events.close());
    assert!(told.0.load(Ordering::SeqCst), "the receiver was woken");
    assert!(room.put(()).is_err());
}

#[test]
fn what_is_in_the_queue_goes_with_the_receiver_though_an_emitter_cannot_be_woken() {
    let item = Arc::new(());
    let (emitter, events) = event::channel(1, Overflow::Wait).unwrap();
    emitter.emit(item.clone()).unwrap();
    let mut waits = Box::pin(emitter.reserve());
    assert!(waits.as_mut().poll(&mut Context::from_waker(&panicking())).is_pending());
    panics(|| drop(events));
    assert_eq!(Arc::strong_count(&item), 1);
}

#[test]
fn all_timers_fire_though_the_first_of_them_wakes_one_that_panics() {
    paused().block_on(async {
        let sleeps = |count: usize| (0..count).map(|_| Box::pin(cede::time::sleep(MS))).collect::<Vec<_>>();
        let (mut bad, mut good) = (sleeps(100), sleeps(100));
        let told: Vec<_> = good.iter().map(|_| Arc::new(Told::default())).collect();
        for ((bad, good), told) in bad.iter_mut().zip(&mut good).zip(&told) {
            assert!(bad.as_mut().poll(&mut Context::from_waker(&panicking())).is_pending());
            assert!(good.as_mut().poll(&mut Context::from_waker(&Waker::from(told.clone()))).is_pending());
        }
        cede::time::sleep(2 * MS).await;
        assert!(told.iter().all(|told| told.0.load(Ordering::SeqCst)));
    });
}

#[test]
fn a_runtime_drains_though_one_who_waits_for_that_cannot_be_woken() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let drains = runtime.spawn(cede::runtime::shutdown_begins());
    let mut waits = Box::pin(cede::runtime::shutdown_begins());
    let bad = panicking();
    let poll = poll_fn(|_| Poll::Ready(waits.as_mut().poll(&mut Context::from_waker(&bad)).is_pending()));
    assert!(runtime.block_on(poll));
    let report = runtime.shutdown_gracefully(Duration::from_secs(60), Duration::from_secs(60));
    assert!(report.is_complete() && report.ended == 0);
    cede::block_on(drains).unwrap();
}
