//! A body run many times, each time from another seed, which says so if it fails.

use std::future::Future;

use cede::sim::Sim;

/// Runs a body from so many seeds, on one thread and on three virtual workers.
pub(crate) fn from_seeds<F>(count: u64, body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for seed in 0..count {
        Sim::new(seed).run(body()).unwrap_or_else(|failure| panic!("Sim::new({seed}): {failure}"));
        Sim::new(seed).workers(3).run(body()).unwrap_or_else(|failure| panic!("Sim::new({seed}).workers(3): {failure}"));
    }
}
