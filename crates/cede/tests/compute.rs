//! Work on the compute pool: awaited, watched, cancelled.
#![cfg(feature = "compute")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cede::compute::{Cancelled, ComputePool, Progress, Work};
use cede::sim::Sim;
use cede::stream::StreamExt;
use cede::stream::wrappers::WatchStream;
use cede::sync::oneshot;

#[cede::test]
async fn output_and_panic_come_back() {
    assert_eq!(cede::compute::spawn(|_| 6 * 7).await.unwrap(), 42);
    let panicked = cede::compute::spawn(|_| panic!("on purpose")).await.unwrap_err();
    assert_eq!(*panicked.into_panic().downcast::<&str>().unwrap(), "on purpose");
    assert_eq!(cede::compute::spawn(|_| "the pool lives on").await.unwrap(), "the pool lives on");
}

#[cede::test]
async fn progress_is_a_stream_that_ends_with_the_last_value() {
    let (go, gone) = oneshot::channel();
    let work = cede::compute::spawn(move |work| {
        gone.blocking_recv().unwrap();
        work.set_total(1000);
        (0..1000).for_each(|_| work.advance(1));
    });
    let mut seen = WatchStream::new(work.progress());
    assert_eq!(seen.next().await, Some(Progress { done: 0, total: None }));
    go.send(()).unwrap();
    let seen: Vec<Progress> = seen.collect().await;
    assert!(seen.iter().map(|progress| progress.done).is_sorted());
    assert_eq!(seen.last(), Some(&Progress { done: 1000, total: Some(1000) }));
    work.await.unwrap();
}

#[cede::test]
async fn work_that_has_not_begun_never_does_once_its_future_is_dropped() {
    let pool = ComputePool::builder().threads(1).build().unwrap();
    let (go, gone) = oneshot::channel();
    let first = pool.spawn(move |_| gone.blocking_recv().unwrap());
    let begun = Arc::new(AtomicBool::new(false));
    let mark = |begun: &Arc<AtomicBool>| {
        let begun = begun.clone();
        move |_: &Work| begun.store(true, Ordering::SeqCst)
    };
    drop(pool.spawn(mark(&begun)));
    let cancelled = pool.spawn(mark(&begun));
    cancelled.cancel();
    let detached = Arc::new(AtomicBool::new(false));
    pool.spawn(mark(&detached)).detach();
    go.send(()).unwrap();
    first.await.unwrap();
    assert!(cancelled.await.unwrap_err().is_cancelled());
    assert_eq!(thread_of(&pool).await, thread_of(&pool).await, "one thread, so all before it have ended");
    assert!(!begun.load(Ordering::SeqCst));
    assert!(detached.load(Ordering::SeqCst));
}

async fn thread_of(pool: &ComputePool) -> thread::ThreadId {
    pool.spawn(|_| thread::current().id()).await.unwrap()
}

#[cede::test]
async fn work_that_has_begun_is_asked_to_stop() {
    let (begun, begins) = oneshot::channel();
    let work = cede::compute::spawn(move |work| {
        begun.send(()).unwrap();
        loop {
            if let Err(cancelled) = work.check() {
                return cancelled;
            }
        }
    });
    begins.await.unwrap();
    work.cancel();
    let _: Cancelled = work.await.expect("it ended by itself, with an output");
}

#[cede::test]
async fn rayon_inside_of_the_work_uses_the_same_pool() {
    let pool = ComputePool::builder().name("inside").threads(3).build().unwrap();
    let names = pool.spawn(|_| {
        let name = || thread::current().name().map(str::to_owned);
        let (a, b) = rayon::join(name, name);
        [a.unwrap(), b.unwrap()]
    });
    let names = names.await.unwrap();
    assert!(names.iter().all(|name| name.starts_with("inside-")), "{names:?}");
    assert_eq!(pool.threads(), 3);
}

#[test]
fn a_thread_that_the_system_refuses_is_an_error_and_not_a_hang() {
    // No address space is that large.
    assert!(ComputePool::builder().threads(1).stack_size(1 << 60).build().is_err());
}

#[cfg(target_os = "linux")]
#[cede::test]
async fn nice_threads_are_nice_and_others_are_not() {
    let level = |_: &Work| rustix::process::getpriority_process(None).unwrap();
    let nice = ComputePool::builder().threads(1).nice(19).build().unwrap();
    assert_eq!(nice.spawn(level).await.unwrap(), 19);
    let here = rustix::process::getpriority_process(None).unwrap();
    assert_eq!(cede::compute::spawn(level).await.unwrap(), here);
}

#[test]
fn in_a_simulated_run_work_is_a_task() {
    for seed in 0..100 {
        let run = Sim::new(seed).run(async {
            drop(cede::compute::spawn(|_| 1));
            let work = cede::compute::spawn(|work| work.check().map(|()| thread::current().id()));
            assert_eq!(work.await.unwrap(), Ok(thread::current().id()));
        });
        run.unwrap_or_else(|failure| panic!("Sim::new({seed}): {failure}"));
    }
}
