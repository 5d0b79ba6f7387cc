//! The task: a future in a cell, the word that says who may touch it, and the references that keep it.
//!
//! # What
//! A cell is one allocation: a [`Header`] of one cache line and a little more, then the future, later replaced by its output. Every scheduler uses this cell, the
//! one for static memory included; a [`Home`] says where a woken task goes and who frees the memory.
//!
//! # Why not the obvious way
//! `Arc<Mutex<Option<Box<dyn Future>>>>` costs two allocations, a lock and a reference count for each queue entry. A reference counted
//! for each queue entry, and a step of its own for each of queueing, beginning, waking and giving back, add up (a read-modify-write costs as much as twenty other instructions); here what comes together is one
//! step, and a poll begins without one. Where a step is a compare-exchange, it repeats only because somebody else's step came first. A list of all tasks costs a lock for each spawn; here the allocator of the cells is the list.
//!
//! # States
//! The two lowest bits of the word, [`state::RUN_MASK`], say who has the right to poll:
//! ```text
//!            wake, abort
//!  NOTIFIED ◄───────── RUNNING ───────┐
//!   11    ───────────►  00 │ ▲        │
//!          start           │ │ wake   │ complete
//!                     park ▼ │        ▼
//!                       SLEEP      COMPLETE (run bits stay 00 or 11: never SLEEP, so no later wake can queue the task)
//!                        01
//! ```
//! A task that is queued is `RUNNING`: the right to poll moves with the queue entry, and the poll begins without a step. `NOTIFIED` means that it was woken again: before the poll, then `start` resets that,
//! because this poll sees to it; or during the poll, then the runner finds it at [`TaskRef::park`] and queues the task itself. An abort makes a task that sleeps `NOTIFIED` at once.
//!
//! # References
//! The runtime holds one from spawn to completion, the join handle one, each abort handle and waker one; queue entries hold none, because a
//! task that is not complete cannot go away. So `wake_by_ref` is one step and never counts. The one
//! exception is a runtime that ends: it claims tasks whatever their run bits say, so whoever wakes one by value gives the reference back only after the task is queued, unless it is on a thread whose
//! own work keeps the runtime from ending.
//!
//! # Who may touch what
//! * `stage` (future or output): until COMPLETE whoever has the right to poll; after COMPLETE the join handle if `JOIN_INTEREST` was set at that
//!   moment, else the runner that completed it.
//! * `next`: the queue that the task is in; it is in one at most. After COMPLETE it is in none, and the link is the join handle's ([`Leftovers`]).
//! * `join_waker`: while the task is not COMPLETE, the join handle; it sets `JOIN_WAKER` when a waker is in place and may take the bit back. If the bit is set at the
//!   moment of completion, the waker is the runner's, who resets the bit in that step, or after it has moved the waker out. If it is set after that (the handle was late), the last reference drops the waker.
//! * `vtable`, `id`, `site`, `born`: written when a task moves in, the vtable to null when it is vacated; `wait`, `polls`: written by the runner. All of these may be read by anybody at any
//!   time as long as the memory is there, see [`Sighting`].
//!
//! # Invariants
//! - I1: at most one party has the right to poll.
//! - I2: the reference count equals the number of runtime, join-handle, abort-handle and waker references; the cell is freed at zero, once.
//! - I3: a COMPLETE task is never queued and its future is already dropped.
//! - I4: `join_waker` owns a waker exactly while `JOIN_WAKER` is set.
//! - I5: a [`TaskRef`] is only used while its holder owns a reference or the right to poll.
//!
//! # Orderings
//! One word: a Release part of each transition that gives a right away pairs with the Acquire part of the one that takes it. Counting up is
//! Relaxed, down is Release; the last one does an Acquire load of the word before freeing (no fence, so that the thread sanitizer understands it).
//!
//! A runner that completes a task copies the join waker's words first, and owns that waker if the step succeeds that finds `JOIN_WAKER` set and `JOIN_REPLACED` unset: then the word said the same all the
//! time since the copy was made, because the second bit is never reset, so nobody had changed them.

mod cell;
mod header;
mod join;
mod join_waker;
mod sighting;
pub mod state;
mod waker;

#[cfg(all(test, loom))]
mod model;

pub use cell::{Cell, Home};
pub use header::{Header, TaskRef, Vtable};
pub use join::{Join, Leftover, Leftovers};
pub use sighting::Sighting;
pub use waker::{task_of, waker, with_waker};
