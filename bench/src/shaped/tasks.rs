//! Tasks: spawn, join, yield, wake.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use crate::rt;

const BATCH: u64 = 10_000;

/// Trivial tasks in batches of ten thousand, all joined.
pub async fn spawn_join(operations: u64) -> u64 {
    let mut handles = Vec::with_capacity(BATCH as usize);
    let mut sum = 0;
    let rounds = operations.div_ceil(BATCH);
    for _ in 0..rounds {
        handles.extend((0..BATCH).map(|number| rt::spawn(async move { number })));
        for handle in handles.drain(..) {
            sum += handle.await.unwrap();
        }
    }
    assert_eq!(sum, rounds * (BATCH * (BATCH - 1) / 2));
    rounds * BATCH
}

/// One trivial task at a time.
pub async fn spawn_one(operations: u64) -> u64 {
    for number in 0..operations {
        assert_eq!(rt::spawn(async move { number }).await.unwrap(), number);
    }
    operations
}

/// Parks until woken from outside.
#[derive(Default)]
struct Gate {
    open: std::sync::atomic::AtomicBool,
    wakers: std::sync::Mutex<Vec<Waker>>,
}

struct Enter(Arc<Gate>);

impl Future for Enter {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0.open.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        self.0.wakers.lock().unwrap().push(context.waker().clone());
        Poll::Pending
    }
}

/// Many tasks that park, are all woken, and finish.
pub async fn spawn_idle(operations: u64) -> u64 {
    let gate = Arc::new(Gate::default());
    let handles: Vec<_> = (0..operations).map(|_| rt::spawn(Enter(gate.clone()))).collect();
    while gate.wakers.lock().unwrap().len() < handles.len() {
        rt::task::yield_now().await;
    }
    gate.open.store(true, Ordering::Release);
    let wakers = std::mem::take(&mut *gate.wakers.lock().unwrap());
    wakers.into_iter().for_each(Waker::wake);
    for handle in handles {
        handle.await.unwrap();
    }
    operations
}

/// A hundred tasks that yield.
pub async fn yielding(operations: u64) -> u64 {
    let each = operations.div_ceil(100);
    let handles: Vec<_> = (0..100)
        .map(|_| {
            rt::spawn(async move {
                for _ in 0..each {
                    rt::task::yield_now().await;
                }
            })
        })
        .collect();
    for handle in handles {
        handle.await.unwrap();
    }
    each * 100
}

fn link(left: u64, done: rt::sync::oneshot::Sender<()>) {
    rt::spawn(async move {
        if left == 0 {
            let _ = done.send(());
        } else {
            link(left - 1, done);
        }
    });
}

/// Each task spawns the next.
pub async fn chained(operations: u64) -> u64 {
    let (done, end) = rt::sync::oneshot::channel();
    link(operations, done);
    end.await.unwrap();
    operations
}

/// Parks so many tasks for ever; the measure is the memory. Says how many bytes each takes.
pub async fn memory(tasks: u64) -> f64 {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let before = cede_bench::system::resident_bytes("self");
    for number in 0..tasks {
        let captures = [number; 3];
        rt::spawn(async move {
            STARTED.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
            std::hint::black_box(captures);
        });
    }
    while STARTED.load(Ordering::Relaxed) < tasks {
        rt::task::yield_now().await;
    }
    (cede_bench::system::resident_bytes("self") - before) as f64 / tasks as f64
}
