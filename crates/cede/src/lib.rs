//! **cede** is an async runtime: it runs many concurrent tasks on few threads.
//!
//! Names and shapes are tokio's. See `README.md` in the root of the repository for what is different: a task that blocks does not stall the others, the runtime says
//! what everybody waits for, and any run can be replayed from a seed ([`sim`]).
//!
//! ```
//! let answer = cede::block_on(async {
//!     let task = cede::spawn(async { 6 * 7 });
//!     task.await.unwrap()
//! });
//! assert_eq!(answer, 42);
//! ```

mod adapters;
#[cfg(any(feature = "scope", feature = "stream"))]
mod backoff;
mod block_on;
pub mod blocking;
#[cfg(feature = "compute")]
pub mod compute;
mod error_output;
#[cfg(feature = "event")]
pub mod event;
#[cfg(feature = "fs")]
pub mod fs;
#[cfg(feature = "scope")]
pub mod group;
#[cfg(feature = "record")]
mod histogram;
pub mod inspect;
pub mod io;
mod limit;
#[doc(hidden)]
pub mod macros;
#[cfg(feature = "metrics")]
pub mod metrics;
mod monitor;
#[cfg(feature = "net")]
pub mod net;
mod order;
#[cfg(feature = "net")]
mod pollable;
#[cfg(feature = "process")]
pub mod process;
mod rank;
#[cfg(feature = "record")]
pub mod record;
#[cfg(not(feature = "record"))]
#[path = "no_record.rs"]
mod record;
pub mod runtime;
#[cfg(feature = "scope")]
pub mod scope;
#[cfg(feature = "signal")]
pub mod signal;
pub mod sim;
#[cfg(feature = "stream")]
pub mod stream;
mod sys;
pub mod task;
pub mod time;

pub use block_on::block_on;
pub use limit::ZeroLimit;
#[cfg(feature = "scope")]
pub use scope::{local_scope, scope};

/// What hyper needs of a runtime. Its I/O traits are implemented by TCP and Unix streams themselves.
#[cfg(feature = "hyper")]
pub mod hyper {
    pub use crate::adapters::hyper::{CedeExecutor, CedeTimer};
}

#[cfg(feature = "macros")]
pub use cede_macros::{main, test};
pub use cede_sync as sync;
pub use task::spawn;

/// The example of the README is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
