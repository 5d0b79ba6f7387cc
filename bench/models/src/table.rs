//! The numbers as tables for a terminal, which are Markdown too.
#![forbid(unsafe_code)]

use std::fmt::Write;

use crate::job::PIECE;
use crate::report::{Report, Row};
use crate::shard::Sample;

/// Both tables.
pub(crate) fn of(report: &Report) -> String {
    let mut text = format!(
        "{} processors; medians of {}; more than {} requests at a time are spread over several processes.\n\n",
        report.processors, report.rounds, report.share
    );
    text += "| requests at a time | model | lines | wall ms | CPU ms | CPU µs each | memory each | threads | switches |\n";
    text += "|--:|---|--:|--:|--:|--:|--:|--:|--:|\n";
    let sizes = report.models.iter().map(|model| model.requests.len()).max().unwrap_or(0);
    for size in 0..sizes {
        for model in &report.models {
            let row = &model.requests[size];
            let cells = match &row.outcome {
                Ok(sample) => request_cells(sample, row),
                Err(reason) => format!("{reason} | – | – | – | – | –"),
            };
            // Writing to a String does not fail.
            let _ = writeln!(text, "| {:>7} | {:<25} | {:>3} | {cells} |", row.units, model.name, model.lines);
        }
    }
    text += "\n| hashing | model | wall ms | CPU ms | MB/s | threads | switches |\n|--:|---|--:|--:|--:|--:|--:|\n";
    for model in &report.models {
        let megabytes = model.hash.units as u64 * PIECE / (1 << 20);
        let cells = match &model.hash.outcome {
            Ok(sample) => hash_cells(sample, &model.hash),
            Err(reason) => format!("{reason} | – | – | – | –"),
        };
        let _ = writeln!(text, "| {megabytes} MiB | {:<25} | {cells} |", model.name);
    }
    text
}

fn request_cells(sample: &Sample, row: &Row) -> String {
    let each = sample.cpu_nanos as f64 / 1e3 / row.units as f64;
    let memory = bytes(sample.bytes / row.at_once as u64);
    let [wall, cpu] = [sample.wall_nanos, sample.cpu_nanos].map(|nanos| nanos as f64 / 1e6);
    format!("{wall:>8.1} | {cpu:>8.1} | {each:>7.1} | {memory:>9} | {:>6} | {:>8}", sample.threads, sample.switches)
}

fn hash_cells(sample: &Sample, row: &Row) -> String {
    let [wall, cpu] = [sample.wall_nanos, sample.cpu_nanos].map(|nanos| nanos as f64 / 1e6);
    format!("{wall:>8.1} | {cpu:>8.1} | {:>6.0} | {:>6} | {:>8}", megabytes_per_second(sample, row), sample.threads, sample.switches)
}

/// How fast a row of hashing was.
pub(crate) fn megabytes_per_second(sample: &Sample, row: &Row) -> f64 {
    row.units as f64 * PIECE as f64 / 1e6 / (sample.wall_nanos as f64 / 1e9)
}

/// A size for people.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{} KB", count / 1000),
        _ => format!("{} MB", count / 1_000_000),
    }
}
