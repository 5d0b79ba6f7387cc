//! Where in its code a task waits: the `.await`s from the leaf to the task.
//!
//! # What
//! While it is [switched on](await_chains), each leaf that returns `Pending` leaves the addresses of its stack, which at that moment are the nested polls of the futures that await it. A dump looks up
//! what they mean. Nothing is polled for that, so a task that has not been polled since then shows nothing.
//!
//! # Why not the obvious way
//! To poll all tasks with a waker of one's own shows those that sleep, too (tokio's `taskdump` does), but it runs their code at a moment that they did not ask for, and not while a worker is stuck. To
//! keep the place at each `.await` needs the compiler.
//!
//! # How far it reaches
//! To the leaf that was polled last: of a `select!` or `join!` that is one branch. Functions that were inlined are found by debugging information (`debug = "line-tables-only"` is enough); without it there
//! are names of functions and no lines. Leaves that are not cede's say nothing.
//!
//! # Who may touch what
//! `KEPT`: everybody, under the lock of its part. No foreign code runs in it.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cede_core::task::TaskRef;

use super::TaskDump;
use crate::monitor::Stack;
use crate::runtime::{StallFrame, context};

/// Threads seldom meet in the same part.
const PARTS: usize = 16;

static KEPT: [Mutex<Option<HashMap<u64, Stack>>>; PARTS] = [const { Mutex::new(None) }; PARTS];
/// How many want it: then leaves call [`keep`].
pub(crate) static LOOKED_AT: AtomicUsize = AtomicUsize::new(0);

fn part(task: u64) -> MutexGuard<'static, Option<HashMap<u64, Stack>>> {
    KEPT[task as usize % PARTS].lock().unwrap_or_else(PoisonError::into_inner)
}

/// As long as the result is there, tasks keep where they wait, and dumps show it: see [`TaskDump::awaits`]. It costs each poll that ends with waiting some microseconds. The environment variable
/// `CEDE_CHAINS=1` does the same for the whole process, and `cede dump --chains` for a while.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let _kept = cede::inspect::await_chains();
/// async fn waits() {
///     cede::time::sleep(std::time::Duration::from_secs(60)).await; // This is where it waits.
/// }
/// let task = cede::spawn(async { waits().await });
/// cede::task::yield_now().await;
/// let dump = cede::runtime::Handle::current().dump();
/// # if cfg!(feature = "backtrace") {
/// assert_eq!(dump.tasks()[0].awaits.len(), 2, "{dump}");
/// # }
/// # drop(task);
/// # });
/// ```
#[must_use = "it is switched off when this is dropped"]
pub fn await_chains() -> AwaitChains {
    LOOKED_AT.fetch_add(1, Ordering::SeqCst);
    AwaitChains(())
}

/// See [`await_chains`].
#[derive(Debug)]
pub struct AwaitChains(());

impl Drop for AwaitChains {
    fn drop(&mut self) {
        if LOOKED_AT.fetch_sub(1, Ordering::SeqCst) == 1 {
            for part in &KEPT {
                let forgotten = part.lock().unwrap_or_else(PoisonError::into_inner).take();
                drop(forgotten);
            }
        }
    }
}

/// A runtime is made: switches it on for good if the environment says so.
pub(crate) fn keep_if_asked() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("CEDE_CHAINS").is_some_and(|value| !value.is_empty() && value != "0") {
            std::mem::forget(await_chains());
        }
    });
}

/// A leaf of the task that is being polled waits here.
pub(super) fn keep() {
    let Some(task) = context::current_task_id() else { return };
    let stack = Stack::here();
    let before = part(task).get_or_insert_default().insert(task, stack);
    drop(before);
}

/// A task ends, and with it what is kept of it.
#[inline]
pub(crate) fn ended(task: TaskRef) {
    if LOOKED_AT.load(Ordering::Relaxed) != 0 {
        forget(task.id());
    }
}

#[cold]
fn forget(task: u64) {
    let forgotten = part(task).as_mut().and_then(|kept| kept.remove(&task));
    drop(forgotten);
}

/// Puts the chains to the tasks of a dump.
pub(super) fn add_to(tasks: &mut [TaskDump]) {
    if LOOKED_AT.load(Ordering::SeqCst) == 0 {
        return;
    }
    for task in tasks.iter_mut() {
        let stack = part(task.id).as_ref().and_then(|kept| kept.get(&task.id).cloned());
        task.awaits = stack.map(|stack| stack.awaits()).unwrap_or_default();
    }
}

/// Lines for a dump.
pub(super) fn write(f: &mut std::fmt::Formatter<'_>, awaits: &[StallFrame]) -> std::fmt::Result {
    awaits.iter().try_for_each(|frame| write!(f, "\n      in {frame}"))
}
