//! When a worker wakes for its timers.

use std::pin::{Pin, pin};
use std::task::Waker;

use cede_core::wheel::Entry;

use super::{GAP_NS, GAP_NS_MAX, Lease};
use crate::runtime::Builder;

/// Timers that no worker has, so that nobody but the test tells them the time.
fn timers() -> Lease {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    Lease::new(runtime.handle().driver())
}

/// Arms the entries for their deadlines.
fn arm<const N: usize>(timers: &Lease, entries: [(Pin<&Entry>, u64); N]) {
    for (entry, deadline) in entries {
        // SAFETY: each test lets time pass all deadlines, or disarms the entry.
        unsafe { timers.arm(entry, deadline, Waker::noop().clone()) }.expect("they are not shut down");
    }
}

#[test]
fn of_two_moments_before_which_nobody_wakes_the_later_one_counts() {
    let timers = timers();
    let (a, b, c, d, e) = (pin!(Entry::new()), pin!(Entry::new()), pin!(Entry::new()), pin!(Entry::new()), pin!(Entry::new()));
    arm(&timers, [(a.as_ref(), 10), (b.as_ref(), 11), (c.as_ref(), 12), (d.as_ref(), 150)]);
    assert_eq!(timers.fire(100), 3);
    // Another look, while what fired is being run, finds one: that alone would be no reason to wait.
    assert_eq!(timers.fire(160), 1);
    arm(&timers, [(e.as_ref(), 200)]);
    let next = (timers.before_park(true), timers.before_park(false));
    // SAFETY: it is armed here.
    unsafe { timers.disarm(e.as_ref()) };
    assert_eq!(next, (Some(200), Some(100 + 2 * GAP_NS)));
}

#[test]
fn however_many_fire_the_next_ones_wait_no_longer_than_the_longest_gap() {
    let timers = timers();
    let entries: Vec<_> = (0..100).map(|_| Box::pin(Entry::new())).collect();
    for entry in &entries {
        arm(&timers, [(entry.as_ref(), 10)]);
    }
    assert_eq!(timers.fire(1000), 100);
    arm(&timers, [(entries[0].as_ref(), 2000), (entries[1].as_ref(), 1000 + 2 * GAP_NS_MAX)]);
    let (first, fired, second) = (timers.before_park(false), timers.fire(1000 + GAP_NS_MAX), timers.before_park(false));
    for entry in &entries[..2] {
        // SAFETY: it is armed here, or was.
        unsafe { timers.disarm(entry.as_ref()) };
    }
    assert_eq!((first, fired), (Some(1000 + GAP_NS_MAX), 1));
    assert!(second.is_some_and(|next| next > 1000 + GAP_NS_MAX), "what is over is no reason to wait");
}
