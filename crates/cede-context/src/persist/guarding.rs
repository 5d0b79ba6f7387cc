//! `persist` where panics cannot be caught.

/// Calls `step` until it returns false; a call that panics counts as true.
///
/// # Panics
/// With the panic of `step`, after the last call. A second one aborts.
pub fn persist(mut step: impl FnMut() -> bool) {
    let rest = Rest(&mut step);
    while (rest.0)() {}
    core::mem::forget(rest);
}

struct Rest<'a>(&'a mut dyn FnMut() -> bool);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        while (self.0)() {}
    }
}
