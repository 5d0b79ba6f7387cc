//! cede: all workloads.

use cede as rt;
use cede::task::{Builder, JoinHandle, Priority};
use cede_bench::arguments::Arguments;
use cede_bench::sample::Sample;

#[path = "../builder_shaped.rs"]
mod builder_shaped;
#[path = "../shaped/network.rs"]
mod network;
#[path = "../shaped/saturated.rs"]
mod saturated;
#[path = "../shaped.rs"]
mod shaped;
#[path = "../shaped/stuck.rs"]
mod stuck;
#[path = "../watching.rs"]
mod watching;

fn networked(name: &str, size: usize) -> Option<shaped::Work> {
    match name {
        "serve" => Some(Box::pin(network::serve(size))),
        "saturated" => Some(Box::pin(async { Some(saturated::alike().await) })),
        "saturated_by_rank" => Some(Box::pin(async { Some(by_rank().await) })),
        "dump" => Some(Box::pin(async { Some(watching::dump(100_000).await) })),
        "idle" => Some(Box::pin(async { Some(watching::idle().await) })),
        "stuck_asleep" => Some(Box::pin(stuck::stuck(false))),
        "stuck_spinning" => Some(Box::pin(stuck::stuck(true))),
        _ => None,
    }
}

/// The same, and the runtime is told which tasks somebody waits for.
async fn by_rank() -> Sample {
    async fn ended<T>(task: std::io::Result<JoinHandle<T>>) -> T {
        task.unwrap().await.unwrap()
    }
    let builder = |priority| Builder::new().priority(priority);
    saturated::saturated(|task| ended(builder(Priority::Background).spawn(task)), |task| ended(builder(Priority::High).spawn(task))).await
}

/// `--watched false` is a runtime with workers and without a monitor.
fn block_on(threads: usize, work: shaped::Work) -> Option<Sample> {
    if Arguments::of_process().get("watched", true) {
        return builder_shaped::block_on(threads, work);
    }
    let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(threads).max_rescued_threads(0).enable_all().build().unwrap();
    runtime.block_on(async move { cede::spawn(work).await.unwrap() })
}

fn main() {
    shaped::main(block_on, networked, |_| false);
}
