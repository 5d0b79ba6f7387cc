//! What a one-thread scheduler does between tasks: looks at timers and sockets, and sleeps. The two sides of parking are described in the parent module.

#![forbid(unsafe_code)]

use std::io;
use std::sync::atomic::Ordering;
use std::thread;

use cede_driver::Turn;

use super::Scheduler;
use super::signal::MainSignal;
use crate::record;
use crate::runtime::run;
use crate::task::slab::Slab;

impl Scheduler {
    /// Lets inbox, timers and sockets have their turn while tasks are running.
    #[cold]
    pub(super) fn look_around(&self) {
        record::looks(|| self.queued());
        self.collect_inbox();
        let now = self.shared.parts.clock.now();
        self.pace.look(now.saturating_sub(self.seen_at.replace(now)));
        self.attention.at(now);
        let sources = self.shared.timers.driver().has_sources();
        if !sources && self.shared.timers.are_at_rest() {
            return;
        }
        record::fires(run::shielded(|| self.shared.timers.fire(now)).unwrap_or_default());
        if sources && now.saturating_sub(self.looked_at.get()) >= self.shared.parts.driver_interval_ns {
            self.looked_at.set(now);
            self.turn(Some(0));
        }
    }

    /// Nothing is runnable: sleeps until something is.
    #[cold]
    pub(super) fn park(&self, signal: &MainSignal) {
        let timers = &self.shared.timers;
        let paused = self.shared.parts.clock.is_paused();
        // This may free the cell of a task, so the collection is after it.
        let mut until = timers.before_park(paused);
        self.slab(Slab::collect);
        self.shared.collect_foreign();
        if !paused {
            until = self.attention.limit(until, |at| self.set_alarm(at));
        }
        self.attention.stir();
        if self.shared.inbox.is_empty() && !self.shared.lanes.has_work() && !signal.woken.load(Ordering::SeqCst) {
            self.shared.parts.before_park();
            record::parks(|| self.queued());
            let now = self.shared.parts.clock.now();
            self.pace.look(now.saturating_sub(self.seen_at.get()));
            self.shared.stats.park(now);
            if until.is_some() {
                cede_driver::tighten_timer_slack();
            }
            // The hook may have spawned or woken something.
            let nothing_new = self.ready(|ready| ready.is_empty()) && !self.shared.lanes.has_work() && !signal.woken.load(Ordering::SeqCst);
            self.turn(if nothing_new { until } else { Some(0) });
            record::unparks();
            let now = self.shared.parts.clock.now();
            self.seen_at.set(now);
            self.attention.at(now);
            self.attention.stir();
            self.shared.stats.unpark(now);
            self.shared.parts.after_park();
        }
        timers.awake();
        if until.is_some() {
            let now = self.shared.parts.clock.now();
            self.looked_at.set(now);
            record::fires(run::shielded(|| timers.fire(now)).unwrap_or_default());
        }
        self.collect_inbox();
    }

    /// How many tasks wait here, and in the inbox.
    fn queued(&self) -> (usize, usize) {
        (self.ready(|ready| ready.len()), self.shared.queue_depth())
    }

    /// Lets a sleep end at `at` whatever its deadline is.
    fn set_alarm(&self, at: u64) -> io::Result<()> {
        self.driver.try_borrow_mut().map_err(|_| io::ErrorKind::ResourceBusy)?.set_alarm(at)
    }

    pub(super) fn turn(&self, until: Option<u64>) {
        // A nested `block_on` inside a waker that the driver calls finds the driver borrowed; it must not park then, only go on looking.
        let Ok(mut driver) = self.driver.try_borrow_mut() else {
            thread::yield_now();
            return;
        };
        match run::shielded(|| driver.park(until)).unwrap_or_else(|| Ok(Turn::default())) {
            Ok(turn) => {
                if turn.alarm {
                    self.attention.alarm_rang();
                }
                if turn.stuck {
                    drop(driver);
                    self.probe_for_lost_wakes();
                    self.shared.parts.report_deadlock(|report| self.describe(report));
                }
            }
            Err(error) => panic!("the driver failed to wait for events: {error}"),
        }
    }
}
