//! The threads of workers: each runs the worker whose seat it got, and becomes a spare when that went to another thread.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::seat::{self, Active, Seat};
use super::{Shared, priority};
use crate::monitor;
use crate::runtime::context;
use crate::runtime::handle::{Handle, SchedulerHandle};

/// The body of a thread that begins with a worker, or as a spare.
pub(super) fn main(shared: &Arc<Shared>, first: Option<Seat>) {
    cede_driver::tighten_timer_slack();
    let mut next = first;
    // A panic in a hook ends this thread, but the runtime must still be able to end.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        if let Some(hook) = &shared.parts.hooks.thread_start {
            hook();
        }
        let _inside = context::enter(Handle::new(SchedulerHandle::Steal(shared.clone())));
        let _driving = context::drive(context::Drive::Stealing);
        let nice = priority::own();
        while let Some(seat) = next.take().or_else(|| shared.spares.wait()) {
            run(shared, seat);
            if !priority::restore(nice) {
                break;
            }
        }
    }));
    if let Some(seat) = next {
        shared.worker_stopped(seat);
    }
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
    if let Some(hook) = &shared.parts.hooks.thread_stop {
        hook();
    }
}

/// Runs a worker until the runtime ends, or until it is another thread's.
fn run(shared: &Arc<Shared>, seat: Seat) {
    // SAFETY: [I1 of `seat`] this thread has the seat, and the worker stays where it is.
    let active = unsafe { Active::set(seat.worker()) };
    let watched = shared.watch.add(active.desk().clone());
    monitor::wake();
    let ended = catch_unwind(AssertUnwindSafe(|| seat.worker().run()));
    // The frames of the worker are left.
    let is_stray = seat::is_stray();
    drop(watched);
    drop(active);
    if is_stray {
        let _another_threads = seat.forget();
        shared.came_back();
    } else {
        seat.worker().stop();
        shared.worker_stopped(seat);
    }
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}

/// Starts a thread for a seat that is offered; says whether there could be one.
pub(super) fn start_spare(shared: &Arc<Shared>) -> bool {
    let body = {
        let shared = shared.clone();
        move || main(&shared, None)
    };
    match shared.threads.start(body) {
        Ok(thread) => {
            shared.shutdown.keep_one(thread);
            true
        }
        Err(_) => false,
    }
}
