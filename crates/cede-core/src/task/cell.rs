//! The cell: header, and the future or its output. Invariants are those of the parent module.

use core::alloc::Layout;
use core::future::Future;
use core::marker::PhantomData;
use core::panic::Location;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll};

use super::header::{Header, TaskRef, Vtable};
use super::join::Join;
use crate::prim::UnsafeCell;

/// Where a kind of task lives: what happens when it is woken, and who frees it.
pub trait Home: 'static {
    /// What the join handle gets instead of an output: the task panicked or was aborted.
    type Failure;

    /// The task was asleep and has been woken; the callee got the right to poll it and queues it. Called on any thread, from any waker.
    fn schedule(task: TaskRef);

    /// A waker is used up: wakes the task, and gives the waker's reference back. A home that knows that its runtime cannot end during this call does so in one step, by
    /// [`TaskRef::wake_and_release_into`].
    ///
    /// # Safety
    /// The caller owns a reference and does not use it afterwards.
    #[inline]
    unsafe fn wake_and_release(task: TaskRef) {
        // SAFETY: [I2] the caller's reference.
        unsafe { task.wake_and_release() };
    }

    /// The last reference is gone.
    ///
    /// # Safety
    /// `task` was initialized in memory of this home with this layout, and nobody uses it any more.
    unsafe fn free(task: TaskRef, layout: Layout);
}

enum Stage<F, T> {
    Running(F),
    Finished(T),
    Consumed,
}

/// A task's memory. Only its layout is public: an allocator asks for it.
#[repr(C)]
#[expect(missing_debug_implementations, reason = "never seen as a value: only behind a TaskRef, which has one")]
pub struct Cell<F: Future, H: Home> {
    body: Body<F, H::Failure>,
    home: PhantomData<fn() -> H>,
}

/// What does not depend on the home, so that it is compiled once for each type of future.
#[repr(C, align(64))]
struct Body<F: Future, E> {
    header: Header,
    stage: UnsafeCell<Stage<F, Result<F::Output, E>>>,
}

impl<F: Future, H: Home> Cell<F, H> {
    /// The layout that a cell of these types needs.
    pub const LAYOUT: Layout = Layout::new::<Self>();

    pub(super) const VTABLE: &'static Vtable = &Vtable {
        poll: Body::<F, H::Failure>::poll,
        drop_stage: Body::<F, H::Failure>::drop_stage,
        fail: Body::<F, H::Failure>::fail,
        take_output: Body::<F, H::Failure>::take_output,
        schedule: H::schedule,
        wake_and_release: H::wake_and_release,
        free: H::free,
        layout: Self::LAYOUT,
        future_type: core::any::type_name::<F>,
    };

    /// Makes a task of `future` in `memory`, `born` at a moment whose unit is the caller's. It counts as queued: the caller has the right to poll and queues it. One reference is the
    /// runtime's, the other the join handle's.
    ///
    /// # Safety
    /// `memory` has at least [`Cell::LAYOUT`], begins with a [vacant](Header::vacant) header, and is nobody else's until [`Home::free`] gets it, save for [sightings](super::Sighting). If `F` is not `Send`, the task is polled and
    /// dropped on this thread only; if it borrows, the memory is freed before the borrow ends.
    #[inline]
    pub unsafe fn emplace(
        memory: NonNull<u8>,
        future: F,
        id: u64,
        site: &'static Location<'static>,
        born: u32,
    ) -> (TaskRef, Join<F::Output, H::Failure>) {
        let cell = memory.cast::<Self>();
        // SAFETY: the caller's contract: the memory is large enough, aligned and unused, and the header is initialized. Field by field, so that the future is moved once.
        unsafe {
            (&raw mut (*cell.as_ptr()).body.stage).write(UnsafeCell::new(Stage::Running(future)));
            (*cell.cast::<Header>().as_ptr()).occupy(Self::VTABLE, id, site, born);
        }
        // SAFETY: [I5] the cell was just initialized with two references: one for each of these.
        unsafe {
            let task = TaskRef::from_raw(cell.cast());
            (task, Join::new(task))
        }
    }
}

impl<F: Future, E> Body<F, E> {
    /// The body of a task that was made by [`Cell::emplace`] with these types; the vtable sees to that.
    unsafe fn of<'a>(task: TaskRef) -> &'a Self {
        // SAFETY: the header is the first field of a `repr(C)` body of these types, which is the first of the cell; [I5] it is alive.
        unsafe { task.as_ptr().cast::<Self>().as_ref() }
    }

    unsafe fn poll(task: TaskRef, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: called through the vtable of this type.
        let cell = unsafe { Self::of(task) };
        let polled = cell.stage.with_mut(|stage| {
            // SAFETY: [I1] the caller has the right to poll, so nobody else accesses the stage.
            let Stage::Running(future) = (unsafe { &mut *stage }) else { unreachable!("a complete task was polled") };
            // SAFETY: the future stays in its cell until it is dropped in place.
            unsafe { Pin::new_unchecked(future) }.poll(cx)
        });
        match polled {
            Poll::Ready(output) => {
                // SAFETY: [I1] as above.
                unsafe { cell.replace_future(Ok(output)) };
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Drops the future in place and puts the result there. If that drop panics, the stage is left consumed.
    unsafe fn replace_future(&self, result: Result<F::Output, E>) {
        self.stage.with_mut(|stage| {
            // SAFETY: [I1] the caller has the right to poll.
            unsafe {
                drop_in_place(stage);
                stage.write(Stage::Finished(result));
            }
        });
    }

    unsafe fn drop_stage(task: TaskRef) {
        // SAFETY: called through the vtable of this type, by whoever owns the stage (the parent module says who).
        unsafe { Self::of(task).stage.with_mut(|stage| drop_in_place(stage)) };
    }

    unsafe fn fail(task: TaskRef, failure: *mut ()) {
        // SAFETY: [I1] the caller has the right to poll; `failure` points to an `E` that it gives away.
        unsafe {
            let failure = failure.cast::<E>().read();
            Self::of(task).stage.with_mut(|stage| stage.write(Stage::Finished(Err(failure))));
        }
    }

    unsafe fn take_output(task: TaskRef, out: *mut ()) {
        // SAFETY: called by the join handle of this type after COMPLETE, when the stage is its own; `out` has room for the result.
        let stage = unsafe { Self::of(task) }.stage.with_mut(|stage| unsafe { stage.replace(Stage::Consumed) });
        let Stage::Finished(result) = stage else { panic!("a JoinHandle was polled after it had returned its result") };
        // SAFETY: as above.
        unsafe { out.cast::<Option<Result<F::Output, E>>>().write(Some(result)) };
    }
}

/// Drops what is in the stage, leaving it consumed also if that panics.
///
/// # Safety
/// The caller owns the stage.
unsafe fn drop_in_place<F, T>(stage: *mut Stage<F, T>) {
    struct Consume<F, T>(*mut Stage<F, T>);
    impl<F, T> Drop for Consume<F, T> {
        fn drop(&mut self) {
            // SAFETY: the content was dropped (or is being unwound out of); writing does not drop it again.
            unsafe { self.0.write(Stage::Consumed) };
        }
    }
    let _consume = Consume(stage);
    // SAFETY: the caller owns the stage; the guard marks it as consumed.
    unsafe { core::ptr::drop_in_place(stage) };
}
