//! More work than the processors can do, beside tasks that somebody waits for.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cede_bench::sample::{Sample, Start};

use crate::rt;
use crate::shaped::hogs::{burn, report};

const LASTS: Duration = Duration::from_secs(2);
const SLICE: Duration = Duration::from_micros(100);
const EVERY: Duration = Duration::from_millis(10);
const ANSWER: Duration = Duration::from_micros(20);

/// Sixteen tasks compute all the time and yield after each slice; a hundred others are due every ten milliseconds and compute a little. How late those are; how much of the time of two processors was
/// used; and which part of that the first had.
pub async fn saturated<B, I, BJ, IJ>(in_background: B, interactively: I) -> Sample
where
    B: Fn(std::pin::Pin<Box<dyn Future<Output = u64> + Send>>) -> BJ,
    I: Fn(std::pin::Pin<Box<dyn Future<Output = Vec<f64>> + Send>>) -> IJ,
    BJ: Future<Output = u64>,
    IJ: Future<Output = Vec<f64>>,
{
    let started = Start::now();
    let stop = Arc::new(AtomicBool::new(false));
    let computing: Vec<_> = (0..16)
        .map(|_| {
            let stop = stop.clone();
            in_background(Box::pin(async move {
                let mut slices = 0;
                while !stop.load(Ordering::Relaxed) {
                    burn(SLICE);
                    slices += 1;
                    rt::task::yield_now().await;
                }
                slices
            }))
        })
        .collect();
    let begin = Instant::now();
    let waited_for: Vec<_> = (0..100)
        .map(|n| {
            interactively(Box::pin(async move {
                let mut lateness = Vec::new();
                let mut due = begin + EVERY * n / 100;
                while due < begin + LASTS {
                    rt::time::sleep(due.saturating_duration_since(Instant::now())).await;
                    lateness.push((Instant::now() - due).as_secs_f64() * 1e3);
                    burn(ANSWER);
                    due += EVERY;
                }
                lateness
            }))
        })
        .collect();
    let mut lateness = Vec::new();
    for task in waited_for {
        lateness.extend(task.await);
    }
    stop.store(true, Ordering::Relaxed);
    let mut slices = 0;
    for task in computing {
        slices += task.await;
    }
    let mut sample = started.sample(lateness.len() as u64);
    report(&mut sample, "", lateness);
    let used = sample.cpu_nanos as f64 / sample.wall_nanos as f64 / 2.0;
    sample.extra.push(("used".to_owned(), used * 100.0));
    let background = slices as f64 * SLICE.as_nanos() as f64 / sample.cpu_nanos as f64;
    sample.extra.push(("background".to_owned(), background * 100.0));
    sample
}

/// All tasks are alike.
pub async fn alike() -> Sample {
    saturated(|task| ended(rt::spawn(task)), |task| ended(rt::spawn(task))).await
}

async fn ended<T>(task: rt::task::JoinHandle<T>) -> T {
    task.await.unwrap()
}
