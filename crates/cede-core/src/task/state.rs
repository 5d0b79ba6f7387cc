//! The state word: bits, and the transitions, each one atomic step at most.

use crate::prim::atomic::{AtomicUsize, Ordering};

/// The bits that say who has the right to poll.
pub const RUN_MASK: usize = 0b11;
/// Nobody: the task waits to be woken.
pub const SLEEP: usize = 0b01;
/// Woken since it was queued or began to run.
pub const NOTIFIED: usize = 0b11;
/// The future is gone and the output, if anybody wants it, is in its place.
pub const COMPLETE: usize = 1 << 2;
/// The task was aborted: at its next turn the future is dropped instead of polled.
pub const CANCELLED: usize = 1 << 3;
/// A join handle exists and will take or drop the output.
pub const JOIN_INTEREST: usize = 1 << 4;
/// The join handle's waker is in place.
pub const JOIN_WAKER: usize = 1 << 5;
/// The join handle took a waker back: there may have been another one than that which is in place.
const JOIN_REPLACED: usize = 1 << 6;
/// One reference.
pub const REF_ONE: usize = 1 << 7;

/// A new task is queued with the right to poll taken already, see [`State::start`].
const INITIAL: usize = JOIN_INTEREST | (2 * REF_ONE);

/// A value of the state word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Snapshot(pub usize);

impl Snapshot {
    /// Whether the future is gone.
    #[inline]
    #[must_use]
    pub fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }

    /// Whether the task was aborted.
    #[inline]
    #[must_use]
    pub fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }

    /// Whether the task waits to be woken.
    #[inline]
    #[must_use]
    pub fn is_asleep(self) -> bool {
        self.0 & RUN_MASK == SLEEP
    }

    /// Whether the task was woken since it was queued or began to run.
    #[inline]
    #[must_use]
    pub fn is_notified(self) -> bool {
        self.0 & RUN_MASK == NOTIFIED
    }

    /// Whether somebody can still take the output.
    #[must_use]
    pub fn has_join_handle(self) -> bool {
        self.has(JOIN_INTEREST)
    }

    /// How many references are those of wakers, or of abort handles.
    #[must_use]
    pub fn waker_count(self) -> usize {
        self.ref_count().saturating_sub(1 + usize::from(self.has(JOIN_INTEREST)))
    }

    pub(super) fn has(self, bit: usize) -> bool {
        self.0 & bit != 0
    }

    /// The number of references.
    #[must_use]
    pub fn ref_count(self) -> usize {
        self.0 / REF_ONE
    }
}

impl core::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let run = match self.0 & RUN_MASK {
            SLEEP => "asleep",
            NOTIFIED => "notified",
            _ => "running",
        };
        f.debug_struct("State")
            .field("run", &run)
            .field("complete", &self.is_complete())
            .field("cancelled", &self.is_cancelled())
            .field("join_interest", &self.has(JOIN_INTEREST))
            .field("join_waker", &self.has(JOIN_WAKER))
            .field("join_replaced", &self.has(JOIN_REPLACED))
            .field("refs", &self.ref_count())
            .finish()
    }
}

/// What to do after a reference was given back.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum AfterRelease {
    Kept,
    Free,
}

/// What the runner does after it has published the output.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum AfterComplete<W> {
    /// The reference is given back and nothing else is to be done.
    Done,
    /// A join handle exists and has no waker in place; the reference is still to be given back.
    Release,
    /// Nobody joins: the runner drops the output, then gives the reference back.
    DropOutput,
    /// The reference is given back; the waker that was copied before is the runner's, who wakes it.
    Wake(W),
    /// The runner moves the join waker out, gives the reference back, and wakes it.
    WakeJoin,
}

/// What the join handle found when it let go.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum AfterLeave {
    /// The reference is given back and nothing else is to be done.
    Left,
    /// The task is complete: the handle drops the output, then gives its reference back.
    DropOutput,
    /// The join waker is the handle's again: it drops it, then gives its reference back.
    DropWaker,
}

pub(super) struct State(AtomicUsize);

impl State {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(INITIAL))
    }

    /// The word of a new task, in a cell that nobody has a reference to.
    #[inline]
    pub(super) fn renew(&self) {
        self.0.store(INITIAL, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// The caller popped the task from a queue, and polls it. What woke it since it was queued is seen to by this poll; that needs no change if there was nothing. (A wake that comes after the look stays
    /// noted for [`State::park`], at worst for one poll too many.)
    #[inline]
    pub(super) fn start(&self) -> Snapshot {
        let current = self.load();
        if current.0 & RUN_MASK == 0 {
            debug_assert!(!current.is_complete(), "started in {current:?}");
            return current;
        }
        let before = Snapshot(self.0.fetch_and(!RUN_MASK, Ordering::AcqRel));
        debug_assert!(!before.is_asleep() && !before.is_complete(), "started in {before:?}");
        before
    }

    /// Running → asleep. If the result says notified, the right to poll is still the caller's, who queues the task.
    #[inline]
    pub(super) fn park(&self) -> Snapshot {
        let before = Snapshot(self.0.fetch_or(SLEEP, Ordering::AcqRel));
        debug_assert!(!before.is_asleep() && !before.is_complete(), "parked in {before:?}");
        before
    }

    /// Asleep → running, or it is noted that the task was woken. If the result says asleep, the right to poll is now the caller's, who queues the task.
    #[inline]
    pub(super) fn wake(&self) -> Snapshot {
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            let next = if Snapshot(current).is_asleep() { current & !RUN_MASK } else { current | NOTIFIED };
            match self.0.compare_exchange_weak(current, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Snapshot(current),
                Err(found) => current = found,
            }
        }
    }

    /// Wakes the task as [`State::wake`] does, and the next turn drops the future.
    pub(super) fn cancel(&self) -> Snapshot {
        Snapshot(self.0.fetch_or(NOTIFIED | CANCELLED, Ordering::AcqRel))
    }

    /// The runner put the output in place. If a join handle exists, the runtime's reference goes in the same step, and the waker that the handle has left, if it has never left another one, becomes
    /// the runner's: `copy` reads it. If the runtime's reference is the only one, nobody else can write the
    /// word: only holders of references do, and a runtime that ends and claims a task while its runner is under way looks first whether it is asleep.
    #[inline]
    pub(super) fn complete<W>(&self, copy: impl FnOnce() -> W) -> AfterComplete<W> {
        let current = self.0.load(Ordering::Acquire);
        if current & !(REF_ONE - 1) == REF_ONE && current & JOIN_INTEREST == 0 {
            self.0.store(current | COMPLETE, Ordering::Release);
            return AfterComplete::DropOutput;
        }
        if current & (JOIN_INTEREST | JOIN_WAKER) == JOIN_INTEREST {
            let next = (current | COMPLETE) - REF_ONE;
            if self.0.compare_exchange(current, next, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return AfterComplete::Done;
            }
        } else if current & (JOIN_INTEREST | JOIN_WAKER | JOIN_REPLACED) == JOIN_INTEREST | JOIN_WAKER {
            let waker = copy();
            let next = (current & !JOIN_WAKER | COMPLETE) - REF_ONE;
            if self.0.compare_exchange(current, next, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return AfterComplete::Wake(waker);
            }
        }
        let before = Snapshot(self.0.fetch_or(COMPLETE, Ordering::AcqRel));
        debug_assert!(!before.is_asleep() && !before.is_complete(), "completed in {before:?}");
        if !before.has(JOIN_INTEREST) {
            AfterComplete::DropOutput
        } else if before.has(JOIN_WAKER) {
            AfterComplete::WakeJoin
        } else {
            AfterComplete::Release
        }
    }

    /// The runner has moved the join waker out of a complete task, and gives the runtime's reference back.
    pub(super) fn release_with_join_waker(&self) -> AfterRelease {
        let before = Snapshot(self.0.fetch_sub(REF_ONE + JOIN_WAKER, Ordering::AcqRel));
        debug_assert!(before.is_complete() && before.has(JOIN_WAKER), "released in {before:?}");
        if before.ref_count() == 1 { AfterRelease::Free } else { AfterRelease::Kept }
    }

    /// [`State::wake`], and one reference less, in one step. Says what the task was, and what becomes of the reference: if the task was asleep and the caller wants to `keep` it meanwhile, it is still the
    /// caller's, who gives it back when the task is queued.
    #[inline]
    pub(super) fn wake_and_release(&self, keep: bool) -> (Snapshot, AfterRelease) {
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            let asleep = Snapshot(current).is_asleep();
            let word = if asleep { current & !RUN_MASK } else { current | NOTIFIED };
            let next = if asleep && keep { word } else { word - REF_ONE };
            match self.0.compare_exchange_weak(current, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    let last = !asleep && Snapshot(current).ref_count() == 1;
                    return (Snapshot(current), if last { AfterRelease::Free } else { AfterRelease::Kept });
                }
                Err(found) => current = found,
            }
        }
    }

    /// The join handle has put its waker in place. If the result says complete, nobody will call it.
    #[inline]
    pub(super) fn set_join_waker(&self) -> Snapshot {
        let before = Snapshot(self.0.fetch_or(JOIN_WAKER, Ordering::AcqRel));
        debug_assert!(!before.has(JOIN_WAKER), "two join wakers in {before:?}");
        before
    }

    /// The join handle wants its waker back; fails once the task is complete.
    pub(super) fn take_join_waker(&self) -> Result<(), Snapshot> {
        let mut current = self.0.load(Ordering::Acquire);
        loop {
            if current & COMPLETE != 0 {
                return Err(Snapshot(current));
            }
            debug_assert!(current & JOIN_WAKER != 0);
            match self.0.compare_exchange_weak(current, current & !JOIN_WAKER | JOIN_REPLACED, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(()),
                Err(found) => current = found,
            }
        }
    }

    /// The join handle is dropped. In the usual case its reference goes in the same step.
    pub(super) fn leave(&self) -> AfterLeave {
        let mut current = self.0.load(Ordering::Acquire);
        loop {
            debug_assert!(current & JOIN_INTEREST != 0);
            if current & COMPLETE != 0 {
                return AfterLeave::DropOutput;
            }
            let with_waker = current & JOIN_WAKER != 0;
            // Not complete, so the runtime holds a reference and this one is not the last.
            let next = (current & !(JOIN_INTEREST | JOIN_WAKER)) - if with_waker { 0 } else { REF_ONE };
            match self.0.compare_exchange_weak(current, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if with_waker => return AfterLeave::DropWaker,
                Ok(_) => return AfterLeave::Left,
                Err(found) => current = found,
            }
        }
    }

    #[inline]
    pub(super) fn retain(&self) {
        let before = self.0.fetch_add(REF_ONE, Ordering::Relaxed);
        assert!(before <= usize::MAX / 2, "too many references to one task: a waker is cloned and leaked in a loop");
    }

    #[inline]
    pub(super) fn release(&self) -> AfterRelease {
        // Only holders of references make new ones, so the only one stays the only one.
        if self.load().ref_count() == 1 {
            return AfterRelease::Free;
        }
        let before = Snapshot(self.0.fetch_sub(REF_ONE, Ordering::Release));
        debug_assert!(before.ref_count() > 0, "released in {before:?}");
        if before.ref_count() != 1 {
            return AfterRelease::Kept;
        }
        let _all_other_uses_happened_before = self.0.load(Ordering::Acquire);
        AfterRelease::Free
    }
}
