//! A server of files for real use, which can also be told to go wrong: so that clients, ours and others', can be tested against what happens out there.
//!
//! # The parts
//! ```text
//! fault (grammar) ───── decides what goes wrong with each request                         no I/O, no clock
//! path, ranges, conditions, kind, coding ── what a request means, what an answer says      no I/O either
//! ────────────────────────────────────────────────────────────────────────────────────────────────
//! server ─► line ─► service ─► answer (listing) ─► body (source, shape)    files out
//!                      └─────► upload (put, form, tus, store)              files in
//! ```
//!
//! # What is promised
//! - Nothing outside of the root is opened, neither by `..` nor through a symbolic link.
//! - An answer is of one version of a file, or it breaks. A stored file is complete and on disk before it gets its name; until then it is out of sight.
//! - Memory is flat: some hundred KiB for each connection, whatever the sizes of files.
//! - The end is bounded, and says who refused.
//! - Each fault is a function of the seed, the rule, the path and the number of the request for that path.

#![forbid(unsafe_code)]

mod answer;
mod background;
mod body;
mod coding;
mod conditions;
pub mod fault;
mod kind;
mod line;
mod listing;
mod note;
mod pace;
mod path;
mod ranges;
mod root;
mod server;
mod service;
mod settings;
pub mod tls;
mod units;
mod upload;

pub use background::{Background, THREAD_NAME};
pub use note::{Log, Silent};
pub use server::{Drained, Server};
pub use settings::Settings;
