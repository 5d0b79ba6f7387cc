//! **cede** is an async runtime: it runs many concurrent tasks on few threads.
//!
//! Names and shapes are tokio's. See the [README](https://docs.rs/cede) for what is different: a task that blocks does not stall the others, the runtime says
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
mod block_on;
pub mod blocking;
#[cfg(feature = "compute")]
pub mod compute;
pub mod event;
pub mod fs;
pub mod group;
mod histogram;
pub mod inspect;
pub mod io;
mod limit;
#[doc(hidden)]
pub mod macros;
#[cfg(feature = "metrics")]
pub mod metrics;
mod monitor;
pub mod net;
mod pollable;
pub mod process;
pub mod record;
pub mod runtime;
pub mod scope;
pub mod signal;
pub mod sim;
pub mod stream;
pub mod task;
pub mod time;

pub use block_on::block_on;
pub use limit::ZeroLimit;
pub use scope::{local_scope, scope};

/// What hyper needs of a runtime. Its I/O traits are implemented by the sockets themselves.
#[cfg(feature = "hyper")]
pub mod hyper {
    pub use crate::adapters::hyper::{CedeExecutor, CedeTimer};
}

pub use cede_macros::{main, test};
pub use cede_sync as sync;
pub use task::spawn;

/// The example of the README is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
