//! The end of a queue at which items are received.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use cede_context::budget;
use cede_context::wait::{WaitKind, waiting_for};
use futures_util::stream::Stream;

use super::queue::{Found, Queue};

/// Why a queue gives no item without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is empty; more may come.
    NotYet,
    /// It is empty, and nothing will come.
    Ended,
}

/// A stream of what was emitted; made by [`channel`](super::channel). It ends when all emitters are gone, and when it was closed or disconnected, after what is in the queue.
///
/// ```
/// use cede::event::{self, End, Overflow};
///
/// let (emitter, mut events) = event::channel(2, Overflow::DropNewest)?;
/// (0..5).for_each(|n| drop(emitter.emit(n)));
/// assert_eq!((events.len(), events.missed()), (2, 3));
/// assert_eq!([events.try_recv(), events.try_recv(), events.try_recv()], [Ok(0), Ok(1), Err(End::NotYet)]);
/// drop(emitter);
/// assert_eq!(events.try_recv(), Err(End::Ended));
/// # Ok::<(), cede::ZeroLimit>(())
/// ```
#[must_use = "dropping it closes the queue"]
pub struct Events<T> {
    queue: Arc<Queue<T>>,
}

impl<T> Events<T> {
    pub(super) fn new(queue: Arc<Queue<T>>) -> Self {
        Self { queue }
    }

    /// The next item; `None` at the end.
    ///
    /// *Cancel safety*: nothing is lost if this is dropped before it is ready.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next item; the task is woken when there is one.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let unit = ready!(budget::poll_proceed(cx));
        let received = match self.queue.pop(Some(cx.waker())) {
            Found::Item(item) => Some(item),
            Found::End => None,
            Found::Nothing => {
                waiting_for(WaitKind::Receive, Arc::as_ptr(&self.queue) as u64);
                return Poll::Pending;
            }
        };
        unit.spend();
        Poll::Ready(received)
    }

    /// The next item, if it is there.
    ///
    /// # Errors
    /// If there is none.
    pub fn try_recv(&mut self) -> Result<T, End> {
        match self.queue.pop(None) {
            Found::Item(item) => Ok(item),
            Found::Nothing => Err(End::NotYet),
            Found::End => Err(End::Ended),
        }
    }

    /// Refuses what was not emitted yet. What is in the queue can still be received.
    pub fn close(&mut self) {
        self.queue.close();
    }

    /// Drops all that is in the queue now, and says how many that were. They do not count as missed.
    pub fn clear(&mut self) -> usize {
        self.queue.take_all().len()
    }

    /// How many items were left out or thrown out because the queue was full.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.queue.missed()
    }

    /// Whether the queue was closed by [`Overflow::Disconnect`](super::Overflow::Disconnect).
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.queue.is_disconnected()
    }

    /// How many items are in the queue now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether the queue is empty now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Stream for Events<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T> Drop for Events<T> {
    fn drop(&mut self) {
        let mut is_closed = false;
        // Also if a waker panics, which would leave what is in the queue until the last emitter goes.
        cede_context::persist(|| {
            if !std::mem::replace(&mut is_closed, true) {
                self.queue.close();
                return true;
            }
            drop(self.queue.take_all());
            false
        });
    }
}

impl<T> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("len", &self.len()).field("missed", &self.missed()).finish()
    }
}
