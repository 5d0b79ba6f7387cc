//! Handing a worker over to another thread, in the middle of a task.
//!
//! # What
//! Nothing in a worker is bound to its thread: ring, slot, slab, driver, wheel. When a task is about to block its thread ([`block_in_place`]), the thread gives the worker's [`Seat`] away,
//! and a spare thread goes on with the worker while the task blocks. Who gives seats away is one matter (the thread itself, or the monitor, see `rescue`), who takes them another
//! ([`Spares`](super::spares::Spares)).
//!
//! # Why not the obvious way
//! Moving the queued tasks to others leaves the worker's timers and sockets deaf. Moving the blocking closure to another thread would need it to be `Send + 'static`. Waiting for the
//! worker to come back before the task goes on would make the task wait for whatever the new thread is just polling, perhaps for ever.
//!
//! # States of a seat, seen from the thread T that gives it away
//! ```text
//! held by T ──offer──► offered ──a spare takes it──► held by the spare: T is a stray until its frames are left, then a spare
//!      ▲                  │
//!      └── T takes back ──┘  (the closure was short)
//! ```
//!
//! # What a stray does
//! Its desk is empty, so all that its task does (wakes, spawns, frees, timers) goes the way of foreign threads. When the poll returns, the frames of the worker's functions that are left on the
//! stack ([`Worker::tick`], nested `block_on`, [`Worker::run`]) find [`is_stray`](super::seat::is_stray) and return at once; a task that is runnable again goes to the injection queue.
//!
//! # Who may touch what
//! The worker's cells: the holder of the seat, and nobody while it is offered. Its plain fields never change, so a stray may read those. The hand-over itself is the lock of the spares, so what T did happens before what the spare does.
//!
//! # Invariants
//! - H1: a thread touches a worker's cells only while it has the seat: after any call that may poll a task or a future, a function of the worker looks whether it is a stray.
//! - H2: a seat is given away only inside such a call. Foreign code that a worker calls otherwise (wakers of timers and sockets, hooks) runs while [`Worker::holds`] is set, and then the seat stays.
//! - H3: from before the offer until T has left all frames of the worker or has the seat again, T is in the list of those *away*; the end of the runtime waits until that list is empty before it
//!   drops futures, because T is polling one, and before it frees workers.
//! - H4: a thread that is away does not wait in a nested `block_on` for a runtime that ends: it panics, since the end waits for it.
//!
//! The guest has no driver and no timers: it gives its queue to the others and keeps its seat. In a simulated run the closure is just called, because there are no threads.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::thread;

use cede_context::{budget, inside};

use super::seat::{Inside, SteppedAside, with_active};
use super::spares::Offered;
use super::worker::Worker;
use super::{Shared, threads};
use crate::inspect::posts;
use crate::record;
use crate::runtime::context;

/// Runs a closure that may block; the worker of this thread, if any, goes on elsewhere.
pub(crate) fn block_in_place<F: FnOnce() -> R, R>(job: F) -> R {
    record::blocks();
    let aside = with_active(|active| active.and_then(step_aside));
    // A thread without a worker to give away, as one that was rescued from this task before, is not stuck either.
    let _not_stuck = aside.is_none().then(Inside::enter);
    let outside = inside::leave();
    let result = posts::excused(|| budget::unconstrained(job));
    drop(outside);
    drop(aside);
    record::resumes();
    result
}

/// Gives the worker of this thread away; `None` if it has to stay. Then at least its queue goes to the others.
fn step_aside(worker: &Worker) -> Option<Aside> {
    let shared = worker.shared().clone();
    if shared.parts.is_simulated() {
        return None;
    }
    if worker.is_guest() || worker.holds() {
        worker.give_away();
    }
    if worker.holds() {
        return None;
    }
    let is_guest = worker.is_guest();
    shared.shutdown.add_away(thread::current(), context::current_task());
    let stepped = SteppedAside::new().expect("this thread runs a worker");
    if is_guest {
        shared.set_guest_runs(false);
        return Some(Aside { shared, stepped: Some(stepped), ticket: None });
    }
    let Offered { ticket, needs_thread } = shared.spares.offer(stepped.seat());
    if needs_thread && !threads::start_spare(&shared) && shared.spares.take_back(ticket).is_some() {
        stepped.come_back();
        shared.came_back();
        worker.give_away();
        return None;
    }
    Some(Aside { shared, stepped: Some(stepped), ticket: Some(ticket) })
}

/// The thread is aside from its worker; when this is dropped it comes back to it, or is a stray.
struct Aside {
    shared: Arc<Shared>,
    stepped: Option<SteppedAside>,
    /// The offer of the seat; the guest keeps its.
    ticket: Option<u64>,
}

impl Drop for Aside {
    fn drop(&mut self) {
        let Some(stepped) = self.stepped.take() else { return };
        match self.ticket {
            None => {
                self.shared.set_guest_runs(true);
                stepped.come_back();
                self.shared.came_back();
            }
            Some(ticket) => match self.shared.spares.take_back(ticket) {
                Some(_seat) => {
                    stepped.come_back();
                    self.shared.came_back();
                }
                None => stepped.stray(),
            },
        }
    }
}
