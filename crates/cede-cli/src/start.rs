//! The runtimes that commands run on.

use cede::runtime::{Builder, Runtime};
use cede_transfer::Exit;

use crate::progress::lines::say;

/// Threads that write files and look names up.
const POOL: usize = 32;

/// Runs a command's work on as many threads as there are processors.
pub(crate) fn run(work: impl Future<Output = Exit>) -> Exit {
    match Builder::new_multi_thread().enable_all().max_blocking_threads(POOL).build() {
        Ok(runtime) => {
            let exit = runtime.block_on(work);
            // A name lookup that nobody waits for any more, or whoever else refuses to end, must not hold up the end.
            runtime.shutdown_background();
            exit
        }
        Err(error) => {
            // It may hold the terminal, and what is said has to be seen.
            drop(work);
            failed(&error)
        }
    }
}

/// A runtime on this thread alone, for what is done one after the other, or on the compute pool.
pub(crate) fn small() -> Result<Runtime, Exit> {
    Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))
}

fn failed(error: &std::io::Error) -> Exit {
    say(&format!("error: the runtime could not start: {error}"));
    Exit::Failed
}
