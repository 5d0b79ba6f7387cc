//! The end of a queue at which things happen.

use std::fmt;
use std::sync::Arc;

use super::EmitError;
use super::queue::{Afterwards, Queue};
use cede_sync::OwnedSemaphorePermit;

/// What became of an item that was emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Emitted {
    /// It is in the queue.
    Queued,
    /// It was left out, since the queue is full.
    DroppedNewest,
    /// It is in the queue, and the oldest item is not any more.
    DroppedOldest,
}

/// Emits items into a queue; made by [`channel`](super::channel). Usable from any thread, inside and outside of runtimes.
///
/// ```
/// use cede::event::{self, EmitError, Overflow};
///
/// let (emitter, mut events) = event::channel(1, Overflow::Wait)?;
/// assert!(emitter.emit("first").is_ok());
/// assert!(matches!(emitter.emit("second"), Err(EmitError::Full("second"))));
/// assert_eq!(events.try_recv(), Ok("first"));
/// drop(events);
/// assert!(matches!(emitter.emit("third"), Err(EmitError::Closed("third"))));
/// # Ok::<(), cede::ZeroLimit>(())
/// ```
pub struct Emitter<T> {
    queue: Arc<Queue<T>>,
}

impl<T> Emitter<T> {
    pub(super) fn first(queue: Arc<Queue<T>>) -> Self {
        queue.add_emitter();
        Self { queue }
    }

    /// Emits without waiting; fit for callbacks.
    ///
    /// # Errors
    /// If nobody receives any more, or there is no room and the policy is [`Overflow::Wait`](super::Overflow::Wait).
    pub fn emit(&self, item: T) -> Result<Emitted, EmitError<T>> {
        match self.queue.try_reserve() {
            Some(room) => self.queue.push(item, room).run(&self.queue),
            None if self.queue.is_closed() => Err(EmitError::Closed(item)),
            None => Err(EmitError::Full(item)),
        }
    }

    /// Emits, and waits for room if that is the policy. Those who wait get room in the order of asking.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, nothing was emitted, and the item is dropped.
    ///
    /// # Errors
    /// If nobody receives any more.
    pub async fn send(&self, item: T) -> Result<Emitted, EmitError<T>> {
        match self.queue.reserve().await {
            Ok(room) => self.queue.push(item, room).run(&self.queue),
            Err(()) => Err(EmitError::Closed(item)),
        }
    }

    /// Waits as [`Emitter::send`] does, before there is an item. `None` if nobody receives any more.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, nothing is reserved.
    pub async fn reserve(&self) -> Option<Room<'_, T>> {
        let room = self.queue.reserve().await.ok()?;
        Some(Room { emitter: self, room })
    }

    /// Whether nobody receives any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
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

    /// How many items were left out or thrown out.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.queue.missed()
    }

    pub(super) async fn reserve_owned(&self) -> Result<Option<OwnedSemaphorePermit>, ()> {
        self.queue.reserve().await
    }

    pub(super) fn push(&self, item: T, room: Option<OwnedSemaphorePermit>) -> Afterwards<T> {
        self.queue.push(item, room)
    }

    pub(super) fn finish(&self, afterwards: Afterwards<T>) -> Result<Emitted, EmitError<T>> {
        afterwards.run(&self.queue)
    }
}

impl<T> Clone for Emitter<T> {
    fn clone(&self) -> Self {
        Self::first(Arc::clone(&self.queue))
    }
}

impl<T> Drop for Emitter<T> {
    fn drop(&mut self) {
        self.queue.remove_emitter();
    }
}

impl<T> fmt::Debug for Emitter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = &*self.queue;
        f.debug_struct("Emitter").field("len", &queue.len()).field("capacity", &queue.capacity).field("overflow", &queue.overflow).finish()
    }
}

/// Room for one item, made by [`Emitter::reserve`]. Dropping it gives the room back.
///
/// ```
/// use cede::event::{self, Overflow};
///
/// # cede::block_on(async {
/// let (emitter, mut events) = event::channel(1, Overflow::Wait).unwrap();
/// let room = emitter.reserve().await.unwrap();
/// assert!(emitter.emit("no room").is_err());
/// room.put("the only one").unwrap();
/// assert_eq!(events.recv().await, Some("the only one"));
/// # });
/// ```
#[must_use = "dropping it gives the room back"]
pub struct Room<'a, T> {
    emitter: &'a Emitter<T>,
    /// None with a policy that needs no room.
    room: Option<OwnedSemaphorePermit>,
}

impl<T> Room<'_, T> {
    /// Puts the item into the queue.
    ///
    /// # Errors
    /// If nobody receives any more.
    pub fn put(self, item: T) -> Result<Emitted, EmitError<T>> {
        let queue = &self.emitter.queue;
        queue.push(item, self.room).run(queue)
    }
}

impl<T> fmt::Debug for Room<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("emitter", self.emitter).finish()
    }
}
