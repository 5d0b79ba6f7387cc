//! What a simulated run can find.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use cede_context::wait::Wait;
use cede_core::task::TaskRef;

/// Why a simulated run ended without an output.
///
/// ```
/// use cede::sim::{Failure, Sim};
///
/// let run = Sim::new(1).run(async {
///     let never = cede::spawn(std::future::pending::<()>());
///     never.await
/// });
/// match run.unwrap_err() {
///     Failure::Deadlock(deadlock) => assert!(deadlock.blocked.iter().any(|task| task.site.file() == file!())),
///     other => panic!("{other}"),
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// No task can run, and no timer is armed.
    Deadlock(Deadlock),
    /// A task could go on but nobody had woken it.
    LostWake(LostWake),
}

/// A waiting task.
#[derive(Clone, Debug)]
pub struct BlockedTask {
    /// Its id.
    pub id: u64,
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// Where it was spawned.
    pub site: &'static Location<'static>,
    /// The type of its future.
    pub future: &'static str,
    /// What it waits for.
    pub wait: Wait,
}

impl BlockedTask {
    #[inline]
    pub(crate) fn of(task: TaskRef) -> Self {
        Self { id: task.id(), name: None, site: task.site(), future: crate::task::plain_type(task.future_type()), wait: task.wait() }
    }
}

/// Nothing can ever happen any more.
#[derive(Clone, Debug)]
pub struct Deadlock {
    /// All tasks that have not ended.
    pub blocked: Vec<BlockedTask>,
}

/// A task that was waiting went on when it was polled although nobody had woken it: something that it waited for happened without telling.
#[derive(Clone, Debug)]
pub struct LostWake {
    /// The task, as it was before.
    pub task: BlockedTask,
}

impl fmt::Display for Failure {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Deadlock(deadlock) => deadlock.fmt(f),
            Failure::LostWake(lost) => lost.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for BlockedTask {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "task {} \"{name}\"", self.id)?,
            None => write!(f, "task {}", self.id)?,
        }
        write!(f, ", spawned at {}, waits for {:?} {:#x}", self.site, self.wait.kind, self.wait.object)
    }
}

impl fmt::Display for Deadlock {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deadlock: no task can run and no timer is armed")?;
        for task in &self.blocked {
            write!(f, "\n  {task}")?;
        }
        if self.blocked.is_empty() {
            write!(f, "; there is no task but the main future, which waits for something that nobody will do")?;
        }
        Ok(())
    }
}

impl fmt::Display for LostWake {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lost wake: {} and went on when it was polled without having been woken", self.task)
    }
}
