//! Locks and notifications.

use std::future::Future;
use std::sync::Arc;

use crate::rt;
use crate::rt::sync::{Mutex, Notify, RwLock, Semaphore};

/// The same in four tasks.
async fn four<F: Future<Output = ()> + Send + 'static>(operations: u64, each: impl Fn(u64) -> F) -> u64 {
    let count = operations.div_ceil(4);
    let tasks: Vec<_> = (0..4).map(|_| rt::spawn(each(count))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    count * 4
}

/// Four tasks lock and unlock, and do not await meanwhile.
pub async fn mutex(operations: u64) -> u64 {
    let lock = Arc::new(Mutex::new(0_u64));
    four(operations, |count| {
        let lock = lock.clone();
        async move {
            for _ in 0..count {
                *lock.lock().await += 1;
            }
        }
    })
    .await
}

/// Four tasks lock, yield while they hold it, and unlock.
pub async fn mutex_held(operations: u64) -> u64 {
    let lock = Arc::new(Mutex::new(0_u64));
    four(operations, |count| {
        let lock = lock.clone();
        async move {
            for _ in 0..count {
                let mut guard = lock.lock().await;
                rt::task::yield_now().await;
                *guard += 1;
            }
        }
    })
    .await
}

/// Four tasks; nine reads for each write.
pub async fn rwlock(operations: u64) -> u64 {
    let lock = Arc::new(RwLock::new(0_u64));
    four(operations, |count| {
        let lock = lock.clone();
        async move {
            for number in 0..count {
                if number % 10 == 0 {
                    *lock.write().await += 1;
                } else {
                    std::hint::black_box(*lock.read().await);
                }
            }
        }
    })
    .await
}

/// Four tasks share two permits and yield while they hold one.
pub async fn semaphore(operations: u64) -> u64 {
    let semaphore = Arc::new(Semaphore::new(2));
    four(operations, |count| {
        let semaphore = semaphore.clone();
        async move {
            for _ in 0..count {
                let _permit = semaphore.acquire().await;
                rt::task::yield_now().await;
            }
        }
    })
    .await
}

/// Two tasks notify each other in turn; an operation is one notification.
pub async fn notify(operations: u64) -> u64 {
    let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let count = operations.div_ceil(2);
    let (ping2, pong2) = (ping.clone(), pong.clone());
    let other = rt::spawn(async move {
        for _ in 0..count {
            ping2.notified().await;
            pong2.notify_one();
        }
    });
    for _ in 0..count {
        ping.notify_one();
        pong.notified().await;
    }
    other.await.unwrap();
    count * 2
}
