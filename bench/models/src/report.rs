//! All numbers of a comparison, as they are written to JSON.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use crate::shard::Sample;

/// Everything.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) processors: usize,
    /// Requests of one process at a time; more are spread over several processes.
    pub(crate) share: usize,
    /// So often everything was measured.
    pub(crate) rounds: usize,
    pub(crate) models: Vec<ModelRows>,
}

/// One model.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ModelRows {
    pub(crate) name: String,
    /// Lines of code of both jobs.
    pub(crate) lines: usize,
    pub(crate) requests: Vec<Row>,
    pub(crate) hash: Row,
}

/// One job of one size.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Row {
    /// Requests, or pieces.
    pub(crate) units: usize,
    /// So many of them at the same time; by these the memory is divided.
    pub(crate) at_once: usize,
    /// The medians, or why there are none.
    pub(crate) outcome: Result<Sample, String>,
}

/// The median of each number.
pub(crate) fn median(samples: &[Sample]) -> Sample {
    let of = |number: fn(&Sample) -> u64| {
        let mut numbers: Vec<u64> = samples.iter().map(number).collect();
        numbers.sort_unstable();
        numbers[numbers.len() / 2]
    };
    Sample {
        wall_nanos: of(|sample| sample.wall_nanos),
        cpu_nanos: of(|sample| sample.cpu_nanos),
        bytes: of(|sample| sample.bytes),
        switches: of(|sample| sample.switches),
        threads: of(|sample| sample.threads),
    }
}
