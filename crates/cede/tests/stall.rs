//! Polls that take too long are reported, on whatever thread, and say where they are.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use cede::runtime::{Builder, Runtime, Stall, StallFrame};
use cede::task::block_in_place;

/// A runtime that reports polls of more than 20 ms.
fn reporting(mut builder: Builder) -> (Runtime, Receiver<Stall>) {
    let (report, reports) = channel();
    let runtime =
        builder.enable_all().stall_after(Duration::from_millis(20)).on_stall(move |stall| report.send(stall.clone()).unwrap_or(())).build();
    (runtime.unwrap(), reports)
}

fn two_workers() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2);
    builder
}

/// Blocks its thread until somebody lets it go on; the name is looked for in stacks.
#[inline(never)]
fn blocks_for_real(go_on: &Receiver<()>) {
    go_on.recv().unwrap();
}

/// A thread that gets no processor when it is asked has no time to say where it is; then it is asked once more.
#[test]
fn a_task_that_blocks_a_one_thread_runtime_is_reported_with_its_frames() {
    let stall = std::iter::repeat_with(reported_stall).take(10).find(|stall| !stall.frames().is_empty()).unwrap();
    let names: Vec<_> = stall.frames().iter().map(|frame| frame.function.as_str()).collect();
    assert!(names.iter().any(|name| name.ends_with("blocks_for_real")), "{names:#?}");
    // The compiler decides what an inlined function is called, so the file says whose it is.
    let is_here = |frame: &StallFrame| frame.file.as_ref().is_some_and(|path| path.ends_with("tests/stall.rs"));
    assert!(stall.frames().last().is_some_and(is_here), "the task's own function is the last: {:#?}", stall.frames());
    assert!(stall.to_string().contains("blocks_for_real at "), "{stall} {:#?}", stall.frames());
}

fn reported_stall() -> Stall {
    let (runtime, reports) = reporting(Builder::new_current_thread());
    let (go_on, wait) = channel();
    let watcher = thread::spawn(move || {
        let stall = reports.recv_timeout(Duration::from_secs(60)).expect("a report");
        go_on.send(()).unwrap();
        stall
    });
    let line = line!() + 2;
    runtime.block_on(async {
        cede::task::Builder::new().name("blocker").spawn(async move { blocks_for_real(&wait) }).unwrap().await.unwrap()
    });
    let stall = watcher.join().unwrap();
    assert_eq!((stall.name(), stall.spawned_at().line(), stall.is_rescued()), (Some("blocker"), line, false));
    assert_eq!(stall.thread(), thread::current().name());
    assert_eq!(runtime.metrics().stalled_polls_count(), 1);
    stall
}

#[test]
fn a_task_on_the_thread_in_block_on_is_reported() {
    let mut builder = two_workers();
    builder.block_on_runs_tasks(true);
    let (runtime, reports) = reporting(builder);
    let (go_on, wait) = channel();
    let watcher = thread::spawn(move || {
        let stall = reports.recv_timeout(Duration::from_secs(60)).expect("a report");
        go_on.send(()).unwrap();
        stall.task()
    });
    let task = runtime.block_on(async {
        let task = cede::spawn(async move { blocks_for_real(&wait) });
        let id = task.id();
        task.await.unwrap();
        id
    });
    assert_eq!(watcher.join().unwrap().to_string(), task.to_string());
}

#[test]
fn who_may_block_or_runs_others_is_not_reported() {
    for builder in [Builder::new_current_thread(), two_workers()] {
        let (runtime, reports) = reporting(builder);
        let handle = runtime.handle().clone();
        runtime.block_on(async move {
            cede::spawn(async move {
                // Waits, but the others run.
                handle.block_on(cede::time::sleep(Duration::from_millis(200)));
            })
            .await
            .unwrap();
        });
        assert_eq!(reports.try_iter().map(|stall| stall.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
    }
    let (runtime, reports) = reporting(two_workers());
    runtime.block_on(async {
        cede::spawn(async { block_in_place(|| thread::sleep(Duration::from_millis(200))) }).await.unwrap();
    });
    assert_eq!(reports.try_iter().map(|stall| stall.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a_task_of_a_runtime_that_runs_where_another_task_may_block_is_reported() {
    let (runtime, no_reports) = reporting(two_workers());
    let (nested, reports) = reporting(Builder::new_current_thread());
    let (go_on, wait) = channel();
    let watcher = thread::spawn(move || {
        let stall = reports.recv_timeout(Duration::from_secs(60)).expect("a report");
        go_on.send(()).unwrap();
        stall
    });
    let line = line!() + 3;
    let excused = async move {
        block_in_place(|| {
            nested.block_on(async { cede::spawn(async move { blocks_for_real(&wait) }).await.unwrap() });
            drop(nested);
            // This is the task's own again.
            thread::sleep(Duration::from_millis(200));
        });
    };
    runtime.block_on(async { cede::spawn(excused).await.unwrap() });
    assert_eq!(watcher.join().unwrap().spawned_at().line(), line);
    assert_eq!(no_reports.try_iter().map(|stall| stall.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
}
