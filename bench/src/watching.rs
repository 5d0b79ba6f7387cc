//! What it costs to see what a program does. Only cede can be asked this.

use std::time::{Duration, Instant};

use cede_bench::sample::{Sample, Start};

/// Dumps so many tasks that wait, ten times; in milliseconds.
pub async fn dump(tasks: usize) -> Sample {
    let waiting: Vec<_> = (0..tasks).map(|_| cede::spawn(std::future::pending::<()>())).collect();
    while cede::runtime::Handle::current().dump().tasks().iter().filter(|task| task.polls > 0).count() < tasks {
        cede::task::yield_now().await;
    }
    let started = Start::now();
    let mut times = Vec::new();
    for _ in 0..10 {
        let begun = Instant::now();
        let dump = cede::runtime::Handle::current().dump();
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        assert!(dump.tasks().len() >= tasks);
    }
    let mut sample = started.sample(10);
    times.sort_by(f64::total_cmp);
    sample.extra = vec![("p50".to_owned(), times[5]), ("max".to_owned(), times[9])];
    drop(waiting);
    sample
}

/// Does nothing for ten seconds, on a runtime with workers; the processor time of the process meanwhile, in thousandths of one processor.
pub async fn idle() -> Sample {
    cede::time::sleep(Duration::from_millis(500)).await;
    let started = Start::now();
    cede::time::sleep(Duration::from_secs(10)).await;
    let mut sample = started.sample(1);
    let share = sample.cpu_nanos as f64 / sample.wall_nanos as f64 * 1e3;
    sample.extra = vec![("permille".to_owned(), share)];
    sample
}
