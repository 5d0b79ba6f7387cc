//! All workloads, for a contender that has tasks, timers and channels. The including binary says `use … as rt`, or has a module `rt` with tokio's names; what its
//! `rt` lacks, it declares as not offered.

#[path = "shaped/channels.rs"]
mod channels;
#[path = "shaped/hogs.rs"]
pub mod hogs;
#[path = "shaped/locks.rs"]
mod locks;
#[path = "shaped/mutexes.rs"]
mod mutexes;
#[path = "shaped/tasks.rs"]
mod tasks;
#[path = "shaped/timers.rs"]
mod timers;

use std::future::Future;
use std::pin::Pin;

use cede_bench::arguments::Arguments;
use cede_bench::sample::{Plan, Sample, finish, measure};
use cede_bench::{statistics, system};

/// Does what the command line says; `block_on` runs a future on that many threads, `networked` has the workloads that need sockets, with messages of
/// that size. Nothing is printed for a workload that is `not_offered`.
pub fn main(block_on: fn(usize, Work) -> Option<Sample>, networked: fn(&str, usize) -> Option<Work>, not_offered: fn(&str) -> bool) {
    let arguments = Arguments::of_process();
    system::pin(arguments.get("core", -1));
    let (name, plan, size) = (arguments.word.clone(), Plan::of(&arguments), arguments.get("size", 64));
    if not_offered(&name) {
        return;
    }
    let work = networked(&name, size).unwrap_or_else(|| Box::pin(run(name, plan)));
    finish(block_on(arguments.get("threads", 1), work));
}

/// What a contender runs: boxed, so that it is the same type for all.
pub type Work = Pin<Box<dyn Future<Output = Option<Sample>> + Send>>;

async fn run(name: String, plan: Plan) -> Option<Sample> {
    // Whether it is run in a task is the contender's business.
    Some(match name.trim_end_matches("_block_on") {
        "spawn_join" => measure(plan, tasks::spawn_join).await,
        "spawn_one" => measure(plan, tasks::spawn_one).await,
        "spawn_idle" => measure(plan, tasks::spawn_idle).await,
        "yield" => measure(plan, tasks::yielding).await,
        "chained" => measure(plan, tasks::chained).await,
        "ping_pong" => measure(plan, channels::ping_pong).await,
        "ping_pong_1000" => measure(plan, channels::ping_pong_1000).await,
        "request_reply" => measure(plan, channels::request_reply).await,
        "mpsc_bounded_1" => measure(plan, channels::mpsc_bounded_1).await,
        "mpsc_bounded_4" => measure(plan, channels::mpsc_bounded_4).await,
        "mpsc_unbounded_1" => measure(plan, channels::mpsc_unbounded_1).await,
        "mpsc_unbounded_4" => measure(plan, channels::mpsc_unbounded_4).await,
        "oneshot" => measure(plan, channels::oneshot).await,
        "mutex" => measure(plan, mutexes::mutex).await,
        "mutex_held" => measure(plan, mutexes::mutex_held).await,
        "rwlock" => measure(plan, locks::rwlock).await,
        "semaphore" => measure(plan, locks::semaphore).await,
        "notify" => measure(plan, locks::notify).await,
        "timer_cancel" => {
            timers::crowd().await;
            measure(plan, timers::timer_cancel).await
        }
        "timer_cancel_lone" => measure(plan, timers::timer_cancel).await,
        "timer_cancel_batch" => measure(plan, timers::timer_cancel_batch).await,
        "timer_fire" => measure(plan, timers::timer_fire).await,
        "requests" => measure(plan, timers::requests).await,
        "blocking" => measure(plan, timers::blocking).await,
        "blocking_one" => measure(plan, timers::blocking_one).await,
        "hogs_1" => hogs::hogs(1).await,
        "hogs_2" => hogs::hogs(2).await,
        "hogs_4" => hogs::hogs(4).await,
        "sleep_accuracy" => overshoot(plan).await,
        "memory_task" => Sample { extra: vec![("bytes".to_owned(), tasks::memory(plan.operations).await)], ..Sample::default() },
        _ => return None,
    })
}

async fn overshoot(plan: Plan) -> Sample {
    let start = cede_bench::sample::Start::now();
    let excess = timers::overshoot(plan.operations).await;
    let mut sample = start.sample(plan.operations);
    sample.extra = vec![("p50".to_owned(), statistics::quantile(&excess, 0.5)), ("p99".to_owned(), statistics::quantile(&excess, 0.99))];
    sample
}
