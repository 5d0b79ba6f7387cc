//! The methods.

use std::future::Future;
use std::pin::pin;

use cede_stream::ZipLatest;
use futures_util::stream::{Select, Stream, StreamExt};

use super::{
    BufferUnorderedTasks, BufferedTasks, ChunksTimeout, Overflow, ParMap, RateLimit, StreamBroadcast, Throttle, Timeout, zip_latest,
};
use crate::ZeroLimit;
use crate::time::Duration;

/// Combinators that work in tasks or with time, for every stream. No name is also one of `futures`' `StreamExt`.
pub trait TaskStreamExt: Stream {
    /// Runs the futures of this stream as tasks, up to `limit` at a time, and gives their outputs in order. Unlike those of `buffered` they go on while nobody polls the stream.
    /// Dropping the stream aborts them.
    ///
    /// # Errors
    /// If `limit` is 0.
    ///
    /// # Panics
    /// Polling panics with the panic of a task when its output would be due, and outside of a runtime.
    fn buffered_tasks(self, limit: usize) -> Result<BufferedTasks<Self>, ZeroLimit>
    where
        Self: Stream<Item: Future<Output: Send + 'static> + Send + 'static> + Sized,
    {
        BufferedTasks::new(self, limit)
    }

    /// Runs the futures of this stream as tasks, up to `limit` at a time, and gives their outputs as they come. Unlike those of `buffer_unordered` they go on while nobody polls the stream.
    /// Dropping the stream aborts them.
    ///
    /// # Errors
    /// If `limit` is 0.
    ///
    /// # Panics
    /// Polling panics with the panic of a task, and outside of a runtime.
    fn buffer_unordered_tasks(self, limit: usize) -> Result<BufferUnorderedTasks<Self>, ZeroLimit>
    where
        Self: Stream<Item: Future<Output: Send + 'static> + Send + 'static> + Sized,
    {
        BufferUnorderedTasks::new(self, limit)
    }

    /// Calls `f` for each item and runs the future as a task, up to `limit` at a time; ready when all have ended.
    ///
    /// # Errors
    /// If `limit` is 0.
    ///
    /// # Panics
    /// The future panics with the panic of a task, and outside of a runtime.
    ///
    /// # Cancel safety
    /// Dropping the future aborts the tasks and drops the stream. Items whose tasks have ended are done.
    fn for_each_task<F, Fut>(self, limit: usize, f: F) -> Result<impl Future<Output = ()>, ZeroLimit>
    where
        Self: Sized,
        F: FnMut(Self::Item) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.map(f).buffer_unordered_tasks(limit)?;
        Ok(async move {
            let mut tasks = pin!(tasks);
            while let Some(()) = tasks.next().await {}
        })
    }

    /// Calls `f` for each item on the blocking threads, up to `limit` at a time, and gives what it returns in order: for work that computes or blocks. A closure that has begun is not stopped when the stream
    /// is dropped; its output is.
    ///
    /// # Errors
    /// If `limit` is 0.
    ///
    /// # Panics
    /// Polling panics with the panic of `f` when its output would be due, and outside of a runtime.
    fn par_map<F, R>(self, limit: usize, f: F) -> Result<ParMap<Self, F, R>, ZeroLimit>
    where
        Self: Stream<Item: Send + 'static> + Sized,
        F: Fn(Self::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        ParMap::new(self, limit, f)
    }

    /// Calls `f` for each item on the blocking threads, one after the other: for work that must not hold up the task that polls this. Up to one item is worked on while the consumer is busy.
    ///
    /// # Panics
    /// Polling panics with the panic of `f`, and outside of a runtime.
    fn map_blocking<F, R>(self, f: F) -> ParMap<Self, F, R>
    where
        Self: Stream<Item: Send + 'static> + Sized,
        F: Fn(Self::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        ParMap::sequential(self, f)
    }

    /// The items of both streams as they come, in turns if both have some. It ends when both have.
    fn merge<U>(self, other: U) -> Select<Self, U>
    where
        Self: Sized,
        U: Stream<Item = Self::Item>,
    {
        futures_util::stream::select(self, other)
    }

    /// Pairs of the latest items of both; see [`zip_latest`].
    fn zip_latest<U>(self, other: U) -> ZipLatest<Self, U>
    where
        Self: Stream<Item: Clone> + Sized,
        U: Stream<Item: Clone>,
    {
        zip_latest(self, other)
    }

    /// Batches of up to `size` items. A batch that is not full is given when `duration` has passed since its first item, or at the end.
    ///
    /// # Errors
    /// If `size` is 0.
    ///
    /// # Panics
    /// Polling panics outside of a runtime.
    fn chunks_timeout(self, size: usize, duration: Duration) -> Result<ChunksTimeout<Self>, ZeroLimit>
    where
        Self: Sized,
    {
        ChunksTimeout::new(self, size, duration)
    }

    /// At most one item in `duration`. The source is not polled in between.
    ///
    /// # Panics
    /// Polling panics outside of a runtime, if an item has to wait.
    fn throttle(self, duration: Duration) -> Throttle<Self>
    where
        Self: Sized,
    {
        Throttle::new(self, duration)
    }

    /// An error for each item that takes longer than `duration`, counted from when it is first waited for. After the error the item may take any time.
    ///
    /// # Panics
    /// Polling panics outside of a runtime.
    fn timeout(self, duration: Duration) -> Timeout<Self>
    where
        Self: Sized,
    {
        Timeout::new(self, duration)
    }

    /// At most `rate` items in each `period` on average, and `burst` at once after a pause.
    ///
    /// # Errors
    /// If `rate` or `burst` is 0.
    ///
    /// # Panics
    /// Polling panics outside of a runtime, if an item has to wait.
    fn rate_limit(self, rate: u32, period: Duration, burst: u32) -> Result<RateLimit<Self>, ZeroLimit>
    where
        Self: Sized,
    {
        RateLimit::new(self, rate, period, burst)
    }

    /// Hands every item to any number of subscribers, of which each may be up to `capacity` items behind; `overflow` says what happens to one that is slower.
    /// A task takes the items from this stream, and only while there are subscribers.
    ///
    /// # Errors
    /// If `capacity` is 0.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    fn broadcast(self, capacity: usize, overflow: Overflow) -> Result<StreamBroadcast<Self::Item>, ZeroLimit>
    where
        Self: Stream<Item: Clone + Send + 'static> + Send + Sized + 'static,
    {
        StreamBroadcast::new(self, capacity, overflow)
    }
}

impl<S: Stream + ?Sized> TaskStreamExt for S {}
