//! What tokio offers to the demos beyond the common interface: nothing.

#![forbid(unsafe_code)]

use std::future::Future;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use rt::runtime::{Builder, Handle};

pub use cede_demos::message_of;

/// Runs a demo; see [`cede_demos::run`].
pub fn demo(limit: Duration, body: impl FnOnce() -> String + Send + 'static) -> ! {
    cede_demos::run(limit, Vec::new, body)
}

/// A runtime with so many workers.
pub fn builder(workers: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).enable_all();
    builder
}

/// What the tasks do. Stable tokio cannot say.
pub fn dump(_: &Handle) -> String {
    String::new()
}

/// Runs the futures of a stream, at most `limit` at a time.
pub fn buffered<S>(stream: S, limit: usize) -> impl Stream<Item = <S::Item as Future>::Output>
where
    S: Stream<Item: Future>,
{
    stream.buffered(limit)
}

/// Two actors that ask each other. tokio has none.
pub async fn actors_that_ask_each_other() -> String {
    String::new()
}
