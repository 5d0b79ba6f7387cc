//! How contenders with tokio's builder run a workload.

use cede_bench::arguments::Arguments;
use cede_bench::sample::Sample;

use crate::rt;
use crate::rt::runtime::Builder;
use crate::shaped::Work;

/// In a task, because the future of `block_on` is a special case; rows that end in `_block_on` are about that case.
pub fn block_on(threads: usize, work: Work) -> Option<Sample> {
    let runtime = match threads {
        1 => Builder::new_current_thread().enable_all().build().unwrap(),
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap(),
    };
    let outside = Arguments::of_process().word.ends_with("_block_on");
    if outside { runtime.block_on(work) } else { runtime.block_on(async move { rt::spawn(work).await.unwrap() }) }
}
