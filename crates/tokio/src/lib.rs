//! cede under the names of tokio.
//!
//! With these lines in the `Cargo.toml` of a workspace, everything in it that uses tokio runs on cede, unchanged:
//!
//! ```toml
//! [patch.crates-io]
//! tokio = { path = "…/cede/crates/tokio" }
//! ```
//!
//! There is no code here. Types are cede's own, so a program may use both names side by side. Where cede behaves otherwise than tokio documents, `docs/differences-from-tokio.md`
//! says so and why.
#![forbid(unsafe_code)]

pub use cede::{fs, io, join, net, pin, process, runtime, select, signal, spawn, sync, task, task_local, time, try_join};
pub use cede_macros::{tokio_main as main, tokio_test as test};

/// Streams are in the crates `tokio-stream` and `futures`, as with tokio.
pub mod stream {}

/// What tokio's macros expand to, as far as others use it.
#[doc(hidden)]
pub mod macros {
    pub use cede::macros::support;
}
