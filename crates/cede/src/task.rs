//! Tasks: futures that the runtime runs concurrently.
//!
//! The names and shapes are tokio's. What a task waits for, where it was spawned and how it is called can be seen from outside, see [`Builder`].

mod builder;
mod error;
mod id;
mod join;
mod nesting;
pub(crate) mod slab;
mod spawn;
mod yield_now;

pub use builder::Builder;
pub use error::JoinError;
pub use id::{Id, id, try_id};
pub use join::{AbortHandle, JoinHandle};
pub use spawn::{spawn, spawn_blocking, spawn_local};
pub use yield_now::yield_now;

pub(crate) use crate::blocking::spawn_cancelled;
