//! The threads of workers: each runs the worker whose seat it got, and becomes a spare when that went to another thread.

#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::Shared;
use super::seat::{self, Seat};
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
        while let Some(seat) = next.take().or_else(|| shared.spares.wait()) {
            run(shared, seat);
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
    let ended = catch_unwind(AssertUnwindSafe(|| seat.worker().run()));
    if seat::is_stray() {
        // The frames of the worker are left; it is another thread's, and so is the seat.
        seat::is_stray_no_more();
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
