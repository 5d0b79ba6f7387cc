//! What the current thread is doing: which runtime it is in, and which task it polls.
//!
//! # Who may touch what
//! All of it is thread-local. The task being polled (which stands in [`posts`], for others to see) and whether it yields are written by [`run`](super::run) around each poll; `HANDLE` and `DEPTH` by [`enter`] and its guard.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::panic::Location;
use std::task::Waker;

use cede_context::{holder, inside, timer};
use cede_core::task::{Header, TaskRef, task_of};

use super::Handle;
use crate::inspect::holders::HOLDERS;
use crate::inspect::posts;

thread_local! {
    static HANDLE: RefCell<Option<Handle>> = const { RefCell::new(None) };
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static BESIDE: Cell<bool> = const { Cell::new(false) };
    static DRIVING: Cell<Drive> = const { Cell::new(Drive::Nothing) };
}

/// Marks `task` as the one being polled for the duration of `poll`; the second value says whether it yielded.
#[inline]
pub(crate) fn polling<R>(task: TaskRef, poll: impl FnOnce() -> R) -> (R, bool) {
    struct Restore(*mut Header);
    impl Drop for Restore {
        #[inline]
        fn drop(&mut self) {
            posts::set(self.0);
        }
    }
    let _restore = Restore(posts::replace(task.as_ptr().as_ptr()));
    let result = poll();
    (result, posts::yields())
}

/// The number of the task being polled.
pub(crate) fn current_task_id() -> Option<u64> {
    posts::polled().map(TaskRef::id)
}

/// The number of the task being polled, and where it was spawned.
pub(crate) fn current_task() -> Option<(u64, &'static Location<'static>)> {
    posts::polled().map(|task| (task.id(), task.site()))
}

/// Whether this is the waker of the task being polled itself, not one of a combinator in it.
pub(crate) fn is_of_current_task(waker: &Waker) -> bool {
    task_of(waker).is_some_and(|task| task.as_ptr().as_ptr() == posts::current())
}

/// Puts the task being polled to the back of its queue when its poll returns. If the waker is not that task's own (a combinator wakes its parts
/// itself), it is woken instead.
pub(crate) fn yield_task(waker: &Waker) {
    if is_of_current_task(waker) {
        posts::mark_yielding();
    } else {
        waker.wake_by_ref();
    }
}

/// Whether the thread runs the future of [`Handle::block_on`], and no task: it belongs to no worker, even if it drives a one-thread runtime meanwhile.
pub(crate) fn is_beside_tasks() -> bool {
    BESIDE.try_with(Cell::get).unwrap_or(false) && current_task_id().is_none()
}

/// Runs `body`, of which [`is_beside_tasks`] says so.
pub(crate) fn beside_tasks<R>(beside: bool, body: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            BESIDE.set(self.0);
        }
    }
    let _restore = Restore(BESIDE.replace(beside));
    body()
}

/// The runtime that the thread is in.
pub(crate) fn try_current() -> Option<Handle> {
    HANDLE.try_with(|handle| handle.borrow().clone()).ok().flatten()
}

/// Calls `access` with the runtime that the thread is in, without counting a reference.
#[inline]
pub(crate) fn with_current<R>(access: impl FnOnce(&Handle) -> R) -> Option<R> {
    HANDLE.try_with(|handle| handle.borrow().as_ref().map(access)).ok().flatten()
}

/// The runtime that the thread is in.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub(crate) fn current() -> Handle {
    match try_current() {
        Some(handle) => handle,
        None => outside(),
    }
}

#[track_caller]
#[cold]
pub(crate) fn outside() -> ! {
    panic!(
        "there is no reactor running, must be called from the context of a Tokio 1.x runtime: call it inside `block_on`, in a task, or with `Handle::enter`"
    )
}

/// The thread is inside a runtime until this is dropped; see [`Handle::enter`].
///
/// What it does when it is dropped does not concern the borrowed runtime, so the compiler lets that be moved away (and shut down) while the guard is still there.
#[must_use = "the runtime is left when the guard is dropped"]
pub struct EnterGuard<'a> {
    _entered: Entered,
    runtime: PhantomData<&'a Handle>,
}

struct Entered {
    previous: Option<Handle>,
    /// The number of that runtime, or zero.
    previous_number: u64,
    depth: usize,
    /// Bound to its thread, but it may be looked at from others, as a mutex guard.
    not_send: PhantomData<std::sync::MutexGuard<'static, ()>>,
}

pub(crate) fn enter<'a>(handle: Handle) -> EnterGuard<'a> {
    let previous_number = posts::enter(handle.id().number());
    // While the thread's locals are torn down nothing is entered, and nothing can ask.
    let previous = replace_current(Some(handle));
    timer::install(|duration| Box::pin(crate::time::sleep(duration)));
    holder::install(&HOLDERS);
    let depth = DEPTH.get() + 1;
    DEPTH.set(depth);
    EnterGuard { _entered: Entered { previous, previous_number, depth, not_send: PhantomData }, runtime: PhantomData }
}

#[inline(never)]
fn replace_current(handle: Option<Handle>) -> Option<Handle> {
    HANDLE.try_with(|current| current.replace(handle)).ok().flatten()
}

impl Drop for Entered {
    #[inline(never)]
    fn drop(&mut self) {
        let Ok(depth) = DEPTH.try_with(Cell::get) else { return };
        if depth != self.depth {
            // Do not panic while another panic unwinds through the guards.
            assert!(
                std::thread::panicking(),
                "`EnterGuard` values dropped out of order. Guards returned by `tokio::runtime::Handle::enter()` must be dropped in the reverse order as they were acquired."
            );
            return;
        }
        DEPTH.set(depth - 1);
        posts::enter(self.previous_number);
        // Outside the borrow: this may be the last handle of its runtime.
        drop(replace_current(self.previous.take()));
    }
}

impl std::fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}

/// What the thread runs at the moment: the innermost scheduler or `block_on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drive {
    /// Nothing: it may block.
    Nothing,
    /// A scheduler of one thread, whose other tasks cannot go elsewhere.
    OneThread,
    /// A work-stealing scheduler, or a future beside it.
    Stealing,
}

/// What the thread runs at the moment.
pub(crate) fn driving() -> Drive {
    DRIVING.try_with(Cell::get).unwrap_or(Drive::Nothing)
}

/// Whether the thread runs a scheduler or a `block_on` at the moment.
pub(crate) fn is_driving() -> bool {
    driving() != Drive::Nothing
}

/// Marks the thread as running a scheduler, or as free to block, until the result is dropped.
pub(crate) fn drive(what: Drive) -> Driving {
    if what != Drive::Nothing {
        posts::list();
    }
    let before = DRIVING.try_with(|driving| driving.replace(what)).unwrap_or(Drive::Nothing);
    Driving { before, _mark: if what == Drive::Nothing { inside::leave() } else { inside::enter() } }
}

/// See [`drive`].
pub(crate) struct Driving {
    before: Drive,
    /// The same for code that knows no runtime.
    _mark: inside::Restore,
}

impl Drop for Driving {
    fn drop(&mut self) {
        let _gone = DRIVING.try_with(|driving| driving.set(self.before));
    }
}
