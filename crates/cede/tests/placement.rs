//! Processors and niceness of the runtime's threads.

use std::fs;
use std::sync::mpsc::channel;

use cede::runtime::Builder;

/// What the kernel says of the thread that asks.
fn of_this_thread(field: &str) -> String {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix(field)).unwrap().trim().to_owned()
}

fn niceness() -> i32 {
    let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
    // The name in parentheses may hold spaces.
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse().unwrap()
}

#[test]
fn all_threads_of_the_runtime_are_where_they_belong() {
    let allowed = of_this_thread("Cpus_allowed_list:");
    let first = allowed.split([',', '-']).next().unwrap().to_owned();
    let nicer = (niceness() + 1).min(19);
    let cpu = first.parse().unwrap();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_cpus([cpu])
        .thread_nice(nicer)
        .rescue_after(std::time::Duration::from_millis(1))
        .build()
        .unwrap();
    let here = || (of_this_thread("Cpus_allowed_list:"), niceness());
    let expected = (first, nicer);
    runtime.block_on(async {
        assert_eq!(cede::spawn(async move { here() }).await.unwrap(), expected);
        assert_eq!(cede::task::spawn_blocking(here).await.unwrap(), expected);
    });
    // The thread that goes on for a stuck one, too.
    let (free, stuck) = channel::<()>();
    let blocks = runtime.spawn(async move { assert!(stuck.recv().is_err()) });
    let (tell, told) = channel();
    runtime.spawn(async move { tell.send(here()).unwrap() });
    assert_eq!(told.recv().unwrap(), expected);
    drop(free);
    runtime.block_on(blocks).unwrap();
    assert_eq!(of_this_thread("Cpus_allowed_list:"), allowed);
}

#[test]
fn what_cannot_be_is_an_error() {
    let error = Builder::new_multi_thread().thread_cpus([1_000_000]).build().unwrap_err();
    assert!(error.to_string().contains("no thread can be bound to the processors [1000000]"), "{error}");
    let error = Builder::new_current_thread().thread_cpus([]).build().unwrap_err();
    assert!(error.to_string().contains("no thread can be bound"), "{error}");
}
