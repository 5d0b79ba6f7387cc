//! Runtimes give their threads and descriptors back. The only test of its process, because it counts those of the whole process.

use cede::runtime::Builder;

fn count(directory: &str) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

#[test]
fn a_thousand_runtimes_leave_nothing_behind() {
    let before = (count("/proc/self/fd"), count("/proc/self/task"));
    for round in 0..1000 {
        let runtime = match round % 2 {
            0 => Builder::new_current_thread().enable_all().build().unwrap(),
            _ => Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
        };
        if round % 3 == 0 {
            runtime.block_on(async { cede::spawn(async {}).await.unwrap() });
        }
        if round % 5 == 0 {
            runtime.spawn(std::future::pending::<()>());
        }
        drop(runtime);
    }
    // A thread that was joined may still be listed for a moment.
    while count("/proc/self/task") > before.1 {
        std::thread::yield_now();
    }
    assert_eq!(count("/proc/self/fd"), before.0);
}
