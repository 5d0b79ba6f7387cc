//! The tasks of a local set: their memory, their queue, and their turns.
//!
//! # Who may touch what
//! [`Tasks`]: the thread that made it, because it is in an `Rc`. Its cells are borrowed for a few instructions at a time, during which no user code runs. [`Shared`]: everybody.
//!
//! # Invariants
//! - I1: tasks are spawned, polled and dropped only through [`Tasks`], hence on one thread; so their futures need not be `Send`.
//! - I2: a task in `ready` or in the inbox is not complete, and the right to poll it is the queue's.
//! - I3: once the set has ended nothing is queued or spawned any more: the inbox is closed, and `ended` is set.
//! - I4: `slab` is there until the set ends.
//!
//! # Lost wakes
//! A wake from elsewhere: push to the inbox, then take and wake all wakers. A poll: leave a waker, then look at the inbox. So whichever comes second sees the other.
//! (No lock-free protocol of its own: the inbox is modelled in `cede_core::transfer_stack`, the wakers are under a lock.)

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use cede_core::lock::Lock;
use cede_core::run_queue::RunQueue;
use cede_core::task::{Cell as TaskCell, Home, TaskRef};
use cede_core::transfer_stack::TransferStack;

use super::CURRENT;
use crate::inspect::age;
use crate::record;
use crate::runtime::Id as RuntimeId;
use crate::runtime::context;
use crate::runtime::panics::{Panicked, Untold};
use crate::runtime::run::{self, Outcome, shielded};
use crate::task::slab::{self, Slab};
use crate::task::spans::{self, Made};
use crate::task::{Id, JoinError, JoinHandle};

/// So many turns in one poll of the set; then the task that polls it gives way.
const TURNS_MAX: usize = 61;
/// So many wakers are kept: more futures than this hardly ever poll one set, but one that is polled with another waker each time must not fill the memory.
const WAKERS_MAX: usize = 32;
const SLAB: usize = 0;

/// The owner's part.
pub(super) struct Tasks {
    shared: Arc<Shared>,
    ready: RefCell<RunQueue>,
    slab: RefCell<Option<Slab<Shared>>>,
    /// How many tasks have not ended.
    alive: Cell<usize>,
    /// Whoever polls the set at the moment looks at the queue afterwards, so that nobody is to be woken for it.
    looked_after: Cell<bool>,
    ended: Cell<bool>,
    panics_end_it: Cell<bool>,
    panicked: Cell<bool>,
}

/// What every thread may use.
pub(super) struct Shared {
    inbox: TransferStack,
    freed: TransferStack,
    pollers: Lock<Vec<Waker>>,
    id: RuntimeId,
}

impl slab::Shared for Shared {
    #[inline]
    fn freed_elsewhere(&self, _slab: usize) -> &TransferStack {
        &self.freed
    }

    #[inline]
    fn runtime(&self) -> Option<u64> {
        None
    }
}

impl Shared {
    /// A task is runnable: wakes all who poll the set.
    #[inline]
    fn wake_pollers(&self) {
        let pollers = std::mem::take(&mut *self.pollers.lock());
        let mut pollers = pollers.into_iter();
        cede_context::persist(|| match pollers.next() {
            Some(waker) => {
                waker.wake();
                true
            }
            None => false,
        });
    }
}

/// The home of tasks of local sets.
struct SetHome;

impl Home for SetHome {
    type Failure = JoinError;

    #[inline]
    fn schedule(task: TaskRef) {
        record::wakes(task);
        // SAFETY: [I1] tasks of this home are in slabs of `Shared`, and this one is alive.
        let (shared, _) = unsafe { slab::owner_of::<Shared>(task) };
        // Once queued elsewhere, the task may run to its end and take its chunk with it.
        let shared = shared.clone();
        let here = CURRENT.try_with(|current| match &*current.borrow() {
            Some(tasks) if Arc::ptr_eq(&tasks.shared, &shared) => Some(tasks.push(task)),
            _ => None,
        });
        let is_somebody_to_be_woken = match here {
            Ok(Some(looked_after)) => !looked_after,
            _ => shared.inbox.push(task).is_ok(),
        };
        if is_somebody_to_be_woken {
            shared.wake_pollers();
        }
    }

    #[inline]
    unsafe fn free(task: TaskRef, _layout: Layout) {
        // SAFETY: [I1] the last reference is gone, and the chunk is alive until the cell is given back.
        let (shared, _) = unsafe { slab::owner_of::<Shared>(task) };
        let here = CURRENT.try_with(|current| match &*current.borrow() {
            Some(tasks) if Arc::ptr_eq(&tasks.shared, shared) => match &mut *tasks.slab.borrow_mut() {
                Some(slab) => {
                    // SAFETY: [I4] the last reference is gone, and the slab is the one that owns the cell.
                    unsafe { slab.free(task) };
                    true
                }
                None => false,
            },
            _ => false,
        });
        if here != Ok(true) {
            // SAFETY: [I4] the last reference is gone.
            unsafe { slab::free_elsewhere::<Shared>(task) };
        }
    }
}

impl Tasks {
    #[inline]
    pub(super) fn new() -> Rc<Self> {
        let shared = Arc::new(Shared {
            inbox: TransferStack::new(),
            freed: TransferStack::new(),
            pollers: Lock::new(Vec::new()),
            id: RuntimeId::next(),
        });
        Rc::new(Self {
            slab: RefCell::new(Some(Slab::new(shared.clone(), SLAB))),
            shared,
            ready: RefCell::new(RunQueue::new()),
            alive: Cell::new(0),
            looked_after: Cell::new(false),
            ended: Cell::new(false),
            panics_end_it: Cell::new(false),
            panicked: Cell::new(false),
        })
    }

    #[inline]
    pub(super) fn id(&self) -> RuntimeId {
        self.shared.id
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.alive.get() == 0
    }

    #[inline]
    pub(super) fn set_panics_end_it(&self, end: bool) {
        self.panics_end_it.set(end);
    }

    #[inline]
    pub(super) fn spawn<F>(&self, future: F, site: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let id = Id::next();
        spans::spawns::<F>(id, site, TaskCell::<F, SetHome>::LAYOUT.size(), Made::Local);
        let memory = self.slab.borrow_mut().as_mut().map(|slab| slab.allocate(TaskCell::<F, SetHome>::LAYOUT));
        let Some(memory) = memory else { return crate::task::spawn_cancelled(future, id, site) };
        // SAFETY: [I1] the memory is new, and the future stays on this thread.
        let (task, join) = unsafe { TaskCell::<F, SetHome>::emplace(memory, future, id.number(), site, age::UNKNOWN) };
        self.alive.set(self.alive.get() + 1);
        if !self.push(task) {
            self.shared.wake_pollers();
        }
        JoinHandle::new(join)
    }

    /// Queues a runnable task. Returns whether somebody looks at the queue anyway.
    #[inline]
    fn push(&self, task: TaskRef) -> bool {
        if self.ended.get() {
            // The end of the set drops the future itself. (I3)
            return true;
        }
        self.ready.borrow_mut().push(task);
        self.looked_after.get()
    }

    #[inline]
    #[cold]
    fn note_panic(&self, panicked: &Panicked<'_>) -> Option<Untold> {
        self.panicked.set(self.panics_end_it.get());
        // The runtime that the set is driven in, if it is in one, is the one to tell.
        context::try_current()?.parts().tell_panic(panicked)
    }

    /// Leaves the waker of one who polls the set.
    #[inline]
    pub(super) fn keep_waker(&self, waker: &Waker) {
        if self.shared.pollers.lock().iter().any(|kept| kept.will_wake(waker)) {
            return;
        }
        let waker = waker.clone();
        let mut too_many = None;
        {
            let mut pollers = self.shared.pollers.lock();
            if pollers.len() == WAKERS_MAX {
                too_many = Some(pollers.remove(0));
            }
            pollers.push(waker);
        }
        drop(too_many);
    }

    /// Until the result is dropped somebody is going to look at the queue.
    #[inline]
    pub(super) fn look_after(&self) -> LookAfter<'_> {
        LookAfter { before: self.looked_after.replace(true), tasks: self }
    }

    /// Who was going to look at the queue goes away: others must, if there are any.
    #[inline]
    pub(super) fn wake_for_leftovers(&self) {
        if !self.looked_after.get() && !self.ready.borrow().is_empty() {
            self.shared.wake_pollers();
        }
    }

    /// Gives tasks their turns. Returns whether more are runnable.
    ///
    /// # Panics
    /// If a task panicked and that is to end the set.
    #[inline]
    pub(super) fn tick(&self) -> bool {
        if let Some(slab) = &mut *self.slab.borrow_mut() {
            slab.collect();
        }
        self.collect_inbox();
        for _ in 0..TURNS_MAX {
            assert!(!self.panicked.get(), "a spawned task panicked and the LocalSet is configured to shutdown on unhandled panic");
            let Some(task) = self.next() else {
                record::resumes();
                return false;
            };
            // SAFETY: [I2] the task came from the queue, with the right to poll it; its home's failure is `JoinError`.
            match unsafe { run::run(task, |panicked| self.note_panic(panicked)) } {
                Outcome::Asleep => {}
                Outcome::Again => {
                    self.push(task);
                }
                Outcome::Completed => self.alive.set(self.alive.get() - 1),
            }
        }
        assert!(!self.panicked.get(), "a spawned task panicked and the LocalSet is configured to shutdown on unhandled panic");
        record::resumes();
        true
    }

    #[inline]
    fn next(&self) -> Option<TaskRef> {
        let next = self.ready.borrow_mut().pop();
        next.or_else(|| {
            self.collect_inbox();
            self.ready.borrow_mut().pop()
        })
    }

    #[inline]
    fn collect_inbox(&self) {
        let mut woken = self.shared.inbox.take();
        self.ready.borrow_mut().append(&mut woken);
    }

    /// Drops the futures of all tasks.
    #[inline]
    pub(super) fn end(&self) {
        self.ended.set(true);
        self.shared.inbox.close();
        *self.ready.borrow_mut() = RunQueue::new();
        let slab = self.slab.borrow_mut().take();
        let Some(mut slab) = slab else { return };
        slab.freeze();
        for chunk in 0..slab.chunk_count() {
            let mut index = 0;
            while let Some(place) = slab.task_at(chunk, index) {
                index += 1;
                // SAFETY: [I2] [I3] the queues are closed: this thread has the right to poll each task that is not complete and is not being polled, which none is, because whoever
                // polls a task of the set has the set borrowed.
                unsafe {
                    if let Some(task) = place
                        && task.claim_for_shutdown()
                    {
                        run::cancel(task);
                    }
                }
            }
        }
        self.alive.set(0);
        slab.close();
        let pollers = std::mem::take(&mut *self.shared.pollers.lock());
        let _panicked = shielded(|| drop(pollers));
    }
}

/// See [`Tasks::look_after`].
pub(super) struct LookAfter<'a> {
    tasks: &'a Tasks,
    before: bool,
}

impl Drop for LookAfter<'_> {
    #[inline]
    fn drop(&mut self) {
        self.tasks.looked_after.set(self.before);
    }
}
