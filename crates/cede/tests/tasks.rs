//! Tasks behave the same on every scheduler.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use cede::runtime::{Builder, Handle, Runtime};
use cede::sim::Sim;
use cede::task::JoinHandle;

/// Runs one test body on each scheduler: one thread, two workers (as the guest and inside a worker), and simulated.
fn everywhere<F>(body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    Builder::new_current_thread().enable_all().build().unwrap().block_on(body());
    two_workers().block_on(body());
    let runtime = two_workers();
    let inside = runtime.spawn(body());
    runtime.block_on(inside).unwrap();
    for seed in 0..50 {
        Sim::new(seed).run(body()).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        Sim::new(seed).workers(3).run(body()).unwrap_or_else(|failure| panic!("seed {seed}, three workers: {failure}"));
    }
}

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Counts its drops.
#[derive(Clone)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_task_gives_its_output() {
    everywhere(|| async {
        assert_eq!(cede::spawn(async { 1 + 1 }).await.unwrap(), 2);
        let many: Vec<_> = (0..100).map(|i| cede::spawn(async move { i })).collect();
        for (i, handle) in many.into_iter().enumerate() {
            assert_eq!(handle.await.unwrap(), i);
        }
    });
}

#[test]
fn tasks_wait_for_each_other() {
    everywhere(|| async {
        let first = cede::spawn(async {
            cede::time::sleep(Duration::from_millis(1)).await;
            1
        });
        let second = cede::spawn(async { first.await.unwrap() + 1 });
        assert_eq!(second.await.unwrap(), 2);
    });
}

#[test]
fn a_panic_is_the_handles_error() {
    everywhere(|| async {
        let error = cede::spawn(async { panic!("{}", String::from("boom")) }).await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!(error.to_string(), format!("task {} panicked with message \"boom\"", error.id()));
        assert_eq!(error.into_panic().downcast_ref::<String>().unwrap(), "boom");
    });
}

#[test]
fn abort_drops_the_future_and_cancels_the_handle() {
    everywhere(|| async {
        let drops = Arc::new(AtomicUsize::new(0));
        let counted = Counted(drops.clone());
        let task = cede::spawn(async move {
            let _counted = counted;
            pending::<()>().await;
        });
        cede::task::yield_now().await;
        assert!(!task.is_finished());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn abort_before_the_first_poll_never_polls() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let polled = Arc::new(AtomicUsize::new(0));
        let count = polled.clone();
        let task = cede::spawn(async move { count.fetch_add(1, Ordering::SeqCst) });
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(polled.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn abort_after_the_end_changes_nothing() {
    everywhere(|| async {
        let task = cede::spawn(async { 7 });
        while !task.is_finished() {
            cede::task::yield_now().await;
        }
        task.abort();
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn a_dropped_handle_detaches() {
    everywhere(|| async {
        let done = Arc::new(AtomicUsize::new(0));
        let count = done.clone();
        drop(cede::spawn(async move {
            cede::task::yield_now().await;
            count.fetch_add(1, Ordering::SeqCst);
        }));
        while done.load(Ordering::SeqCst) == 0 {
            cede::task::yield_now().await;
        }
    });
}

#[test]
fn an_unwanted_output_is_dropped_once() {
    everywhere(|| async {
        let drops = Arc::new(AtomicUsize::new(0));
        let (early, late) = (Counted(drops.clone()), Counted(drops.clone()));
        drop(cede::spawn(async move { early }));
        let handle = cede::spawn(async move { late });
        while !handle.is_finished() {
            cede::task::yield_now().await;
        }
        drop(handle);
        while drops.load(Ordering::SeqCst) < 2 {
            cede::task::yield_now().await;
        }
        cede::task::yield_now().await;
        assert_eq!(drops.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_panic_in_the_drop_of_a_future_or_output_is_contained() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("in drop");
            }
        }
    }
    everywhere(|| async {
        let bomb = Bomb;
        let task = cede::spawn(async move {
            let _bomb = bomb;
            pending::<()>().await;
        });
        cede::task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_panic());
        drop(cede::spawn(async { Bomb }));
        cede::task::yield_now().await;
        assert_eq!(cede::spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn ids_are_those_of_the_running_task() {
    everywhere(|| async {
        let task = cede::spawn(async { cede::task::id() });
        let id = task.id();
        assert_eq!(task.await.unwrap(), id);
    });
    assert_eq!(cede::task::try_id(), None);
}

#[test]
fn a_self_waking_task_does_not_starve_others() {
    everywhere(|| async {
        let stop = Arc::new(AtomicUsize::new(0));
        let seen = stop.clone();
        let spinner = cede::spawn(poll_fn(move |cx| {
            if seen.load(Ordering::SeqCst) == 1 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        cede::spawn(async move { stop.store(1, Ordering::SeqCst) }).await.unwrap();
        spinner.await.unwrap();
    });
}

/// Timers are looked at by time as well as by the number of polls, without the clock being read at each.
#[test]
fn long_polls_do_not_keep_timers_waiting() {
    for runtime in [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap(),
    ] {
        runtime.block_on(async {
            let computing = cede::spawn(async {
                // How many slices began after the sleep was over, and before the sleeper ran.
                let mut late = Vec::new();
                for _ in 0..20 {
                    let due = std::time::Instant::now() + Duration::from_millis(1);
                    let sleeper = cede::spawn(cede::time::sleep_until(due.into()));
                    let mut slices = 0;
                    while !sleeper.is_finished() {
                        let began = std::time::Instant::now();
                        slices += u32::from(began >= due);
                        while began.elapsed() < Duration::from_micros(300) {}
                        cede::task::yield_now().await;
                    }
                    late.push(slices);
                }
                late
            });
            let mut late = computing.await.unwrap();
            late.sort_unstable();
            assert!(late[10] <= 4, "{late:?}");
        });
    }
}

#[test]
fn a_wake_from_a_foreign_thread_arrives() {
    for _ in 0..200 {
        for runtime in [Builder::new_current_thread().enable_all().build().unwrap(), two_workers()] {
            let waited = runtime.spawn(async {
                let mut spawned = false;
                let ready = Arc::new(AtomicUsize::new(0));
                poll_fn(move |cx| {
                    if !spawned {
                        spawned = true;
                        let (waker, ready) = (cx.waker().clone(), ready.clone());
                        std::thread::spawn(move || {
                            ready.store(1, Ordering::SeqCst);
                            waker.wake();
                        });
                    }
                    if ready.load(Ordering::SeqCst) == 1 { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            });
            runtime.block_on(waited).unwrap();
        }
    }
}

#[test]
fn wakers_outlive_task_and_runtime() {
    let kept = Arc::new(std::sync::Mutex::new(Vec::<Waker>::new()));
    for runtime in [Builder::new_current_thread().enable_all().build().unwrap(), two_workers()] {
        let keep = kept.clone();
        let task = runtime.spawn(poll_fn(move |cx| {
            keep.lock().unwrap().push(cx.waker().clone());
            Poll::<()>::Pending
        }));
        while kept.lock().unwrap().is_empty() {
            runtime.block_on(cede::task::yield_now());
        }
        drop(runtime);
        assert!(task.is_finished());
        for waker in kept.lock().unwrap().drain(..) {
            waker.wake_by_ref();
            let clone = waker.clone();
            std::thread::spawn(move || (clone.wake(), drop(waker))).join().unwrap();
        }
    }
}

#[test]
fn dropping_the_runtime_drops_all_futures_once() {
    for runtime in [Builder::new_current_thread().enable_all().build().unwrap(), two_workers()] {
        let drops = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..1000)
            .map(|_| {
                let counted = Counted(drops.clone());
                runtime.spawn(async move {
                    let _counted = counted;
                    pending::<()>().await;
                })
            })
            .collect();
        runtime.block_on(async { cede::task::yield_now().await });
        drop(runtime);
        assert_eq!(drops.load(Ordering::SeqCst), 1000);
        assert!(handles.iter().all(cede::task::JoinHandle::is_finished));
    }
}

#[test]
fn spawning_on_a_dead_runtime_gives_a_cancelled_task() {
    for runtime in [Builder::new_current_thread().enable_all().build().unwrap(), two_workers()] {
        let handle = runtime.handle().clone();
        drop(runtime);
        let task = handle.spawn(async { 1 });
        assert!(cede::block_on(task).unwrap_err().is_cancelled());
        let job = handle.spawn_blocking(|| 1);
        assert!(cede::block_on(job).unwrap_err().is_cancelled());
    }
}

#[test]
fn a_runtime_may_be_dropped_inside_a_task() {
    for inner in [Builder::new_current_thread().enable_all().build().unwrap(), two_workers()] {
        inner.spawn(pending::<()>());
        cede::block_on(async move { drop(inner) });
    }
    let runtime = Arc::new(std::sync::Mutex::new(Some(two_workers())));
    let itself = runtime.clone();
    let handle = runtime.lock().unwrap().as_ref().unwrap().handle().clone();
    let task = handle.spawn(async move {
        let runtime = itself.lock().unwrap().take();
        drop(runtime);
        5
    });
    assert_eq!(cede::block_on(task).unwrap(), 5);
}

#[test]
fn block_on_nests() {
    for runtime in [Builder::new_current_thread().enable_all().build().unwrap(), two_workers()] {
        let handle = runtime.handle().clone();
        let nested = runtime.spawn(async move {
            let inner = handle.clone();
            handle.block_on(async move {
                cede::time::sleep(Duration::from_millis(1)).await;
                inner.spawn(async { 3 }).await.unwrap()
            })
        });
        assert_eq!(runtime.block_on(nested).unwrap(), 3);
    }
}

#[test]
fn block_on_nests_64_levels_deep_on_one_worker() {
    /// Each level is a task whose poll blocks on the next one, and a timer.
    fn level(handle: Handle, left: u32) -> JoinHandle<u32> {
        handle.clone().spawn(async move {
            if left == 0 {
                return 0;
            }
            handle.clone().block_on(async move {
                cede::time::sleep(Duration::from_micros(100)).await;
                level(handle, left - 1).await.unwrap() + 1
            })
        })
    }
    let one_worker = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for runtime in [Builder::new_current_thread().enable_all().build().unwrap(), one_worker] {
        let top = level(runtime.handle().clone(), 64);
        assert_eq!(runtime.block_on(top).unwrap(), 64);
    }
}

#[test]
fn two_threads_may_block_on_one_runtime() {
    for runtime in [Builder::new_current_thread().enable_all().build().unwrap(), two_workers()] {
        let runtime = Arc::new(runtime);
        let threads: Vec<_> = (0..4)
            .map(|i| {
                let runtime = runtime.clone();
                std::thread::spawn(move || {
                    runtime.block_on(async move {
                        for _ in 0..20 {
                            cede::time::sleep(Duration::from_micros(200)).await;
                            cede::spawn(async {}).await.unwrap();
                        }
                        i
                    })
                })
            })
            .collect();
        assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<i32>(), 6);
    }
}

#[test]
fn a_local_runtime_takes_futures_that_are_not_send() {
    let runtime = cede::runtime::LocalRuntime::new().unwrap();
    let shared = std::rc::Rc::new(std::cell::Cell::new(1));
    let inner = shared.clone();
    let sum = runtime.block_on(async move {
        let outer = inner.clone();
        let task = cede::task::spawn_local(async move {
            cede::task::yield_now().await;
            inner.set(inner.get() + 1);
            inner.get()
        });
        task.await.unwrap() + outer.get()
    });
    assert_eq!(sum, 4);
    assert_eq!(shared.get(), 2);
}

#[test]
fn a_local_future_is_dropped_on_its_own_thread() {
    struct OnThread(std::thread::ThreadId, Arc<AtomicUsize>);
    impl Drop for OnThread {
        fn drop(&mut self) {
            assert_eq!(std::thread::current().id(), self.0);
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let runtime = cede::runtime::LocalRuntime::new().unwrap();
    let guard = OnThread(std::thread::current().id(), drops.clone());
    let not_send = std::rc::Rc::new(());
    let task = runtime.spawn_local(async move {
        let _guard = (guard, not_send);
        pending::<()>().await;
    });
    let abort = task.abort_handle();
    runtime.block_on(async { cede::task::yield_now().await });
    std::thread::spawn(move || abort.abort()).join().unwrap();
    runtime.block_on(async { assert!(task.await.unwrap_err().is_cancelled()) });
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
#[should_panic(expected = "spawn_local")]
fn spawn_local_needs_a_local_runtime() {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        cede::task::spawn_local(async {});
    });
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn spawn_needs_a_runtime() {
    drop(cede::spawn(async {}));
}

#[test]
fn a_blocking_closure_gives_its_result() {
    everywhere(|| async {
        assert_eq!(cede::task::spawn_blocking(|| 5).await.unwrap(), 5);
        let error = cede::task::spawn_blocking(|| panic!("no")).await.unwrap_err();
        assert!(error.is_panic());
    });
}

#[test]
fn a_blocking_closure_is_inside_its_runtime() {
    let runtime = two_workers();
    let task = runtime.spawn_blocking(|| cede::runtime::Handle::current().block_on(async { cede::spawn(async { 9 }).await.unwrap() }));
    assert_eq!(runtime.block_on(task).unwrap(), 9);
}

#[test]
fn wakers_that_panic_hurt_nobody_else() {
    struct PanicsOnWake;
    impl Wake for PanicsOnWake {
        fn wake(self: Arc<Self>) {
            panic!("waker");
        }
    }
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut task = runtime.spawn(async { 1 });
    let waker = Waker::from(Arc::new(PanicsOnWake));
    assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
    runtime.block_on(async {
        cede::task::yield_now().await;
        assert_eq!(cede::spawn(async { 2 }).await.unwrap(), 2);
        assert_eq!(task.await.unwrap(), 1);
    });
}

#[test]
fn polling_a_handle_again_panics_with_a_reason() {
    cede::block_on(async {
        let mut task = cede::spawn(async {});
        (&mut task).await.unwrap();
        let again = cede::spawn(task);
        let message = again.await.unwrap_err().into_panic();
        assert!(message.downcast_ref::<&str>().unwrap().contains("JoinHandle"));
    });
}

#[test]
fn futures_of_all_sizes_fit() {
    everywhere(|| async {
        async fn with<const N: usize>() -> usize {
            let bytes = [1_u8; N];
            cede::task::yield_now().await;
            bytes.iter().map(|&byte| usize::from(byte)).sum()
        }
        assert_eq!(cede::spawn(with::<1>()).await.unwrap(), 1);
        assert_eq!(cede::spawn(with::<100>()).await.unwrap(), 100);
        assert_eq!(cede::spawn(with::<1000>()).await.unwrap(), 1000);
        assert_eq!(cede::spawn(with::<7000>()).await.unwrap(), 7000);
        assert_eq!(cede::spawn(with::<20_000>()).await.unwrap(), 20_000);
        assert_eq!(cede::spawn(with::<100_000>()).await.unwrap(), 100_000);
    });
}

#[test]
fn futures_of_any_alignment_can_be_spawned() {
    #[repr(align(256))]
    struct Aligned(u8);
    for runtime in [Builder::new_current_thread().enable_all().build().unwrap(), two_workers()] {
        let task = runtime.spawn(async {
            let value = Aligned(7);
            cede::task::yield_now().await;
            assert_eq!((&raw const value).addr() % 256, 0);
            value.0
        });
        assert_eq!(runtime.block_on(task).unwrap(), 7);
    }
}
