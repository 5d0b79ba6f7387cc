//! What a reading of the code found, so that it does not come back.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cede::net::{TcpListener, TcpStream};
use cede::runtime::{Builder, Runtime, UnhandledPanic};
use cede::time::{sleep, timeout};

fn runtimes() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ]
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn several_tasks_accept_from_one_listener() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
            let address = listener.local_addr().unwrap();
            let acceptors: Vec<_> = (0..5)
                .map(|_| {
                    let listener = listener.clone();
                    cede::spawn(async move { drop(listener.accept().await.unwrap()) })
                })
                .collect();
            cede::task::yield_now().await;
            for _ in 0..5 {
                drop(TcpStream::connect(address).await.unwrap());
            }
            for acceptor in acceptors {
                timeout(LONG, acceptor).await.expect("each gets a connection").unwrap();
            }
        });
    }
}

#[test]
fn waiters_that_give_up_leave_nothing_behind() {
    cede::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let quiet = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let start = Instant::now();
        // Each would make the next one slower if it stayed in the list.
        for _ in 0..20_000 {
            assert!(timeout(Duration::ZERO, quiet.readable()).await.is_err());
        }
        assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    });
}

#[test]
fn a_paused_clock_goes_on_after_blocking_closures() {
    let runtime = Builder::new_current_thread().start_paused(true).enable_all().build().unwrap();
    runtime.block_on(async {
        for _ in 0..200 {
            cede::task::spawn_blocking(|| ()).await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
        drop(cede::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(5))));
        sleep(Duration::from_secs(1)).await;
    });
}

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

#[test]
fn a_guest_gives_its_overflow_to_busy_workers() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let stop = stop.clone();
            runtime.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    cede::task::yield_now().await;
                }
            })
        })
        .collect();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..1000).map(|i| cede::spawn(async move { i })).collect();
        for (i, task) in tasks.into_iter().enumerate() {
            assert_eq!(timeout(LONG, task).await.expect("somebody runs it").unwrap(), i);
        }
        stop.store(true, Ordering::SeqCst);
        for task in busy {
            task.await.unwrap();
        }
    });
}

#[test]
fn futures_of_any_alignment_can_be_spawned() {
    #[repr(align(256))]
    struct Aligned(u8);
    for runtime in runtimes() {
        let task = runtime.spawn(async {
            let value = Aligned(7);
            cede::task::yield_now().await;
            assert_eq!((&raw const value).addr() % 256, 0);
            value.0
        });
        assert_eq!(runtime.block_on(task).unwrap(), 7);
    }
}

#[test]
fn a_shutdown_limit_holds_for_the_whole() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let started = Arc::new(AtomicUsize::new(0));
    let (in_task, in_closure) = (started.clone(), started.clone());
    runtime.spawn(async move {
        in_task.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_secs(4));
    });
    runtime.spawn_blocking(move || {
        in_closure.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_secs(4));
    });
    while started.load(Ordering::SeqCst) < 2 {
        std::thread::yield_now();
    }
    let start = Instant::now();
    let limit = Duration::from_millis(800);
    runtime.shutdown_timeout(limit);
    assert!(start.elapsed() < limit * 2, "{:?}", start.elapsed());
}

#[test]
fn a_panicking_closure_does_not_end_the_runtime() {
    let runtime = Builder::new_current_thread().unhandled_panic(UnhandledPanic::ShutdownRuntime).enable_all().build().unwrap();
    runtime.block_on(async {
        assert!(cede::task::spawn_blocking(|| panic!("closure")).await.unwrap_err().is_panic());
    });
    let ended = std::panic::catch_unwind(|| {
        runtime.block_on(async {
            drop(cede::spawn(async { panic!("task") }));
            pending::<()>().await;
        });
    });
    assert!(ended.is_err());
}

#[test]
fn block_on_can_be_kept_from_running_tasks() {
    let runtime = Builder::new_multi_thread().worker_threads(1).block_on_runs_tasks(false).enable_all().build().unwrap();
    let main = std::thread::current().id();
    runtime.block_on(async {
        for _ in 0..50 {
            assert_ne!(cede::spawn(async { std::thread::current().id() }).await.unwrap(), main);
        }
    });
    let named = Builder::new_multi_thread().worker_threads(1).thread_name("own").enable_all().build().unwrap();
    named.block_on(async {
        let name = cede::spawn(async { std::thread::current().name().map(str::to_owned) }).await.unwrap();
        assert_eq!(name.as_deref(), Some("own"));
    });
}

#[test]
fn spawning_on_a_dead_runtime_may_enter_another_in_the_drop_of_its_future() {
    struct Enters;
    impl Drop for Enters {
        fn drop(&mut self) {
            assert_eq!(cede::block_on(async { 1 }), 1);
        }
    }
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _inside = handle.enter();
    let enters = Enters;
    let task = cede::spawn(async move { drop(enters) });
    assert!(task.is_finished());
}

#[test]
fn memory_of_tasks_spawned_from_outside_comes_back() {
    let resident = || std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let before = resident();
    for _ in 0..3 {
        let tasks: Vec<_> = (0..100_000).map(|_| runtime.spawn(pending::<()>())).collect();
        tasks.iter().for_each(cede::task::JoinHandle::abort);
        runtime.block_on(async {
            for task in tasks {
                assert!(task.await.unwrap_err().is_cancelled());
            }
            sleep(Duration::from_millis(20)).await;
        });
    }
    // The address sanitizer keeps what was freed for a while.
    let allowed = if std::env::var_os("LSAN_OPTIONS").is_some() { 200 << 20 } else { 30 << 20 };
    // A worker takes back what others freed when it comes round; and the tests beside this one have memory, too.
    let begun = Instant::now();
    while resident() >= before + allowed {
        assert!(begun.elapsed() < Duration::from_secs(60), "{before} bytes before, {} after", resident());
        runtime.block_on(async { sleep(Duration::from_millis(1)).await });
    }
}
