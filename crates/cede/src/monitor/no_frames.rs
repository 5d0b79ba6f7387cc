//! Where stacks are not taken: without the feature `backtrace` a stall shows no frames.

#![forbid(unsafe_code)]

use super::stall::StallFrame;
use crate::sys::thread::Pid;

/// No addresses.
#[derive(Clone, Debug)]
pub(crate) struct Stack;

/// Asks nobody.
pub(super) fn of(_thread: Pid, _still: impl FnOnce() -> bool) -> Stack {
    Stack
}

impl Stack {
    /// Nothing.
    pub(super) fn resolve(&self) -> Vec<StallFrame> {
        Vec::new()
    }
}

/// None is known.
pub(super) fn blocking(_frames: &[StallFrame]) -> Option<(&StallFrame, Option<&StallFrame>)> {
    None
}
