//! Static memory for tasks.
//!
//! # What
//! A [`TaskSlot`] is a mark "in use", the executor of its task, and room for one cell. The cell's home finds the other two in front of the cell.
//!
//! # Invariants
//! - I1: whoever set `used` from false to true has the memory until the cell's last reference is gone, and then `used` is reset.
//! - I2: `executor` was set, before the task existed, to an executor that lives for ever.
//! - I3: the pointer of a cell of this home may reach the whole slot.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::fmt;
use core::future::Future;
use core::mem::MaybeUninit;
use core::panic::Location;
use core::pin::Pin;
use core::ptr::{self, NonNull};
use core::task::{Context, Poll};

use cede_context::wait::{WaitKind, waiting_for_by_way};

use super::Executor;
use crate::prim::atomic::{AtomicBool, AtomicPtr, Ordering};
use crate::task::{Cell, Header, Home, Join, TaskRef};

/// Memory for one task whose cell has at most `BYTES` bytes: 64 and the size of the future or of its output, rounded up to 64. A slot that is too small does not compile.
///
/// It can be used again when its task has ended and nobody holds a handle or a waker of it.
///
/// ```
/// # use cede_core::executor::{Clock, Executor, Pend, TaskSlot};
/// # struct Board;
/// # impl Clock for Board { fn now(&self) -> u64 { 0 } }
/// # impl Pend for Board { fn pend(&self) {} }
/// # static EXECUTOR: Executor = Executor::new(&Board, &Board);
/// static SLOT: TaskSlot<256> = TaskSlot::new();
/// let first = SLOT.spawn(&EXECUTOR, async {}).unwrap();
/// let error = SLOT.spawn(&EXECUTOR, async {}).unwrap_err();
/// assert!(error.to_string().contains("in use"));
/// let _done = EXECUTOR.tick();
/// drop(first);
/// assert!(SLOT.spawn(&EXECUTOR, async {}).is_ok());
/// ```
#[repr(C)]
pub struct TaskSlot<const BYTES: usize> {
    front: Front,
    cell: Room<BYTES>,
}

/// What stands in front of the cell, at a distance that does not depend on the future.
#[repr(C, align(64))]
struct Front {
    used: AtomicBool,
    executor: AtomicPtr<Executor>,
}

#[repr(C, align(64))]
struct Room<const BYTES: usize>(UnsafeCell<MaybeUninit<[u8; BYTES]>>);

// SAFETY: [I1] the room is only used by whoever set `used`; futures and outputs in it are `Send`.
unsafe impl<const BYTES: usize> Sync for TaskSlot<BYTES> {}

impl<const BYTES: usize> TaskSlot<BYTES> {
    /// A free slot.
    #[must_use]
    pub const fn new() -> Self {
        let front = Front { used: AtomicBool::new(false), executor: AtomicPtr::new(ptr::null_mut()) };
        Self { front, cell: Room(UnsafeCell::new(MaybeUninit::uninit())) }
    }

    /// Starts a task in this slot.
    ///
    /// # Errors
    /// If the slot is in use.
    #[inline]
    #[track_caller]
    pub fn spawn<F>(&'static self, executor: &'static Executor, future: F) -> Result<TaskHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.try_spawn(executor, future, Location::caller()).map_err(|_future| SpawnError { slots: 1 })
    }

    #[inline]
    fn try_spawn<F>(
        &'static self,
        executor: &'static Executor,
        future: F,
        site: &'static Location<'static>,
    ) -> Result<TaskHandle<F::Output>, F>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        const {
            assert!(Cell::<F, StaticHome>::LAYOUT.size() <= BYTES, "the task does not fit into its slot: give the slot more bytes");
            assert!(Cell::<F, StaticHome>::LAYOUT.align() <= 64, "futures aligned to more than 64 bytes do not fit into a slot");
        }
        if self.front.used.swap(true, Ordering::Acquire) {
            return Err(future);
        }
        self.front.executor.store(ptr::from_ref(executor).cast_mut(), Ordering::Relaxed);
        let id = executor.spawned.fetch_add(1, Ordering::Relaxed) as u64 + 1;
        // The pointer comes from the whole slot, so that the home can go back to the front [I3].
        let memory = NonNull::from(self).cast::<u8>().map_addr(|address| address.saturating_add(size_of::<Front>()));
        // SAFETY: [I1] the memory is ours; it is large enough and aligned as asserted above. What is `Send` may be polled anywhere.
        let (task, join) = unsafe {
            Header::vacant(memory.cast());
            Cell::<F, StaticHome>::emplace(memory, future, id, site, 0)
        };
        executor.schedule(task);
        Ok(TaskHandle { join })
    }
}

impl<const BYTES: usize> Default for TaskSlot<BYTES> {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl<const BYTES: usize> fmt::Debug for TaskSlot<BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSlot").field("bytes", &BYTES).field("used", &self.front.used.load(Ordering::Relaxed)).finish()
    }
}

/// Memory for `N` tasks of at most `BYTES` bytes each; see [`TaskSlot`].
///
/// ```
/// # use cede_core::executor::{Clock, Executor, Pend, TaskPool};
/// # struct Board;
/// # impl Clock for Board { fn now(&self) -> u64 { 0 } }
/// # impl Pend for Board { fn pend(&self) {} }
/// # static EXECUTOR: Executor = Executor::new(&Board, &Board);
/// static POOL: TaskPool<256, 2> = TaskPool::new();
/// let one = POOL.spawn(&EXECUTOR, async { 1 })?;
/// let other = POOL.spawn(&EXECUTOR, async { 2 })?;
/// assert!(POOL.spawn(&EXECUTOR, async { 3 }).is_err());
/// # Ok::<(), cede_core::executor::SpawnError>(())
/// ```
#[derive(Debug)]
pub struct TaskPool<const BYTES: usize, const N: usize> {
    slots: [TaskSlot<BYTES>; N],
}

impl<const BYTES: usize, const N: usize> TaskPool<BYTES, N> {
    /// A pool of free slots.
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: [const { TaskSlot::new() }; N] }
    }

    /// Starts a task in a free slot.
    ///
    /// # Errors
    /// If all slots are in use.
    #[inline]
    #[track_caller]
    pub fn spawn<F>(&'static self, executor: &'static Executor, mut future: F) -> Result<TaskHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let site = Location::caller();
        for slot in &self.slots {
            match slot.try_spawn(executor, future, site) {
                Ok(handle) => return Ok(handle),
                Err(back) => future = back,
            }
        }
        Err(SpawnError { slots: N })
    }
}

impl<const BYTES: usize, const N: usize> Default for TaskPool<BYTES, N> {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

/// There is no free memory for another task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpawnError {
    slots: usize,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = self.slots;
        write!(
            f,
            "the task was not spawned: all of its static memory ({slots} task slots) is in use by tasks that have not ended, or whose handles or wakers still \
             exist; give the TaskPool more slots, or spawn again when one of them has ended"
        )
    }
}

impl core::error::Error for SpawnError {}

/// Why a task has no output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskError {
    /// It was aborted.
    Cancelled,
    /// It panicked.
    Panicked,
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TaskError::Cancelled => "the task was aborted",
            TaskError::Panicked => "the task panicked",
        })
    }
}

impl core::error::Error for TaskError {}

/// The right to await a task's output. Dropping it detaches the task, which goes on.
///
/// *Cancel safety*: awaiting `&mut handle` and dropping that loses nothing; the output waits in the slot.
pub struct TaskHandle<T> {
    join: Join<T, TaskError>,
}

impl<T> TaskHandle<T> {
    /// Asks for the task's future to be dropped at its next turn, which comes with the next tick.
    #[inline]
    pub fn abort(&self) {
        self.join.task().cancel();
    }

    /// Whether the task has ended and its future is gone.
    #[inline]
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.join.task().state().is_complete()
    }
}

impl<T> Future for TaskHandle<T> {
    type Output = Result<T, TaskError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.join.poll(cx);
        if polled.is_pending() {
            // The number is one of this executor's, which says nothing to another.
            waiting_for_by_way(WaitKind::Join, self.join.task().id(), true);
        }
        polled
    }
}

impl<T> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("finished", &self.is_finished()).finish()
    }
}

/// The home of tasks in slots.
struct StaticHome;

impl Home for StaticHome {
    type Failure = TaskError;

    #[inline]
    fn schedule(task: TaskRef) {
        let executor = front(task).executor.load(Ordering::Relaxed);
        // SAFETY: [I2] set before the task existed, to an executor that lives for ever.
        unsafe { &*executor }.schedule(task);
    }

    #[inline]
    unsafe fn free(task: TaskRef, _layout: Layout) {
        // The content was dropped when the task completed, or when its output was taken.
        front(task).used.store(false, Ordering::Release);
    }
}

/// The front of the slot that a task of this home is in.
#[inline]
fn front<'a>(task: TaskRef) -> &'a Front {
    let cell = task.as_ptr();
    // SAFETY: [I3] the cell stands behind the front of its slot, which is a static.
    unsafe { cell.cast::<u8>().sub(size_of::<Front>()).cast::<Front>().as_ref() }
}
