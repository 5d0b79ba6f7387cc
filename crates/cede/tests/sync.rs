//! Locks and channels on the schedulers: what needs a runtime to be seen.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use cede::runtime::Builder;
use cede::sim::Sim;
use cede::sync::mpsc::error::SendTimeoutError;
use cede::sync::{CancellationToken, Mutex, Semaphore, mpsc};
use cede::time::{Instant, sleep};

/// Runs one test body on each scheduler: one thread, two workers (as the guest and inside a worker), and simulated.
fn everywhere<F>(body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    Builder::new_current_thread().enable_all().build().unwrap().block_on(body());
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(body());
    let inside = runtime.spawn(body());
    runtime.block_on(inside).unwrap();
    for seed in 0..20 {
        Sim::new(seed).run(body()).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        Sim::new(seed).workers(3).run(body()).unwrap_or_else(|failure| panic!("seed {seed}, three workers: {failure}"));
    }
}

#[test]
fn blocking_methods_refuse_in_tasks_and_work_in_blocking_closures() {
    everywhere(|| async {
        let mutex = Arc::new(Mutex::new(0));
        let refused = catch_unwind(AssertUnwindSafe(|| drop(mutex.blocking_lock())));
        assert!(refused.is_err());
        let shared = mutex.clone();
        let in_task = cede::spawn(async move { *shared.blocking_lock() += 1 });
        assert!(in_task.await.unwrap_err().is_panic());
        let shared = mutex.clone();
        cede::task::spawn_blocking(move || *shared.blocking_lock() += 1).await.unwrap();
        assert_eq!(*mutex.lock().await, 1);
        assert!(catch_unwind(AssertUnwindSafe(|| drop(mutex.blocking_lock()))).is_err(), "the mark is back");
    });
    // `enter` alone runs no tasks on the thread.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    assert_eq!(*Mutex::new(1).blocking_lock(), 1);
}

#[test]
fn a_send_with_a_time_limit() {
    everywhere(|| async {
        let (tx, mut rx) = mpsc::channel(1);
        tx.send_timeout(1, Duration::from_secs(100)).await.unwrap();
        let start = Instant::now();
        assert_eq!(tx.send_timeout(2, Duration::from_millis(3)).await, Err(SendTimeoutError::Timeout(2)));
        assert!(start.elapsed() >= Duration::from_millis(3));
        let sender = tx.clone();
        let waiting = cede::spawn(async move { sender.send_timeout(3, Duration::from_secs(100)).await });
        assert_eq!((rx.recv().await, rx.recv().await), (Some(1), Some(3)));
        waiting.await.unwrap().unwrap();
        drop(rx);
        assert_eq!(tx.send_timeout(4, Duration::ZERO).await, Err(SendTimeoutError::Closed(4)));
    });
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn a_time_limit_needs_a_runtime() {
    let (tx, _rx) = mpsc::channel(1);
    let _sent = futures_util::FutureExt::now_or_never(tx.send_timeout(1, Duration::ZERO));
}

#[test]
fn a_select_loop_keeps_its_place_in_the_queue() {
    everywhere(|| async {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut first = std::pin::pin!(semaphore.clone().acquire_owned());
        let mut looks = 0;
        let mut second = None;
        // The other branch is ready each time, until somebody else queues and the permit comes.
        let permit = loop {
            cede::select! {
                biased;
                permit = &mut first => break permit.unwrap(),
                () = cede::task::yield_now() => looks += 1,
            }
            if looks == 5 {
                let semaphore = semaphore.clone();
                second = Some(cede::spawn(async move { drop(semaphore.acquire_owned().await.unwrap()) }));
                sleep(Duration::from_millis(1)).await;
            }
            if looks == 10 {
                semaphore.add_permits(1);
            }
        };
        assert!(looks >= 10);
        let second = second.expect("it was made at the fifth look");
        assert!(!second.is_finished());
        drop(permit);
        second.await.unwrap();
    });
}

#[test]
fn a_cancelled_server_lets_its_tasks_end() {
    everywhere(|| async {
        let server = CancellationToken::new();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let token = server.child_token();
                cede::spawn(async move {
                    let worked = token.run_until_cancelled(std::future::pending::<()>()).await;
                    assert!(worked.is_none());
                    token.reason().expect("it was said").to_string()
                })
            })
            .collect();
        cede::task::yield_now().await;
        server.cancel_with("going down");
        for task in tasks {
            assert_eq!(task.await.unwrap(), "going down");
        }
    });
}

#[test]
fn a_send_with_a_time_limit_that_is_dropped_sends_nothing_and_keeps_no_room() {
    everywhere(|| async {
        let (tx, mut rx) = mpsc::channel(1);
        // Unpolled, while it waits, and after it got the room without having seen it.
        for stage in 0..3 {
            tx.try_send(0).unwrap();
            let mut send = Box::pin(tx.send_timeout(1, Duration::from_secs(100)));
            if stage > 0 {
                let waited = cede::time::timeout(Duration::from_millis(1), &mut send).await;
                assert!(waited.is_err());
            }
            if stage == 1 {
                drop(send);
                assert_eq!(rx.recv().await, Some(0));
            } else {
                assert_eq!(rx.recv().await, Some(0));
                drop(send);
            }
            assert!(rx.try_recv().is_err());
            assert_eq!(tx.capacity(), 1);
        }
    });
}

#[test]
fn a_task_without_budget_keeps_its_place_and_takes_nothing() {
    cede::block_on(async {
        let spent = || async {
            while cede::task::coop::has_budget_remaining() {
                cede::task::coop::consume_budget().await;
            }
        };
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mutex = Mutex::new(());
        let held = mutex.lock().await;
        spent().await;
        let mut first = Box::pin(mutex.lock());
        assert!(first.as_mut().poll(&mut cx).is_pending());
        cede::task::yield_now().await;
        let mut second = Box::pin(mutex.lock());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        drop(held);
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert!(first.as_mut().poll(&mut cx).is_ready());
        drop((first, second));
        spent().await;
        assert!(Box::pin(mutex.lock()).as_mut().poll(&mut cx).is_pending());
        assert!(mutex.try_lock().is_ok(), "what was free stays free");
    });
}
