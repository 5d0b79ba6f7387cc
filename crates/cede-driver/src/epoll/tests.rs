//! Looks from other threads than the worker, and what moves because of them.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::{LONG_WAIT_NS, before_slack};
use crate::clock::Clock;
use crate::{Attempt, Direction, Driver, Handle, Source, Turn};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// What a worker parks in.
fn epoll() -> Driver {
    Driver::epoll(Clock::system()).unwrap()
}

/// One end in the set of the driver, with a waker that waits for it; and the other end.
fn waiting(driver: &Handle, waker: &Waker) -> (Source<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let source = Source::new(ours, driver.clone());
    assert!(poll_read(&source, driver, waker).is_pending());
    (source, theirs)
}

fn look_until(over: &AtomicBool, driver: &Handle, elsewhere: &Handle) {
    while !over.load(Ordering::Relaxed) {
        driver.look(elsewhere, || ()).unwrap();
        std::hint::spin_loop();
    }
}

fn poll_read(source: &Source<UnixStream>, driver: &Handle, waker: &Waker) -> Poll<std::io::Result<usize>> {
    let read = |mut stream: &UnixStream| std::io::Read::read(&mut stream, &mut [0; 8]).map(Attempt::Drained);
    source.poll_io(&mut Context::from_waker(waker), Direction::Read, || Some(driver.clone()), read)
}

#[test]
fn another_thread_gets_the_events_of_a_worker_that_does_not_come() {
    let driver = epoll();
    let elsewhere = epoll();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let (source, mut theirs) = waiting(driver.handle(), &waker);
    assert_eq!(driver.handle().look(elsewhere.handle(), || ()).unwrap(), 1, "it is writable");
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
    theirs.write_all(b"x").unwrap();
    let looked = thread::scope(|scope| scope.spawn(|| driver.handle().look(elsewhere.handle(), || ()).unwrap()).join().unwrap());
    assert_eq!((looked, count.0.load(Ordering::SeqCst)), (1, 1));
    assert!(matches!(poll_read(&source, driver.handle(), &waker), Poll::Ready(Ok(1))));
    assert_eq!(driver.handle().look(elsewhere.handle(), || ()).unwrap(), 0);
}

#[test]
fn whoever_looks_swallows_no_interrupt() {
    let mut driver = epoll();
    let elsewhere = epoll();
    let handle = driver.handle().clone();
    let over = AtomicBool::new(false);
    let (woken, wakes) = channel();
    thread::scope(|scope| {
        scope.spawn(|| look_until(&over, &handle, elsewhere.handle()));
        scope.spawn(move || {
            while !driver.park(None).unwrap().unparked {}
            while woken.send(()).is_ok() {
                while !driver.park(None).unwrap().unparked {}
            }
        });
        let lost = (0..2000).any(|_| {
            handle.unpark();
            wakes.recv_timeout(PATIENCE).is_err()
        });
        over.store(true, Ordering::Relaxed);
        drop(wakes);
        // So that a worker that missed one ends, too.
        (0..2).for_each(|_| {
            handle.unpark();
            thread::yield_now();
        });
        assert!(!lost);
    });
}

#[test]
fn sources_come_and_go_while_others_look() {
    let mut driver = epoll();
    let elsewhere = epoll();
    let handle = driver.handle().clone();
    let over = AtomicBool::new(false);
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    thread::scope(|scope| {
        // Nothing moves: there is one source, and its worker comes for each.
        scope.spawn(|| look_until(&over, &handle, elsewhere.handle()));
        scope.spawn(|| look_until(&over, elsewhere.handle(), &handle));
        for _ in 0..2000 {
            let (source, mut theirs) = waiting(&handle, &waker);
            (0..8).for_each(|_| theirs.write_all(b"x").unwrap());
            drop(source);
            driver.park(Some(0)).unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(!handle.has_sources() && !elsewhere.handle().has_sources());
    let (source, mut theirs) = waiting(&handle, &waker);
    let before = count.0.load(Ordering::SeqCst);
    drop(driver);
    theirs.write_all(b"x").unwrap();
    assert_eq!(handle.look(elsewhere.handle(), || ()).unwrap(), 0, "the worker is gone for good");
    assert_eq!(count.0.load(Ordering::SeqCst), before + 1, "who waits was told");
    assert!(matches!(poll_read(&source, &handle, &waker), Poll::Ready(Err(_))));
}

/// Something comes, another worker looks, and the task reads it.
fn serve_elsewhere(driver: &Driver, elsewhere: &Driver, sources: &mut [(Source<UnixStream>, UnixStream)], waker: &Waker) -> usize {
    for (_, theirs) in &mut *sources {
        theirs.write_all(b"x").unwrap();
    }
    let found = driver.handle().look(elsewhere.handle(), || ()).unwrap();
    for (source, _) in sources {
        let _read = poll_read(source, driver.handle(), waker);
        assert!(poll_read(source, driver.handle(), waker).is_pending());
    }
    found
}

#[test]
fn what_another_worker_serves_again_and_again_moves_to_it() {
    let (mut driver, mut elsewhere) = (epoll(), epoll());
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let _its_own = waiting(elsewhere.handle(), Waker::noop());
    let mut sources = [waiting(driver.handle(), &waker)];
    for _ in 0..10 {
        serve_elsewhere(&driver, &elsewhere, &mut sources, &waker);
    }
    assert!(!driver.handle().has_sources());
    elsewhere.park(Some(0)).unwrap();
    while poll_read(&sources[0].0, driver.handle(), &waker).is_ready() {}
    let before = count.0.load(Ordering::SeqCst);
    sources[0].1.write_all(b"x").unwrap();
    driver.park(Some(0)).unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), before);
    assert_eq!(elsewhere.park(None).unwrap().events, 1);
    assert_eq!(count.0.load(Ordering::SeqCst), before + 1);
    drop(sources);
    assert_eq!(elsewhere.park(Some(0)).unwrap().events, 0);
}

#[test]
fn what_its_own_worker_serves_now_and_then_stays() {
    let (mut driver, elsewhere) = (epoll(), epoll());
    let _its_own = waiting(elsewhere.handle(), Waker::noop());
    let mut sources = [waiting(driver.handle(), Waker::noop())];
    for _ in 0..10 {
        for _ in 0..3 {
            serve_elsewhere(&driver, &elsewhere, &mut sources, Waker::noop());
        }
        sources[0].1.write_all(b"x").unwrap();
        driver.park(Some(0)).unwrap();
        assert!(poll_read(&sources[0].0, driver.handle(), Waker::noop()).is_ready());
    }
    assert!(driver.handle().has_sources());
}

#[test]
fn a_worker_with_fewer_sources_gets_more_only_if_the_other_is_behind() {
    let (driver, elsewhere) = (epoll(), epoll());
    let mut few: Vec<_> = (0..3).map(|_| waiting(driver.handle(), Waker::noop())).collect();
    for _ in 0..10 {
        serve_elsewhere(&driver, &elsewhere, &mut few, Waker::noop());
    }
    assert!(!elsewhere.handle().has_sources(), "it does not serve more than the other");
    let mut many: Vec<_> = (0..super::EVENTS_PER_LOOK).map(|_| waiting(driver.handle(), Waker::noop())).collect();
    for _ in 0..10 {
        serve_elsewhere(&driver, &elsewhere, &mut many, Waker::noop());
    }
    assert!(elsewhere.handle().has_sources());
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Ends the other threads, also if this one panics.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Looks at the sets of the others, and sometimes at its own, then goes.
fn work(mut own: Driver, all: &[Handle], over: &AtomicBool) {
    let handle = own.handle().clone();
    for round in 0.. {
        for other in all.iter().filter(|other| !Arc::ptr_eq(&other.0, &handle.0)) {
            other.look(&handle, || ()).unwrap();
        }
        if round % 16 == 0 {
            own.park(Some(0)).unwrap();
        }
        if over.load(Ordering::Relaxed) {
            return;
        }
        thread::yield_now();
    }
}

/// Writes to one, and waits until it is known to be readable.
fn exchange(source: &Source<UnixStream>, theirs: &mut UnixStream, driver: &Handle, waker: &Waker, until: Instant) {
    theirs.write_all(b"x").unwrap();
    while poll_read(source, driver, waker).is_pending() {
        assert!(Instant::now() < until, "an edge was lost");
        thread::park_timeout(PATIENCE);
    }
    assert!(poll_read(source, driver, waker).is_pending());
}

#[test]
fn sources_that_move_and_go_lose_no_edge() {
    let drivers = [epoll(), epoll(), epoll()];
    let all = [0, 1, 2].map(|index| drivers[index].handle().clone());
    // Nothing happens on these, which make the two others have more.
    let _quiet: Vec<_> = (0..40).map(|number| waiting(&all[1 + number % 2], Waker::noop())).collect();
    let moved = || all[1..].iter().map(|driver| driver.epoll().unwrap().sources.load(Ordering::Relaxed)).sum::<usize>() > 40;
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let over = AtomicBool::new(false);
    let until = Instant::now() + PATIENCE;
    thread::scope(|scope| {
        for own in drivers {
            let (all, over) = (&all, &over);
            scope.spawn(move || work(own, all, over));
        }
        let ends = Ends(&over);
        let mut sources: Vec<_> = (0..12).map(|_| waiting(&all[0], &waker)).collect();
        let mut have_moved = false;
        let mut round = 0_usize;
        while round < 2000 || (!have_moved && Instant::now() < until) {
            let index = round * 7 % sources.len();
            let (source, theirs) = &mut sources[index];
            exchange(source, theirs, &all[0], &waker, until);
            if round % 50 == 49 {
                theirs.write_all(b"x").unwrap();
                sources[index] = waiting(&all[0], &waker);
            }
            have_moved |= moved();
            round += 1;
        }
        // The drivers go one by one, while others look at them.
        drop(ends);
        assert!(have_moved);
        for (source, _) in &sources {
            while poll_read(source, &all[0], &waker).is_pending() {
                assert!(Instant::now() < until, "it was not told that its driver has gone");
                thread::park_timeout(PATIENCE);
            }
        }
    });
}

#[test]
fn an_alarm_ends_one_sleep() {
    let mut driver = epoll();
    let at = driver.handle().clock().now() + 20_000_000;
    driver.set_alarm(at + 3_600_000_000_000).unwrap();
    driver.set_alarm(at).unwrap();
    let rings = Turn { alarm: true, ..Turn::default() };
    assert_eq!(driver.park(None).unwrap(), rings);
    let rang = driver.handle().clock().now();
    assert!(rang >= at);
    // The second one lasts.
    driver.park(Some(rang + 20_000_000)).unwrap();
    assert!(driver.handle().clock().now() >= rang + 20_000_000);
    // In the past is at once.
    driver.set_alarm(at).unwrap();
    assert_eq!(driver.park(None).unwrap(), rings);
    // Who only looks may be the one who is told.
    driver.set_alarm(at).unwrap();
    let told = (0..1_000_000).any(|_| driver.park(Some(0)).unwrap().alarm);
    assert!(told);
    let simulated = Driver::sim(Clock::simulated()).set_alarm(1);
    assert_eq!(simulated.unwrap_err().kind(), std::io::ErrorKind::Unsupported);
}

#[test]
fn an_alarm_is_told_though_a_waker_panicked_beside_it() {
    struct Rude;
    impl Wake for Rude {
        fn wake(self: Arc<Self>) {
            panic!("as it should");
        }
    }
    let mut driver = epoll();
    let (_source, mut theirs) = waiting(driver.handle(), &Waker::from(Arc::new(Rude)));
    // That it can be written to wakes nobody.
    driver.park(Some(0)).unwrap();
    driver.set_alarm(1).unwrap();
    theirs.write_all(b"x").unwrap();
    thread::sleep(Duration::from_millis(1));
    assert!(catch_unwind(AssertUnwindSafe(|| driver.park(None))).is_err());
    assert!(driver.park(None).unwrap().alarm);
}

#[test]
fn whoever_looks_takes_no_alarm_for_a_source() {
    let mut driver = epoll();
    let elsewhere = epoll();
    driver.set_alarm(1).unwrap();
    // It has rung when this has; the worker would have slept that long.
    thread::sleep(Duration::from_millis(1));
    assert_eq!(driver.handle().look(elsewhere.handle(), || ()).unwrap(), 0);
}

#[test]
fn a_long_wait_that_ends_late_ends_in_time() {
    for nanos in [LONG_WAIT_NS + 1, 100_000_000, 10_000_000_000, u64::MAX] {
        let asked = before_slack(nanos);
        assert!(asked + (asked / 200).min(100_000_000) <= nanos && asked > nanos / 100 * 99, "{nanos}");
    }
    for nanos in [0, 1, LONG_WAIT_NS] {
        assert_eq!(before_slack(nanos), nanos);
    }
}
