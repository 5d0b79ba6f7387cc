//! cede under the names of tokio.
//!
//! With these lines in the `Cargo.toml` of a workspace, everything in it that uses tokio runs on cede, unchanged:
//!
//! ```toml
//! [patch.crates-io]
//! tokio = { path = "…/cede/crates/tokio" }
//! ```
//!
//! Where a `Cargo.lock` has the published tokio already, Cargo keeps that ("patch was not used in the crate graph") until it is told `cargo update -p tokio`.
//!
//! Two more, which nothing depends on, keep the first debug build as cheap as with tokio (without them it takes a tenth to a fifth longer):
//!
//! ```toml
//! [profile.dev.package."*"]
//! incremental = false
//! ```
//!
//! Cargo keeps incremental state for what comes by a path, and for nothing that comes from a registry or a repository. `"*"` is all that is not a member of the workspace, so the lines
//! change something for packages only that come by a path from outside it. With `tokio = { git = … }` in the patch nothing is needed. `cede adopt` writes all four lines, and takes
//! them out again.
//!
//! There is no code here. Types are cede's own, so a program may use both names side by side. Where cede behaves otherwise than tokio documents, `docs/differences-from-tokio.md`
//! says so and why.
#![forbid(unsafe_code)]

#[cfg(feature = "fs")]
pub use cede::fs;
#[cfg(feature = "net")]
pub use cede::net;
#[cfg(feature = "process")]
pub use cede::process;
#[cfg(feature = "macros")]
pub use cede::select;
#[cfg(feature = "signal")]
pub use cede::signal;
pub use cede::{io, join, pin, runtime, spawn, sync, task, task_local, time, try_join};
#[cfg(feature = "macros")]
pub use cede_macros::{tokio_main as main, tokio_test as test};

/// Streams are in the crates `tokio-stream` and `futures`, as with tokio.
pub mod stream {}

/// What tokio's macros expand to, as far as others use it.
#[doc(hidden)]
pub mod macros {
    pub use cede::macros::support;
}
