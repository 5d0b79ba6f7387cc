//! `CEDE_ON_DEADLOCK=abort`: a deadlock that nobody listens for ends the process. The process is this test program again, running one of the tests that are ignored otherwise.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::mpsc::channel;

use cede::runtime::Builder;
use cede::sync::Mutex;
use rustix::process::Signal;

async fn locks_twice() {
    let lock = Mutex::new(());
    let first = lock.lock().await;
    let second = lock.lock().await;
    drop((first, second));
}

#[test]
#[ignore = "hangs; another test runs it"]
fn waits_for_itself() {
    // One thread, which is not watched from the beginning otherwise.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { cede::spawn(locks_twice()).await.unwrap() });
}

#[test]
#[ignore = "another test runs it"]
fn is_told() {
    let (report, reports) = channel();
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).on_deadlock(move |deadlock| report.send(deadlock.parties().len()).unwrap_or(()));
    let runtime = builder.build().unwrap();
    drop(runtime.spawn(locks_twice()));
    assert_eq!(reports.recv(), Ok(1));
}

fn run(test: &str) -> Output {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", test, "--nocapture", "--ignored"]).env("CEDE_ON_DEADLOCK", "abort").output().unwrap()
}

#[test]
fn a_deadlock_that_nobody_listens_for_ends_the_process() {
    let ended = run("waits_for_itself");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.signal(), Some(Signal::ABORT.as_raw()), "{errors}");
    assert!(errors.contains("cede: futurelock: task ") && errors.contains("tests/deadlock_aborts.rs"), "{errors}");
}

#[test]
fn one_that_somebody_listens_for_is_only_told() {
    let ended = run("is_told");
    assert!(ended.status.success(), "{ended:?}");
}
