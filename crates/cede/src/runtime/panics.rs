//! Panics of tasks: counted, and told to somebody if nobody waits for the task.

#![forbid(unsafe_code)]

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::run::shielded;
use crate::error_output::say;

/// A function of the user's that is told of panics.
pub(crate) type Listener = Arc<dyn Fn(&TaskPanic) + Send + Sync>;

/// A task has panicked.
///
/// ```
/// let (tell, told) = std::sync::mpsc::channel();
/// let runtime = cede::runtime::Builder::new_multi_thread()
///     .worker_threads(1)
///     .on_task_panic(move |panic| tell.send(panic.to_string()).unwrap())
///     .build()?;
/// let (begin, begins) = cede::sync::oneshot::channel::<()>();
/// drop(runtime.spawn(async { panic!("{:?}", begins.await) }));
/// begin.send(()).unwrap();
/// let text = told.recv().unwrap();
/// assert!(text.ends_with("panicked, and nobody waits for it: Ok(())"), "{text}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TaskPanic {
    task: u64,
    name: Option<Arc<str>>,
    spawned_at: &'static Location<'static>,
    message: Option<String>,
    awaited: bool,
}

impl TaskPanic {
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

    /// What the panic says, if it is text.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Whether a [`JoinHandle`](crate::task::JoinHandle) of the task exists, by which somebody may learn of the panic.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.awaited
    }
}

impl fmt::Display for TaskPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.task)?;
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        write!(f, ", spawned at {}, panicked", self.spawned_at)?;
        if !self.awaited {
            f.write_str(", and nobody waits for it")?;
        }
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

/// What a panic says, if it is text.
pub(crate) fn message(payload: &(dyn Any + Send)) -> Option<String> {
    payload.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| payload.downcast_ref::<String>().cloned())
}

/// What a runtime does about panics of tasks.
#[derive(Default)]
pub(crate) struct Panics {
    count: AtomicU64,
    listener: Option<Listener>,
}

/// The task that panicked.
pub(crate) struct Panicked<'a> {
    pub(crate) task: u64,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) payload: &'a (dyn Any + Send),
    pub(crate) awaited: bool,
}

/// A panic that nobody has been told of, because there was a handle by which somebody could learn of it.
pub(crate) struct Untold(TaskPanic);

impl Untold {
    /// The handle is gone, and nobody has asked it.
    pub(crate) fn tell(self, message: Option<String>) {
        say(&TaskPanic { message, awaited: false, ..self.0 });
    }
}

impl Panics {
    pub(crate) fn new(listener: Option<Listener>) -> Self {
        Self { count: AtomicU64::new(0), listener }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts a panic and tells it. What a panic says has been written by the panic hook already, but not of which task it is; so one that nobody learns of otherwise is written again: now, or when the
    /// result is told.
    pub(crate) fn note(&self, panicked: &Panicked<'_>, name: Option<Arc<str>>) -> Option<Untold> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let message = if self.listener.is_none() && panicked.awaited { None } else { message(panicked.payload) };
        let panic = TaskPanic { task: panicked.task, name, spawned_at: panicked.spawned_at, message, awaited: panicked.awaited };
        match &self.listener {
            Some(listener) => drop(shielded(|| listener(&panic))),
            None if panic.awaited => return Some(Untold(panic)),
            None => say(&panic),
        }
        None
    }
}

impl fmt::Debug for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panics").field("count", &self.count()).finish_non_exhaustive()
    }
}
