//! `persist` where panics can be caught.

use std::any::Any;
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Calls `step` until it returns false; a call that panics counts as true.
///
/// # Panics
/// With the first panic of `step`, after the last call; with none if the thread unwinds already, because that would abort.
#[inline]
pub fn persist(mut step: impl FnMut() -> bool) {
    call(&mut step);
}

/// The same, compiled once.
fn call(step: &mut dyn FnMut() -> bool) {
    let mut first: Option<Box<dyn Any + Send>> = None;
    while let Err(panic) = catch_unwind(AssertUnwindSafe(|| while step() {})) {
        match first {
            None => first = Some(panic),
            Some(_) => discard(panic),
        }
    }
    match first {
        Some(panic) if std::thread::panicking() => discard(panic),
        Some(panic) => resume_unwind(panic),
        None => {}
    }
}

/// Drops the payload of a panic. Its destructor is foreign code too, and might panic again.
fn discard(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        core::mem::forget(again);
    }
}
