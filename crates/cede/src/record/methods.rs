//! Methods of other modules' types that are there because something is recorded.

#![forbid(unsafe_code)]

use super::samples::{Buckets, Samples, sum};
use super::{FlightRecorder, Trace, trace};
use crate::histogram::Histogram;
use crate::runtime::{Builder, Handle, RuntimeMetrics};
use crate::sim::Sim;

impl Builder {
    /// Records what the threads of the runtime do, see [`record`](crate::record) and [`Handle::trace`]. By default that is off, and may be turned on from outside by `cede trace`. With the feature `record`.
    pub fn flight_recorder(&mut self, recorder: FlightRecorder) -> &mut Self {
        self.flight_recorder = recorder;
        self
    }
}

impl Handle {
    /// What the threads of this runtime did in the last seconds, if its flight recorder is on; see [`record`](crate::record). Writers are not stopped for that. With the feature `record`.
    #[must_use]
    pub fn trace(&self) -> Option<Trace> {
        trace(self.parts())
    }

    /// What all workers have counted.
    fn sampled(&self, which: fn(&Samples) -> &Buckets) -> Histogram {
        sum(self, which)
    }
}

impl RuntimeMetrics {
    /// How long polls of tasks take, by samples: about one poll in two thousand is timed, and one after every sixteenth sleep. Polls that have not ended are not in it. With the feature `record`.
    #[must_use]
    pub fn poll_times(&self) -> Histogram {
        self.handle.sampled(|samples| &samples.polls)
    }

    /// How long tasks wait from when they are woken or spawned to when they are polled, by samples of what workers wake and spawn. With the feature `record`.
    #[must_use]
    pub fn schedule_latencies(&self) -> Histogram {
        self.handle.sampled(|samples| &samples.latencies)
    }
}

impl Sim {
    /// Records what the virtual workers do, in virtual time; the program gets it by [`Handle::trace`]. With the feature `record`.
    #[must_use]
    pub fn flight_recorder(mut self, recorder: FlightRecorder) -> Self {
        self.flight_recorder = recorder;
        self
    }
}
