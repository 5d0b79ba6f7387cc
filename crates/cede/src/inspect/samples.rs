//! Which task has how much of the threads' time, by sampling.
//!
//! To read the clock at each poll costs more than many polls take. The monitor looks at all threads anyway, and while somebody wants to know (a client of the [socket](super::socket)), it looks each
//! millisecond and counts which task each thread was polling.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::posts::{self, Polls};

/// So many tasks are told apart between two questions.
const TASKS_MAX: usize = 100_000;

/// How many want to know.
static WANTED: AtomicUsize = AtomicUsize::new(0);
static COUNTS: Mutex<Option<Counts>> = Mutex::new(None);

/// What was counted since somebody asked last.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// How often the threads were looked at.
    pub(super) looks: u64,
    /// How often a thread was seen polling a task.
    pub(super) tasks: HashMap<u64, u64>,
}

/// Somebody wants to know until this is dropped.
#[derive(Debug)]
pub(super) struct Wanted;

impl Wanted {
    pub(super) fn begin() -> Self {
        WANTED.fetch_add(1, Ordering::SeqCst);
        crate::monitor::ring();
        Self
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        WANTED.fetch_sub(1, Ordering::SeqCst);
    }
}

fn counts() -> MutexGuard<'static, Option<Counts>> {
    COUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the monitor shall look often.
pub(crate) fn are_wanted() -> bool {
    WANTED.load(Ordering::Relaxed) > 0
}

/// The monitor has looked.
pub(crate) fn count(threads: &[Polls]) {
    if !are_wanted() {
        return;
    }
    let polled: Vec<_> = threads.iter().filter_map(|polls| posts::see(polls.task?)).map(|task| task.id).collect();
    let mut counts = counts();
    let counts = counts.get_or_insert_default();
    if counts.tasks.len() > TASKS_MAX {
        // Whoever wanted to know does not ask any more.
        return;
    }
    counts.looks += 1;
    for id in polled {
        *counts.tasks.entry(id).or_default() += 1;
    }
}

/// What was counted since the last call.
pub(super) fn take() -> Counts {
    counts().take().unwrap_or_default()
}
