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
            "Tasks (cede, pool) held {units} requests at a time on {} threads in {} process(es), in {each} each.",
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
    let hashed = |model: &ModelRows| {
        let sample = model.hash.outcome.as_ref().ok()?;
        Some((megabytes_per_second(sample, &model.hash), sample.cpu_nanos as f64 / 1e6))
    };
    if let (Some(tasks), Some(pool)) = (tasks.and_then(hashed), pool.and_then(hashed)) {
        let faster = tasks.0 / pool.0;
        let _ = writeln!(
            text,
            "Hashing: tasks {:.0} MB/s in {:.0} ms of processor time, a pool of {} threads {:.0} MB/s in {:.0} ms: {faster:.2} times as fast.",
            tasks.0, tasks.1, report.processors, pool.0, pool.1
        );
    }
    text
}
