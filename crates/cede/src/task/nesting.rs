//! Outputs that own join handles, whose outputs own join handles, and so on: dropped without running out of stack.
//!
//! # What
//! Dropping the handle of a complete task drops the task's output. If that holds another such handle, the drops nest, for a chain of a million tasks a million deep. So the
//! depth is counted, and from [`DEPTH_MAX`] on a leftover is put on a list, which the outermost drop empties before it returns. That is possible because outputs borrow from
//! nobody. Values in channels may, so a channel in a value in a channel, and so on, is dropped as boxes in boxes are: as deep as it is nested.
//!
//! # Invariants
//! - I1: whenever `DEPTH` is zero the list is empty: it is only filled inside an outermost drop, which empties it also when outputs panic.

#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};

use cede_core::task::{Leftover, Leftovers};

use crate::runtime::run::drop_leftover;

/// Drops nest so deep at most.
const DEPTH_MAX: u32 = 16;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static LATER: RefCell<Leftovers> = const { RefCell::new(Leftovers::new()) };
}

/// Drops what is left of a task (a panic of that goes nowhere), now or before the outermost drop of this thread returns.
#[inline]
pub(crate) fn settle(leftover: Leftover) {
    let depth = DEPTH.get();
    if depth >= DEPTH_MAX {
        LATER.with_borrow_mut(|later| later.push(leftover));
        return;
    }
    DEPTH.set(depth + 1);
    let _level = Level(depth);
    drop_leftover(leftover);
}

/// One level of nested drops; the outermost one empties the list when it ends.
struct Level(u32);

impl Drop for Level {
    #[inline]
    fn drop(&mut self) {
        if self.0 == 0 && LATER.with_borrow(|later| !later.is_empty()) {
            empty();
        }
        DEPTH.set(self.0);
    }
}

/// Runs at depth one, so what these outputs own comes back to the list after a few levels.
#[cold]
fn empty() {
    while let Some(next) = LATER.with_borrow_mut(Leftovers::pop) {
        drop_leftover(next);
    }
}
