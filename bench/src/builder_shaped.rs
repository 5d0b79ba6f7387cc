//! How contenders with tokio's builder run a workload.

use cede_bench::arguments::Arguments;
use cede_bench::sample::Sample;

use crate::rt;
use crate::rt::runtime::Builder;
use crate::shaped::Work;

/// One thread: in `block_on`. More: in a task, because a thread in `block_on` is a special case; that case has a row of its own.
pub fn block_on(threads: usize, work: Work) -> Option<Sample> {
    if threads == 1 {
        return Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    }
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap();
    let outside = Arguments::of_process().word == "spawn_join_block_on";
    if outside { runtime.block_on(work) } else { runtime.block_on(async move { rt::spawn(work).await.unwrap() }) }
}
