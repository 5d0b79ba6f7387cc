//! A task that panics is told of where nobody would learn of it.

use std::env;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use cede::group::{CancelReason, OnPanic, TaskGroup};
use cede::runtime::{Builder, UnhandledPanic};
use cede::stream::Backoff;
use cede::task::{Builder as Task, JoinHandle, LocalSet};

#[test]
fn every_panic_is_counted_and_told_with_its_task() {
    for builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let mut builder = builder;
        let (tell, told) = channel();
        let runtime = builder.enable_all().on_task_panic(move |panic| tell.send(panic.clone()).unwrap()).build().unwrap();
        let line = line!() + 6;
        runtime.block_on(async {
            let awaited = cede::spawn(async { panic!("one") });
            assert!(awaited.await.unwrap_err().is_panic());
            let ((let_go, waits), (let_other_go, other_waits)) = (cede::sync::oneshot::channel::<()>(), channel::<()>());
            let left_alone = cede::task::Builder::new().name("left alone");
            drop(left_alone.spawn(async { panic!("number {}, {:?}", 2, waits.await) }).unwrap());
            drop(cede::task::spawn_blocking(move || std::panic::panic_any(other_waits.recv())));
            drop((let_go, let_other_go));
            while runtime.metrics().panicked_tasks_count() < 3 {
                cede::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let mut panics: Vec<_> = (0..3).map(|_| told.recv().unwrap()).collect();
        panics.sort_by_key(|panic| panic.spawned_at().line());
        let seen: Vec<_> = panics.iter().map(|panic| (panic.name(), panic.message(), panic.is_awaited())).collect();
        assert_eq!(
            seen,
            [(None, Some("one"), true), (Some("left alone"), Some("number 2, Err(RecvError(()))"), false), (None, None, false)]
        );
        assert_eq!(panics[1].spawned_at().line(), line);
        assert_eq!(
            panics[1].to_string(),
            format!(
                "task {} \"left alone\", spawned at {}, panicked, and nobody waits for it: number 2, Err(RecvError(()))",
                panics[1].task(),
                panics[1].spawned_at()
            )
        );
    }
}

#[test]
fn a_panic_in_a_local_set_is_told_by_the_runtime_that_drives_it() {
    let (tell, told) = channel();
    let runtime = Builder::new_current_thread().on_task_panic(move |panic| tell.send(panic.is_awaited()).unwrap()).build().unwrap();
    let set = LocalSet::new();
    drop(set.spawn_local(async { panic!("oh no") }));
    runtime.block_on(set);
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [false]);
    assert_eq!(runtime.metrics().panicked_tasks_count(), 1);
}

/// Runs one of the tests here in a process of its own, and returns what that wrote to its error output.
fn error_output_of(test: &str) -> String {
    let output = Command::new(env::current_exe().unwrap()).args(["--exact", test, "--nocapture", "--ignored"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
#[ignore = "what it writes is read by the next test"]
fn writes_of_handles() {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let spawn = |name: &str, message: &'static str| {
        let panics = async move { panic!("{message}") };
        let handle: JoinHandle<()> = Task::new().name(name).spawn_on(panics, runtime.handle()).unwrap();
        while !handle.is_finished() {
            std::thread::yield_now();
        }
        handle
    };
    let asked = spawn("asked", "one");
    assert!(runtime.block_on(asked).unwrap_err().is_panic());
    drop(spawn("let go", "two"));
    let outlives = spawn("outlives", "three");
    drop(runtime);
    drop(outlives);
}

#[test]
fn a_panic_is_told_when_its_handle_is_dropped_without_being_asked() {
    let written = error_output_of("writes_of_handles");
    let ours: Vec<_> = written.lines().filter(|line| line.starts_with("cede: ")).collect();
    assert_eq!(ours.len(), 2, "{written}");
    assert!(
        ours[0].contains("\"let go\", spawned at crates/cede/tests/panics.rs") && ours[0].ends_with("nobody waits for it: two"),
        "{written}"
    );
    assert!(ours[1].contains("\"outlives\"") && ours[1].ends_with("three"), "{written}");
}

#[test]
fn a_panic_can_end_a_runtime_with_workers() {
    let runtime = Builder::new_multi_thread().worker_threads(2).unhandled_panic(UnhandledPanic::ShutdownRuntime).build().unwrap();
    let (first, second) = (runtime.handle().clone(), runtime.handle().clone());
    let waits = std::thread::spawn(move || first.block_on(std::future::pending::<()>()));
    let also_waits = std::thread::spawn(move || second.block_on(std::future::pending::<()>()));
    drop(runtime.spawn(async { panic!("on purpose") }));
    for waiting in [waits, also_waits] {
        let panic = waiting.join().unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains("shut down on unhandled panic"));
    }
    // And whoever comes later.
    let later = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(async {})));
    assert!(later.is_err());
}

#[test]
fn the_panic_of_a_child_is_counted_and_told_although_its_group_keeps_it() {
    let (tell, told) = channel();
    let runtime = Builder::new_current_thread().on_task_panic(move |panic| tell.send(panic.clone()).unwrap()).build().unwrap();
    runtime.block_on(async {
        let mut group = TaskGroup::<()>::new();
        group.spawn_named("child", async { if true { panic!("oh no") } else { Ok(()) } });
        let error = group.join().await.unwrap_err();
        assert_eq!((error.reason, error.errors.len()), (Some(CancelReason::ChildFailed), 1));
    });
    let told: Vec<_> = told.try_iter().collect();
    assert_eq!((told.len(), told[0].name(), told[0].message(), told[0].is_awaited()), (1, Some("child"), Some("oh no"), true));
    assert_eq!(runtime.metrics().panicked_tasks_count(), 1);
}

#[test]
fn a_group_may_go_on_without_a_child_that_panicked() {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut group = TaskGroup::<&str>::builder().on_panic(OnPanic::Continue).build();
        group.spawn(async { if true { panic!("oh no") } else { Ok(()) } });
        let other = group.spawn(async {
            for _ in 0..10 {
                cede::task::yield_now().await;
            }
            Ok(7)
        });
        assert_eq!(other.await, Ok(7));
        let error = group.join().await.unwrap_err();
        assert_eq!((error.reason, error.errors.len(), error.cancelled), (None, 1, 0));
        // An error still cancels.
        group.spawn(async { Err::<(), _>("disk full") });
        let cut = group.spawn(std::future::pending::<Result<(), _>>());
        assert!(cut.await.is_err());
        assert_eq!(group.join().await.unwrap_err().reason, Some(CancelReason::ChildFailed));
    });
}

#[test]
fn a_child_is_started_again_until_no_pause_is_left() {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let backoff = Backoff::new(Duration::from_millis(100)).without_jitter().attempts(3).unwrap();
        let began = cede::time::Instant::now();
        let mut group = TaskGroup::<()>::new();
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = runs.clone();
        let child = group.spawn_restarting("importer", backoff, move || {
            let run = counter.fetch_add(1, Ordering::Relaxed);
            async move { if run < 9 { panic!("run {run}") } else { Ok(()) } }
        });
        assert!(child.await.is_err());
        assert_eq!(runs.load(Ordering::Relaxed), 3);
        assert_eq!(began.elapsed(), Duration::from_millis(300));
        assert_eq!(group.join().await.unwrap_err().errors.len(), 1);
        assert_eq!(runtime.metrics().panicked_tasks_count(), 3);
    });
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
            std::future::pending::<()>().await;
        });
    });
    assert!(ended.is_err());
}
