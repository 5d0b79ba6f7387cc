//! Where stacks are not taken: without the feature `backtrace` a dump does not show where in their code tasks wait.

#![forbid(unsafe_code)]

use std::fmt;
use std::sync::atomic::AtomicUsize;

use cede_core::task::TaskRef;

use super::TaskDump;
use crate::runtime::StallFrame;

/// Never.
pub(crate) static LOOKED_AT: AtomicUsize = AtomicUsize::new(0);

/// Does nothing without the feature `backtrace`. With it, tasks keep where they wait as long as the result is there.
#[must_use = "it is switched off when this is dropped"]
pub fn await_chains() -> AwaitChains {
    AwaitChains(())
}

/// See [`await_chains`].
#[derive(Debug)]
pub struct AwaitChains(());

pub(crate) fn keep_if_asked() {}

pub(super) fn keep() {}

#[inline(always)]
pub(crate) fn ended(_task: TaskRef) {}

pub(super) fn add_to(_tasks: &mut [TaskDump]) {}

pub(super) fn write(_f: &mut fmt::Formatter<'_>, _awaits: &[StallFrame]) -> fmt::Result {
    Ok(())
}
