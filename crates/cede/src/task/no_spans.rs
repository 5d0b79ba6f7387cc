//! Without the feature `tracing` tasks have no spans.

#![forbid(unsafe_code)]

use std::panic::Location;

use cede_core::task::TaskRef;

use super::Id;

/// What a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Task,
    Local,
    Blocking,
}

pub(crate) struct Naming(());

pub(crate) fn name_next(_name: &str) -> Naming {
    Naming(())
}

#[inline(always)]
pub(crate) fn spawns<F>(_id: Id, _site: &'static Location<'static>, _size: usize, _made: Made) {}

#[inline(always)]
pub(crate) fn woken(_task: TaskRef) {}

#[must_use]
pub(crate) struct Entered(());

#[inline(always)]
pub(crate) fn enter(_task: TaskRef) -> Entered {
    Entered(())
}

impl Entered {
    #[inline(always)]
    pub(crate) fn leave(self, _task: TaskRef, _again: impl FnOnce() -> bool) {}
}

#[inline(always)]
pub(crate) fn ended(_task: TaskRef) {}
