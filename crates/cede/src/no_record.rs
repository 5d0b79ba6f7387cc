//! Where nothing is recorded: without the feature `record` there are no flight recorder, no samples and no histograms.
//!
//! The hooks have the names that they have with it, and do nothing but tell the spans of tasks.

#![forbid(unsafe_code)]

use std::sync::Arc;

use cede_core::run_queue::RunQueue;
use cede_core::task::TaskRef;
use cede_driver::clock::Clock;

use crate::inspect::registry::Inspected;
use crate::runtime::Builder;
use crate::runtime::parts::Parts;
use crate::task::spans;
use samples::Samples;

pub(crate) mod samples {
    /// Nothing is sampled.
    #[derive(Debug, Default)]
    pub(crate) struct Samples;
}

/// Nobody can ask for anything.
#[derive(Clone, Debug)]
pub(crate) struct FlightRecorder;

impl FlightRecorder {
    pub(crate) fn off() -> Self {
        Self
    }
}

impl Builder {
    /// For simulations.
    pub(crate) fn flight_recorder(&mut self, _recorder: FlightRecorder) -> &mut Self {
        self
    }
}

#[derive(Debug)]
pub(crate) struct Recorder;

impl Recorder {
    pub(crate) fn new(_asked: &FlightRecorder, _simulated: Option<Clock>) -> Arc<Self> {
        Arc::new(Self)
    }

    #[inline(always)]
    pub(crate) fn tells(&self, _kind: Told, _task: u64) {}

    #[inline(always)]
    pub(crate) fn names(&self, _task: u64, _name: &Arc<str>) {}
}

/// What other threads say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Stalled,
    Rescued,
}

#[must_use]
pub(crate) struct Attending(());

#[inline(always)]
pub(crate) fn attend(_recorder: &Arc<Recorder>, _samples: &Arc<Samples>, _worker: Option<usize>) -> Attending {
    Attending(())
}

#[inline(always)]
pub(crate) fn monitor_looks() {}

#[inline(always)]
pub(crate) fn polls(_task: TaskRef) {}

#[inline(always)]
pub(crate) fn ends(task: TaskRef) {
    spans::ended(task);
}

#[inline(always)]
pub(crate) fn panics(_task: u64) {}

#[inline(always)]
pub(crate) fn wakes(task: TaskRef) {
    spans::woken(task);
}

#[inline(always)]
pub(crate) fn spawns(_task: TaskRef) {}

#[inline(always)]
pub(crate) fn spawns_outside(_parts: &Parts, _samples: &Samples, _task: TaskRef) {}

#[inline(always)]
pub(crate) fn wakes_outside(_parts: &Parts, _samples: &Samples, _task: TaskRef) {}

#[inline(always)]
pub(crate) fn polls_main() {}

#[inline(always)]
pub(crate) fn resumes() {}

#[inline(always)]
pub(crate) fn blocks() {}

#[inline(always)]
pub(crate) fn takes(_from: &Samples, _tasks: &RunQueue) {}

#[inline(always)]
pub(crate) fn steals(_count: usize, _victim: usize) {}

#[inline(always)]
pub(crate) fn fires(_count: usize) {}

#[inline(always)]
pub(crate) fn looks(_queued: impl FnOnce() -> (usize, usize)) {}

#[inline(always)]
pub(crate) fn parks(_queued: impl FnOnce() -> (usize, usize)) {}

#[inline(always)]
pub(crate) fn unparks() {}

/// What a dump says of times: nothing.
pub(crate) fn times_of(_runtime: &Arc<dyn Inspected>) -> String {
    String::new()
}

#[inline(always)]
pub(crate) fn write_on_stall(_parts: &Parts) {}
