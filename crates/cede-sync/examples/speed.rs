//! Prints nanoseconds per operation, on an executor of fifty lines: `cargo run --release --example speed -p cede-sync`.
//!
//! The figures are elapsed time times threads per operation, the best of several runs, the executor included (its queue is a locked one and its wakes
//! are not cheap). They are for comparing versions of this crate on a quiet machine, not for a report.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Context, Wake, Waker};
use std::time::Instant;

use cede_sync as sync;

type Queue = Arc<StdMutex<VecDeque<Arc<Task>>>>;

struct Task {
    future: StdMutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    queued: AtomicBool,
    queue: Queue,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.queue.lock().unwrap().push_back(Arc::clone(self));
        }
    }
}

#[derive(Clone, Default)]
struct Executor {
    queue: Queue,
    live: Arc<AtomicUsize>,
}

impl Executor {
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.live.fetch_add(1, Ordering::Relaxed);
        let live = Arc::clone(&self.live);
        let future = async move {
            future.await;
            live.fetch_sub(1, Ordering::Release);
        };
        let task = Task { future: StdMutex::new(Some(Box::pin(future))), queued: AtomicBool::new(false), queue: self.queue.clone() };
        Arc::new(task).wake();
    }

    fn run(&self) {
        while self.live.load(Ordering::Acquire) > 0 {
            let task = self.queue.lock().unwrap().pop_front();
            let Some(task) = task else {
                std::hint::spin_loop();
                continue;
            };
            task.queued.store(false, Ordering::Release);
            let waker = Waker::from(Arc::clone(&task));
            let mut slot = task.future.lock().unwrap();
            if let Some(mut future) = slot.take()
                && future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
            {
                *slot = Some(future);
            }
        }
    }
}

/// Gives the other tasks a turn, as an executor's budget does.
async fn cede() {
    let mut ceded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut ceded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

fn measure(name: &str, operations: usize, threads: usize, setup: impl Fn(&Executor)) {
    let best = (0..7)
        .map(|_| {
            let executor = Executor::default();
            setup(&executor);
            let start = Instant::now();
            std::thread::scope(|scope| {
                for _ in 1..threads {
                    scope.spawn(|| executor.run());
                }
                executor.run();
            });
            start.elapsed().as_nanos() * threads as u128 * 10 / operations as u128
        })
        .min()
        .unwrap_or_default();
    println!("{name:<28}{:>6}.{} ns", best / 10, best % 10);
}

const N: usize = 400_000;

fn bounded(executor: &Executor, senders: usize) {
    let (tx, mut rx) = sync::mpsc::channel(100);
    for _ in 0..senders {
        let tx = tx.clone();
        executor.spawn(async move {
            for value in 0..N / senders {
                tx.send(value).await.unwrap();
            }
        });
    }
    executor.spawn(async move { while rx.recv().await.is_some() {} });
}

fn unbounded(executor: &Executor, senders: usize) {
    let (tx, mut rx) = sync::mpsc::unbounded_channel();
    for _ in 0..senders {
        let tx = tx.clone();
        executor.spawn(async move {
            for value in 0..N / senders {
                tx.send(value).unwrap();
                if value % 128 == 127 {
                    cede().await;
                }
            }
        });
    }
    executor.spawn(async move { while rx.recv().await.is_some() {} });
}

fn ping_pong(executor: &Executor) {
    let (tx, mut rx) = sync::mpsc::unbounded_channel();
    let (back, mut replies) = sync::mpsc::unbounded_channel();
    executor.spawn(async move {
        while let Some(value) = rx.recv().await {
            back.send(value).unwrap();
        }
    });
    executor.spawn(async move {
        for value in 0..N {
            tx.send(value).unwrap();
            assert_eq!(replies.recv().await, Some(value));
        }
    });
}

fn main() {
    for threads in [1, 2] {
        println!("threads: {threads}");
        measure("mpsc bounded 1 sender", N, threads, |executor| bounded(executor, 1));
        measure("mpsc bounded 4 senders", N, threads, |executor| bounded(executor, 4));
        measure("mpsc unbounded 1 sender", N, threads, |executor| unbounded(executor, 1));
        measure("mpsc unbounded 4 senders", N, threads, |executor| unbounded(executor, 4));
        measure("ping-pong, per round", N, threads, ping_pong);
        measure("oneshot", N, threads, |executor| {
            executor.spawn(async {
                for value in 0..N {
                    let (tx, rx) = sync::oneshot::channel();
                    tx.send(value).unwrap();
                    assert_eq!(rx.await, Ok(value));
                }
            });
        });
        measure("mutex, 4 tasks", N, threads, |executor| {
            let mutex = Arc::new(sync::Mutex::new(0));
            for _ in 0..4 {
                let mutex = Arc::clone(&mutex);
                executor.spawn(async move {
                    for _ in 0..N / 4 {
                        *mutex.lock().await += 1;
                    }
                });
            }
        });
        measure("mutex held, 4 tasks", N, threads, |executor| {
            let mutex = Arc::new(sync::Mutex::new(0));
            for _ in 0..4 {
                let mutex = Arc::clone(&mutex);
                executor.spawn(async move {
                    for _ in 0..N / 4 {
                        let mut guard = mutex.lock().await;
                        cede().await;
                        *guard += 1;
                    }
                });
            }
        });
        measure("semaphore, 4 tasks, 2 held", N, threads, |executor| {
            let semaphore = Arc::new(sync::Semaphore::new(2));
            for _ in 0..4 {
                let semaphore = Arc::clone(&semaphore);
                executor.spawn(async move {
                    for _ in 0..N / 4 {
                        let _permit = semaphore.acquire().await.unwrap();
                        cede().await;
                    }
                });
            }
        });
        measure("rwlock, 4 tasks", N, threads, |executor| {
            let lock = Arc::new(sync::RwLock::new(0));
            for _ in 0..4 {
                let lock = Arc::clone(&lock);
                executor.spawn(async move {
                    for round in 0..N / 4 {
                        if round % 8 == 0 {
                            *lock.write().await += 1;
                        } else {
                            std::hint::black_box(*lock.read().await);
                        }
                    }
                });
            }
        });
        measure("notify, per round", N, threads, |executor| {
            let (here, there) = (Arc::new(sync::Notify::new()), Arc::new(sync::Notify::new()));
            let (here2, there2) = (Arc::clone(&here), Arc::clone(&there));
            executor.spawn(async move {
                for _ in 0..N {
                    here.notify_one();
                    there.notified().await;
                }
            });
            executor.spawn(async move {
                for _ in 0..N {
                    here2.notified().await;
                    there2.notify_one();
                }
            });
        });
        measure("watch, 8 receivers", N / 8, threads, |executor| {
            let (tx, rx) = sync::watch::channel(0);
            for _ in 0..8 {
                let mut rx = rx.clone();
                executor.spawn(async move { while rx.changed().await.is_ok() {} });
            }
            drop(rx);
            executor.spawn(async move {
                for value in 0..N / 8 {
                    tx.send(value).unwrap();
                    cede().await;
                }
            });
        });
    }
}
