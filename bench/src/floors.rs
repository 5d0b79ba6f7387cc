//! What some rows cost by hand, with one data structure for one purpose and nothing around it: no tasks, no scheduler, no budget, nothing that others could ask about. A runtime cannot be below, as long as
//! its deadlines are exact, its wakers may go to other threads and its timers may be dropped there.

mod handed_over;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

use crate::sample::{Plan, Sample, Start};

/// Measures a row of that name, if there is a floor for it.
#[must_use]
pub fn of(row: &str, threads: usize, plan: Plan) -> Option<Sample> {
    if threads != 1 {
        return (row == "spawn_join_block_on" && threads == 2).then(|| measure(plan, handed_over::spawn_join));
    }
    Some(match row {
        "timer_cancel" => {
            let timers = Timers::default();
            let _crowd: Vec<_> =
                (0..10_000).map(|number| timers.arm(Instant::now() + Duration::from_secs(5) + some_delay(number), &waker())).collect();
            measure(plan, |operations| cancel(&timers, operations))
        }
        "timer_cancel_lone" => {
            let timers = Timers::default();
            measure(plan, |operations| cancel(&timers, operations))
        }
        "timer_fire" => measure(plan, fire),
        "requests" => measure(plan, requests),
        _ => return None,
    })
}

fn measure(plan: Plan, workload: impl Fn(u64) -> u64) -> Sample {
    workload(plan.operations / 10 + 1);
    let start = Start::now();
    let operations = workload(plan.operations);
    start.sample(operations)
}

fn some_delay(number: u64) -> Duration {
    Duration::from_millis(1 + number.wrapping_mul(7919) % 1000)
}

/// A waker that counts references, as that of a task.
fn waker() -> Waker {
    struct Nobody;
    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }
    Waker::from(Arc::new(Nobody))
}

/// The timers that are armed, in no order, behind a lock that is one exchange to take and one store to leave. (It is there for its cost: one thread uses them.)
#[derive(Default)]
struct Timers {
    locked: AtomicBool,
    armed: RefCell<Armed>,
}

#[derive(Default)]
struct Armed {
    places: Vec<Option<(Instant, Waker)>>,
    free: Vec<usize>,
}

impl Timers {
    fn locked<R>(&self, access: impl FnOnce(&mut Armed) -> R) -> R {
        while self.locked.swap(true, Ordering::Acquire) {
            std::hint::spin_loop();
        }
        let result = access(&mut self.armed.borrow_mut());
        self.locked.store(false, Ordering::Release);
        result
    }

    fn arm(&self, deadline: Instant, waker: &Waker) -> usize {
        let waker = waker.clone();
        self.locked(|armed| {
            let place = armed.free.pop().unwrap_or_else(|| {
                armed.places.push(None);
                armed.places.len() - 1
            });
            armed.places[place] = Some((deadline, waker));
            place
        })
    }

    fn disarm(&self, place: usize) {
        let waker = self.locked(|armed| {
            armed.free.push(place);
            armed.places[place].take()
        });
        drop(waker);
    }
}

fn cancel(timers: &Timers, operations: u64) -> u64 {
    let waker = waker();
    for number in 0..operations {
        let place = timers.arm(Instant::now() + Duration::from_secs(10) + some_delay(number), &waker);
        timers.disarm(std::hint::black_box(place));
    }
    operations
}

/// Sleeps to each deadline as exactly as the kernel can.
fn fire(operations: u64) -> u64 {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll is there");
    let mut deadlines: Vec<(Instant, Waker)> = (0..operations).map(|number| (Instant::now() + some_delay(number), waker())).collect();
    deadlines.sort_by_key(|&(deadline, _)| deadline);
    let mut waiting = deadlines.into_iter().peekable();
    let mut events: Vec<epoll::Event> = Vec::with_capacity(1);
    while let Some((next, _)) = waiting.peek() {
        let now = Instant::now();
        if let Some(rest) = next.checked_duration_since(now).filter(|rest| !rest.is_zero()) {
            let rest = Timespec::try_from(rest).expect("it is a second at most");
            events.clear();
            let _ = epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&rest));
            continue;
        }
        while let Some((_, waker)) = waiting.next_if(|&(deadline, _)| deadline <= now) {
            waker.wake();
        }
    }
    operations
}

/// All waits are of the same length, so a queue is a timer wheel.
fn requests(operations: u64) -> u64 {
    let rounds = operations.div_ceil(10_000);
    let wait = Duration::from_millis(50);
    let mut waiting: VecDeque<(Instant, u64, u64, Waker)> = (0..10_000).map(|number| (Instant::now() + wait, 0, number, waker())).collect();
    while let Some(&(next, ..)) = waiting.front() {
        let rest = next.saturating_duration_since(Instant::now());
        if !rest.is_zero() {
            std::thread::sleep(rest);
        }
        let now = Instant::now();
        while waiting.front().is_some_and(|&(deadline, ..)| deadline <= now) {
            let (_, round, mut state, waker) = waiting.pop_front().expect("just seen");
            for _ in 0..20 {
                state = std::hint::black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            }
            waker.wake_by_ref();
            if round + 1 < rounds {
                waiting.push_back((Instant::now() + wait, round + 1, state, waker));
            }
        }
    }
    rounds * 10_000
}
