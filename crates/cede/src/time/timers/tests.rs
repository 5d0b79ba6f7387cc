//! When workers wake for their timers, and which wakers are kept.

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use cede_core::task::task_of;
use cede_core::wheel::Entry;

use super::{ArmedFor, Lease};
use crate::runtime::{Builder, Runtime, context};
use crate::time::timeout;

/// Timers of two workers of one runtime. No worker has them really, so that nobody but the test tells them the time.
fn timers() -> [Lease; 2] {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let gap = Arc::default();
    let timers = [0, 1].map(|_| Lease::new(runtime.handle().driver(), Arc::clone(&gap)));
    timers.iter().for_each(|timers| timers.awake());
    timers
}

/// Arms the entries for their deadlines.
fn arm<const N: usize>(timers: &Lease, entries: [(Pin<&Entry>, u64); N]) {
    for (entry, deadline) in entries {
        // SAFETY: [I2] each test lets time pass all deadlines, or disarms the entry.
        unsafe { timers.arm(entry, deadline, ArmedFor::new(Waker::noop())) }.expect("they are not shut down");
    }
}

fn disarm(timers: &Lease, entry: Pin<&Entry>) {
    // SAFETY: [I2] it is armed here.
    unsafe { timers.disarm(entry) };
}

#[test]
fn what_fires_at_one_worker_is_a_reason_to_wait_for_all() {
    let [first, second] = timers();
    let [a, b, c, d, e] = [(); 5].map(|()| Box::pin(Entry::new()));
    arm(&first, [(a.as_ref(), 10), (b.as_ref(), 11), (c.as_ref(), 12), (d.as_ref(), 10_000)]);
    arm(&second, [(e.as_ref(), 20_000)]);
    assert!(second.before_park(false) <= Some(20_000), "nothing has fired");
    assert_eq!(first.fire(100), 3);
    let waits = [&first, &second].map(|timers| timers.before_park(false));
    let exact = [&first, &second].map(|timers| timers.before_park(true));
    disarm(&first, d.as_ref());
    disarm(&second, e.as_ref());
    assert_eq!(waits[0], waits[1], "until the same moment");
    assert!(waits[0] > Some(20_000), "{waits:?}");
    assert_eq!(exact, [Some(10_000), Some(20_000)]);
}

#[test]
fn a_timer_is_exact_if_none_has_fired_with_another() {
    let [timers, _] = timers();
    let (a, b) = (pin!(Entry::new()), pin!(Entry::new()));
    arm(&timers, [(a.as_ref(), 10), (b.as_ref(), 200)]);
    assert_eq!(timers.fire(100), 1);
    let next = (timers.before_park(true), timers.before_park(false));
    disarm(&timers, b.as_ref());
    assert_eq!(next.0, Some(200));
    assert!(next.1 <= next.0, "{next:?}");
}

#[test]
fn a_timer_in_a_gap_does_not_wake_who_sleeps_until_its_end() {
    let [timers, _] = timers();
    let entries = [(); 5].map(|()| Box::pin(Entry::new()));
    arm(&timers, [(entries[0].as_ref(), 10), (entries[1].as_ref(), 11), (entries[2].as_ref(), 30_000)]);
    assert_eq!(timers.fire(100), 2);
    // SAFETY: [I2] it is disarmed below.
    let wakes = |entry: usize, deadline| unsafe { timers.insert(entries[entry].as_ref(), deadline, ArmedFor::new(Waker::noop())) }.unwrap();
    assert!(timers.before_park(false) > Some(30_000));
    let in_gap = wakes(3, 20_000);
    assert_eq!(timers.before_park(true), Some(20_000));
    let earlier = wakes(4, 10_000);
    for entry in &entries {
        disarm(&timers, entry.as_ref());
    }
    assert_eq!((in_gap, earlier), (false, true), "where a clock jumps, there is no gap");
}

#[test]
fn what_fires_late_does_not_make_the_next_ones_late() {
    let [timers, _] = timers();
    let [a, b, c] = [(); 3].map(|()| Box::pin(Entry::new()));
    arm(&timers, [(a.as_ref(), 10), (b.as_ref(), 11), (c.as_ref(), 200_000)]);
    assert_eq!(timers.fire(190_000), 2);
    let next = timers.before_park(false);
    disarm(&timers, c.as_ref());
    assert!(next <= Some(200_000), "{next:?}");
}

/// Wakers of tasks that wait, and their runtime.
fn tasks<const N: usize>() -> (Runtime, [Waker; N]) {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let wakers = runtime.block_on(async {
        [(); N].map(|()| {
            let (tell, told) = std::sync::mpsc::channel();
            (crate::spawn(poll_fn(move |cx| tell.send(cx.waker().clone()).map_or(Poll::Ready(()), |()| Poll::Pending))), told)
        })
    });
    runtime.block_on(crate::task::yield_now());
    let wakers = wakers.map(|(_, told)| told.recv().expect("it has been polled"));
    (runtime, wakers)
}

/// How many wakers of the task there are.
fn count(waker: &Waker) -> usize {
    task_of(waker).expect("is one of a task").state().waker_count()
}

/// Does something as the task does in its poll.
fn as_task(waker: &Waker, body: impl FnOnce()) {
    context::polling(task_of(waker).expect("is one of a task"), body);
}

/// A timer of the task is armed, and disarmed by it.
fn give_up(timers: &Lease, waker: &Waker) {
    as_task(waker, || give_up_elsewhere(timers, waker));
}

/// The same, but whoever runs disarms it.
fn give_up_elsewhere(timers: &Lease, waker: &Waker) {
    let entry = pin!(Entry::new());
    // SAFETY: [I2] it is disarmed below.
    unsafe { timers.arm(entry.as_ref(), 10, ArmedFor::new(waker)) }.expect("they are not shut down");
    disarm(timers, entry.as_ref());
}

#[test]
fn a_task_that_gives_timers_up_again_and_again_is_counted_once() {
    let ([timers, _], (_runtime, [one, other])) = (timers(), tasks());
    let entries = [(); 2].map(|()| Box::pin(Entry::new()));
    let arm = |entry: usize| {
        // SAFETY: [I2] it is disarmed below.
        unsafe { timers.arm(entries[entry].as_ref(), 10, ArmedFor::new(&one)) }.expect("they are not shut down");
        count(&one)
    };
    give_up(&timers, &one);
    assert_eq!((count(&one), arm(0)), (2, 2), "what the first timer left is the second one's");
    assert_eq!(arm(1), 3, "there is one to be had");
    as_task(&one, || entries.iter().for_each(|entry| disarm(&timers, entry.as_ref())));
    assert_eq!(count(&one), 2, "one is kept");
    as_task(&other, || give_up_elsewhere(&timers, &one));
    assert_eq!((count(&one), count(&other)), (1, 1), "another task drops a timer: it is not the next to arm one");
    give_up(&timers, &other);
    assert_eq!((count(&one), count(&other)), (1, 2), "of the last task");
}

#[test]
fn a_waker_is_not_kept_when_its_worker_looks_or_sleeps_or_is_gone() {
    let ([timers, gone], (_runtime, [waker])) = (timers(), tasks());
    give_up(&timers, &waker);
    timers.fire(1);
    assert_eq!(count(&waker), 1, "a look");
    assert!(timers.are_at_rest());
    give_up(&timers, &waker);
    assert!(!timers.are_at_rest(), "there is something to drop");
    assert_eq!(timers.before_park(false), None);
    assert_eq!(count(&waker), 1, "it goes before the sleep");
    give_up(&timers, &waker);
    assert_eq!(count(&waker), 1, "none comes meanwhile, from other threads");
    timers.awake();
    give_up(&timers, &waker);
    assert_eq!(count(&waker), 2);
    timers.rest();
    assert_eq!(count(&waker), 1, "nobody drives it");
    give_up(&timers, &waker);
    assert_eq!(count(&waker), 1, "none comes meanwhile");
    timers.awake();
    give_up(&timers, &waker);
    timers.shut_down();
    assert_eq!(count(&waker), 1, "the end");
    give_up(&gone, &waker);
    drop(gone);
    assert_eq!(count(&waker), 1, "the end of a lease");
}

#[test]
fn a_runtime_that_nobody_drives_keeps_no_waker() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (tell, told) = std::sync::mpsc::channel();
    runtime.block_on(async {
        crate::spawn(async move {
            poll_fn(|cx| Poll::Ready(tell.send(cx.waker().clone()))).await.expect("somebody wants to know");
            // Armed, and given up in the next poll.
            _ = timeout(Duration::from_secs(3600), crate::task::yield_now()).await;
            pending::<()>().await;
        });
        for _ in 0..2 {
            crate::task::yield_now().await;
        }
    });
    assert_eq!(count(&told.recv().expect("it has been polled")), 1);
}

#[test]
fn a_foreign_waker_is_cloned_and_dropped_with_its_timer() {
    struct Foreign;
    impl Wake for Foreign {
        fn wake(self: Arc<Self>) {}
    }
    let [timers, _] = timers();
    let foreign = Arc::new(Foreign);
    let waker = Waker::from(foreign.clone());
    let entry = pin!(Entry::new());
    // SAFETY: [I2] it is disarmed below.
    unsafe { timers.arm(entry.as_ref(), 10, ArmedFor::new(&waker)) }.expect("they are not shut down");
    assert_eq!(Arc::strong_count(&foreign), 3);
    disarm(&timers, entry.as_ref());
    assert_eq!(Arc::strong_count(&foreign), 2);
}
