//! What the numbers say about the two claims: async carries more tasks than there can be threads, and does not compute faster.
#![forbid(unsafe_code)]

use std::fmt::Write;

use crate::report::{ModelRows, Report};
use crate::table::{bytes, megabytes_per_second};

/// A few sentences, each only if its numbers were measured.
pub(crate) fn of(report: &Report) -> String {
    let model = |name: &str| report.models.iter().find(|model| model.name == name);
    let (tasks, threads, pool) = (model("async, pool (cede)"), model("OS threads"), model("thread pool"));
    let mut text = String::from("\n");
    let largest = |model: &ModelRows| {
        let rows = model.requests.iter().rev();
        rows.filter_map(|row| row.outcome.as_ref().ok().map(|sample| (row.units, *sample))).next()
    };
    // Writing to a String does not fail.
    if let Some((units, sample)) = tasks.and_then(largest) {
        let each = bytes(sample.bytes / units as u64);
        let _ = writeln!(
            text,
            "Tasks (cede, pool) held {units} requests at a time on {} threads of {} processes, in {each} each.",
            sample.threads,
            units.div_ceil(report.share)
        );
    }
    if let Some((units, sample)) = threads.and_then(largest) {
        let each = bytes(sample.bytes / units as u64);
        let _ = write!(text, "OS threads held {units} on {} threads, in {each} each (without their stacks in the kernel)", sample.threads);
        let stop = threads.into_iter().flat_map(|model| &model.requests).find_map(|row| Some((row.units, row.outcome.as_ref().err()?)));
        let _ = writeln!(text, "{}.", stop.map_or(String::new(), |(units, reason)| format!("; not {units}: {reason}")));
    }
    let speed = |model: &ModelRows| Some(megabytes_per_second(model.hash.outcome.as_ref().ok()?, &model.hash));
    if let (Some(tasks), Some(pool)) = (tasks.and_then(speed), pool.and_then(speed)) {
        let _ = writeln!(
            text,
            "Hashing: tasks {tasks:.0} MB/s, a pool of {} threads {pool:.0} MB/s: {:.2} times as fast.",
            report.processors,
            tasks / pool
        );
    }
    text
}
