//! Where stacks are not taken: without the feature `backtrace` a stall shows no frames.

#![forbid(unsafe_code)]

use super::stall::StallFrame;
use crate::sys::thread::Pid;

/// No addresses.
#[derive(Clone, Debug)]
pub(crate) struct Stack;

/// Nobody is waited for.
#[derive(Debug)]
pub(super) struct Patience;

impl Patience {
    pub(super) fn new() -> Self {
        Self
    }
}

/// Asks nobody.
pub(super) fn of(_thread: Pid, _patience: &mut Patience) -> Stack {
    Stack
}

impl Stack {
    /// Nothing.
    pub(super) fn resolve(&self) -> Vec<StallFrame> {
        Vec::new()
    }
}
