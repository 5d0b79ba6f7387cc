//! Memory for a task that is about to be made.
//!
//! Where a task's memory comes from and which queue it goes to does not depend on the type of its future. Between the two steps, only the future itself is moved: so what is compiled for each type is as
//! little as can be.

#![forbid(unsafe_code)]

use std::ptr::NonNull;

use cede_core::lock::Guard;
use cede_core::task::TaskRef;

use crate::task::slab::{self, Slab};

/// Queues a new task; says whether that was possible.
pub(crate) type Push<'a> = &'a dyn Fn(TaskRef) -> bool;

/// Memory of one of a runtime's slabs, which the next step makes a task of.
pub(crate) struct Reserved<'a, S: slab::Shared> {
    pub(crate) memory: NonNull<u8>,
    /// When the task is born.
    pub(crate) born: u32,
    /// The slab of all threads that run no worker. While it is locked, the walk of the shutdown sees the task whole or not at all.
    pub(crate) _slab: Guard<'a, Option<Slab<S>>>,
}
