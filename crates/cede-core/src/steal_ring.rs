//! The run queue of a work-stealing worker: a ring of 256 tasks that its owner pushes to and everybody takes from.
//!
//! # Why not the obvious way
//! A deque where the owner pops at the push end (Chase and Lev) makes the newest task run first, which starves the oldest. A mutex around a list costs the owner
//! a lock for each task. Claiming a range first and copying afterwards needs a second index that says how far thieves have got; reading first and then claiming needs none.
//! The scheme is that of the run queues of Go's scheduler (`runqput`, `runqget`, `runqgrab` in its `proc.go`).
//!
//! # Who may touch what
//! `tail`: the owner stores, everybody loads. `head`: everybody, by compare-exchange. A slot between `head` and `tail` is not overwritten, because the
//! owner pushes only while `tail - head < CAPACITY`.
//!
//! # Invariants
//! - I1: the slots `head..tail` (modulo 2³²) hold the queued tasks, oldest at `head`.
//! - I2: a successful compare-exchange of `head` from `h` to `h + n` gives the caller the right to poll the tasks that it read from `h..h + n`
//!   before: `head` was `h` all the time, so by I1 none of these slots changed. (`head` would have to wrap around 2³² tasks in between to fool this.)
//!
//! # Orderings
//! The Release of `tail` publishes the slots to thieves' Acquire. A taker's Release of `head` pairs with the owner's Acquire in `push`, so a slot is
//! not overwritten before it was read. `tail` is stored SeqCst because a push is one side of the parking protocol of the scheduler.

use core::ptr::{self, NonNull};

use crate::cache_padded::CachePadded;
use crate::prim::atomic::{AtomicPtr, AtomicU32, Ordering};
use crate::task::{Header, TaskRef};

/// How many tasks fit.
pub const CAPACITY: usize = if cfg!(loom) { 4 } else { 256 };
const MASK: u32 = CAPACITY as u32 - 1;

/// How many tasks [`StealRing::steal`] moves at most, whatever it is asked for.
pub const STEAL_MAX: usize = CAPACITY / 2;

/// See the module's description.
pub struct StealRing {
    head: CachePadded<AtomicU32>,
    tail: CachePadded<AtomicU32>,
    slots: [AtomicPtr<Header>; CAPACITY],
}

impl StealRing {
    /// An empty ring.
    #[must_use]
    pub fn new() -> Self {
        Self {
            head: CachePadded(AtomicU32::new(0)),
            tail: CachePadded(AtomicU32::new(0)),
            slots: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// The number of queued tasks; exact for the owner if nobody takes, else a moment's value.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        let head = self.head.load(Ordering::SeqCst);
        let tail = self.tail.load(Ordering::SeqCst);
        (tail.wrapping_sub(head) as usize).min(CAPACITY)
    }

    /// Whether the ring is empty, in the same sense.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tasks have been taken from the ring since it was made, modulo 2³².
    #[inline]
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.head.load(Ordering::Relaxed)
    }

    /// Puts a task at the back.
    ///
    /// # Errors
    /// Returns the task if the ring is full.
    ///
    /// # Safety
    /// Only the owner calls this, and it has the right to poll `task`.
    #[inline]
    pub unsafe fn push(&self, task: TaskRef) -> Result<(), TaskRef> {
        let tail = self.tail.load(Ordering::Relaxed);
        let head = self.head.load(Ordering::Acquire);
        if tail.wrapping_sub(head) as usize >= CAPACITY {
            return Err(task);
        }
        self.slot(tail).store(task.as_ptr().as_ptr(), Ordering::Relaxed);
        self.tail.store(tail.wrapping_add(1), Ordering::SeqCst);
        Ok(())
    }

    /// Takes the oldest task. Anybody may call it.
    #[inline]
    pub fn pop(&self) -> Option<TaskRef> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let tail = self.tail.load(Ordering::Acquire);
            if tail == head {
                return None;
            }
            let task = self.slot(head).load(Ordering::Relaxed);
            match self.head.compare_exchange_weak(head, head.wrapping_add(1), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Self::claimed(task),
                Err(found) => head = found,
            }
        }
    }

    /// Takes the older half (rounded up) of the tasks, but no more than `most`, and gives them to `take`, oldest first; returns how many. Anybody may call it.
    pub fn steal(&self, most: usize, mut take: impl FnMut(TaskRef)) -> usize {
        if most == 0 {
            return 0;
        }
        let mut batch = [ptr::null_mut(); STEAL_MAX];
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let tail = self.tail.load(Ordering::Acquire);
            let available = tail.wrapping_sub(head) as usize;
            if available == 0 || available > CAPACITY {
                // Empty, or `head` was stale: it moved past what we loaded.
                if available == 0 {
                    return 0;
                }
                head = self.head.load(Ordering::Acquire);
                continue;
            }
            let count = (available - available / 2).min(STEAL_MAX).min(most);
            for (offset, entry) in batch[..count].iter_mut().enumerate() {
                *entry = self.slot(head.wrapping_add(offset as u32)).load(Ordering::Relaxed);
            }
            let next = head.wrapping_add(count as u32);
            match self.head.compare_exchange(head, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    batch[..count].iter().filter_map(|&task| Self::claimed(task)).for_each(&mut take);
                    return count;
                }
                Err(found) => head = found,
            }
        }
    }

    #[inline]
    fn slot(&self, index: u32) -> &AtomicPtr<Header> {
        &self.slots[(index & MASK) as usize]
    }

    #[inline]
    fn claimed(task: *mut Header) -> Option<TaskRef> {
        debug_assert!(!task.is_null());
        // SAFETY: [I2] the claim succeeded, so this is a queued task that is now the caller's to poll.
        NonNull::new(task).map(|task| unsafe { TaskRef::from_raw(task) })
    }
}

impl Default for StealRing {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for StealRing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StealRing").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(all(test, loom))]
mod model;
