//! What the hooks of a runtime's threads may do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cede::runtime::Builder;
use cede::time::{sleep, timeout};

/// Nobody waits for so long unless something hangs.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn the_park_hook_may_spawn() {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let spawned = Arc::new(AtomicBool::new(false));
        let (done, waiting) = cede::sync::oneshot::channel();
        let done = Mutex::new(Some(done));
        let first = spawned.clone();
        let runtime = builder
            .worker_threads(1)
            .enable_all()
            .on_thread_park(move || {
                if !first.swap(true, Ordering::SeqCst)
                    && let Some(done) = done.lock().unwrap().take()
                {
                    drop(cede::spawn(async move { done.send(()).unwrap() }));
                }
            })
            .build()
            .unwrap();
        runtime.block_on(async { timeout(LONG, waiting).await.expect("the task runs").unwrap() });
    }
}

#[test]
fn a_panicking_park_hook_ends_no_worker() {
    let runtime = Builder::new_multi_thread().worker_threads(1).on_thread_park(|| panic!("hook")).enable_all().build().unwrap();
    for _ in 0..3 {
        let task = runtime.spawn(sleep_a_little());
        runtime.block_on(async { timeout(LONG, task).await.expect("the worker lives").unwrap() });
    }
}

async fn sleep_a_little() {
    sleep(Duration::from_millis(1)).await;
}
