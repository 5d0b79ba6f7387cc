//! The runtimes that commands run on.

use cede::runtime::{Builder, Runtime};
use cede_transfer::Exit;

use crate::progress::lines::say;

/// Threads that write files and look names up.
const POOL: usize = 32;

/// A runtime with as many threads as there are processors, for a command's work.
///
/// It is made before any other thread: what it registers with the kernel takes that a hundredth of a second in a process that has threads, and nothing in one
/// that has none.
pub(crate) struct Start(std::io::Result<Runtime>);

impl Start {
    pub(crate) fn now() -> Self {
        Self(Builder::new_multi_thread().enable_all().max_blocking_threads(POOL).build())
    }

    pub(crate) fn run(self, work: impl Future<Output = Exit>) -> Exit {
        match self.0 {
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
}

/// A runtime on this thread alone, for what is done one after the other, or on the compute pool.
pub(crate) fn small() -> Result<Runtime, Exit> {
    Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))
}

fn failed(error: &std::io::Error) -> Exit {
    say(&format!("error: the runtime could not start: {error}"));
    Exit::Failed
}
