//! What a program says of itself: lines of fields, separated by tabs, read into values.
//!
//! ```text
//! runtime  NUMBER  DESCRIPTION  TASKS  QUEUED  STALLS  DEADLOCKS  RESCUED  BLOCKING_THREADS  POLLS  WAITS
//! thread   NUMBER  NAME  TASK_OR_NOTHING
//! group    RUNTIME  NAME  SHARES  TASKS  POLLS  BUSY_US
//! task     NUMBER  RUNTIME_OR_NOTHING  STATE  SHARE  POLLS  AGE_MS  NAME  SITE  WAITS_FOR  FUTURE  PRIORITY  GROUP
//! ```
//! Lines that begin otherwise, and further fields, are those of a newer version and left alone; an older one says neither priority nor group. Text of the program goes through [`printable`], so that it cannot move the cursor.

use std::str::{FromStr, Split};
use std::time::Duration;

use cede_transfer::printable;

/// The program at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) runtimes: Vec<Runtime>,
    pub(super) threads: Vec<Thread>,
    pub(super) tasks: Vec<Task>,
    /// Those of the same runtime and name are one.
    pub(super) groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Runtime {
    pub(super) number: u64,
    pub(super) description: String,
    pub(super) tasks: u64,
    pub(super) queued: u64,
    pub(super) stalls: u64,
    pub(super) deadlocks: u64,
    pub(super) rescued: u64,
    pub(super) blocking_threads: u64,
    /// How long polls took.
    pub(super) polls: Option<Spread>,
    /// How long tasks waited for theirs.
    pub(super) waits: Option<Spread>,
    /// Nothing, if the program is of an older version.
    pub(super) timers: Option<u64>,
}

/// How long things took, by samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spread {
    pub(super) median: Duration,
    pub(super) p99: Duration,
    pub(super) max: Duration,
}

/// A thread that polls tasks, and the one that it polls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thread {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) task: Option<u64>,
}

/// Tasks that share processor time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) runtime: u64,
    pub(super) name: String,
    pub(super) shares: u64,
    pub(super) tasks: u64,
    pub(super) polls: u64,
    /// The time that these polls took.
    pub(super) busy: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) number: u64,
    /// None: it is in a local set.
    pub(super) runtime: Option<u64>,
    pub(super) state: String,
    /// Of one thread's time, in thousandths.
    pub(super) share: u32,
    /// Wraps around.
    pub(super) polls: u32,
    pub(super) age: Option<Duration>,
    pub(super) name: String,
    pub(super) site: String,
    pub(super) waits_for: String,
    pub(super) future: String,
    /// Empty: the program does not say.
    pub(super) priority: String,
    /// Empty: none.
    pub(super) group: String,
}

impl Picture {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut picture = Self::default();
        for line in text.lines() {
            let mut fields = Fields(line.split('\t'));
            let read = match fields.text().as_deref() {
                Some("runtime") => fields.runtime().map(|runtime| picture.runtimes.push(runtime)),
                Some("thread") => fields.thread().map(|thread| picture.threads.push(thread)),
                Some("group") => fields.group().map(|group| picture.add(group)),
                Some("task") => fields.task().map(|task| picture.tasks.push(task)),
                _ => Some(()),
            };
            read.ok_or_else(|| format!("the program speaks another version: {}", printable(line)))?;
        }
        Ok(picture)
    }

    fn add(&mut self, group: Group) {
        match self.groups.iter_mut().find(|known| known.runtime == group.runtime && known.name == group.name) {
            None => self.groups.push(group),
            Some(known) => {
                known.shares += group.shares;
                known.tasks += group.tasks;
                known.polls += group.polls;
                known.busy += group.busy;
            }
        }
    }
}

/// The fields of a line that were not read yet.
struct Fields<'a>(Split<'a, char>);

impl Fields<'_> {
    fn text(&mut self) -> Option<String> {
        self.0.next().map(printable)
    }

    fn number<N: FromStr>(&mut self) -> Option<N> {
        self.0.next()?.parse().ok()
    }

    /// A number, or an empty field.
    fn perhaps<N: FromStr>(&mut self) -> Option<Option<N>> {
        match self.0.next()? {
            "" => Some(None),
            number => number.parse().ok().map(Some),
        }
    }

    fn runtime(&mut self) -> Option<Runtime> {
        Some(Runtime {
            number: self.number()?,
            description: self.text()?,
            tasks: self.number()?,
            queued: self.number()?,
            stalls: self.number()?,
            deadlocks: self.number()?,
            rescued: self.number()?,
            blocking_threads: self.number()?,
            polls: self.spread(),
            waits: self.spread(),
            timers: self.number(),
        })
    }

    /// Nothing if there were no samples, or the program is of an older version.
    fn spread(&mut self) -> Option<Spread> {
        let numbers: Vec<_> = self.0.next()?.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
        let &[median, p99, max, count] = &numbers[..] else { return None };
        let [median, p99, max] = [median, p99, max].map(Duration::from_nanos);
        (count > 0).then_some(Spread { median, p99, max })
    }

    fn thread(&mut self) -> Option<Thread> {
        Some(Thread { number: self.number()?, name: self.text()?, task: self.perhaps()? })
    }

    fn group(&mut self) -> Option<Group> {
        Some(Group {
            runtime: self.number()?,
            name: self.text()?,
            shares: self.number()?,
            tasks: self.number()?,
            polls: self.number()?,
            busy: Duration::from_micros(self.number()?),
        })
    }

    fn task(&mut self) -> Option<Task> {
        Some(Task {
            number: self.number()?,
            runtime: self.perhaps()?,
            state: self.text()?,
            share: self.number()?,
            polls: self.number()?,
            age: self.perhaps()?.map(Duration::from_millis),
            name: self.text()?,
            site: self.text()?,
            waits_for: self.text()?,
            future: self.text()?,
            priority: self.text().unwrap_or_default(),
            group: self.text().unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests;
