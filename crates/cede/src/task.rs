//! Tasks: futures that the runtime runs concurrently.
//!
//! The names and shapes are tokio's. What a task waits for, where it was spawned and how it is called can be seen from outside, see [`Builder`].

mod block_in_place;
mod builder;
pub mod coop;
mod error;
mod id;
mod join;
pub mod join_set;
mod local_set;
mod nesting;
pub(crate) mod ready_set;
pub(crate) mod slab;
#[cfg(not(feature = "tracing"))]
#[path = "task/no_spans.rs"]
pub(crate) mod spans;
#[cfg(feature = "tracing")]
pub(crate) mod spans;
mod spawn;
mod task_local;
mod yield_now;

pub use block_in_place::block_in_place;
pub use builder::Builder;
pub use coop::{Unconstrained, consume_budget, unconstrained};
pub use error::JoinError;
pub use id::{Id, id, try_id};
pub use join::{AbortHandle, JoinHandle};
pub use join_set::JoinSet;
pub use local_set::{LocalEnterGuard, LocalSet, spawn_local};
pub use spawn::{spawn, spawn_blocking};
pub use task_local::{AccessError, LocalKey};
pub use yield_now::yield_now;

pub use crate::rank::{CpuGroup, Priority};

pub(crate) use crate::blocking::spawn_cancelled;

/// The futures that have a name of their own.
pub mod futures {
    pub use super::task_local::TaskLocalFuture;
}

/// What the runtime puts around futures that have a rank or a name.
const WRAPPERS: [&str; 2] = ["cede::rank::Ranked<", "cede::task::builder::Named<"];

/// The name of a future's type as its owner knows it.
pub(crate) fn plain_type(mut name: &'static str) -> &'static str {
    while let Some(within) = WRAPPERS.iter().find_map(|wrapper| name.strip_prefix(wrapper)?.strip_suffix('>')) {
        name = within;
    }
    name
}
