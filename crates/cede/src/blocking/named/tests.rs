//! Threads that cannot be had. The rest is tested from outside, in `tests/blocking_pools.rs`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{BlockingPool, SpawnError};

#[test]
fn a_pool_that_gets_no_thread_says_so_and_recovers() {
    let fails = Arc::new(AtomicBool::new(true));
    let mut builder = BlockingPool::builder().max_threads(2).unwrap().queue_limit(0);
    let injected = fails.clone();
    builder.config.spawner =
        Arc::new(
            move |thread: thread::Builder, body| {
                if injected.load(Ordering::SeqCst) { Err(io::ErrorKind::WouldBlock.into()) } else { thread.spawn(body) }
            },
        );
    let pool = builder.build();
    crate::block_on(async {
        // More often than there is room: what was refused gives its room back.
        for _ in 0..5 {
            assert!(matches!(pool.spawn(|| ()).await, Err(SpawnError::NoThread(error)) if error.kind() == io::ErrorKind::WouldBlock));
            assert_eq!((pool.jobs(), pool.threads()), (0, 0));
        }
        fails.store(false, Ordering::SeqCst);
        assert_eq!(pool.spawn(|| 7).await.unwrap().await.unwrap(), 7);
    });
}
