//! Tasks that take the thread for themselves, beside others that have to be punctual.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cede_bench::sample::{Sample, Start};
use cede_bench::statistics::quantile;

use crate::rt;

const TICK: Duration = Duration::from_millis(1);

/// A task that is due every millisecond until `end`; returns by how many milliseconds it was late at each time, also for those that it missed because it was late.
pub async fn punctual(start: Instant, end: Instant) -> Vec<f64> {
    let mut lateness = Vec::new();
    let mut due = start + TICK;
    while due < end {
        rt::time::sleep(due.saturating_duration_since(Instant::now())).await;
        let now = Instant::now();
        while due <= now {
            lateness.push((now - due).as_secs_f64() * 1e3);
            due += TICK;
        }
    }
    lateness
}

/// Takes the processor without awaiting.
pub fn burn(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        black_box((0..1000).fold(0_u64, |sum, number| black_box(sum ^ number)));
    }
}

/// What lateness or latency there was, in milliseconds.
pub fn report(sample: &mut Sample, prefix: &str, mut millis: Vec<f64>) {
    millis.sort_by(f64::total_cmp);
    for (name, q) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        sample.extra.push((format!("{prefix}{name}"), quantile(&millis, q)));
    }
}

/// A thousand punctual tasks for a second and a half; after a quarter, `hogs` tasks burn half a second each.
pub async fn hogs(hogs: u64) -> Sample {
    let started = Start::now();
    let start = Instant::now();
    let end = start + Duration::from_millis(1500);
    let tasks: Vec<_> = (0..1000).map(|_| rt::spawn(punctual(start, end))).collect();
    rt::time::sleep(Duration::from_millis(250)).await;
    let burning: Vec<_> = (0..hogs).map(|_| rt::spawn(async { burn(Duration::from_millis(500)) })).collect();
    let mut lateness = Vec::new();
    for task in tasks {
        lateness.extend(task.await.unwrap());
    }
    for hog in burning {
        hog.await.unwrap();
    }
    let mut sample = started.sample(lateness.len() as u64);
    report(&mut sample, "", lateness);
    sample
}
