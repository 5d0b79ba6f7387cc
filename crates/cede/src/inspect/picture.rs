//! A picture of the process for programs that show it: lines of fields, separated by tabs.
//!
//! ```text
//! runtime  NUMBER  DESCRIPTION  TASKS  QUEUED  STALLS  DEADLOCKS  RESCUED  BLOCKING_THREADS  POLLS  WAITS  TIMERS
//! thread   NUMBER  NAME  TASK_OR_NOTHING
//! group    RUNTIME  NAME  SHARES  TASKS  POLLS  BUSY_US
//! task     NUMBER  RUNTIME_OR_NOTHING  STATE  SHARE  POLLS  AGE_MS  NAME  SITE  WAITS_FOR  FUTURE  PRIORITY  GROUP
//! ```
//! `POLLS` and `WAITS` are how long polls took, and how long tasks waited for theirs, by samples: the median, the 99th percentile and the longest in nanoseconds, and the number of samples, separated by
//! spaces. `TIMERS` is how many are armed. `BUSY_US` is the time that polls of the group's tasks took on that runtime, all in all, in microseconds. `SHARE` is the part of one thread's time that the task had since the last request, in thousandths. Tasks come with the largest share first, then those that run or are runnable, then by number.

#![forbid(unsafe_code)]

use std::fmt::Write;

use super::{State, TaskDump, dump, posts, registry, samples};
use crate::histogram::Histogram;
use crate::order;
use crate::record::samples::sum;

/// At most `tasks` of the tasks.
pub(super) fn lines(tasks: usize) -> String {
    let mut text = String::new();
    for runtime in registry::all() {
        let (parts, handle) = (runtime.parts(), runtime.clone().handle());
        let kind = match runtime.workers() {
            0 => "one thread".to_owned(),
            workers => format!("{workers} workers"),
        };
        let name = parts.name.as_deref().map_or(kind.clone(), |name| format!("{name}, {kind}"));
        line(
            &mut text,
            &[
                &"runtime",
                &parts.id,
                &name,
                &handle.alive_tasks(),
                &handle.queue_depth(),
                &parts.reported.stalls(),
                &parts.reported.deadlocks(),
                &handle.rescued_workers(),
                &parts.blocking.metrics().threads,
                &spread(&sum(&handle, |samples| &samples.polls)),
                &spread(&sum(&handle, |samples| &samples.latencies)),
                &handle.counted().armed_timers(),
            ],
        );
        for group in parts.groups.metrics() {
            let busy = group.busy_time().as_micros();
            line(&mut text, &[&"group", &parts.id, &group.name(), &group.shares(), &group.tasks(), &group.polls(), &busy]);
        }
    }
    for polls in posts::look() {
        let task = polls.task.and_then(posts::see).map(|task| task.id.to_string()).unwrap_or_default();
        line(&mut text, &[&"thread", &polls.number.as_raw_nonzero(), &polls.thread.name().unwrap_or_default(), &task]);
    }
    let counts = samples::take();
    let share = |task: &TaskDump| counts.tasks.get(&task.id).map_or(0, |count| count * 1000 / counts.looks.max(1));
    let dump = dump();
    let shown: Vec<_> = dump.tasks().iter().map(|task| (share(task), task)).collect();
    let shown = order::by_key(shown, |(share, task)| [u64::MAX - share, u64::from(task.state == State::Waiting), task.id]);
    for (share, task) in shown.into_iter().take(tasks) {
        task_line(&mut text, share, task);
    }
    text
}

fn spread(times: &Histogram) -> String {
    let nanos = [times.quantile(0.5), times.quantile(0.99), times.max()].map(|time| time.as_nanos());
    format!("{} {} {} {}", nanos[0], nanos[1], nanos[2], times.count())
}

/// All that is known of one task.
pub(super) fn task(number: u64) -> String {
    let dump = dump();
    let mut text = String::new();
    let Some(task) = dump.tasks().iter().find(|task| task.id == number) else { return text };
    // Writing to a string does not fail.
    let _written = writeln!(text, "{task}");
    if let Some(other) = task.waits_for_task.and_then(|id| dump.tasks().iter().find(|task| task.id == id)) {
        let _written = writeln!(text, "it waits for {other}");
    }
    for waits in dump.tasks().iter().filter(|task| task.waits_for_task == Some(number) && task.id != number) {
        let _written = writeln!(text, "it keeps waiting: {waits}");
    }
    for circle in dump.suspected_deadlocks().iter().filter(|circle| circle.parties().iter().any(|task| task.id == number)) {
        let _written = writeln!(text, "{circle}");
    }
    text
}

fn task_line(text: &mut String, share: u64, task: &TaskDump) {
    let state = match task.state {
        State::Running { .. } => "running",
        State::Runnable => "runnable",
        State::Waiting => "waiting",
        State::Blocking => "blocking",
    };
    line(
        text,
        &[
            &"task",
            &task.id,
            &task.runtime.map(|number| number.to_string()).unwrap_or_default(),
            &state,
            &share,
            &task.polls,
            &task.age.map(|age| age.as_millis().to_string()).unwrap_or_default(),
            &task.name.as_deref().unwrap_or_default(),
            &task.spawned_at,
            &if task.state == State::Waiting { &*task.waits_for } else { "" },
            &task.future,
            &task.priority,
            &task.group.as_deref().unwrap_or_default(),
        ],
    );
}

fn line(text: &mut String, fields: &[&dyn std::fmt::Display]) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            text.push('\t');
        }
        let begin = text.len();
        // Writing to a string does not fail, unless a `Display` says so.
        let _written = write!(text, "{field}");
        if text[begin..].contains(['\t', '\n']) {
            let clean = text[begin..].replace(['\t', '\n'], " ");
            text.replace_range(begin.., &clean);
        }
    }
    text.push('\n');
}
