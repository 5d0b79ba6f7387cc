//! Wakers that do what a test wants when they are woken, cloned or dropped.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{RawWaker, RawWakerVTable, Waker};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum When {
    Wake,
    Clone,
    Drop,
}

/// Wakers that act.
pub(crate) struct Hostile {
    pub(crate) armed: Cell<bool>,
    act: Box<dyn Fn(When)>,
}

impl Hostile {
    pub(crate) fn new(act: impl Fn(When) + 'static) -> Rc<Self> {
        Rc::new(Self { armed: Cell::new(false), act: Box::new(act) })
    }

    fn at(&self, when: When) {
        if self.armed.get() {
            (self.act)(when);
        }
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

pub(crate) fn waker(hostile: &Rc<Hostile>) -> Waker {
    let data = Rc::into_raw(Rc::clone(hostile)).cast();
    // SAFETY: the functions below own one count of the Rc for each waker; the tests keep it on one thread.
    unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) }
}

fn clone(data: *const ()) -> RawWaker {
    // SAFETY: made by `into_raw`, and the waker that is cloned holds a count.
    let hostile = unsafe { &*data.cast::<Hostile>() };
    hostile.at(When::Clone);
    // SAFETY: as above.
    unsafe { Rc::increment_strong_count(data.cast::<Hostile>()) };
    RawWaker::new(data, &VTABLE)
}

fn wake(data: *const ()) {
    // SAFETY: the waker's count passes to this `Rc`.
    let hostile = unsafe { Rc::from_raw(data.cast::<Hostile>()) };
    hostile.at(When::Wake);
}

fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker holds a count.
    unsafe { &*data.cast::<Hostile>() }.at(When::Wake);
}

fn release(data: *const ()) {
    // SAFETY: the waker's count passes to this `Rc`.
    let hostile = unsafe { Rc::from_raw(data.cast::<Hostile>()) };
    hostile.at(When::Drop);
}
