//! What a worker does between tasks: looks at timers and sockets, and sleeps. Who else must be awake then is in [`cede_core::idle`].

#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;

use cede_core::idle::{Role, Unparked};

use super::{WATCH_NS, Worker};
use crate::monitor;
use crate::rank;
use crate::record;
use crate::runtime::desk;
use crate::runtime::run::shielded;
use crate::task::slab::Slab;

/// While what is queued takes at least twice that time, in nanoseconds, the sockets are looked at once in that time at most: what comes in would wait for all that anyway, unless it is for a task with a rank.
const BEHIND_NS: u64 = 500_000;

impl Worker {
    /// Until the result is dropped this worker stays on its thread.
    pub(super) fn hold(&self) -> Holding<'_> {
        Holding { worker: self, before: self.holds.replace(true) }
    }

    /// Lets the injection queue, timers and sockets have their turn while tasks are running.
    #[cold]
    pub(super) fn look_around(&self) {
        let _holding = self.hold();
        record::looks(|| self.queued());
        let now = self.shared.parts.clock.now();
        self.rotate(now);
        self.measure(now);
        self.slab(Slab::collect);
        self.shared.collect_foreign();
        if let Some(task) = self.take_injected() {
            self.push_back(task);
        }
        let Some(timers) = &self.remote().timers else { return };
        record::fires(shielded(|| timers.fire(now)).unwrap_or_default());
        let is_behind = self.queued_ns() >= 2 * BEHIND_NS && !rank::any();
        let interval = if is_behind { BEHIND_NS } else { 0 };
        if timers.driver().has_sources() && now.saturating_sub(self.looked_at.get()) >= self.shared.parts.driver_interval_ns.max(interval) {
            self.looked_at.set(now);
            self.turn(Some(0));
        }
    }

    pub(super) fn measure(&self, now: u64) {
        self.pace.look(now.saturating_sub(self.polled_at.replace(now)));
    }

    /// Nothing is runnable: sleeps until something is. `signal` says whether a future that this thread drives was woken.
    #[cold]
    pub(in crate::runtime::steal) fn park(&self, signal: Option<&dyn Fn() -> bool>) {
        // A guest has no driver: it waits for its thread to be unparked.
        if self.is_guest() || (signal.is_none() && self.linger()) {
            return;
        }
        let _holding = self.hold();
        let mut parking = self.begin_park();
        let shared = &self.shared;
        // The second look: a push that did not see this worker as parked is seen here (`[sleep]` of [`cede_core::idle`]).
        let nothing_to_do = || !shared.has_work() && !shared.closing.load(Ordering::SeqCst) && !signal.is_some_and(|woken| woken());
        let sleeps = nothing_to_do();
        if sleeps {
            shared.parts.before_park();
            if self.sleeps_as.get().is_none() {
                // The hook has run a nested scheduler, for which this worker woke up: it has to say again that it sleeps, and until when.
                parking = self.begin_park();
            }
            // The hook may have spawned or woken something.
            let lifo = self.lifo.take();
            self.lifo.set(lifo);
            self.turn(if lifo.is_none() && nothing_to_do() { parking.until } else { Some(0) });
        }
        self.end_park(parking);
        if signal.is_some() || !self.searching.get() {
            // It waits for something else than for those who push, or something else woke it.
            self.lingering.expect_nothing();
        } else {
            self.lingering.woken_after(self.polled_at.get().saturating_sub(parking.since));
        }
        // The hook may take long: it finds a worker that counts as running, whose timers have fired.
        if sleeps && shared.parts.after_park() {
            self.polled_at.set(shared.parts.clock.now());
        }
    }

    /// Says that this worker sleeps. After this comes the second look, then the sleep, then [`Worker::end_park`].
    pub(in crate::runtime::steal) fn begin_park(&self) -> Parked {
        record::parks(|| self.queued());
        let clock = &self.shared.parts.clock;
        // This may free the cell of a task, so the collection is after it.
        let mut until = self.remote().timers.as_ref().and_then(|timers| timers.before_park(clock.is_paused()));
        self.slab(Slab::collect);
        self.shared.collect_foreign();
        let role = self.shared.idle.park(self.index, self.searching.replace(false), self.shared.guest_runs());
        self.sleeps_as.set(Some(role));
        let now = clock.now();
        self.measure(now);
        if !self.idle.replace(true) {
            self.stats.park(now);
        }
        if role == Role::Watcher {
            until = Some(until.unwrap_or(u64::MAX).min(now.saturating_add(self.watch_ns.get())));
        }
        Parked { role, until, since: now }
    }

    /// This worker goes on; timers that are due fire.
    pub(in crate::runtime::steal) fn end_park(&self, parking: Parked) {
        record::unparks();
        let watches_on = self.unparked();
        let now = self.shared.parts.clock.now();
        if self.idle.get() && !watches_on {
            self.count_unpark(now);
        }
        self.looked_at.set(now);
        self.polled_at.set(now);
        if let Some(timers) = &self.remote().timers {
            timers.awake();
            record::fires(shielded(|| timers.fire(now)).unwrap_or_default());
        }
        if parking.role == Role::Watcher && !self.searching.get() {
            self.hand_watch_over();
        }
    }

    /// The watcher goes on by itself. If it has a task of its own it does not search now, so what was left to it is another one's from here on.
    fn hand_watch_over(&self) {
        let has_own = self.lifo.get().is_some() || !self.remote().ring.is_empty() || !self.remote().overflow.is_empty();
        if has_own && self.shared.has_work() && self.shared.idle.should_wake_for_push(true, || self.pace.poll_ns()) {
            self.shared.wake_one();
        }
    }

    /// Code of the user runs a nested scheduler on this worker. If the driver or a hook called that while the worker counted as asleep, the worker goes on here; and it is not for the search of
    /// others that a nested future is polled.
    pub(in crate::runtime::steal) fn wake_up(&self) {
        if let Some(role) = self.sleeps_as.get() {
            self.unparked();
            self.count_unpark(self.shared.parts.clock.now());
            if role == Role::Watcher && !self.searching.get() {
                self.hand_watch_over();
            }
        }
        self.stop_searching();
    }

    /// From here on this worker counts as running. Returns whether it was only a look of the watcher.
    fn unparked(&self) -> bool {
        let Some(role) = self.sleeps_as.take() else { return false };
        let unparked = self.shared.idle.unpark_self(self.index);
        // After the count has changed: the monitor stays awake as long as that says that somebody runs.
        desk::stir();
        monitor::wake();
        match unparked {
            Unparked::ToSearch => {
                self.searching.set(true);
                false
            }
            Unparked::ByItself if role == Role::Watcher => {
                self.watch_ns.set((self.watch_ns.get() * 2).min(WATCH_NS.1));
                true
            }
            Unparked::ByItself => {
                self.watch_ns.set(WATCH_NS.0);
                false
            }
        }
    }

    /// How many tasks wait here, and about how many in the injection queue.
    fn queued(&self) -> (usize, usize) {
        let remote = self.remote();
        (remote.ring.len() + remote.overflow.len() + usize::from(self.lifo.get().is_some()), self.shared.inject.len())
    }

    fn turn(&self, until: Option<u64>) {
        let Some(driver) = &self.driver else { return };
        // A `block_on` inside a waker that the driver calls finds the driver borrowed.
        let Ok(mut driver) = driver.try_borrow_mut() else {
            std::thread::yield_now();
            return;
        };
        if let Some(Err(error)) = shielded(|| driver.park(until)) {
            panic!("the driver failed to wait for events: {error}");
        }
    }
}

/// See [`Worker::hold`].
pub(super) struct Holding<'a> {
    worker: &'a Worker,
    before: bool,
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.worker.holds.set(self.before);
    }
}

/// How a worker sleeps.
#[derive(Clone, Copy, Debug)]
pub(in crate::runtime::steal) struct Parked {
    role: Role,
    pub(in crate::runtime::steal) until: Option<u64>,
    since: u64,
}
