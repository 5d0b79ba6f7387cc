//! Who sleeps, who searches, and who is woken.
//!
//! # What
//! A wake of another thread costs microseconds, on virtual machines tens of them; most tasks cost less. So a worker that queues a task wakes another one only if the
//! queued work is worth it, and otherwise relies on the *watcher*: one parked worker that sleeps for a millisecond at most while any other worker runs, and then looks for work to
//! steal. A push from a thread that is no worker always wakes somebody, because that thread may never look again.
//!
//! # Why not the obvious way
//! Waking a searcher whenever somebody queues a task and nobody searches (Go, tokio) costs a wake per burst even if the owner would have run the burst in less time than
//! the wake takes. Never waking (thread-per-core) leaves a task behind a neighbour that blocks. A monitor thread would be one more thread to wake from deep sleep.
//!
//! # States
//! ```text
//!            begin_search             park
//!  running ───────────────► searching ─────► parked, or parked as the watcher
//!     ▲  ◄─────────────────     ▲               │ │
//!     │      end_search         └── take_sleeper┘ │ (somebody woke it for work: it searches)
//!     └──────────────── unpark_self ──────────────┘ (an event, a timer, its own time-out)
//! ```
//! `word` holds the number of parked and of searching workers, and whether a watcher is parked. `sleepers` says which.
//!
//! # Who may touch what
//! `sleepers`: under its lock. `word`: the number of parked ones and the watcher bit only under that lock; the number of searching ones by anybody.
//!
//! # Invariants
//! - I1: a worker is in `sleepers` from [`Idle::park`] until somebody takes it out: [`Idle::take_sleeper`] or itself in [`Idle::unpark_self`].
//! - I2: the watcher bit is set exactly while `watcher` names a worker in `sleepers`.
//! - I3: a searching worker looks at all queues after it became searching and before it parks.
//!
//! # No task is left behind
//! `[push]` A worker stores the task in its ring, then loads `word` (both SeqCst). `[sleep]` A worker changes `word` in `park`, then looks at all rings and the injection
//! queue (all SeqCst). In the total order one comes first. If the sleeper's look comes after the push, it sees the task and goes on. Else the pusher sees it in `word` as parked. Then it
//! either wakes somebody, or sees a searching worker, which by I3 looks after that, or sees the watcher bit. The watcher's bit is reset only in `unpark_self` and
//! `take_sleeper`, after which that worker runs or searches, or parks again and looks. While the bit is set, the watcher wakes up in bounded time and looks. A worker that
//! parks while another runs and no watcher is parked becomes the watcher, so the case "parked ones but no watcher" only arises from deep sleep, and then the first push wakes.

use std::sync::atomic::{AtomicU64, Ordering};

use cede_core::lock::Lock;

const PARKED_ONE: u64 = 1;
const SEARCHING_ONE: u64 = 1 << 20;
const WATCHED: u64 = 1 << 40;
const COUNT_MASK: u64 = (1 << 20) - 1;

/// A queue is worth a wake if it holds more work than this, in nanoseconds: a few times what the wake costs both sides, because sharing less than that out makes nobody finish
/// much earlier.
const WAKE_COST_NS: u64 = 200_000;

#[derive(Debug)]
pub(crate) struct Idle {
    word: AtomicU64,
    sleepers: Lock<Sleepers>,
    workers: usize,
}

#[derive(Debug)]
struct Sleepers {
    /// The one who parked last is woken first: its caches are warm.
    parked: Vec<usize>,
    watcher: Option<usize>,
}

/// How a worker parks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Until something happens.
    Sleeper,
    /// It looks for work now and then, because others are running.
    Watcher,
}

/// What a worker finds when it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unparked {
    /// Somebody woke it to search for work: it counts as searching.
    ToSearch,
    /// Something else woke it.
    ByItself,
}

impl Idle {
    pub(crate) fn new(workers: usize) -> Self {
        let sleepers = Sleepers { parked: Vec::with_capacity(workers), watcher: None };
        Self { word: AtomicU64::new(0), sleepers: Lock::new(sleepers), workers }
    }

    fn parked(word: u64) -> u64 {
        word & COUNT_MASK
    }

    fn searching(word: u64) -> u64 {
        (word / SEARCHING_ONE) & COUNT_MASK
    }

    /// How many workers are parked.
    pub(crate) fn parked_count(&self) -> usize {
        Self::parked(self.word.load(Ordering::SeqCst)) as usize
    }

    /// After a push to a worker's own ring: whether another one is to be woken. `work_ns` is a guess of how long the ring takes.
    #[inline]
    pub(crate) fn should_wake_for_push(&self, work_ns: impl FnOnce() -> u64) -> bool {
        let word = self.word.load(Ordering::SeqCst);
        Self::parked(word) != 0 && Self::searching(word) == 0 && (word & WATCHED == 0 || work_ns() > WAKE_COST_NS)
    }

    /// After a push to the injection queue: whether a worker is to be woken.
    pub(crate) fn should_wake_for_foreign_push(&self) -> bool {
        let word = self.word.load(Ordering::SeqCst);
        Self::parked(word) != 0 && Self::searching(word) == 0
    }

    /// A worker has no work of its own. Returns whether it may search: half of the workers at most do at a time, for more would only be in each other's way.
    pub(crate) fn begin_search(&self) -> bool {
        let word = self.word.load(Ordering::SeqCst);
        if 2 * Self::searching(word) >= self.workers.max(2) as u64 {
            return false;
        }
        self.word.fetch_add(SEARCHING_ONE, Ordering::SeqCst);
        true
    }

    /// A searching worker has found something. Returns whether it was the last one searching: then it sees to it that others wake if more is there.
    pub(crate) fn end_search(&self) -> bool {
        Self::searching(self.word.fetch_sub(SEARCHING_ONE, Ordering::SeqCst)) == 1
    }

    /// A worker is about to sleep. After this it looks at all queues once more (I3).
    pub(crate) fn park(&self, worker: usize, was_searching: bool, others_run: bool) -> Role {
        let mut sleepers = self.sleepers.lock();
        let mut change = PARKED_ONE;
        sleepers.parked.push(worker);
        let role = if sleepers.watcher.is_none() && (others_run || sleepers.parked.len() < self.workers) {
            sleepers.watcher = Some(worker);
            change += WATCHED;
            Role::Watcher
        } else {
            Role::Sleeper
        };
        if was_searching {
            change = change.wrapping_sub(SEARCHING_ONE);
        }
        self.word.fetch_add(change, Ordering::SeqCst);
        role
    }

    /// A worker goes on.
    pub(crate) fn unpark_self(&self, worker: usize) -> Unparked {
        let mut sleepers = self.sleepers.lock();
        let Some(place) = sleepers.parked.iter().position(|&parked| parked == worker) else { return Unparked::ToSearch };
        sleepers.parked.swap_remove(place);
        self.word.fetch_sub(PARKED_ONE + sleepers.resign(worker), Ordering::SeqCst);
        Unparked::ByItself
    }

    /// Takes a parked worker out, to be woken by the caller; from here on it counts as searching.
    pub(crate) fn take_sleeper(&self) -> Option<usize> {
        let mut sleepers = self.sleepers.lock();
        if Self::searching(self.word.load(Ordering::SeqCst)) != 0 {
            return None;
        }
        // The watcher goes last: while others run, somebody should keep watching.
        let place =
            sleepers.parked.iter().rposition(|&parked| Some(parked) != sleepers.watcher).or(sleepers.parked.len().checked_sub(1))?;
        let worker = sleepers.parked.swap_remove(place);
        let resigned = sleepers.resign(worker);
        self.word.fetch_add(SEARCHING_ONE.wrapping_sub(PARKED_ONE + resigned), Ordering::SeqCst);
        Some(worker)
    }
}

impl Sleepers {
    /// If `worker` is the watcher, it is no longer; returns the bit to be subtracted from the word.
    fn resign(&mut self, worker: usize) -> u64 {
        if self.watcher == Some(worker) {
            self.watcher = None;
            return WATCHED;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_park_watches_and_the_last_sleeps() {
        let idle = Idle::new(2);
        assert_eq!(idle.park(0, false, false), Role::Watcher);
        assert_eq!(idle.park(1, false, false), Role::Sleeper);
        assert_eq!(idle.unpark_self(0), Unparked::ByItself);
        assert_eq!(idle.parked_count(), 1);
    }

    #[test]
    fn a_push_wakes_from_deep_sleep_but_not_while_watched_unless_it_pays() {
        let idle = Idle::new(3);
        idle.park(0, false, false);
        assert!(!idle.should_wake_for_push(|| 1000));
        assert!(idle.should_wake_for_push(|| WAKE_COST_NS + 1));
        assert_eq!(idle.unpark_self(0), Unparked::ByItself);
        assert!(!idle.should_wake_for_push(|| u64::MAX), "nobody is parked");
    }

    #[test]
    fn one_searcher_is_woken_at_a_time_and_the_watcher_last() {
        let idle = Idle::new(3);
        assert_eq!(idle.park(2, false, false), Role::Watcher);
        assert_eq!(idle.park(1, false, false), Role::Sleeper);
        assert_eq!(idle.take_sleeper(), Some(1));
        assert_eq!(idle.take_sleeper(), None, "one is searching");
        assert!(idle.end_search());
        assert_eq!(idle.take_sleeper(), Some(2));
        assert_eq!(idle.unpark_self(2), Unparked::ToSearch);
        assert_eq!(idle.parked_count(), 0);
    }
}
