//! The header of a cell and the pointer to it. Invariants are those of the parent module.

use core::alloc::Layout;
use core::fmt;
use core::mem::MaybeUninit;
use core::panic::Location;
use core::ptr::NonNull;
use core::task::{Context, Poll};

use cede_context::wait::Wait;

use super::join::Leftover;
use super::join_waker::JoinWaker;
use super::state::{AfterComplete, AfterRelease, JOIN_WAKER, Snapshot, State};
use crate::prim::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering, fence};

/// The head of a cell, which fills its first cache line and a little more. Who may touch which field is said in the parent module; whatever a
/// [sighting](super::Sighting) reads is an atomic.
#[repr(C)]
pub struct Header {
    pub(super) state: State,
    next: AtomicPtr<Header>,
    pub(super) vtable: AtomicPtr<Vtable>,
    /// On machines of 32 bits this is the lower half of the number.
    pub(super) id: AtomicUsize,
    pub(super) join_waker: JoinWaker,
    pub(super) site: AtomicPtr<Location<'static>>,
    pub(super) wait: AtomicUsize,
    pub(super) polls: AtomicU32,
    pub(super) born: AtomicU32,
}

/// What a cell can do, by the types of its future, its output and its home.
pub struct Vtable {
    pub(super) poll: unsafe fn(TaskRef, &mut Context<'_>) -> Poll<()>,
    pub(super) drop_stage: unsafe fn(TaskRef),
    pub(super) fail: unsafe fn(TaskRef, *mut ()),
    pub(super) take_output: unsafe fn(TaskRef, *mut ()),
    pub(super) schedule: fn(TaskRef),
    pub(super) wake_and_release: unsafe fn(TaskRef),
    pub(super) free: unsafe fn(TaskRef, Layout),
    pub(super) layout: Layout,
    pub(super) future_type: fn() -> &'static str,
}

impl Header {
    /// Prepares new memory for the tasks that will be in it, one after the other; it holds none yet.
    ///
    /// # Safety
    /// `cell` points to memory of at least the size of a header, aligned, that nobody else knows.
    pub unsafe fn vacant(cell: NonNull<Header>) {
        let header = Self {
            state: State::new(),
            next: AtomicPtr::new(core::ptr::null_mut()),
            vtable: AtomicPtr::new(core::ptr::null_mut()),
            id: AtomicUsize::new(0),
            join_waker: JoinWaker::empty(),
            site: AtomicPtr::new(core::ptr::null_mut()),
            wait: AtomicUsize::new(0),
            polls: AtomicU32::new(0),
            born: AtomicU32::new(0),
        };
        // SAFETY: [I2] the caller's contract.
        unsafe { cell.write(header) };
    }

    /// A task moves in. What it is stands behind the fence, then comes its number, then the vtable: see [`Sighting`](super::Sighting).
    #[inline]
    pub(super) fn occupy(&self, vtable: &'static Vtable, id: u64, site: &'static Location<'static>, born: u32) {
        // [occupy]
        fence(Ordering::Release);
        self.state.renew();
        self.next.store(core::ptr::null_mut(), Ordering::Relaxed);
        self.site.store(core::ptr::from_ref(site).cast_mut(), Ordering::Relaxed);
        self.wait.store(0, Ordering::Relaxed);
        self.polls.store(0, Ordering::Relaxed);
        self.born.store(born, Ordering::Relaxed);
        self.id.store(id as usize, Ordering::Release);
        self.vtable.store(core::ptr::from_ref(vtable).cast_mut(), Ordering::Release);
    }

    /// Marks the cell of a task as holding none any more.
    ///
    /// # Safety
    /// `cell` points to the header of a task that no reference is left to.
    pub unsafe fn vacate(cell: NonNull<Header>) {
        // SAFETY: [I2] the caller's contract: the field is initialized. A walk over the memory may look at it meanwhile.
        unsafe { (*cell.as_ptr()).vtable.store(core::ptr::null_mut(), Ordering::Release) };
    }

    /// Whether the cell at this address holds no task.
    ///
    /// # Safety
    /// `cell` points to a header, live or vacated.
    #[must_use]
    pub unsafe fn is_vacant(cell: NonNull<Header>) -> bool {
        // SAFETY: [I2] the caller's contract: the field is initialized in both cases.
        unsafe { (*cell.as_ptr()).vtable.load(Ordering::Acquire).is_null() }
    }

    fn vtable(&self) -> &'static Vtable {
        // SAFETY: [I5] a live cell's vtable was set from a `&'static Vtable` and is null only when vacated.
        unsafe { &*self.vtable.load(Ordering::Relaxed) }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("id", &self.id).field("state", &self.state.load()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Vtable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vtable").field("future", &(self.future_type)()).field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// A pointer to a task. Copying it counts nothing; its holder must own a reference or the right to poll (I5).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskRef(NonNull<Header>);

// SAFETY: [I5] a task reference is a pointer to a header whose shared fields are atomics; what is not is guarded by the rights of the parent module.
unsafe impl Send for TaskRef {}
// SAFETY: [I5] as above.
unsafe impl Sync for TaskRef {}

impl TaskRef {
    /// The task whose header is at `header`.
    ///
    /// # Safety
    /// `header` is a live cell, and the reference is used within I5.
    #[inline]
    #[must_use]
    pub unsafe fn from_raw(header: NonNull<Header>) -> Self {
        Self(header)
    }

    /// The address of the header.
    #[inline]
    #[must_use]
    pub fn as_ptr(self) -> NonNull<Header> {
        self.0
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        // SAFETY: [I5] the holder keeps the cell alive.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(super) fn vtable(self) -> &'static Vtable {
        self.header().vtable()
    }

    /// The link to the next task in the queue that this one is in. For the queue's owner.
    #[inline]
    #[must_use]
    pub fn next(self) -> Option<TaskRef> {
        NonNull::new(self.header().next.load(Ordering::Relaxed)).map(TaskRef)
    }

    /// Sets the link. For the queue's owner.
    #[inline]
    pub fn set_next(self, next: Option<TaskRef>) {
        self.header().next.store(next.map_or(core::ptr::null_mut(), |task| task.0.as_ptr()), Ordering::Relaxed);
    }

    /// The task's number, unique in the process.
    #[inline]
    #[must_use]
    pub fn id(self) -> u64 {
        self.header().id.load(Ordering::Relaxed) as u64
    }

    /// Where the task was spawned.
    #[must_use]
    pub fn site(self) -> &'static Location<'static> {
        // SAFETY: [I5] a live cell's site was set from a `&'static Location`.
        unsafe { &*self.header().site.load(Ordering::Relaxed) }
    }

    /// The type of the task's future.
    #[must_use]
    pub fn future_type(self) -> &'static str {
        (self.vtable().future_type)()
    }

    /// The state word as it is now.
    #[inline]
    #[must_use]
    pub fn state(self) -> Snapshot {
        self.header().state.load()
    }

    /// What the task said last that it waits for.
    #[must_use]
    pub fn wait(self) -> Wait {
        Wait::from_word(self.header().wait.load(Ordering::Relaxed) as u64)
    }

    /// Keeps what the poll that just ended said it waits for, [as a word](Wait::to_word). For the runner.
    #[inline]
    pub fn set_wait(self, word: u64) {
        self.header().wait.store(word as usize, Ordering::Relaxed);
    }

    /// How often the task has been polled; wraps around.
    #[must_use]
    pub fn polls(self) -> u32 {
        self.header().polls.load(Ordering::Relaxed)
    }

    /// One more poll begins. For the runner.
    #[inline]
    pub fn count_poll(self) {
        let polls = &self.header().polls;
        polls.store(polls.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Takes the right to poll; the caller popped the task from a queue. A cancelled task is not polled but ended with [`TaskRef::fail`].
    #[inline]
    #[must_use]
    pub fn start(self) -> Snapshot {
        self.header().state.start()
    }

    /// Polls the future once; on `Ready` its output is in place and the caller goes on with [`TaskRef::complete`]. A panic of the future
    /// unwinds through this; the caller goes on with [`TaskRef::fail`].
    ///
    /// # Safety
    /// The caller has the right to poll.
    #[inline]
    pub unsafe fn poll(self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: [I1] the caller has the right to poll.
        unsafe { (self.vtable().poll)(self, cx) }
    }

    /// Gives the right to poll up until somebody wakes the task. Returns true if somebody already did: then the caller still has the right
    /// and queues the task.
    ///
    /// # Safety
    /// The caller has the right to poll. If false is returned it must not touch the task any more.
    #[inline]
    #[must_use]
    pub unsafe fn park(self) -> bool {
        self.header().state.park().is_notified()
    }

    /// Drops what is left of the future of a task that is going to be ended with [`TaskRef::fail`]: for a runner that does so while a panic of the future still unwinds.
    ///
    /// # Safety
    /// The caller has the right to poll, and does not poll the task any more.
    pub unsafe fn drop_future(self) {
        // SAFETY: [I1] the caller has the right to poll, hence to drop the future.
        unsafe { (self.vtable().drop_stage)(self) };
    }

    /// Ends a task that panicked or was aborted: drops what is left of its future and puts `failure` in the place of the output. The caller
    /// goes on with [`TaskRef::complete`]. The drop of the future may panic; then the failure is not in place and the call is to be repeated.
    ///
    /// # Safety
    /// The caller has the right to poll, and `F` is the failure type of the task's home.
    pub unsafe fn fail<F>(self, failure: F) {
        // SAFETY: [I1] the caller has the right to poll, hence to drop the future.
        unsafe { (self.vtable().drop_stage)(self) };
        let mut failure = MaybeUninit::new(failure);
        // SAFETY: [I1] as above; the failure is moved out of the pointer exactly once.
        unsafe { (self.vtable().fail)(self, failure.as_mut_ptr().cast()) };
    }

    /// Publishes the output, wakes whoever joins and gives the runtime's reference back. A panic of the waker unwinds through this after all of that is done. If nobody
    /// joins, the output is left to the caller to drop.
    ///
    /// # Safety
    /// The caller has the right to poll and has put the output in place. It must not touch the task any more.
    #[inline]
    pub unsafe fn complete(self) -> Option<Leftover> {
        match self.header().state.complete(|| self.header().join_waker.words()) {
            AfterComplete::Done => {}
            // SAFETY: [I4] the bit was reset when the task became complete, by this runner, and the words are of the only waker that ever was there.
            AfterComplete::Wake(waker) => unsafe { waker.into_waker() }.wake(),
            AfterComplete::Release => drop(Reference(self)),
            // [I3] complete and nobody joins: the output is the runner's to drop, and the reference that it gives back is the runtime's.
            AfterComplete::DropOutput => return Some(Leftover(self)),
            AfterComplete::WakeJoin => {
                // SAFETY: [I4] the bit was set when the task became complete, so the runner moves the waker out; the next step resets the bit.
                let waker = unsafe { self.header().join_waker.words().into_waker() };
                if self.header().state.release_with_join_waker() == AfterRelease::Free {
                    // SAFETY: [I2] that was the last reference.
                    unsafe { self.free() };
                }
                waker.wake();
            }
        }
        None
    }

    /// Wakes the task: queues it if it was asleep.
    #[inline]
    pub fn wake(self) {
        if self.header().state.wake().is_asleep() {
            (self.vtable().schedule)(self);
        }
    }

    /// Wakes the task and gives one reference back. [`Home::wake_and_release`](super::Home::wake_and_release), unless the home knows better.
    ///
    /// # Safety
    /// The caller owns a reference and does not use it afterwards.
    #[inline]
    pub unsafe fn wake_and_release(self) {
        match self.header().state.wake_and_release(true) {
            (before, _) if before.is_asleep() => {
                // The right to poll does not keep the memory: a runtime that ends claims the task nevertheless. [I2] The reference does, and is given back after that.
                (self.vtable().schedule)(self);
                // SAFETY: [I2] the step above left it to us.
                unsafe { self.release() };
            }
            (_, AfterRelease::Kept) => {}
            // SAFETY: [I2] that was the last reference.
            (_, AfterRelease::Free) => unsafe { self.free() },
        }
    }

    /// The same for a caller who knows that the task's runtime cannot end meanwhile: the reference is given back at once. `queue` gets the task if it was asleep.
    ///
    /// # Safety
    /// The caller owns a reference and does not use it afterwards. The runtime does not claim its tasks before `queue` returns.
    #[inline]
    pub unsafe fn wake_and_release_into(self, queue: impl FnOnce(TaskRef)) {
        match self.header().state.wake_and_release(false) {
            (before, _) if before.is_asleep() => queue(self),
            (_, AfterRelease::Kept) => {}
            // SAFETY: [I2] that was the last reference.
            (_, AfterRelease::Free) => unsafe { self.free() },
        }
    }

    /// Has the task's home queue it again. For a runner that knows no better place: it has the right to poll, which goes to the home.
    pub fn requeue(self) {
        (self.vtable().schedule)(self);
    }

    /// Asks for the task's future to be dropped at its next turn, which comes at once.
    pub fn cancel(self) {
        if self.header().state.cancel().is_asleep() {
            (self.vtable().schedule)(self);
        }
    }

    /// Marks a task as cancelled without queueing it: for a runtime that has stopped all its workers and now ends every task itself. Returns
    /// false if the task is complete.
    ///
    /// # Safety
    /// Nobody else runs tasks of this runtime any more; the caller owns all its queues.
    #[must_use]
    pub unsafe fn claim_for_shutdown(self) -> bool {
        let before = self.header().state.cancel();
        !before.is_complete()
    }

    /// Claims a task that is asleep, as [`TaskRef::claim_for_shutdown`] does, while a task that is not may still be polled. Returns false if it is not asleep; then
    /// it may be marked as cancelled.
    ///
    /// # Safety
    /// What is woken is not run any more: the caller owns all queues of this runtime.
    #[must_use]
    pub unsafe fn claim_asleep_for_shutdown(self) -> bool {
        self.state().is_asleep() && self.header().state.cancel().is_asleep()
    }

    /// One more reference.
    #[inline]
    pub fn retain(self) {
        self.header().state.retain();
    }

    /// Gives one reference back; the last one frees the cell.
    ///
    /// # Safety
    /// The caller owns a reference and does not use it afterwards.
    #[inline]
    pub unsafe fn release(self) {
        if self.header().state.release() == AfterRelease::Free {
            // SAFETY: [I2] that was the last reference.
            unsafe { self.free() };
        }
    }

    #[cold]
    unsafe fn free(self) {
        let vtable = self.vtable();
        debug_assert!(self.state().is_complete());
        if self.state().has(JOIN_WAKER) {
            // SAFETY: [I2][I4] no reference is left, so the waker is ours to drop.
            drop(unsafe { self.header().join_waker.words().into_waker() });
        }
        // SAFETY: [I2] no reference is left; the home gets the memory back.
        unsafe { (vtable.free)(self, vtable.layout) };
    }
}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskRef").field(self.header()).finish()
    }
}

/// One owned reference, given back on drop.
pub(super) struct Reference(pub(super) TaskRef);

impl Drop for Reference {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: [I2] this value owns one reference.
        unsafe { self.0.release() };
    }
}
