//! Polls that take too long, on whatever thread.
//!
//! A poll is known by the task's number and by how often the task has been polled: while both stay the same it is the same poll. The time in which the thread was runnable but had no processor does not
//! count: a thread that only waits for its share of a busy machine is not stuck.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use cede_core::task::Sighting;

use super::report::StuckIn;
use super::{Stall, processor, report};
use crate::inspect::posts::{self, Polls};
use crate::inspect::{registry, samples};
use crate::sys::thread::Pid;

/// What each thread was seen doing.
#[derive(Debug, Default)]
pub(super) struct LongPolls {
    threads: Vec<Watched>,
    /// Kept from look to look for its memory only.
    seen: Vec<Polls>,
}

/// A thread, as it was seen last.
#[derive(Debug)]
struct Watched {
    number: Pid,
    stirs: usize,
    poll: Option<LongPoll>,
}

#[derive(Debug)]
struct LongPoll {
    task: u64,
    polls: u32,
    since: Instant,
    /// For how long the thread had had a processor when the poll was seen a second time, all in all, and when that was.
    again: Option<(Instant, Duration)>,
    reported: bool,
}

impl LongPolls {
    /// Looks at all threads. Returns whether nothing has happened since the last look, and nothing is under way.
    pub(super) fn look(&mut self, now: Instant, is_rescued: impl Fn(Pid) -> bool) -> bool {
        let mut seen = std::mem::take(&mut self.seen);
        posts::look_into(&mut seen);
        samples::count(&seen);
        let mut quiet = true;
        self.threads.retain(|thread| seen.iter().any(|polls| polls.number == thread.number));
        for polls in &seen {
            let index = self.threads.iter().position(|thread| thread.number == polls.number).unwrap_or_else(|| {
                // What it did before it was seen first may have closed a circle of waits.
                quiet = false;
                self.threads.push(Watched { number: polls.number, stirs: polls.stirs, poll: None });
                self.threads.len() - 1
            });
            quiet &= self.threads[index].look(polls, now, &is_rescued);
        }
        self.seen = seen;
        quiet
    }
}

impl Watched {
    fn look(&mut self, polls: &Polls, now: Instant, is_rescued: &impl Fn(Pid) -> bool) -> bool {
        let stirred = std::mem::replace(&mut self.stirs, polls.stirs) != polls.stirs;
        let Some(task) = polls.task.filter(|_| !polls.excused).and_then(posts::see) else {
            // The end of a poll that was seen is news, too: what it did after that may have closed a circle of waits.
            let ended = self.poll.take().is_some();
            return !stirred && !ended;
        };
        let same = |poll: &&mut LongPoll| poll.task == task.id && poll.polls == task.polls;
        let Some(poll) = self.poll.as_mut().filter(same) else {
            self.poll = Some(LongPoll { task: task.id, polls: task.polls, since: now, again: None, reported: false });
            return false;
        };
        if !poll.reported {
            poll.report_if_long(polls, &task, now, is_rescued);
        }
        // What comes after it on the same thread would not be seen by a monitor that sleeps; on one that lost its worker nothing comes.
        poll.reported && is_rescued(polls.number)
    }
}

impl LongPoll {
    fn report_if_long(&mut self, polls: &Polls, task: &Sighting, now: Instant, is_rescued: &impl Fn(Pid) -> bool) {
        let Some(runtime) = registry::find(polls.runtime) else { return };
        let parts = runtime.parts();
        if parts.rescue.threads_max == 0 {
            // Nobody wants to know.
            return;
        }
        let had = processor::had(polls.number);
        let (again, had_then) = *self.again.get_or_insert((now, had.time));
        let lasts = now.saturating_duration_since(self.since);
        // Nobody knows what it did before the second look, which comes late where processors are scarce.
        let before = again.saturating_duration_since(self.since).min(parts.reports.stall_after / 2);
        let computed = before + had.time.saturating_sub(had_then);
        let is_long = lasts >= parts.reports.stall_after && (!had.runnable || computed >= parts.reports.stall_after);
        if !is_long {
            return;
        }
        self.reported = true;
        let stall = Stall {
            task: task.id,
            name: parts.names.get(task.id),
            spawned_at: task.site,
            thread: polls.thread.name().map(str::to_owned),
            lasts,
            rescued: is_rescued(polls.number),
            frames: Vec::new(),
        };
        report::stall(runtime, stall, StuckIn { thread: polls.number, task: task.id, polls: task.polls }, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Builder;
    use crate::sys::thread::gettid;

    /// What the monitor would see of this thread. It runs a runtime.
    fn own() -> Polls {
        posts::look().into_iter().find(|polls| polls.number == gettid()).expect("it is listed")
    }

    #[test]
    fn that_a_poll_begins_is_news_and_that_it_ends() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let now = Instant::now();
        let is_quiet = move |watched: &mut Watched| watched.look(&own(), now, &|_| false);
        runtime.block_on(async {
            let mut watched = Watched { number: gettid(), stirs: own().stirs, poll: None };
            assert!(is_quiet(&mut watched), "no task is polled");
            let task = crate::spawn(async move {
                assert!(!is_quiet(&mut watched), "it has begun");
                assert!(!is_quiet(&mut watched), "it is under way");
                watched
            });
            let mut watched = task.await.unwrap();
            assert!(!is_quiet(&mut watched), "it has ended");
            assert!(is_quiet(&mut watched));
        });
    }
}
