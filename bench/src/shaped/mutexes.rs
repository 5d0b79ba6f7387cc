//! The mutex.

use std::future::Future;
use std::sync::Arc;

use crate::rt;
use crate::rt::sync::Mutex;

/// The same in four tasks.
pub async fn four<F: Future<Output = ()> + Send + 'static>(operations: u64, each: impl Fn(u64) -> F) -> u64 {
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
