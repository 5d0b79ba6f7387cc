//! What is said about a task that does not await for too long.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// A task has kept its thread for longer than [`Builder::stall_after`](crate::runtime::Builder::stall_after) in one poll: it computes, blocks in a system call, or waits for a lock of `std`.
///
/// ```
/// use std::sync::mpsc::channel;
/// use std::time::Duration;
///
/// let (report, reports) = channel();
/// let runtime = cede::runtime::Builder::new_multi_thread()
///     .worker_threads(1)
///     .enable_all()
///     .rescue_after(Duration::from_millis(1))
///     .stall_after(Duration::from_millis(2))
///     .on_stall(move |stall| report.send(stall.spawned_at().line()).unwrap_or(()))
///     .build()?;
/// let (go_on, wait) = channel::<()>();
/// let line = line!() + 1;
/// runtime.spawn(async move { wait.recv().unwrap_or(()) });
/// assert_eq!(reports.recv(), Ok(line));
/// drop(go_on);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stall {
    pub(super) task: u64,
    pub(super) name: Option<Arc<str>>,
    pub(super) spawned_at: &'static Location<'static>,
    pub(super) thread: Option<String>,
    pub(super) lasts: Duration,
    pub(super) rescued: bool,
}

impl Stall {
    /// The task's number, as its [`Id`](crate::task::Id) prints it.
    #[must_use]
    pub fn task(&self) -> u64 {
        self.task
    }

    /// The task's name, if it was given one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where the task was spawned.
    #[must_use]
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// The name of the thread, if it has one.
    #[must_use]
    pub fn thread(&self) -> Option<&str> {
        self.thread.as_deref()
    }

    /// For how long the poll has lasted so far, at least.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.lasts
    }

    /// Whether the worker goes on on another thread. If not, other tasks wait.
    #[must_use]
    pub fn is_rescued(&self) -> bool {
        self.rescued
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.task)?;
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        let thread = self.thread.as_deref().unwrap_or("without a name");
        write!(f, ", spawned at {}, has not awaited for {} ms; it blocks thread {thread}", self.spawned_at, self.lasts.as_millis())?;
        f.write_str(if self.rescued {
            ", whose other tasks go on elsewhere. Use `spawn_blocking` for what blocks, and `yield_now` in what computes"
        } else {
            ", and other tasks wait. Use `spawn_blocking` for what blocks, and `yield_now` in what computes"
        })
    }
}
