//! When workers wake for their timers.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Waker;

use cede_core::wheel::Entry;

use super::Lease;
use crate::runtime::Builder;

/// Timers of two workers of one runtime. No worker has them really, so that nobody but the test tells them the time.
fn timers() -> [Lease; 2] {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let gap = Arc::default();
    [0, 1].map(|_| Lease::new(runtime.handle().driver(), Arc::clone(&gap)))
}

/// Arms the entries for their deadlines.
fn arm<const N: usize>(timers: &Lease, entries: [(Pin<&Entry>, u64); N]) {
    for (entry, deadline) in entries {
        // SAFETY: [I2] each test lets time pass all deadlines, or disarms the entry.
        unsafe { timers.arm(entry, deadline, Waker::noop().clone()) }.expect("they are not shut down");
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
    let wakes = |entry: usize, deadline| unsafe { timers.insert(entries[entry].as_ref(), deadline, Waker::noop().clone()) }.unwrap();
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
