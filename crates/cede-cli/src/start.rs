//! The runtimes that commands run on.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cede::runtime::{Builder, Runtime, Stall};
use cede_transfer::Exit;

use crate::progress::lines::say;

/// Threads that write files and look names up.
const POOL: usize = 32;

/// A runtime for a command's work.
///
/// It is made before any other thread: what it registers with the kernel takes that a hundredth of a second in a process that has threads, and nothing in one
/// that has none.
pub(crate) struct Start(std::io::Result<Runtime>);

impl Start {
    /// One thread for every two processors, but not one alone where there are two. The other half is for those who write and make checksums; and a transfer's steps are so short that waking
    /// another thread for one takes longer than the step. Of two threads, each has a processor, and whoever receives large files writes them, too: the sink of `cede-transfer`
    /// says when.
    pub(crate) fn now() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut builder = Self::builder();
        // A disk that hangs while a task writes by itself is no news about the program; the other tasks go on elsewhere, and the views say what is waited for.
        builder.on_stall(|stall| {
            if !cede_transfer::writes_by_itself() {
                tell(stall);
            }
        });
        Self(builder.worker_threads(processors.div_ceil(2).max(2).min(processors)).build())
    }

    /// One thread for each processor.
    pub(crate) fn wide() -> Self {
        Self(Self::builder().build())
    }

    fn builder() -> Builder {
        let mut builder = Builder::new_multi_thread();
        builder.enable_all().max_blocking_threads(POOL);
        builder
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

/// Says that a task has blocked its thread, at most once in a second, as the runtime does by itself.
fn tell(stall: &Stall) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|last| last.elapsed() >= Duration::from_secs(1)) {
        *last = Some(Instant::now());
        say(&format!("cede: {stall}"));
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
