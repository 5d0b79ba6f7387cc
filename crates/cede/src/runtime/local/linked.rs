//! What only programs with a one-thread runtime have: whoever holds a handle reaches it by a table that comes with such a runtime, so that the linker leaves it out of all other programs.

#![forbid(unsafe_code)]

use std::alloc::Layout;
use std::sync::Arc;

use cede_core::task::TaskRef;

use super::{Scheduler, Shared, home, spawn};
use crate::runtime::reserved::{Push, Reserved};
use crate::runtime::run::Main;

pub(crate) struct Linked {
    pub(crate) block_on: fn(&Arc<Shared>, Main<'_>),
    pub(crate) shut_down: fn(&Arc<Shared>),
    pub(super) schedule: fn(TaskRef),
    pub(super) wake_and_release: home::OfReference,
    pub(super) free: home::OfReference,
    pub(super) reserve_elsewhere: for<'a> fn(&'a Arc<Shared>, Layout) -> Option<Reserved<'a, Shared>>,
    pub(super) admit_elsewhere: fn(&Arc<Shared>, Reserved<'_, Shared>, TaskRef, Push<'_>),
    pub(super) push_by_policy: fn(&Scheduler, TaskRef),
}

pub(super) static LINKED: Linked = Linked {
    block_on: Shared::block_on,
    shut_down: Shared::shut_down,
    schedule: home::schedule,
    wake_and_release: home::wake_and_release,
    free: home::free,
    reserve_elsewhere: spawn::reserve_elsewhere,
    admit_elsewhere: spawn::admit_elsewhere,
    push_by_policy: Scheduler::rank_and_push,
};

/// A scheduler that nobody drives. Not its type, whose drop everybody would have who may drop the last handle.
pub(super) trait Keep: Send {
    fn into_scheduler(self: Box<Self>) -> Box<Scheduler>;
}

impl Keep for Scheduler {
    fn into_scheduler(self: Box<Self>) -> Box<Scheduler> {
        self
    }
}
