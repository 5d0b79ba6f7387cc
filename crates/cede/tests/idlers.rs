//! What waits beside workers that sleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cede::runtime::{Builder, Runtime};

fn workers(rescued: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    // Nobody is taken from its thread within the test.
    builder.worker_threads(2).enable_all().rescue_after(Duration::from_secs(3600)).max_rescued_threads(rescued);
    builder.build().unwrap()
}

/// Waits until all workers sleep. (On a machine that stands still meanwhile one may not sleep for good yet; then it watches, and there is less to see.)
fn all_sleep(runtime: &Runtime) {
    let metrics = runtime.metrics();
    let sleeps = |worker| metrics.worker_park_unpark_count(worker) % 2 == 1;
    while !(0..metrics.num_workers()).all(sleeps) {
        std::thread::yield_now();
    }
    // As long as a watcher sleeps at most.
    std::thread::sleep(Duration::from_millis(5));
}

/// A task queues another one and does not await until that has run: a worker that was asleep has to come.
fn burns_until_its_neighbour_has_run(runtime: &Runtime) {
    all_sleep(runtime);
    let task = runtime.spawn(async {
        let done = Arc::new(AtomicBool::new(false));
        let ran = done.clone();
        cede::spawn(async move { ran.store(true, Ordering::SeqCst) });
        // The one spawned last runs next on its worker, wherever that leaves the one before.
        cede::spawn(async {});
        while !done.load(Ordering::SeqCst) {
            std::hint::spin_loop();
        }
    });
    runtime.block_on(task).unwrap();
}

#[test]
fn where_all_slept_the_monitor_wakes_somebody_for_what_waits_behind_a_long_task() {
    let runtime = workers(1);
    for _ in 0..20 {
        burns_until_its_neighbour_has_run(&runtime);
    }
}

#[test]
fn without_a_monitor_whoever_queues_wakes_somebody() {
    let runtime = workers(0);
    for _ in 0..20 {
        burns_until_its_neighbour_has_run(&runtime);
    }
}
