//! Circles of tasks that wait for each other.
//!
//! # What
//! A task that waits has at most one edge: to the task that must end or unlock something first. So a walk along the edges ends, or comes back to where it was. The monitor looks for circles twice
//! a second while anything happens, and once after; less often where there are so many tasks that this would cost more than a thousandth of a processor.
//!
//! # Why it is certain
//! An edge counts only if the task has no other way to be woken: one waker of it exists, the leaf that said what it waits for was polled with that, and the task sleeps. A circle is
//! reported when it is seen twice, [`CONFIRM`] apart, and no party has been polled in between. One thing remains: a guard that is not owned can be sent to another task where its lock is a static.

#![forbid(unsafe_code)]

use std::fmt;
use std::time::{Duration, Instant};

use cede_core::task::Sighting;

use super::dump::{Describer, Seen, sightings};
use super::{TaskDump, object};
use crate::sys::thread::processor_time;

/// A circle that is the same for so long will stay.
const CONFIRM: Duration = Duration::from_millis(200);
/// How often to look, and how many times as long as a look takes.
const PERIOD: (Duration, u32) = (Duration::from_millis(400), 1000);

/// Tasks that wait for each other in a circle, so that none of them will ever go on: each waits for the next, the last for the first.
///
/// If it is only one, the task waits for a lock that a future in it holds, which it does not poll any more: a *futurelock*.
///
/// ```
/// use std::sync::{Arc, mpsc};
/// use cede::sync::{Barrier, Mutex};
///
/// let (report, reports) = mpsc::channel();
/// let runtime = cede::runtime::Builder::new_multi_thread()
///     .worker_threads(1)
///     .on_deadlock(move |deadlock| report.send(deadlock.parties().len()).unwrap_or(()))
///     .build()?;
/// let (a, b, both) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())), Arc::new(Barrier::new(2)));
/// for (first, second) in [(a.clone(), b.clone()), (b, a)] {
///     let both = both.clone();
///     runtime.spawn(async move {
///         let _first = first.lock().await;
///         both.wait().await;
///         let _second = second.lock().await;
///     });
/// }
/// assert_eq!(reports.recv(), Ok(2));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Deadlock {
    parties: Vec<TaskDump>,
}

impl Deadlock {
    pub(super) fn of(parties: Vec<TaskDump>) -> Self {
        Self { parties }
    }

    /// The tasks; each waits for the next, and the last for the first.
    #[must_use]
    pub fn parties(&self) -> &[TaskDump] {
        &self.parties
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [task] = &self.parties[..] {
            return write!(
                f,
                "futurelock: {task}\n  It waits for a lock that another future in the same task holds or is about to get, and does not poll that future meanwhile. Drop the other future before \
                 the `.await`, or run it as a task of its own"
            );
        }
        write!(f, "deadlock: {} tasks wait for each other and will never go on", self.parties.len())?;
        for task in &self.parties {
            write!(f, "\n  {task}")?;
        }
        f.write_str("\n  Take locks in the same order everywhere, and hold none while waiting for a task that wants it")
    }
}

/// The circles among these tasks, which are in the order of their numbers, as places: each begins with the smallest. Of each task goes one edge at most.
pub(super) fn circles(tasks: &[Seen], edge: fn(&Sighting) -> Option<u64>) -> Vec<Vec<usize>> {
    // Asked once, because it changes meanwhile.
    let mut next = Vec::with_capacity(tasks.len());
    for (task, _) in tasks {
        next.push(edge(task).and_then(|other| tasks.binary_search_by_key(&other, |(task, _)| task.id).ok()));
    }
    let mut circles: Vec<Vec<usize>> = Vec::new();
    // In which walk a task was met first.
    let mut met = vec![None; tasks.len()];
    for start in 0..tasks.len() {
        let mut at = Some(start);
        while let Some(place) = at
            && met[place].is_none()
        {
            met[place] = Some(start);
            at = next[place];
        }
        if let Some(place) = at
            && met[place] == Some(start)
        {
            let circle = circle_of(&next, place);
            let before = circles.iter().take_while(|other| other[0] < circle[0]).count();
            circles.insert(before, circle);
        }
    }
    circles
}

/// The circle that a place is in.
fn circle_of(next: &[Option<usize>], place: usize) -> Vec<usize> {
    let mut circle = Vec::new();
    let mut first = place;
    let mut at = next[place];
    while let Some(other) = at
        && other != place
    {
        first = first.min(other);
        at = next[other];
    }
    circle.push(first);
    at = next[first];
    while let Some(other) = at
        && other != first
    {
        circle.push(other);
        at = next[other];
    }
    circle
}

/// The task that this one waits for, perhaps among others.
pub(super) fn waits_for(task: &Sighting) -> Option<u64> {
    if task.state.is_asleep() { object::holder_of(task.wait) } else { None }
}

/// The task that this one waits for, if nobody else can wake it.
fn waits_only_for(task: &Sighting) -> Option<u64> {
    let alone = task.state.is_asleep() && !task.state.is_cancelled() && task.state.waker_count() == 1 && !task.wait.indirect;
    if alone { object::holder_of(task.wait) } else { None }
}

/// Looks for deadlocks from time to time.
#[derive(Default)]
pub(crate) struct Search {
    seen: Vec<Suspect>,
    next: Option<Instant>,
}

/// A circle that was seen.
struct Suspect {
    /// With how often each party had been polled.
    circle: Vec<(u64, u32)>,
    since: Instant,
    reported: bool,
}

impl Search {
    /// Whether it is time.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    /// Whether a circle was seen that is to be confirmed.
    pub(crate) fn suspects(&self) -> bool {
        self.seen.iter().any(|seen| !seen.reported)
    }

    /// Looks at all tasks; tells the deadlocks that are new and certain, with the number of the first party's runtime.
    pub(crate) fn look(&mut self, now: Instant, tell: &mut dyn FnMut(Deadlock, Option<u64>)) {
        let began = processor_time();
        // Few wait for a task.
        let tasks = sightings(&|task, _| waits_only_for(task).is_some());
        let mut certain = Vec::new();
        let mut still = Vec::new();
        for places in circles(&tasks, waits_only_for) {
            let mut circle = Vec::with_capacity(places.len());
            for &place in &places {
                let (task, _) = tasks[place];
                circle.push((task.id, task.polls));
            }
            let before = self.seen.iter().find(|seen| seen.circle == circle);
            let (since, reported) = before.map_or((now, false), |seen| (seen.since, seen.reported));
            let is_certain = now.saturating_duration_since(since) >= CONFIRM;
            if is_certain && !reported {
                certain.push(places);
            }
            still.push(Suspect { circle, since, reported: is_certain || reported });
        }
        self.seen = still;
        // Not the time that this thread waited for a processor: where they are scarce, a search would not be repeated for minutes.
        let took = processor_time().saturating_sub(began);
        let wait = if self.suspects() { CONFIRM } else { PERIOD.0.max(took * PERIOD.1) };
        self.next = now.checked_add(wait);
        if certain.is_empty() {
            return;
        }
        let describer = Describer::new();
        for places in &certain {
            let mut parties = Vec::with_capacity(places.len());
            for &place in places {
                let (task, runtime) = tasks[place];
                parties.push(describer.describe(task, runtime));
            }
            tell(Deadlock::of(parties), places.first().and_then(|&first| tasks[first].1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_had_to_wait_for_a_processor_is_repeated_soon() {
        let mut search = Search::default();
        // It began then, and has had a processor just now.
        let began = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        search.look(began, &mut |deadlock, _| panic!("{deadlock}"));
        assert!(search.is_due(began + Duration::from_secs(500)));
    }
}
