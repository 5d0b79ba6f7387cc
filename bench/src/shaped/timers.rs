//! Timers and blocking closures.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::rt;

/// A thousandth to one second, differently each time.
fn some_delay(number: u64) -> Duration {
    Duration::from_millis(1 + number.wrapping_mul(7919) % 1000)
}

async fn poll_once<F: Future>(future: Pin<&mut F>) {
    let mut future = Some(future);
    poll_fn(|context| {
        if let Some(future) = future.take() {
            assert!(future.poll(context).is_pending());
        }
        Poll::Ready(())
    })
    .await;
}

/// Ten thousand tasks whose sleeps end before those that are measured, as in a server with much traffic, and after the measurement.
pub async fn crowd() {
    for number in 0..10_000 {
        rt::spawn(async move { rt::time::sleep(Duration::from_secs(5) + some_delay(number)).await });
    }
    for _ in 0..100 {
        rt::task::yield_now().await;
    }
}

/// A sleep is made, polled once and dropped, as by a time-out that does not happen.
pub async fn timer_cancel(operations: u64) -> u64 {
    for number in 0..operations {
        {
            // So long that a slow machine does not see it fire.
            let sleep = pin!(rt::time::sleep(Duration::from_secs(10) + some_delay(number)));
            poll_once(sleep).await;
        }
        if number % 64 == 63 {
            rt::task::yield_now().await;
        }
    }
    operations
}

/// Ten thousand sleeps are made and polled together, and dropped together.
pub async fn timer_cancel_batch(operations: u64) -> u64 {
    let rounds = operations.div_ceil(10_000);
    let mut sleeps: Vec<Pin<Box<_>>> = Vec::with_capacity(10_000);
    for _ in 0..rounds {
        for number in 0..10_000 {
            let mut sleep = Box::pin(rt::time::sleep(Duration::from_secs(10) + some_delay(number)));
            poll_once(sleep.as_mut()).await;
            sleeps.push(sleep);
        }
        sleeps.clear();
        rt::task::yield_now().await;
    }
    rounds * 10_000
}

/// Tasks that sleep for up to a second each, all at once.
pub async fn timer_fire(operations: u64) -> u64 {
    let tasks: Vec<_> = (0..operations).map(|number| rt::spawn(rt::time::sleep(some_delay(number)))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    operations
}

/// Ten thousand tasks: each waits 50 ms as for a remote service, works a little, and begins again.
pub async fn requests(operations: u64) -> u64 {
    let rounds = operations.div_ceil(10_000);
    let tasks: Vec<_> = (0..10_000_u64)
        .map(|number| {
            rt::spawn(async move {
                let mut state = number;
                for _ in 0..rounds {
                    rt::time::sleep(Duration::from_millis(50)).await;
                    for _ in 0..20 {
                        state = std::hint::black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    rounds * 10_000
}

/// Sleeps of 100 µs, one after the other; says by how much they were too long, in µs, sorted.
pub async fn overshoot(count: u64) -> Vec<f64> {
    let wanted = Duration::from_micros(100);
    let mut excess = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
        rt::time::sleep(wanted).await;
        excess.push(start.elapsed().saturating_sub(wanted).as_secs_f64() * 1e6);
    }
    excess
}

/// Trivial closures on the blocking pool, a thousand at a time.
pub async fn blocking(operations: u64) -> u64 {
    let rounds = operations.div_ceil(1000);
    for _ in 0..rounds {
        let jobs: Vec<_> = (0..1000_u64).map(|number| rt::task::spawn_blocking(move || number)).collect();
        for (number, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), number as u64);
        }
    }
    rounds * 1000
}

/// One trivial closure at a time on the blocking pool.
pub async fn blocking_one(operations: u64) -> u64 {
    for number in 0..operations {
        assert_eq!(rt::task::spawn_blocking(move || number).await.unwrap(), number);
    }
    operations
}
