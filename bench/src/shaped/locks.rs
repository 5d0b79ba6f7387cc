//! Other locks and notifications.

use std::sync::Arc;

use crate::rt;
use crate::rt::sync::{Notify, RwLock, Semaphore};

use super::mutexes::four;

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
