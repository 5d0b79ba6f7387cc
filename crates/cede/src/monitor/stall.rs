//! What is said about a task that does not await for too long.

use std::fmt;
use std::panic::Location;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::frames;

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
    pub(super) frames: Vec<StallFrame>,
}

/// A function on the stack of a stuck thread.
///
/// ```
/// # let (report, reports) = std::sync::mpsc::channel();
/// let runtime = cede::runtime::Builder::new_multi_thread()
///     .worker_threads(1)
///     .stall_after(std::time::Duration::from_millis(10))
///     .on_stall(move |stall| {
///         // The outermost frame is the task's own.
///         report.send(stall.frames().last().map(|frame| frame.to_string())).unwrap_or(())
///     })
///     .build()?;
/// let (go_on, blocks) = std::sync::mpsc::channel::<()>();
/// runtime.spawn(async move { assert!(blocks.recv().is_err()) });
/// # if cfg!(feature = "backtrace") {
/// assert!(reports.recv().unwrap().unwrap().contains("closure"));
/// # }
/// drop(go_on);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StallFrame {
    /// Its name, or nothing if that is not known.
    pub function: String,
    /// The source file, if the program has debugging information.
    pub file: Option<PathBuf>,
    /// The line in that.
    pub line: Option<u32>,
}

impl StallFrame {
    /// Whether the path of its file contains this.
    #[cfg(feature = "backtrace")]
    pub(super) fn is_in(&self, part: &str) -> bool {
        self.file.as_ref().is_some_and(|file| file.to_string_lossy().contains(part))
    }

    /// Whether this is code of the runtime or the standard library, as far as its name and file say.
    #[cfg(feature = "backtrace")]
    pub(super) fn is_inner(&self) -> bool {
        const LIBRARIES: [&str; 9] = ["std::", "core::", "alloc::", "<std::", "<core::", "<alloc::", "cede", "<cede", "backtrace::"];
        let name = &self.function;
        let of_rust = self.file.as_ref().is_some_and(|file| file.starts_with("/rustc"));
        let path = self.file.as_ref().map(|file| file.to_string_lossy()).unwrap_or_default();
        let of_cede = path.contains("crates/cede") && path.contains("/src/") || path.contains("/backtrace-");
        of_rust || of_cede || name.is_empty() || LIBRARIES.iter().any(|library| name.starts_with(library))
    }

    /// Whether this is code of the program, as far as its name and file say.
    #[cfg(feature = "backtrace")]
    pub(super) fn is_users(&self) -> bool {
        const LIBRARIES: [&str; 8] = ["std::", "core::", "alloc::", "<std::", "<core::", "<alloc::", "cede", "<cede"];
        let of_rust = self.file.as_ref().is_some_and(|file| file.starts_with("/rustc"));
        let is_rust = self.file.as_ref().is_some_and(|file| file.extension().is_some_and(|extension| extension == "rs"));
        let of_registry = self.file.as_ref().is_some_and(|file| file.to_string_lossy().contains("/registry/src/"));
        is_rust && !of_rust && !of_registry && !LIBRARIES.iter().any(|library| self.function.starts_with(library))
    }
}

impl fmt::Display for StallFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.function.is_empty() { "an unknown function" } else { &self.function })?;
        if let Some(file) = &self.file {
            write!(f, " at {}", file.display())?;
        }
        match self.line {
            Some(line) if self.file.is_some() => write!(f, ":{line}"),
            _ => Ok(()),
        }
    }
}

impl Stall {
    /// Where the thread was when this was noticed: the functions from the innermost one to the task's own. Empty without the feature `backtrace`, and if the thread did not answer.
    #[must_use]
    pub fn frames(&self) -> &[StallFrame] {
        &self.frames
    }

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
        match frames::blocking(&self.frames) {
            Some((own, Some(called))) => write!(f, " in {own}, which called {}", called.function)?,
            Some((own, None)) => write!(f, " in {own}")?,
            None => {}
        }
        f.write_str(if self.rescued {
            ", whose other tasks go on elsewhere. Use `spawn_blocking` for what blocks, and `yield_now` in what computes"
        } else {
            ", and other tasks wait. Use `spawn_blocking` for what blocks, and `yield_now` in what computes"
        })
    }
}
