//! A picture of all tasks.

#![forbid(unsafe_code)]

use std::fmt::{self, Write};
use std::sync::Arc;

use cede_context::wait::Wait;
use cede_core::task::Sighting;

use super::registry::Inspected;
use super::{Deadlock, State, TaskDump, age, chain, deadlock, object, posts, registry};
use crate::rank::linked;
use crate::runtime::CpuGroupMetrics;
use crate::task::slab::census;
use crate::task::{Priority, plain_type};
use crate::{order, rank, record};

/// The tasks of the process or of a runtime as they were at some moment. `Display` shows them one a line, what is suspicious first.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let sleeps = cede::spawn(cede::time::sleep(std::time::Duration::from_secs(60)));
/// cede::task::yield_now().await;
/// let dump = cede::runtime::Handle::current().dump();
/// assert!(dump.to_string().contains("waits for a timer, due in"), "{dump}");
/// # drop(sleeps);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Dump {
    tasks: Vec<TaskDump>,
    /// Number and description of each runtime.
    runtimes: Vec<(u64, String)>,
    /// What groups did, and on which runtime.
    groups: Vec<(u64, CpuGroupMetrics)>,
    suspected: Vec<Deadlock>,
}

/// Shows all tasks of the process: those of all runtimes and local sets, and the closures that run on blocking threads.
///
/// It takes some ten milliseconds for a hundred thousand tasks, which go on meanwhile. So the dump is no snapshot: each task is shown as it was at some moment in that time.
#[must_use]
pub fn dump() -> Dump {
    Dump::of(None)
}

impl Dump {
    /// Of one runtime, or of all.
    pub(crate) fn of(only: Option<u64>) -> Self {
        crate::time::timers::drop_spares();
        let seen = sightings(&|_, runtime| only.is_none() || runtime == only);
        let describer = Describer::new();
        let mut tasks = Vec::with_capacity(seen.len());
        for &(task, runtime) in &seen {
            tasks.push(describer.describe(task, runtime));
        }
        object::pair(&mut tasks);
        chain::add_to(&mut tasks);
        let mut suspected = Vec::new();
        for circle in deadlock::circles(&seen, deadlock::waits_for) {
            let mut parties = Vec::with_capacity(circle.len());
            for place in circle {
                parties.push(tasks[place].clone());
            }
            suspected.push(Deadlock::of(parties));
        }
        describer.add_blocking(only, &mut tasks);
        Self { tasks, runtimes: describer.runtimes(), groups: describer.groups(only), suspected }
    }

    /// The tasks, by number; then the closures on blocking threads.
    #[must_use]
    pub fn tasks(&self) -> &[TaskDump] {
        &self.tasks
    }

    /// Circles of tasks that wait for each other. They were seen once, so a task that was just about to go on may be among them, or one that waits for something else besides. What is
    /// [reported](crate::runtime::Builder::on_deadlock) is certain.
    #[must_use]
    pub fn suspected_deadlocks(&self) -> &[Deadlock] {
        &self.suspected
    }

    /// What the tasks of each [`CpuGroup`](crate::task::CpuGroup) did, and the number of the runtime on which they did it.
    pub fn groups(&self) -> impl Iterator<Item = (u64, &CpuGroupMetrics)> {
        self.groups.iter().map(|(runtime, group)| (*runtime, group))
    }
}

/// A task, and its runtime.
pub(super) type Seen = (Sighting, Option<u64>);

/// The tasks of this process that are wanted, by their numbers.
pub(super) fn sightings(wanted: &dyn Fn(&Sighting, Option<u64>) -> bool) -> Vec<Seen> {
    let mut seen = Vec::new();
    for census in census::of_all() {
        let runtime = census.runtime();
        census.visit(&mut |task| {
            if wanted(&task, runtime) {
                seen.push((task, runtime));
            }
        });
    }
    // A walk may meet a task twice.
    let mut seen = order::by_number(seen, |(task, _)| task.id);
    seen.dedup_by_key(|(task, _)| task.id);
    seen
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} tasks", self.tasks.len())?;
        for suspected in &self.suspected {
            writeln!(f, "{suspected}")?;
        }
        let by_runtime = |task: &&TaskDump| [task.runtime.map_or(0, |number| number + 1), liveliness(&task.state), 0];
        let mut runtime = None;
        for task in order::by_key(self.tasks.iter().collect(), by_runtime) {
            if runtime != Some(task.runtime) {
                runtime = Some(task.runtime);
                let described = self.runtimes.iter().find(|(number, _)| task.runtime == Some(*number));
                writeln!(f, "{}", described.map_or("tasks of local sets", |(_, text)| text))?;
                for (_, group) in self.groups.iter().filter(|(number, _)| task.runtime == Some(*number)) {
                    writeln!(f, "  {group}")?;
                }
            }
            writeln!(f, "  {task}")?;
        }
        Ok(())
    }
}

fn liveliness(state: &State) -> u64 {
    match state {
        State::Running { .. } => 0,
        State::Blocking => 1,
        State::Runnable => 2,
        State::Waiting => 3,
    }
}

/// Puts what is known elsewhere to what was seen of a task.
pub(super) struct Describer {
    runtimes: Vec<Arc<dyn Inspected>>,
    /// The tasks that are being polled, and the names of the threads.
    running: Vec<(u64, Option<String>)>,
}

impl Describer {
    pub(super) fn new() -> Self {
        let mut running = Vec::new();
        for polls in posts::look() {
            if let Some(task) = polls.task.and_then(posts::see) {
                running.push((task.id, polls.thread.name().map(str::to_owned)));
            }
        }
        Self { running, runtimes: registry::all() }
    }

    pub(super) fn describe(&self, task: Sighting, runtime: Option<u64>) -> TaskDump {
        let own = self.runtimes.iter().find(|own| Some(own.parts().id.number()) == runtime);
        let now = own.map(|own| own.parts().clock.now());
        let state = match self.running.iter().find(|(id, _)| *id == task.id) {
            Some((_, thread)) => State::Running { thread: thread.clone() },
            None if task.state.is_asleep() => State::Waiting,
            None => State::Runnable,
        };
        let rank = rank::of(task.id);
        TaskDump {
            id: task.id,
            name: self.name_of(task.id),
            priority: rank.as_ref().map_or(Priority::Normal, |rank| rank.class()),
            group: rank.and_then(|rank| rank.group().map(|group| group.name().into())),
            runtime,
            spawned_at: task.site,
            future: plain_type(task.future_type),
            aborted: task.state.is_cancelled(),
            waits_for: object::describe(task.wait, now),
            waits_for_task: object::holder_of(task.wait).filter(|_| state == State::Waiting),
            peer: object::peer_of(task.wait).filter(|peer| state == State::Waiting && *peer != task.id),
            state,
            wait: task.wait,
            awaits: Vec::new(),
            other_wakers: task.state.waker_count().saturating_sub(1),
            polls: task.polls,
            age: now.and_then(|now| age::since(task.born, now)),
        }
    }

    fn runtimes(&self) -> Vec<(u64, String)> {
        let mut described = Vec::with_capacity(self.runtimes.len());
        for runtime in &self.runtimes {
            let parts = runtime.parts();
            let mut text = format!("runtime {}", parts.id);
            if let Some(name) = &parts.name {
                _ = write!(text, " \"{name}\"");
            }
            match runtime.workers() {
                0 => text.push_str(", one thread"),
                workers => _ = write!(text, ", {workers} workers"),
            }
            if parts.is_simulated() {
                text.push_str(", simulated");
            }
            text.push_str(&record::times_of(runtime));
            described.push((parts.id.number(), text));
        }
        described
    }

    /// What groups did, and on which runtime.
    fn groups(&self, only: Option<u64>) -> Vec<(u64, CpuGroupMetrics)> {
        linked::groups(&self.runtimes, only)
    }

    /// A task is named in the runtime that it runs on; one of a local set, in any.
    fn name_of(&self, task: u64) -> Option<Arc<str>> {
        self.runtimes.iter().find_map(|runtime| runtime.parts().names.get(task))
    }

    /// The closures that run on blocking threads.
    fn add_blocking(&self, only: Option<u64>, tasks: &mut Vec<TaskDump>) {
        for parts in self.runtimes.iter().map(|runtime| runtime.parts()) {
            let number = parts.id.number();
            if only.is_some_and(|only| number != only) {
                continue;
            }
            for (id, site) in parts.blocking.running() {
                tasks.push(TaskDump {
                    id,
                    name: self.name_of(id),
                    runtime: Some(number),
                    spawned_at: site,
                    future: "a closure",
                    priority: Priority::Normal,
                    group: None,
                    state: State::Blocking,
                    aborted: false,
                    wait: Wait::NONE,
                    peer: None,
                    awaits: Vec::new(),
                    waits_for: String::new(),
                    waits_for_task: None,
                    other_wakers: 0,
                    polls: 0,
                    age: None,
                });
            }
        }
    }
}
