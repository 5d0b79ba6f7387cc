//! A contender that has tokio's builder: runs the workload that the command line names. The including binary says `use … as rt`.

#[path = "shaped/channels.rs"]
mod channels;
#[path = "shaped/locks.rs"]
mod locks;
#[path = "shaped/network.rs"]
mod network;
#[path = "shaped/tasks.rs"]
mod tasks;
#[path = "shaped/timers.rs"]
mod timers;

use cede_bench::arguments::Arguments;
use cede_bench::sample::{Plan, Sample, measure};
use cede_bench::{statistics, system};

use crate::rt;

/// Does what the command line says.
pub fn main() {
    let arguments = Arguments::of_process();
    system::pin(arguments.get("core", -1));
    let plan = Plan { operations: arguments.get("operations", 100_000), warm_up: arguments.get("warm-up", true) };
    let threads = arguments.get("threads", 1);
    let runtime = match threads {
        1 => rt::runtime::Builder::new_current_thread().enable_all().build(),
        threads => rt::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
    .unwrap();
    let name = arguments.word.clone();
    let size = arguments.get("size", 64);
    let sample = match name.as_str() {
        "serve" => Some(runtime.block_on(async move { network::serve(size).await }, )).map(|()| Sample::default()),
        "spawn_join_block_on" => Some(runtime.block_on(measure(plan, tasks::spawn_join))),
        _ if threads == 1 => runtime.block_on(run(name, plan)),
        _ => runtime.block_on(async move { rt::spawn(run(name, plan)).await.unwrap() }),
    };
    match sample {
        Some(sample) => println!("{sample}"),
        None => std::process::exit(2),
    }
    // Without the shutdown, which is not measured: some workloads leave a million tasks.
    std::process::exit(0);
}

async fn run(name: String, plan: Plan) -> Option<Sample> {
    Some(match name.as_str() {
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
        "mutex" => measure(plan, locks::mutex).await,
        "mutex_held" => measure(plan, locks::mutex_held).await,
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
