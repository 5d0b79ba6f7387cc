//! What a worker counts.
//!
//! # Who may touch what
//! All numbers are written by the thread that runs the worker, with a plain load and store, and read by anybody; only those marked so are added to by several threads. Nothing is ordered by
//! them, so all is Relaxed. A reader takes `completed` before `spawned`.

#![forbid(unsafe_code)]

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::record::samples::Samples;

/// The id of a task, and where it was spawned.
pub(crate) type TaskSite = (u64, &'static Location<'static>);

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    spawned: AtomicU64,
    completed: AtomicU64,
    parks: AtomicU64,
    transitions: AtomicU64,
    stolen: AtomicU64,
    busy_ns: AtomicU64,
    awake_since_ns: AtomicU64,
    pub(crate) samples: Arc<Samples>,
}

/// For the one thread that writes, or whoever has the lock for it.
#[inline]
fn add(number: &AtomicU64, more: u64) {
    number.store(number.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

impl Stats {
    #[inline]
    pub(crate) fn spawned(&self) {
        add(&self.spawned, 1);
    }

    #[inline]
    pub(crate) fn completed(&self) {
        add(&self.completed, 1);
    }

    /// The worker took tasks from others.
    pub(crate) fn stole(&self, count: usize) {
        add(&self.stolen, count as u64);
    }

    pub(crate) fn steal_count(&self) -> u64 {
        self.stolen.load(Ordering::Relaxed)
    }

    pub(crate) fn spawn_count(&self) -> u64 {
        self.spawned.load(Ordering::Relaxed)
    }

    /// For numbers that several threads add to.
    #[cold]
    pub(crate) fn completed_anywhere(&self) {
        self.completed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn awake(&self, now: u64) {
        self.awake_since_ns.store(now, Ordering::Relaxed);
    }

    /// The worker has nothing to do from now on.
    pub(crate) fn park(&self, now: u64) {
        add(&self.parks, 1);
        add(&self.transitions, 1);
        self.rest(now);
    }

    pub(crate) fn unpark(&self, now: u64) {
        add(&self.transitions, 1);
        self.awake(now);
    }

    /// The time since the worker woke counts as busy.
    pub(crate) fn rest(&self, now: u64) {
        add(&self.busy_ns, now.saturating_sub(self.awake_since_ns.load(Ordering::Relaxed)));
        self.awake(now);
    }

    pub(crate) fn park_count(&self) -> u64 {
        self.parks.load(Ordering::Relaxed)
    }

    pub(crate) fn park_unpark_count(&self) -> u64 {
        self.transitions.load(Ordering::Relaxed)
    }

    pub(crate) fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy_ns.load(Ordering::Relaxed))
    }

    /// How many more tasks were spawned than have ended, by all of `stats` together.
    pub(crate) fn alive<'a>(stats: impl Iterator<Item = &'a Stats> + Clone) -> usize {
        let ended = stats.clone().fold(0, |sum: u64, stats| sum.wrapping_add(stats.completed.load(Ordering::Acquire)));
        let spawned = stats.fold(0, |sum: u64, stats| sum.wrapping_add(stats.spawned.load(Ordering::Acquire)));
        usize::try_from(spawned.wrapping_sub(ended) as i64).unwrap_or(0)
    }
}
