//! One task in a dump.

#![forbid(unsafe_code)]

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use cede_context::wait::{Wait, WaitKind};

use super::chain;
use crate::runtime::StallFrame;
use crate::task::Priority;

/// A task as a dump shows it.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let waits = cede::spawn(std::future::pending::<()>());
/// cede::task::yield_now().await;
/// let dump = cede::runtime::Handle::current().dump();
/// let task = &dump.tasks()[0];
/// assert_eq!(task.state, cede::inspect::State::Waiting);
/// assert_eq!(task.polls, 1);
/// # drop(waits);
/// # });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskDump {
    /// Its number, as its [`Id`](crate::task::Id) prints it.
    pub id: u64,
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// The number of its runtime, as the runtime's [`Id`](crate::runtime::Id) prints it; `None` for a task of a [`LocalSet`](crate::task::LocalSet).
    pub runtime: Option<u64>,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// The type of its future.
    pub future: &'static str,
    /// How much it matters at present, which may be because of those who wait for it.
    pub priority: Priority,
    /// The group in which its processor time is counted.
    pub group: Option<Arc<str>>,
    /// What it is doing.
    pub state: State,
    /// Whether it was aborted and will be dropped at its next turn.
    pub aborted: bool,
    /// What it said last that it waits for.
    pub wait: Wait,
    /// That, in words.
    pub waits_for: String,
    /// The task that it waits for, where that is known: to end, or to unlock something.
    pub waits_for_task: Option<u64>,
    /// The task at the other end of the channel that it waits for, as far as is known: the one that sent last what somebody waited for, or the one that receives. For a lock, the task that took it last, if it got
    /// an owned guard or that of a reader. Another one may make it go on as well.
    pub peer: Option<u64>,
    /// Where in its code that is, from the innermost function to the task's own: what awaits what. Empty unless [`await_chains`](super::await_chains) is on, the program has the feature `backtrace`, and the task has
    /// been polled since.
    pub awaits: Vec<StallFrame>,
    /// How many others could wake it besides: it waits for several things.
    pub other_wakers: usize,
    /// How often it has been polled; wraps around after 2^32.
    pub polls: u32,
    /// How long ago it was spawned, to about a millisecond. `None` where that is not kept: in a [`LocalSet`](crate::task::LocalSet).
    pub age: Option<Duration>,
}

/// What a task is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It is being polled.
    Running {
        /// The thread that does so, if it has a name.
        thread: Option<String>,
    },
    /// It will be polled when its turn comes.
    Runnable,
    /// It waits for somebody to wake it.
    Waiting,
    /// A closure that runs on a blocking thread.
    Blocking,
}

impl fmt::Display for TaskDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        match &self.state {
            State::Running { thread: Some(thread) } => write!(f, " runs on thread {thread}")?,
            State::Running { thread: None } => f.write_str(" runs")?,
            State::Runnable => f.write_str(" is runnable")?,
            State::Blocking => f.write_str(" runs on a blocking thread")?,
            State::Waiting if self.wait.kind == WaitKind::Unknown => f.write_str(" waits for something that is not cede's")?,
            State::Waiting => write!(f, " waits for {}", self.waits_for)?,
        }
        if self.state == State::Waiting && self.other_wakers > 0 {
            f.write_str(", among others")?;
        }
        if self.aborted {
            f.write_str(", aborted")?;
        }
        if self.priority != Priority::Normal {
            write!(f, ", {} priority", self.priority)?;
        }
        if let Some(group) = &self.group {
            write!(f, ", of group \"{group}\"")?;
        }
        write!(f, "; spawned at {}", self.spawned_at)?;
        if let Some(age) = self.age {
            write!(f, " {age:.1?} ago")?;
        }
        if self.state != State::Blocking {
            write!(f, ", {} polls", self.polls)?;
        }
        write!(f, ", {}", self.future)?;
        if self.state == State::Waiting { chain::write(f, &self.awaits) } else { Ok(()) }
    }
}
