//! What a scheduler did in one step.

/// The report of one step of a scheduler: run loops, the simulator, tests and metrics read the same value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Tick {
    /// How many tasks were polled.
    pub polled: usize,
    /// How many of them ended.
    pub completed: usize,
    /// It ended because there was nothing else to run, and not because something else is to be done first: who finds that need not search again. (The look after it has said that it sleeps remains, I3 of [`cede_core::idle`].)
    pub ran_dry: bool,
}
