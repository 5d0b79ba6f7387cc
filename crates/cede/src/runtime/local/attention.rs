//! When the monitor begins to look at a one-thread runtime.
//!
//! The monitor is a thread, and a short program on one thread shall have one thread. So it begins when the runtime has been running for five seconds, unless reports were asked for. Whoever runs the
//! tasks sees to that between tasks and before and after it sleeps; a runtime whose first task never returns in its first five seconds is not watched, as it never was before.

#![forbid(unsafe_code)]

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use crate::inspect::posts;
use crate::monitor::{self, Presence};
use crate::runtime::parts::Parts;

const AFTER_NS: u64 = 5_000_000_000;

#[derive(Debug)]
pub(super) struct Attention {
    presence: OnceCell<Arc<Presence>>,
    /// When that begins; the end of time if it never does.
    due_at: Cell<u64>,
    wanted: bool,
}

impl Attention {
    pub(super) fn new(parts: &Parts) -> Self {
        let wanted = !parts.is_simulated() && parts.rescue.threads_max > 0;
        let attention = Self { presence: OnceCell::new(), due_at: Cell::new(u64::MAX), wanted };
        if wanted && parts.reports.asked_for {
            attention.start();
        }
        attention
    }

    /// The runtime begins to run.
    pub(super) fn begin(&self, now: u64) {
        if self.wanted && self.presence.get().is_none() {
            self.due_at.set(now.saturating_add(AFTER_NS));
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

    /// When a sleep has to end at the latest.
    pub(super) fn limit(&self, until: Option<u64>) -> Option<u64> {
        let due_at = self.due_at.get();
        if due_at == u64::MAX { until } else { Some(until.map_or(due_at, |until| until.min(due_at))) }
    }

    #[cold]
    fn start(&self) {
        self.due_at.set(u64::MAX);
        let _began_before = self.presence.set(monitor::begin_for_one_thread());
    }
}
