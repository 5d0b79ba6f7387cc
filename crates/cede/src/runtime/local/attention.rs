//! When the monitor begins to look at a one-thread runtime.
//!
//! The monitor is a thread, and a short program on one thread shall have one thread. So it begins when the runtime has been running for five seconds, unless reports were asked for. Whoever runs the
//! tasks sees to that between tasks and before and after it sleeps; a runtime whose first task never returns in its first five seconds is not watched, as it never was before.
//!
//! A sleep must not last beyond these five seconds. A deadline of its own costs the kernel a timer for each sleep, three hundredths of answering a short message; so a runtime that has slept some times gives its driver one
//! alarm for all sleeps to come.

#![forbid(unsafe_code)]

use std::cell::{Cell, OnceCell};
use std::io;
use std::sync::Arc;

use crate::inspect::posts;
use crate::monitor::{self, Presence};
use crate::runtime::parts::Parts;

const AFTER_NS: u64 = 5_000_000_000;

/// As many deadlines as an alarm costs, which is a descriptor and four system calls.
const SLEEPS_BEFORE_ALARM: u32 = 64;

#[derive(Debug)]
pub(super) struct Attention {
    presence: OnceCell<Arc<Presence>>,
    /// When that begins; the end of time if it never does.
    due_at: Cell<u64>,
    /// How many sleeps are still to have a deadline of their own; zero when there is an alarm.
    sleeps: Cell<u32>,
    wanted: bool,
}

impl Attention {
    pub(super) fn new(parts: &Parts) -> Self {
        let wanted = !parts.is_simulated() && parts.rescue.threads_max > 0;
        let attention = Self { presence: OnceCell::new(), due_at: Cell::new(u64::MAX), sleeps: Cell::new(SLEEPS_BEFORE_ALARM), wanted };
        if wanted && parts.reports.asked_for {
            attention.start();
        }
        attention
    }

    /// The runtime begins to run.
    pub(super) fn begin(&self, now: u64) {
        if self.wanted && self.presence.get().is_none() {
            self.due_at.set(now.saturating_add(AFTER_NS));
            self.sleeps.set(SLEEPS_BEFORE_ALARM);
        }
        self.stir();
    }

    /// The runtime has something to do after it had nothing, or nothing any more.
    pub(super) fn stir(&self) {
        if self.presence.get().is_some() {
            posts::stir();
            monitor::wake();
        }
    }

    /// It is `now`.
    #[inline]
    pub(super) fn at(&self, now: u64) {
        if now >= self.due_at.get() {
            self.start();
        }
    }

    /// There is no alarm any more. If it is not time yet, because it rang while the clock was paused, or nobody looks at the clock before the next sleep, sleeps have deadlines again.
    #[cold]
    pub(super) fn alarm_rang(&self) {
        self.sleeps.set(SLEEPS_BEFORE_ALARM);
    }

    /// When a sleep that is to last until `until` has to end at the latest, unless an alarm ends it: `alarm` sets one, which it may be refused.
    pub(super) fn limit(&self, until: Option<u64>, alarm: impl FnOnce(u64) -> io::Result<()>) -> Option<u64> {
        let due_at = self.due_at.get();
        if due_at == u64::MAX || until.is_some_and(|until| until <= due_at) {
            return until;
        }
        match self.sleeps.get() {
            0 => return until,
            1 if alarm(due_at).is_err() => {}
            left => self.sleeps.set(left - 1),
        }
        Some(due_at)
    }

    #[cold]
    fn start(&self) {
        self.due_at.set(u64::MAX);
        let _began_before = self.presence.set(monitor::begin_for_one_thread());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beginning_at(now: u64) -> Attention {
        let attention = Attention { presence: OnceCell::new(), due_at: Cell::new(u64::MAX), sleeps: Cell::new(0), wanted: true };
        attention.begin(now);
        attention
    }

    /// Sleeps so often; returns how many have a deadline, and for when the alarm was set.
    fn sleep(attention: &Attention, times: usize, mut alarm: impl FnMut(u64) -> io::Result<()>) -> (usize, Vec<u64>) {
        let mut alarms = Vec::new();
        let limits = (0..times).filter_map(|_| {
            attention.limit(None, |at| {
                alarm(at)?;
                alarms.push(at);
                Ok(())
            })
        });
        (limits.inspect(|&limit| assert_eq!(limit, 7 + AFTER_NS)).count(), alarms)
    }

    #[test]
    fn an_alarm_takes_the_place_of_the_deadlines() {
        let attention = beginning_at(7);
        assert_eq!(sleep(&attention, 1000, |_| Ok(())), (SLEEPS_BEFORE_ALARM as usize, vec![7 + AFTER_NS]));
        assert_eq!(attention.limit(Some(8), |_| unreachable!()), Some(8));
        // Whoever runs it again begins anew.
        attention.begin(7);
        assert_eq!(sleep(&attention, 1000, |_| Ok(())), (SLEEPS_BEFORE_ALARM as usize, vec![7 + AFTER_NS]));
    }

    #[test]
    fn an_alarm_that_rang_in_vain_is_followed_by_deadlines() {
        let attention = beginning_at(7);
        sleep(&attention, 100, |_| Ok(()));
        assert_eq!(attention.limit(None, |_| unreachable!()), None);
        attention.alarm_rang();
        assert_eq!(sleep(&attention, 1000, |_| Ok(())), (SLEEPS_BEFORE_ALARM as usize, vec![7 + AFTER_NS]));
    }

    #[test]
    fn where_no_alarm_can_be_set_each_sleep_has_its_deadline() {
        let attention = beginning_at(7);
        assert_eq!(sleep(&attention, 100, |_| Err(io::ErrorKind::Other.into())), (100, vec![]));
        assert_eq!(sleep(&attention, 100, |_| Ok(())), (1, vec![7 + AFTER_NS]));
    }

    #[test]
    fn sleeps_that_end_before_it_are_as_they_were() {
        let attention = beginning_at(7);
        for _ in 0..100 {
            assert_eq!(attention.limit(Some(7 + AFTER_NS), |_| unreachable!()), Some(7 + AFTER_NS));
        }
        assert_eq!(sleep(&attention, 1, |_| unreachable!()), (1, vec![]));
    }
}
