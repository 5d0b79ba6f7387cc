//! One picture as lines of text, and how numbers are written.

use std::fmt::Write;
use std::time::Duration;

use super::picture::{Runtime, Spread, Task, Thread};
use super::view::{GroupRow, Row, View};

/// The whole picture.
pub(super) fn table(view: &View) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        // Writing to a string does not fail.
        let _written = writeln!(text, "{}", line.trim_end());
    };
    for runtime in &view.picture.runtimes {
        line(of_runtime(runtime));
    }
    for thread in &view.picture.threads {
        line(format!("thread {}", of_thread(thread, view)));
    }
    for row in view.groups() {
        line(of_group(row));
    }
    line(format!(
        "{:>8} {:<8} {:>6} {:>10} {:>9} {:>8} {:>8}  {:<10} {:<12} {:<24} {:<40} WAITS FOR, OR ELSE THE FUTURE",
        "TASK", "STATE", "SHARE", "POLLS", "POLLS/S", "AGE", "WAIT", "PRIORITY", "GROUP", "NAME", "SPAWNED AT"
    ));
    for row in view.rows() {
        let Row { task, rate, waited } = row;
        line(format!(
            "{:>8} {:<8} {:>6} {:>10} {:>9} {:>8} {:>8}  {:<10} {:<12} {:<24} {:<40} {}",
            task.number,
            task.state,
            share(task.share),
            task.polls,
            number(rate),
            task.age.map(age).unwrap_or_default(),
            waited.map(age).unwrap_or_default(),
            task.priority,
            task.group,
            task.name,
            task.site,
            doing(task)
        ));
    }
    text
}

pub(super) fn of_runtime(runtime: &Runtime) -> String {
    let spread = |what: &str, spread: Option<Spread>| {
        spread.map_or_else(String::new, |Spread { median, p99, max }| format!(", {what} p50 {median:.1?} p99 {p99:.1?} max {max:.1?}"))
    };
    let timers = runtime.timers.map_or_else(String::new, |timers| format!("{timers} timers, "));
    let times = spread("polls", runtime.polls) + &spread("waits for a poll", runtime.waits);
    format!(
        "runtime {} ({}): {} tasks, {} queued, {timers}{} stalls, {} deadlocks, {} rescued, {} blocking threads{times}",
        runtime.number,
        runtime.description,
        runtime.tasks,
        runtime.queued,
        runtime.stalls,
        runtime.deadlocks,
        runtime.rescued,
        runtime.blocking_threads
    )
}

/// A group of tasks, and what it has of the threads' time.
pub(super) fn of_group(row: GroupRow<'_>) -> String {
    let GroupRow { group, share: had } = row;
    format!(
        "group {} (runtime {}, {} shares): {} tasks, {} of a thread, {} polls, {:.1?} in all",
        group.name,
        group.runtime,
        group.shares,
        group.tasks,
        share(had),
        group.polls,
        group.busy
    )
}

/// The thread, and what it polls.
pub(super) fn of_thread(thread: &Thread, view: &View) -> String {
    let name = if thread.name.is_empty() { "without a name" } else { &*thread.name };
    let polls = match thread.task {
        None => "polls no task".to_owned(),
        Some(number) => match view.task(number) {
            Some(task) => format!("polls task {number} {}", called(task)),
            None => format!("polls task {number}"),
        },
    };
    format!("{} {name} {polls}", thread.number)
}

/// The name of a task, else where it was spawned.
pub(super) fn called(task: &Task) -> &str {
    if task.name.is_empty() { &task.site } else { &task.name }
}

/// What a task waits for, or what it is.
pub(super) fn doing(task: &Task) -> &str {
    if task.waits_for.is_empty() { &task.future } else { &task.waits_for }
}

/// Thousandths as percent.
pub(super) fn share(thousandths: u32) -> String {
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

/// A rate in at most five letters or so.
pub(super) fn number(rate: f64) -> String {
    match rate {
        r if r >= 1e6 => format!("{:.1}M", r / 1e6),
        r if r >= 1e4 => format!("{:.0}k", r / 1e3),
        r => format!("{r:.0}"),
    }
}

pub(super) fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..=9 => format!("{:.1}s", age.as_secs_f64()),
        10..=119 => format!("{seconds}s"),
        120..=7199 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        7200..=172_799 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{age, number, share, table};
    use crate::look::picture::Picture;
    use crate::look::view::tests::{ranked, view};

    #[test]
    fn the_table_has_a_line_for_each_thing() {
        let text = table(&view());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 1 + 2 + 1 + 3, "{text}");
        assert!(lines[0].starts_with("runtime 1 (web, 2 workers): 3 tasks, 1 queued, 2 stalls"), "{text}");
        assert!(lines[0].ends_with("6 blocking threads, polls p50 1.5µs p99 20.0µs max 7.0ms"), "{text}");
        assert!(lines[1].ends_with("cede-worker-0 polls task 2 src/spin.rs:7:5"), "{text}");
        assert!(lines[4].contains("running   99.8%") && lines[4].ends_with("app::spin"), "{text}");
        assert!(lines[5].contains("1m30s") || lines[5].contains("90s"), "{text}");
        assert!(lines[5].contains("fetcher") && lines[5].ends_with("a timer, due in 3 s"), "{text}");
    }

    #[test]
    fn groups_and_ranks_are_in_the_table() {
        let mut view = view();
        view.update(Picture::parse(&ranked()).unwrap(), Duration::from_secs(1));
        let text = table(&view);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[3], "group imports (runtime 1, 20 shares): 2 tasks, 99.8% of a thread, 40 polls, 500.0µs in all", "{text}");
        let words: Vec<_> = lines[6].split_whitespace().collect();
        assert_eq!(words[..8], ["2", "running", "99.8%", "1", "0", "1.5s", "background", "imports"], "{text}");
        let words: Vec<_> = lines[7].split_whitespace().collect();
        assert_eq!(words[..8], ["1", "waiting", "0.0%", "10", "0", "90s", "1.0s", "urgent"], "{text}");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([share(0), share(5), share(1000)], ["0.0%", "0.5%", "100.0%"]);
        assert_eq!([number(9.6), number(12_345.0), number(2.34e6)], ["10", "12k", "2.3M"]);
        let ages = [1, 100, 3599, 7260, 200_000].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["1.0s", "100s", "59m59s", "2h01m", "2d07h"]);
    }
}
