//! What a recorder is asked for.

#![forbid(unsafe_code)]

use std::path::PathBuf;

/// So many events fit into a ring if nobody says how many: four mebibytes.
const EVENTS: usize = 1 << 18;
const EVENTS_MIN: usize = 1 << 6;
const EVENTS_MAX: usize = 1 << 26;

/// How a runtime records what its threads do, see [`Builder::flight_recorder`](crate::runtime::Builder::flight_recorder).
///
/// ```
/// use cede::record::FlightRecorder;
///
/// let runtime = cede::runtime::Builder::new_current_thread().flight_recorder(FlightRecorder::new().events(10_000)).build()?;
/// let answer = runtime.block_on(async { cede::spawn(async { 42 }).await });
/// assert_eq!(answer.unwrap(), 42);
/// let trace = runtime.handle().trace().expect("it is on");
/// assert!(trace.to_string().starts_with("{\"traceEvents\":["));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct FlightRecorder {
    pub(super) events: usize,
    pub(super) on: bool,
    pub(super) on_stall: Option<PathBuf>,
}

impl Default for FlightRecorder {
    fn default() -> Self {
        Self::new()
    }
}

impl FlightRecorder {
    /// Records, and keeps the last 262 144 events of each thread, of 16 bytes each. A poll with a wake is two.
    pub fn new() -> Self {
        Self { on: true, ..Self::off() }
    }

    /// Off until somebody asks for a trace from outside, as runtimes are by default; then with this number of events.
    pub fn off() -> Self {
        Self { events: EVENTS, on: false, on_stall: None }
    }

    /// So many events of each thread are kept; rounded up to a power of two, at least 64.
    pub fn events(mut self, count: usize) -> Self {
        self.events = count.clamp(EVENTS_MIN, EVENTS_MAX).next_power_of_two();
        self
    }

    /// Writes a trace to a file in this directory whenever a [`Stall`](crate::runtime::Stall) is reported, up to sixteen in the life of the runtime: `cede-trace-PROCESS-RUNTIME-NUMBER.json`.
    pub fn on_stall(mut self, directory: impl Into<PathBuf>) -> Self {
        self.on_stall = Some(directory.into());
        self
    }

    /// With what the environment asks for: `CEDE_TRACE=1` turns it on, `CEDE_TRACE_ON_STALL=DIRECTORY` does as [`FlightRecorder::on_stall`], and turns it on.
    pub(crate) fn with_environment(mut self) -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty() && value != "0");
        if let Some(directory) = set("CEDE_TRACE_ON_STALL") {
            self.on = true;
            self.on_stall.get_or_insert_with(|| directory.into());
        }
        self.on |= set("CEDE_TRACE").is_some();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::FlightRecorder;

    #[test]
    fn the_number_of_events_is_a_power_of_two_within_reason() {
        let events = [0, 64, 65, 1_000_000, usize::MAX].map(|count| FlightRecorder::new().events(count).events);
        assert_eq!(events, [64, 64, 128, 1 << 20, 1 << 26]);
    }
}
