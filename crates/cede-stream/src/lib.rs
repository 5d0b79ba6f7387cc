//! Streams and sinks: what `futures` lacks and needs no runtime.
//!
//! The traits are those of `futures-core` and `futures-sink`, the common combinators those of `futures-util`. Here are
//!
//! * the channels as streams and sinks ([`wrappers`], [`PollSender`]);
//! * [`ZipLatest`], the latest of two streams;
//! * framing of byte streams ([`codec`]);
//! * [`SinkReadyExt`], to send without losing the item to a cancellation;
//! * [`ReadExactly`] and [`WriteAll`], whose progress lies in an object and not in a future, so that cancelling loses no byte.
//!
//! What needs tasks or time is in `cede::stream`, with the rest.
//!
//! No stability is promised; depend on `cede`.
#![forbid(unsafe_code)]

pub mod codec;
mod exact;
mod poll_sender;
mod sink_ready;
pub mod wrappers;
mod zip_latest;

pub use exact::{ReadExactly, WriteAll};
pub use poll_sender::{IntoSink, PollSendError, PollSender, UnboundedSink};
pub use sink_ready::SinkReadyExt;
pub use zip_latest::{ZipLatest, zip_latest};
