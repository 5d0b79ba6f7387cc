//! What the receiver of a bounded channel has taken, while foreign code runs before it can have it: goes back if that panics. The invariants are those of the parent module.
#![forbid(unsafe_code)]

use core::task::Waker;

use cede_core::lock::Guard;

use super::{Chan, State};

/// What was taken from the queue, until the receiver has it.
struct Taken<'a, T, R> {
    chan: &'a Chan<T>,
    taken: Option<R>,
    undo: fn(&mut State<T>, R),
}

impl<T, R> Taken<'_, T, R> {
    fn keep(mut self) -> R {
        self.taken.take().expect("it is there until it is kept")
    }
}

impl<T, R> Drop for Taken<'_, T, R> {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            (self.undo)(&mut self.chan.state.lock(), taken);
        }
    }
}

impl<T> State<T> {
    /// Puts the value back that was taken last, though its place is another one's now. [I5]
    #[cold]
    pub(super) fn put_back(&mut self, value: T) {
        self.queue.unpop(value);
        self.owed = true;
    }
}

impl<T> Chan<T> {
    /// After values were taken: frees their places, and drops a waker that was not needed. What was taken goes to `undo` if any of this panics.
    #[cold]
    pub(super) fn settle<R>(
        &self,
        mut state: Guard<'_, State<T>>,
        places: usize,
        unused: Option<Waker>,
        taken: R,
        undo: fn(&mut State<T>, R),
    ) -> R {
        let taken = Taken { chan: self, taken: Some(taken), undo };
        // Bound after it, thus dropped before.
        let unused = unused;
        let paid = usize::from(core::mem::take(&mut state.owed));
        if state.claims.is_empty() {
            state.free += places - paid;
            drop(state);
        } else {
            self.hand_out(state, places - paid);
        }
        drop(unused);
        taken.keep()
    }
}
