//! Wakers of tasks: the data pointer is the header. Invariants are those of the parent module.

use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::task::{RawWaker, RawWakerVTable, Waker};

use super::header::{Header, TaskRef};

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker that owns a reference to the task.
#[must_use]
pub fn waker(task: TaskRef) -> Waker {
    task.retain();
    // SAFETY: [I2] the reference just taken is the waker's; the functions of the table uphold the contract of `RawWaker`.
    unsafe { Waker::from_raw(raw(task)) }
}

/// Calls `poll` with a waker that borrows the caller's hold on the task, so that polling counts nothing.
#[inline]
pub fn with_waker<R>(task: TaskRef, poll: impl FnOnce(&Waker) -> R) -> R {
    // SAFETY: [I5] the caller holds the task for the whole call; the waker is never dropped, so no reference is given back.
    let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw(task)) });
    poll(&waker)
}

/// The task that `waker` wakes, if it is one of cede's. The reference lives as long as the waker does.
#[inline]
#[must_use]
pub fn task_of(waker: &Waker) -> Option<TaskRef> {
    if !core::ptr::eq(waker.vtable(), &VTABLE) {
        return None;
    }
    // SAFETY: a waker with this table has a header as data, and owns a reference.
    Some(unsafe { of(waker.data()) })
}

fn raw(task: TaskRef) -> RawWaker {
    RawWaker::new(task.as_ptr().as_ptr().cast_const().cast(), &VTABLE)
}

/// # Safety
/// `data` is the data of a waker with this table.
unsafe fn of(data: *const ()) -> TaskRef {
    // SAFETY: the data of such a waker is a non-null header, kept alive by the waker [I2].
    unsafe { TaskRef::from_raw(NonNull::new_unchecked(data.cast_mut().cast::<Header>())) }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: called with the data of a live waker.
    let task = unsafe { of(data) };
    task.retain();
    raw(task)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: called once with the data of a live waker, whose reference is given back.
    unsafe {
        let task = of(data);
        (task.vtable().wake_and_release)(task);
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: called with the data of a live waker.
    unsafe { of(data) }.wake();
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: called once with the data of a live waker, whose reference is given back.
    unsafe { of(data).release() };
}
