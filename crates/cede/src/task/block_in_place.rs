//! Blocking in the middle of a task.

#![forbid(unsafe_code)]

use crate::runtime::context::{self, Drive, driving};
use crate::runtime::steal;

/// Runs a closure that may block, in the middle of a task, on this thread. The worker that the thread runs (its tasks, sockets and timers) goes to another thread meanwhile, so nobody waits
/// for the closure but the task that calls this. What runs concurrently *within* that task (branches of `join!`, for instance) does wait.
///
/// The closure has no cooperative budget, and [`block_on`](crate::runtime::Handle::block_on) inside is a good way to wait for futures in it. Outside of a runtime, and where there is
/// nothing to be handed over, the closure is just called. When the runtime is shut down meanwhile, the shutdown waits for the closure.
///
/// # Panics
/// On a one-thread runtime and in a [`LocalSet`](crate::task::LocalSet), whose tasks cannot go to another thread; the future of [`Handle::block_on`](crate::runtime::Handle::block_on) itself may. And if the closure does.
///
/// ```
/// # let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
/// runtime.block_on(async {
///     let text = cede::task::block_in_place(|| std::fs::read_to_string("Cargo.toml"));
///     assert!(text.is_ok());
/// });
/// ```
#[track_caller]
pub fn block_in_place<F, R>(job: F) -> R
where
    F: FnOnce() -> R,
{
    match driving() {
        Drive::OneThread if context::is_beside_tasks() => {
            let _may_block = context::drive(Drive::Nothing);
            job()
        }
        Drive::OneThread => panic!("can call blocking only when running on the multi-threaded runtime"),
        Drive::Nothing => job(),
        Drive::Stealing => steal::block_in_place(job),
    }
}
