//! The runtimes under test: one thread in paused time, two workers (as the guest and inside of a worker), and simulated from many seeds.

#[path = "seeds.rs"]
mod seeds;

use std::future::Future;

use cede::runtime::Builder;

/// Runs a test body on each of them.
pub(crate) fn everywhere<F>(body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    Builder::new_current_thread().start_paused(true).enable_all().build().unwrap().block_on(body());
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(body());
    let inside = runtime.spawn(body());
    runtime.block_on(inside).unwrap();
    simulated(body);
}

/// Runs a test body in virtual time only, so that moments can be compared.
pub(crate) fn simulated<F>(body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    seeds::from_seeds(30, body);
}
