//! A `std` mutex is held over an `.await` of 1 s, and two tasks that lock it pin both workers.
//!
//! The holder, which is no task, waits for a timer. On tokio no thread is left that would see it fire, so the holder never unlocks, and no time-out ends it either.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn main() {
    side::demo(Duration::from_secs(5), || {
        let runtime = side::builder(2).build().unwrap();
        runtime.block_on(hold())
    });
}

#[expect(clippy::await_holding_lock, reason = "that is the demo")]
async fn hold() -> String {
    let begun = Instant::now();
    let lock = Arc::new(Mutex::new(0));
    let guard = lock.lock().unwrap();
    let lockers: Vec<_> = (0..2)
        .map(|_| {
            let lock = lock.clone();
            rt::spawn(async move { *lock.lock().unwrap() += 1 })
        })
        .collect();
    rt::time::sleep(Duration::from_secs(1)).await;
    drop(guard);
    for locker in lockers {
        locker.await.unwrap();
    }
    format!("all have had the lock after {:.0?}", begun.elapsed())
}
