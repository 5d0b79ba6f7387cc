//! Who sleeps, who searches, and who is woken.
//!
//! # What
//! A wake of another thread costs microseconds, on virtual machines tens of them; most tasks cost less. So a worker that queues a task wakes another one only if the
//! queued work is worth it, and otherwise relies on the *watcher*: one parked worker that sleeps for a few milliseconds at most while any other worker runs, and then looks for work to
//! steal. Where all were parked nobody watches, and the first that goes on would have to wake another one for that. So a runtime may have a *backstop*: a thread that does not run tasks, is awake
//! as long as any worker is not parked, and looks every few milliseconds ([`Idle::should_wake_by_backstop`]); the worker that goes on tells it so after [`Idle::unpark_self`]. A push from a thread that is no worker always wakes somebody, because that thread may never look again.
//!
//! # Why not the obvious way
//! Waking a searcher whenever somebody queues a task and nobody searches (Go, tokio) costs a wake per burst even if the owner would have run the burst in less time than
//! the wake takes. Never waking (thread-per-core) leaves a task behind a neighbour that blocks. A thread only for the backstop would be one more to wake from deep sleep; where one watches the
//! workers anyway it is woken by whoever begins to run, and to look at a word more costs it nothing.
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
//! `has_backstop`: set once, by who begins to look. `sleepers`: under its lock. `word`: the number of parked ones and the watcher bit only under that lock; the number of searching ones by anybody.
//!
//! # Invariants
//! - I1: a worker is in `sleepers` from [`Idle::park`] until somebody takes it out: [`Idle::take_sleeper`] or itself in [`Idle::unpark_self`].
//! - I2: the watcher bit is set exactly while `watcher` names a worker in `sleepers`.
//! - I3: a searching worker looks at all queues after it became searching and before it parks. In between it may wait a little for more (the worker of `cede` does for some microseconds, where tasks
//!   come from outside one after the other), and whoever pushes meanwhile relies on that look. The models let it linger.
//!
//! # No task is left behind
//! `[push]` A worker stores the task in its ring, then loads `word` (both SeqCst). `[sleep]` A worker changes `word` in `park`, then looks at all rings and the injection
//! queue (all SeqCst). In the total order one comes first. If the sleeper's look comes after the push, it sees the task and goes on. Else the pusher sees it in `word` as parked. Then it
//! either wakes somebody, or sees a searching worker, or sees the watcher bit, or knows of the backstop.
//! - `[search]` A searching worker that parks looks at all queues after it has left the count, and one that finds a task calls [`Idle::end_search`] and, if it was the last one that
//!   searched, looks at all queues then: the task it found may not be the one that was left to it, whose ring it had passed. If it sees any, it wakes somebody.
//! - `[watch]` While the bit is set, the watcher wakes up in bounded time and looks. The bit is reset in `take_sleeper`, after which that worker searches, and in `unpark_self`. A watcher that
//!   goes on by itself searches next, or, if an event has given it a task of its own, looks at all queues and wakes somebody if it sees any: what was left to it would else
//!   wait behind that task.
//! - `[backstop]` It looks in bounded time after each push that was left to it, and wakes somebody if there is work, a worker is parked, and nobody watches or searches. A worker may push while
//!   it still counts as parked, when its driver calls wakers of the user: it goes on after those, and the backstop is told then.
//!
//! A worker that parks while another runs and no watcher is parked becomes the watcher, so "parked ones but no watcher" arises from deep sleep or when the watcher left; then the next push wakes, or the
//! backstop does later.

use crate::lock::Lock;
use crate::prim::atomic::{AtomicBool, AtomicU32, Ordering};

const PARKED_ONE: u32 = 1;
const SEARCHING_ONE: u32 = 1 << 15;
const WATCHED: u32 = 1 << 30;
const COUNT_MASK: u32 = SEARCHING_ONE - 1;

/// How many workers there can be.
pub const WORKERS_MAX: usize = COUNT_MASK as usize;

/// A queue is worth a wake if it holds more work than this, in nanoseconds: a few times what the wake costs both sides, because sharing less than that out makes nobody finish
/// much earlier.
const WAKE_COST_NS: u64 = 200_000;

/// Whether another worker finishes queued work so much earlier that waking it pays. `work_ns` is a guess of how long the work takes.
#[inline]
#[must_use]
pub fn is_worth_a_wake(work_ns: u64) -> bool {
    work_ns > WAKE_COST_NS
}

/// See the module's description. `S` is memory for one number for each worker.
#[derive(Debug)]
pub struct Idle<S> {
    word: AtomicU32,
    sleepers: Lock<Sleepers<S>>,
    workers: usize,
    has_backstop: AtomicBool,
}

#[derive(Debug)]
struct Sleepers<S> {
    /// The first `len` are parked. The one who parked last is woken first: its caches are warm.
    places: S,
    len: usize,
    watcher: Option<usize>,
}

/// How a worker parks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Until something happens.
    Sleeper,
    /// It looks for work now and then, because others are running.
    Watcher,
}

/// What a worker finds when it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unparked {
    /// Somebody woke it to search for work: it counts as searching.
    ToSearch,
    /// Something else woke it.
    ByItself,
}

impl<S: AsRef<[usize]> + AsMut<[usize]>> Idle<S> {
    /// All workers run. There are as many as `places` has room for.
    ///
    /// # Panics
    /// If there are more than [`WORKERS_MAX`].
    pub fn new(places: S) -> Self {
        let workers = places.as_ref().len();
        assert!(workers <= WORKERS_MAX, "{workers} workers are more than the {WORKERS_MAX} that a runtime can have");
        let sleepers = Sleepers { places, len: 0, watcher: None };
        Self { word: AtomicU32::new(0), sleepers: Lock::new(sleepers), workers, has_backstop: AtomicBool::new(false) }
    }

    /// From now on somebody calls [`Idle::should_wake_by_backstop`] every few milliseconds while any worker runs.
    pub fn set_backstop(&self) {
        self.has_backstop.store(true, Ordering::Relaxed);
    }

    fn parked(word: u32) -> u32 {
        word & COUNT_MASK
    }

    fn searching(word: u32) -> u32 {
        (word / SEARCHING_ONE) & COUNT_MASK
    }

    /// How many workers are parked.
    #[must_use]
    pub fn parked_count(&self) -> usize {
        Self::parked(self.word.load(Ordering::SeqCst)) as usize
    }

    /// After a push to a worker's own ring: whether another one is to be woken. `by_worker` says that a worker pushed, during whose run the backstop is awake. `work_ns` is a guess of how long the ring takes.
    #[inline]
    #[must_use]
    pub fn should_wake_for_push(&self, by_worker: bool, work_ns: impl FnOnce() -> u64) -> bool {
        let word = self.word.load(Ordering::SeqCst);
        let is_left = word & WATCHED != 0 || (by_worker && self.has_backstop.load(Ordering::Relaxed));
        Self::parked(word) != 0 && Self::searching(word) == 0 && (!is_left || is_worth_a_wake(work_ns()))
    }

    /// Whether a worker is to be woken for work that somebody saw in a queue. For the backstop.
    #[must_use]
    pub fn should_wake_by_backstop(&self) -> bool {
        let word = self.word.load(Ordering::SeqCst);
        Self::parked(word) != 0 && Self::searching(word) == 0 && word & WATCHED == 0
    }

    /// After a push to the injection queue: whether a worker is to be woken.
    #[must_use]
    pub fn should_wake_for_foreign_push(&self) -> bool {
        let word = self.word.load(Ordering::SeqCst);
        Self::parked(word) != 0 && Self::searching(word) == 0
    }

    /// A worker has no work of its own. Returns whether it may search: half of the workers at most do at a time, for more would only be in each other's way.
    pub fn begin_search(&self) -> bool {
        let word = self.word.load(Ordering::SeqCst);
        if 2 * Self::searching(word) >= self.workers.max(2) as u32 {
            return false;
        }
        self.word.fetch_add(SEARCHING_ONE, Ordering::SeqCst);
        true
    }

    /// A searching worker has found something. Returns whether it was the last one searching: then it sees to it that others wake if more is there.
    pub fn end_search(&self) -> bool {
        Self::searching(self.word.fetch_sub(SEARCHING_ONE, Ordering::SeqCst)) == 1
    }

    /// A worker is about to sleep. After this it looks at all queues once more (I3).
    pub fn park(&self, worker: usize, was_searching: bool, others_run: bool) -> Role {
        let mut sleepers = self.sleepers.lock();
        debug_assert!(!sleepers.parked().contains(&worker), "it is parked already (I1)");
        let mut change = PARKED_ONE;
        sleepers.push(worker);
        let role = if sleepers.watcher.is_none() && (others_run || sleepers.len < self.workers) {
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
    pub fn unpark_self(&self, worker: usize) -> Unparked {
        let mut sleepers = self.sleepers.lock();
        let Some(place) = sleepers.parked().iter().position(|&parked| parked == worker) else { return Unparked::ToSearch };
        sleepers.swap_remove(place);
        self.word.fetch_sub(PARKED_ONE + sleepers.resign(worker), Ordering::SeqCst);
        Unparked::ByItself
    }

    /// Takes a parked worker out, to be woken by the caller; from here on it counts as searching.
    pub fn take_sleeper(&self) -> Option<usize> {
        let mut sleepers = self.sleepers.lock();
        if Self::searching(self.word.load(Ordering::SeqCst)) != 0 {
            return None;
        }
        // The watcher goes last: while others run, somebody should keep watching.
        let place = sleepers.parked().iter().rposition(|&parked| Some(parked) != sleepers.watcher).or(sleepers.len.checked_sub(1))?;
        let worker = sleepers.swap_remove(place);
        let resigned = sleepers.resign(worker);
        self.word.fetch_add(SEARCHING_ONE.wrapping_sub(PARKED_ONE + resigned), Ordering::SeqCst);
        Some(worker)
    }
}

impl<S: AsRef<[usize]> + AsMut<[usize]>> Sleepers<S> {
    fn parked(&self) -> &[usize] {
        &self.places.as_ref()[..self.len]
    }

    fn push(&mut self, worker: usize) {
        self.places.as_mut()[self.len] = worker;
        self.len += 1;
    }

    fn swap_remove(&mut self, place: usize) -> usize {
        self.len -= 1;
        self.places.as_mut().swap(place, self.len);
        self.places.as_ref()[self.len]
    }

    /// If `worker` is the watcher, it is no longer; returns the bit to be subtracted from the word.
    fn resign(&mut self, worker: usize) -> u32 {
        if self.watcher == Some(worker) {
            self.watcher = None;
            return WATCHED;
        }
        0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_park_watches_and_the_last_sleeps() {
        let idle = Idle::new([0; 2]);
        assert_eq!(idle.park(0, false, false), Role::Watcher);
        assert_eq!(idle.park(1, false, false), Role::Sleeper);
        assert_eq!(idle.unpark_self(0), Unparked::ByItself);
        assert_eq!(idle.parked_count(), 1);
    }

    #[test]
    fn a_push_wakes_from_deep_sleep_but_not_while_watched_unless_it_pays() {
        let idle = Idle::new([0; 3]);
        idle.park(0, false, false);
        assert!(!idle.should_wake_for_push(true, || 1000));
        assert!(idle.should_wake_for_push(true, || WAKE_COST_NS + 1));
        assert_eq!(idle.unpark_self(0), Unparked::ByItself);
        assert!(!idle.should_wake_for_push(true, || u64::MAX), "nobody is parked");
    }

    #[test]
    fn where_a_backstop_looks_a_push_wakes_only_if_it_pays() {
        let idle = Idle::new([0; 2]);
        idle.set_backstop();
        idle.park(0, false, true);
        idle.park(1, false, false);
        assert!(!idle.should_wake_by_backstop(), "somebody watches");
        assert_eq!(idle.unpark_self(0), Unparked::ByItself);
        assert!(!idle.should_wake_for_push(true, || 1000));
        assert!(idle.should_wake_for_push(true, || WAKE_COST_NS + 1));
        assert!(idle.should_wake_for_push(false, || 1000), "the backstop may sleep");
        assert!(idle.should_wake_for_foreign_push());
        assert!(idle.should_wake_by_backstop());
        assert_eq!(idle.take_sleeper(), Some(1));
        assert!(!idle.should_wake_by_backstop(), "somebody searches");
    }

    #[test]
    fn one_searcher_is_woken_at_a_time_and_the_watcher_last() {
        let idle = Idle::new([0; 3]);
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

#[cfg(all(test, loom))]
mod model;
