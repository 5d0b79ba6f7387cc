//! A child made by `fork(2)` has no monitor but its own. What forks is this test program again, running the one test that is ignored otherwise, so that no other test has a lock at that moment.

use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;
use std::{fs, process, thread};

use cede::runtime::Builder;

/// The monitor of this process waits for somebody to wake it: it has no lock.
fn monitor_sleeps() -> bool {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten().map(|entry| entry.path());
    let mut monitors = threads.filter(|path| fs::read_to_string(path.join("comm")).is_ok_and(|name| name == "cede-monitor\n"));
    monitors.any(|path| fs::read_to_string(path.join("syscall")).is_ok_and(|call| call.starts_with(&format!("{} ", libc::SYS_futex))))
}

/// Only this thread is there. Its own runtime is watched, and nothing else.
fn child() {
    let (report, reports) = channel();
    let (go_on, wait) = channel();
    let mut builder = Builder::new_current_thread();
    builder.enable_all().stall_after(Duration::from_millis(20)).on_stall(move |stall| {
        report.send(stall.spawned_at().line()).unwrap();
        go_on.send(()).unwrap();
    });
    let runtime = builder.build().unwrap();
    let line = line!() + 1;
    runtime.block_on(async { cede::spawn(async move { wait.recv().unwrap() }).await.unwrap() });
    drop(runtime);
    assert_eq!(reports.try_iter().collect::<Vec<_>>(), [line]);
}

/// Forks, and sees that the child did what it should. No other thread of this process may have a lock.
fn fork_and_watch() {
    // SAFETY: the other threads sleep, so no lock of theirs stays locked in the child, which ends without a return to what called this.
    let forked = unsafe { libc::fork() };
    if forked == 0 {
        let done = std::panic::catch_unwind(child).is_ok();
        // SAFETY: it only ends the process.
        unsafe { libc::_exit(i32::from(!done)) };
    }
    let mut status = -1;
    // SAFETY: the status is written to a place of this function's.
    assert_eq!(unsafe { libc::waitpid(forked, &raw mut status, 0) }, forked);
    assert_eq!(status, 0, "the child has failed");
}

#[test]
#[ignore = "forks; another test runs it"]
fn forks_before_anything_is_watched() {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { cede::spawn(async {}).await.unwrap() });
    fork_and_watch();
    runtime.block_on(async { cede::spawn(async {}).await.unwrap() });
}

#[test]
#[ignore = "forks; another test runs it"]
fn forks() {
    let parent = process::id();
    let mut builder = Builder::new_multi_thread();
    // In the child this would be a report of its parent's threads.
    builder.worker_threads(1).stall_after(Duration::from_millis(20)).on_stall(move |_| assert_eq!(process::id(), parent));
    let runtime = builder.build().unwrap();
    runtime.block_on(async { cede::spawn(async {}).await.unwrap() });
    while !monitor_sleeps() {
        thread::sleep(Duration::from_millis(1));
    }
    fork_and_watch();
    // The parent's monitor is as it was.
    runtime.block_on(async { cede::spawn(async {}).await.unwrap() });
}

#[track_caller]
fn run_alone(test: &str) {
    let mut program = Command::new(std::env::current_exe().unwrap());
    let output = program.args(["--exact", test, "--nocapture", "--ignored"]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A name that no test has would be a success, too.
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[test]
fn a_forked_child_can_have_a_runtime_that_is_watched() {
    run_alone("forks");
}

#[test]
fn so_can_a_child_whose_parent_was_not_watched() {
    run_alone("forks_before_anything_is_watched");
}
