//! `--tui`: a table of transfers, and keys that steer them while the others go on.
//!
//! ```text
//! board, queue ─► picture ─► view ─► draw          what is there, what is selected, what it looks like
//!                              ▲ │
//!                         keys ┘ └─► commands ─► steer (a task of the runtime) ─► control, queue, engine
//! ```
//! The view knows neither terminal nor clock nor engine: pictures and keys are given to it, and what a key means comes back as a [`Command`]. The terminal has a
//! thread of its own ([`screen`]), because it waits for keys; it never waits for a transfer, nor a transfer for it.
//!
//! - T1: the terminal is restored however the program ends: at the end of the run, at a panic (by ratatui's hook), and when a second Ctrl-C leaves at once.

mod draw;
mod picture;
pub(crate) mod screen;
mod view;

/// What the user wants to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Pause(usize),
    Resume(usize),
    PauseAll,
    ResumeAll,
    Cancel(usize),
    /// More or less urgent, by so much.
    Priority(usize, i8),
    Limit(usize, Option<u64>),
    LimitAll(Option<u64>),
    /// As Ctrl-C does it elsewhere.
    Quit,
}
