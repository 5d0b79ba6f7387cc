//! The smallest executor: tasks in static memory, timers, no allocator, no operating system.
//!
//! # What
//! An [`Executor`] is a `static`. Tasks live in [`TaskSlot`]s, statics too, whose size is given in bytes and checked when the program is compiled. The main loop calls
//! [`Executor::tick`], which fires the timers that are due, gives each runnable task one turn and reports; when the report says that nothing is runnable, the main loop
//! sleeps until the next deadline or until [`Pend::pend`] was called: by a waker, perhaps in an interrupt handler.
//!
//! # Why not the obvious way
//! A slot for each *type* of future would need a name for the type, which an `async` block has none of. A queue with a lock would deadlock when an interrupt wakes a task while the
//! main loop holds it: here a wake is a push to a [`TransferStack`], which has none. Running tasks until none is runnable would not come back while a task wakes itself.
//!
//! # Who may touch what
//! * `inbox`: anybody pushes; the thread that ticks takes. `ticking` sees to it that there is one.
//! * `wheel`: under its lock, by sleeps (from tasks, never from interrupt handlers) and by the tick.
//!
//! # Invariants
//! - I1: a task in the inbox is not complete, and the right to poll it is the inbox's.
//! - I2: one tick at a time: the one that set `ticking`.
//! - I3: a task that is taken out of the inbox is run or put back, also when another one panics.
//!
//! Few programs use this, so its functions are `#[inline]`: compiled by whoever calls them, and in no other program.

mod sleep;
mod slot;

pub use sleep::Sleep;
pub use slot::{SpawnError, TaskError, TaskHandle, TaskPool, TaskSlot};

use core::task::{Context, Poll};

use cede_context::{budget, wait};

use crate::lock::Lock;
use crate::prim::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::run_queue::RunQueue;
use crate::task::{TaskRef, with_waker};
use crate::transfer_stack::TransferStack;
use crate::wake_batch::WakeBatch;
use crate::wheel::Wheel;

/// Says what time it is.
pub trait Clock: Sync {
    /// Nanoseconds since any fixed moment; it never goes back.
    fn now(&self) -> u64;
}

/// Is told that there is work.
pub trait Pend: Sync {
    /// A task became runnable: the next [`Executor::tick`] should come soon. Called on any thread and from interrupt handlers, perhaps more often than needed.
    fn pend(&self);
}

/// What a tick did, and when the next one is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Tick {
    /// How many tasks were polled.
    pub polled: usize,
    /// How many of them ended.
    pub completed: usize,
    /// Whether a task is runnable: tick again at once.
    pub runnable: bool,
    /// Else tick at this time of the clock, or when [`Pend::pend`] was called, whichever is first.
    pub next_deadline: Option<u64>,
}

/// An executor for tasks in static memory; see the module's description.
///
/// ```
/// use cede_core::executor::{Clock, Executor, Pend, TaskSlot};
///
/// struct Board;
/// impl Clock for Board {
///     fn now(&self) -> u64 { 0 }
/// }
/// impl Pend for Board {
///     fn pend(&self) { /* set the event that ends the processor's sleep */ }
/// }
///
/// static EXECUTOR: Executor = Executor::new(&Board, &Board);
/// static BLINK: TaskSlot<256> = TaskSlot::new();
///
/// let task = BLINK.spawn(&EXECUTOR, async { 6 * 7 })?;
/// let tick = EXECUTOR.tick();
/// assert_eq!((tick.polled, tick.completed, tick.runnable), (1, 1, false));
/// assert!(task.is_finished());
/// # Ok::<(), cede_core::executor::SpawnError>(())
/// ```
pub struct Executor {
    inbox: TransferStack,
    wheel: Lock<Wheel>,
    ticking: AtomicBool,
    spawned: AtomicUsize,
    clock: &'static dyn Clock,
    pend: &'static dyn Pend,
}

impl Executor {
    /// An executor without tasks.
    #[must_use]
    pub const fn new(clock: &'static dyn Clock, pend: &'static dyn Pend) -> Self {
        Self {
            inbox: TransferStack::new(),
            wheel: Lock::new(Wheel::new()),
            ticking: AtomicBool::new(false),
            spawned: AtomicUsize::new(0),
            clock,
            pend,
        }
    }

    /// Fires the timers that are due and gives each runnable task one turn. A task that is woken meanwhile has its turn in the next tick.
    ///
    /// # Panics
    /// If called inside a task or on two threads at once. With the panic of a task, which ends that task and no other.
    #[inline]
    #[track_caller]
    pub fn tick(&self) -> Tick {
        assert!(
            !self.ticking.swap(true, Ordering::Acquire),
            "Executor::tick was called while another tick runs: call it in one main loop only"
        );
        let _ticking = Ticking(self);
        self.fire(self.clock.now());
        let mut tick = Tick::default();
        let mut round = Round { executor: self, tasks: self.inbox.take() };
        while let Some(task) = round.tasks.pop() {
            tick.polled += 1;
            // SAFETY: [I1] the task came from the inbox.
            tick.completed += usize::from(unsafe { self.run(task) });
        }
        tick.runnable = !self.inbox.is_empty();
        tick.next_deadline = self.wheel.lock().next_wake();
        tick
    }

    /// A future that ends `nanoseconds` from now.
    #[inline]
    pub fn sleep(&'static self, nanoseconds: u64) -> Sleep {
        self.sleep_until(self.clock.now().saturating_add(nanoseconds))
    }

    /// A future that ends when the clock says `deadline` or more.
    #[inline]
    pub fn sleep_until(&'static self, deadline: u64) -> Sleep {
        Sleep::new(self, deadline)
    }

    #[inline]
    fn fire(&self, now: u64) {
        loop {
            let mut batch = WakeBatch::new();
            {
                let mut wheel = self.wheel.lock();
                wheel.advance(now);
                while batch.has_room()
                    && let Some(waker) = wheel.pop_fired()
                {
                    batch.push(waker);
                }
            }
            if batch.is_empty() {
                return;
            }
            batch.wake_all();
        }
    }

    /// Gives a task its turn; says whether it ended.
    ///
    /// # Safety
    /// The caller has the right to poll it, and gives it away.
    #[inline]
    unsafe fn run(&self, task: TaskRef) -> bool {
        let turn = Turn(task);
        if task.start().is_cancelled() {
            core::mem::forget(turn);
            // SAFETY: [I1] the caller's contract.
            unsafe { end(task, TaskError::Cancelled) };
            return true;
        }
        // SAFETY: [I1] the caller's contract.
        let polled = budget::with_initial(|| with_waker(task, |waker| unsafe { task.poll(&mut Context::from_waker(waker)) }));
        core::mem::forget(turn);
        match polled {
            Poll::Ready(()) => {
                // SAFETY: [I1] the output is in place.
                drop(unsafe { task.complete() });
                true
            }
            Poll::Pending => {
                task.set_wait(wait::take_word());
                // SAFETY: [I1] the caller's contract; a task that was woken meanwhile is still ours to queue.
                if unsafe { task.park() } {
                    self.push(task);
                }
                false
            }
        }
    }

    /// The caller gives the right to poll away.
    #[inline]
    fn push(&self, task: TaskRef) {
        // Nobody closes this inbox.
        let pushed = self.inbox.push(task);
        debug_assert!(pushed.is_ok());
    }

    /// Queues a task and says so.
    #[inline]
    fn schedule(&self, task: TaskRef) {
        self.push(task);
        self.pend.pend();
    }
}

/// # Safety
/// The caller has the right to poll `task`, a task of this module's home.
#[inline]
unsafe fn end(task: TaskRef, error: TaskError) {
    // SAFETY: [I1] the caller's contract.
    unsafe {
        task.fail(error);
        drop(task.complete());
    }
}

/// While this is there, a tick is running (I2).
struct Ticking<'a>(&'a Executor);

impl Drop for Ticking<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.ticking.store(false, Ordering::Release);
    }
}

/// The tasks that are still to have their turn in this tick; they are put back if one before them panics (I3).
struct Round<'a> {
    executor: &'a Executor,
    tasks: RunQueue,
}

impl Drop for Round<'_> {
    #[inline]
    fn drop(&mut self) {
        while let Some(task) = self.tasks.pop() {
            self.executor.push(task);
        }
    }
}

/// A task in its poll. If that panics, the task ends.
struct Turn(TaskRef);

impl Drop for Turn {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: [I1] only dropped by unwinding out of the poll, with the right to poll still taken.
        unsafe { end(self.0, TaskError::Panicked) };
    }
}

impl core::fmt::Debug for Executor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Executor").field("spawned", &self.spawned.load(Ordering::Relaxed)).finish_non_exhaustive()
    }
}
