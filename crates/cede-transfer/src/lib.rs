//! The engine of downloads: never a wrong file that is called complete, and never a byte fetched twice without need.
//!
//! # The parts
//! ```text
//! plan ──────── decides: what to ask for, which answers to believe, when to try again     no I/O, no clock
//! identity, head, extents, journal (its codec), ramp, backoff                             no I/O either
//! ─────────────────────────────────────────────────────────────────────────────────────
//! engine ─► download ─► flow ─► request ─► pool ─► connect        moves bytes
//!              │          ├──► body ─► straight                     reads an answer
//!              │          └──► sink (memory, file, spool)           keeps them, at their offsets
//!              ├─► destination (the `.part`, its lock, its journal, the rename)
//!              └─► follower (what wants them in order: a checksum, a pipe)
//! ```
//! Below the line everything awaits and nothing decides: what an answer means is asked of the [`plan`].
//!
//! # Why a plan without I/O
//! Downloads go wrong where answers contradict each other: a resumed file that has changed, a range that was ignored, a mirror with other content. Of a dozen tools
//! that were tried, each mixed two versions into one file without saying so in at least one such case. The cases are many and their combinations more, so they
//! have to run by the thousand, which only code without sockets and clocks can.
//!
//! # What is promised
//! - A file gets its name only when its size is known, all bytes are there, they are of one version as far as anything that the server says can show (see
//!   [`identity`]), and a checksum, if one was given, is right.
//! - What is on disk after a crash and claimed by the [`journal`] is true: data is synced before the record that claims it. At most a second or 64 MiB is fetched again.
//! - Two processes never write one `.part`.
//! - The number of requests is bounded, whatever the server does.

#![forbid(unsafe_code)]

mod bare;
mod body;
mod connect;
pub mod control;
pub mod cookies;
pub mod credentials;
mod desk;
mod destination;
pub mod disk;
mod download;
pub mod engine;
pub mod exit;
pub mod extents;
pub mod extract;
pub mod failure;
pub mod head;
mod host;
pub mod identity;
pub mod journal;
pub mod manifest;
mod meter;
pub mod name;
mod outgoing;
mod pace;
pub mod plan;
mod pool;
pub mod preview;
pub mod probe;
pub mod queue;
mod rate;
pub mod redirect;
pub mod repair;
mod request;
#[cfg(test)]
mod scratch;
mod sink;
pub mod slow;
mod straight;
pub mod sum;
pub mod tasks;
pub mod units;
mod unsynced;
pub mod upload;

pub use connect::Proxies;
pub use destination::{IfExists, journal_of};
pub use download::sum_of;
pub use exit::Exit;
pub use failure::{Failure, printable};
pub use sink::writes_by_itself;
