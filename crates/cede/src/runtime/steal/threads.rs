//! The threads of workers: each runs the worker whose seat it got, and becomes a spare when that went to another thread.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::Shared;
use super::seat::{self, Active, Seat};
use crate::monitor;
use crate::record;
use crate::runtime::handle::{Handle, SchedulerHandle};
use crate::runtime::{context, desk, run};

/// The body of a thread that begins with a worker, or as a spare.
pub(super) fn main(shared: &Arc<Shared>, first: Option<Seat>) {
    cede_driver::tighten_timer_slack();
    shared.threads.placement.begin();
    let mut next = first;
    let coming = next.is_none().then(|| Coming(shared));
    // A panic in a hook ends this thread, but the runtime must still be able to end.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        if let Some(hook) = &shared.parts.hooks.thread_start {
            hook();
        }
        let _inside = context::enter(Handle::new(SchedulerHandle::Steal(shared.clone())));
        let _driving = context::drive(context::Drive::Stealing);
        drop(coming);
        while let Some(seat) = next.take().or_else(|| shared.spares.wait()) {
            carry(shared, seat);
            shared.threads.placement.restore();
        }
    }));
    if let Some(seat) = next.or_else(|| shared.spares.take_uncovered()) {
        shared.worker_stopped(seat);
    }
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
    if let Some(hook) = &shared.parts.hooks.thread_stop {
        hook();
    }
}

/// A spare that was started and has not come to wait yet; also if its hook panics.
struct Coming<'a>(&'a Arc<Shared>);

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        self.0.spares.arrived();
    }
}

/// Runs a worker until the runtime ends, or until it is another thread's.
fn carry(shared: &Arc<Shared>, seat: Seat) {
    // SAFETY: [I1 of `seat`] this thread has the seat, and the worker stays where it is.
    let active = unsafe { Active::set(seat.worker()) };
    let worker = seat.worker();
    let attending = record::attend(&shared.parts.recorder, &worker.stats().samples, Some(worker.index()));
    let watched = shared.watch.add(active.desk().clone());
    desk::stir();
    monitor::wake();
    let ended = catch_unwind(AssertUnwindSafe(|| seat.worker().run()));
    // The frames of the worker are left.
    let is_stray = seat::is_stray();
    drop(attending);
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
    shared.spares.expect();
    // The name is the user's code.
    match run::shielded(|| shared.threads.start(Box::new(body))) {
        Some(Ok(thread)) => {
            shared.shutdown.keep_one(thread);
            true
        }
        _ => {
            shared.spares.arrived();
            false
        }
    }
}
