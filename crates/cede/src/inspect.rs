//! What a program is doing: all tasks, what each waits for, and who keeps whom waiting.
//!
//! # What
//! [`dump`] and [`Handle::dump`](crate::runtime::Handle::dump) list the tasks of the process or of a runtime. Nothing is polled, stopped or prepared for that: tasks are seen where they lie, in
//! the memory of their schedulers, also when all workers are stuck. A program gets the same on its error output by `kill -QUIT`, see [`on_quit`], and
//! others can ask for it, see [`listen`].
//!
//! # Who waits for whom
//! Each leaf that returns `Pending` says what it waits for. An end of a task waited for, and a lock whose holder is known, are edges from task to task; where these form a circle nothing
//! will ever move, which is a [`Deadlock`]. A task that waits for a lock that a future of its own holds, and does not poll, is a circle of one (a *futurelock*).
//!
//! Holders are known of `Mutex`, of `RwLock` while it is locked for writing, and of `OnceCell` while it is being initialized; not of guards that are owned (they may go to another task), nor of
//! read guards (there are many): a dump shows who took one last, readers only if they had to wait for it. Of the permits of a semaphore nobody is known: to note them would make them dearer. Of an `mpsc` channel a dump shows who
//! receives and who sent last, of `broadcast` and `watch` who sent last, if somebody waited for that, and of a `oneshot` who waits at the other end; that is in no circle either: others may send, too. A task that could be woken by something else besides (a time-out, an abort handle, its group) is in no circle
//! that is reported; a dump shows those, too.
//!
//! # How far it reaches
//! To the leaf: a task shows its future's type, which names the `async fn`, and what the last leaf that it polled waits for. The `.await`s in between are kept while [`await_chains`] is on.
//!
//! # Invariants
//! - I1: nothing here changes a task, or what it counts.
//! - I2: what is reported as a deadlock was seen twice, with no party polled in between, each with one waker only: that of what it waits for.

pub(crate) mod age;
#[cfg(feature = "backtrace")]
pub(crate) mod chain;
#[cfg(not(feature = "backtrace"))]
#[path = "inspect/no_chain.rs"]
pub(crate) mod chain;
pub(crate) mod deadlock;
mod descriptor;
mod dump;
pub(crate) mod holders;
mod notes;
mod object;
mod peers;
#[cfg(feature = "inspect")]
mod picture;
pub(crate) mod posts;
pub(crate) mod quit;
pub(crate) mod registry;
#[cfg(not(feature = "inspect"))]
#[path = "inspect/no_samples.rs"]
pub(crate) mod samples;
#[cfg(feature = "inspect")]
pub(crate) mod samples;
#[cfg(not(feature = "inspect"))]
#[path = "inspect/no_socket.rs"]
mod socket;
#[cfg(feature = "inspect")]
mod socket;
mod task;

pub use cede_context::wait::{Wait, WaitKind};
pub use chain::{AwaitChains, await_chains};
pub use deadlock::Deadlock;
pub use dump::{Dump, dump};
pub use quit::on_quit;
#[cfg(feature = "inspect")]
pub use socket::{listen, socket_path};
pub use task::{State, TaskDump};
