//! The numbers of tasks.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::runtime::context;

/// A task's number: unique in the process, in no particular order.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let task = cede::spawn(async { cede::task::id() });
/// let id = task.id();
/// assert_eq!(task.await.unwrap(), id);
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

/// Threads take numbers in blocks, so that spawning does not touch a line that all threads share.
const BLOCK: u64 = 1024;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static RANGE: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

impl Id {
    #[inline]
    pub(crate) fn next() -> Self {
        RANGE.with(|range| {
            let (next, end) = range.get();
            if next == end {
                return Self::from_new_block(range);
            }
            range.set((next + 1, end));
            Self(next)
        })
    }

    #[cold]
    fn from_new_block(range: &Cell<(u64, u64)>) -> Self {
        let first = NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed);
        range.set((first + 1, first + BLOCK));
        Self(first)
    }

    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of the task that is running.
///
/// # Panics
/// Outside of a task, the future given to `block_on` included.
#[track_caller]
#[must_use]
pub fn id() -> Id {
    try_id().expect("Can't get a task id when not inside a task")
}

/// The id of the task that is running, or `None` outside of a task.
#[must_use]
pub fn try_id() -> Option<Id> {
    context::current_task_id().map(Id)
}
