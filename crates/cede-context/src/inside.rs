//! Whether the thread runs an executor at the moment.
//!
//! A thread that polls tasks must not be parked by one of them: all the others would wait with it. Methods that park say so by a panic, and this
//! is how they know. A runtime marks a thread once, when it starts to run tasks on it ([`enter`]), not at each poll. Code that it calls where blocking
//! does no harm (a closure on a blocking thread, or one for which the worker was replaced) runs marked as outside ([`leave`]).
//!
//! The marks nest like scopes: each guard puts back what it found.

use core::marker::PhantomData;

use crate::cells;

/// Puts back the mark that was there before; see [`enter`] and [`leave`].
#[derive(Debug)]
#[must_use = "the mark is taken back when this is dropped"]
pub struct Restore {
    before: bool,
    /// It belongs to its thread.
    not_send: PhantomData<*const ()>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        cells::replace_inside(self.before);
    }
}

/// The thread runs an executor until the result is dropped.
pub fn enter() -> Restore {
    mark(true)
}

/// The thread may be blocked until the result is dropped.
pub fn leave() -> Restore {
    mark(false)
}

fn mark(inside: bool) -> Restore {
    Restore { before: cells::replace_inside(inside), not_send: PhantomData }
}

/// Whether the thread runs an executor, so that blocking it would keep tasks waiting.
#[must_use]
pub fn is_entered() -> bool {
    cells::inside()
}

#[cfg(all(test, feature = "std", not(loom)))]
mod tests {
    use super::{enter, is_entered, leave};

    #[test]
    fn marks_nest() {
        assert!(!is_entered());
        let outer = enter();
        {
            let _closure = leave();
            assert!(!is_entered());
            let _nested = enter();
            assert!(is_entered());
        }
        assert!(is_entered());
        drop(outer);
        assert!(!is_entered());
        assert!(!std::thread::spawn(is_entered).join().unwrap());
    }
}
