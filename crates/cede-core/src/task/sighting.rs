//! What can be seen of a task by somebody who has no right to it.
//!
//! # What
//! A dump looks at cells whose tasks run, end and are replaced by others at the same time, and it must not disturb them. The fields that it reads are atomics, and are written without a
//! lock; so it reads the task's number twice, as one does with a sequence lock. No number is used twice.
//!
//! # Invariants
//! - I1: the header is initialized, and its memory stays.
//! - I2: a vtable that is not null is a `&'static Vtable`, and a site that was published with it a `&'static Location`.
//! - I3: what a sighting holds is of one task. `occupy` has a Release fence between the null that stood in `vtable` and the new task's fields; after these it stores the number, then the vtable, both
//!   with Release. Who has read a number sees no fields that are older. If any of them is a later task's, then the fence makes that null visible to the second look at `vtable`, or that sees the
//!   later task's, and then also its number, which is another one.
//!
//! `wait` and `polls` are also written by the runner, without order: they are of some moment near to that of the rest.
//!
//! # Orderings
//! As said in I3; the Acquire fence stands before the second look.

use core::panic::Location;
use core::ptr::NonNull;

use cede_context::wait::Wait;

use super::header::Header;
use super::state::Snapshot;
use crate::prim::atomic::{Ordering, fence};

/// A task as it was seen at some moment, without being disturbed.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// Its number.
    pub id: u64,
    /// Where it was spawned.
    pub site: &'static Location<'static>,
    /// The type of its future.
    pub future_type: &'static str,
    /// Its state word.
    pub state: Snapshot,
    /// What it said last that it waits for.
    pub wait: Wait,
    /// How often it has been polled, or is being; it wraps around.
    pub polls: u32,
    /// When it was born, in the unit of whoever spawned it.
    pub born: u32,
}

impl Sighting {
    /// Looks at a cell. `None` if no task is in it, or if they change just now.
    ///
    /// # Safety
    /// `cell` was made [vacant](Header::vacant) at some time, and its memory stays during the call.
    #[must_use]
    pub unsafe fn of(cell: NonNull<Header>) -> Option<Self> {
        // SAFETY: [I1] the caller's contract.
        let header = unsafe { cell.as_ref() };
        let id = header.id.load(Ordering::Acquire);
        let vtable = header.vtable.load(Ordering::Acquire);
        let state = header.state.load();
        let wait = Wait::from_word(header.wait.load(Ordering::Relaxed) as u64);
        let polls = header.polls.load(Ordering::Relaxed);
        let born = header.born.load(Ordering::Relaxed);
        let site = header.site.load(Ordering::Relaxed);
        // [I3]
        fence(Ordering::Acquire);
        let again = header.vtable.load(Ordering::Acquire);
        if vtable.is_null() || again != vtable || header.id.load(Ordering::Relaxed) != id {
            return None;
        }
        // SAFETY: [I2] seen together with a vtable that is not null.
        let (future_type, site) = unsafe { (((*vtable).future_type)(), site.as_ref()?) };
        Some(Self { id: id as u64, site, future_type, state, wait, polls, born })
    }
}
