//! Streams: values over time.
//!
//! The traits and the common combinators are those of `futures`, re-exported. What they lack is in [`TaskStreamExt`]: combinators whose work in flight is tasks of the runtime, so that it goes on
//! while the consumer does something else; and combinators about time. Also here: the channels as streams and sinks, [`codec`] for messages over byte
//! streams, [`retry()`], and [`ReadExactly`] and [`WriteAll`] for bytes that a cancelled future must not lose.
//!
//! ```
//! use cede::stream::{self, StreamExt, TaskStreamExt};
//!
//! # cede::block_on(async {
//! let squares = stream::iter(1..=4).map(|n| async move { n * n }).buffered_tasks(2)?;
//! assert_eq!(squares.collect::<Vec<_>>().await, [1, 4, 9, 16]);
//! # Ok::<(), cede::ZeroLimit>(()) }).unwrap();
//! ```
//!
//! # Why tasks
//! The futures inside `buffered` of `futures` make progress only while somebody polls the stream. If the consumer takes its time with a value, connections time out, and if it
//! waits for something that one of these futures holds, both wait for ever. A task needs nobody to poll it.
//!
//! # Invariants
//! - I1: dropping a combinator aborts its tasks, and dropping it again never waits.
//! - I2: a panic of a task is the panic of the poll that would have given its output; the other tasks are not touched by it.
//! - I3: at most `limit` outputs are started and not given yet. A limit of 0, which could never give anything, is a [`ZeroLimit`](crate::ZeroLimit) when it is asked for.
//! - I4: a source that always has an item is asked for a bounded number of them in one poll: neither a huge limit nor a timer that is due is held up by it.

mod broadcast;
mod buffered_tasks;
mod chunks_timeout;
mod delay;
mod ext;
mod interval_stream;
mod par_map;
mod rate_limit;
mod retry;
mod spawned;
mod throttle;
mod timeout;
mod unordered_tasks;
pub mod wrappers;

pub use cede_stream::{
    IntoSink, PollSendError, PollSender, ReadExactly, SinkReadyExt, UnboundedSink, WriteAll, ZipLatest, codec, zip_latest,
};
pub use futures_util::sink::{self, Sink, SinkExt};
pub use futures_util::stream::{BoxStream, FusedStream, LocalBoxStream, Stream, StreamExt, TryStream, TryStreamExt};
pub use futures_util::stream::{empty, iter, once, pending, poll_fn, repeat, repeat_with, select, select_all, try_unfold, unfold};

pub use crate::backoff::Backoff;
pub use crate::event::Overflow;
pub use broadcast::{StreamBroadcast, Subscription};
pub use buffered_tasks::BufferedTasks;
pub use chunks_timeout::ChunksTimeout;
pub use ext::TaskStreamExt;
pub use par_map::ParMap;
pub use rate_limit::RateLimit;
pub use retry::retry;
pub use throttle::Throttle;
pub use timeout::Timeout;
pub use unordered_tasks::BufferUnorderedTasks;

/// So many items at most are taken from a source in one poll. (I4)
const AT_ONCE: usize = 64;
