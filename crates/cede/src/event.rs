//! Events: from where they happen to whoever wants to know, with memory that stays bounded.
//!
//! # What
//! | from | to | use |
//! |---|---|---|
//! | a callback that is called once | a future | [`completion()`], [`from_callback`] |
//! | a callback that is called often | a stream | [`channel`], [`Emitter::emit`] |
//! | a future | a callback | [`call_when_ready`] |
//! | a stream | a callback | [`call_for_each`] |
//! | many publishers | many subscribers, each at its own pace | [`Bus`] |
//!
//! # Why not the obvious way
//! An unbounded channel between a callback and a task grows as long as the callback is faster. A bounded one needs an answer to "and when it is full?", and the answer belongs
//! to the receiver, who knows what its data are worth: [`Overflow`]. Every item that is left out is counted.
//!
//! Subscribers that are called by the publisher itself (observers) were rejected: a slow one holds up the publisher, one that publishes is called in the middle of itself, and one that panics takes
//! the publisher along. Here a callback runs on a task of its own.
//!
//! One `broadcast` ring for all subscribers was rejected, too: there one policy holds for all, and the slowest decides how much memory is used.
//!
//! # Who may touch what
//! A queue (`queue::Queue`) is shared by its emitters and its one receiver, under a lock in which nothing of the user runs: items that go and wakers are taken out and dropped or called afterwards.
//! The list of subscribers belongs to the bus, under a lock of its own, which is taken before those of the queues.
//!
//! # Invariants
//! - I1: a queue never holds more than its capacity. With [`Overflow::Wait`], its length, the free permits and the permits of reservations add up to the capacity.
//! - I2: an item is received, given back to its emitter, or counted as missed; or the receiver is gone.
//! - I3: if two subscribers of a bus get the same two events, they get them in the same order.
//! - I4: an event that is published is put before all subscribers at once or, if the publishing was dropped before that, before none.

#![forbid(unsafe_code)]

mod bus;
mod call;
mod completion;
mod emitter;
mod error;
mod events;
mod queue;

pub use bus::{Bus, Published, Subscription};
pub use call::{Listener, call_for_each, call_when_ready};
pub use completion::{Abandoned, CompleteError, Completer, Completion, completion, from_callback};
pub use emitter::{Emitted, Emitter, Room};
pub use error::EmitError;
pub use events::{End, Events};

use std::sync::Arc;

use crate::ZeroLimit;

/// What happens when something arrives and the receiver has no room for it.
///
/// ```
/// use cede::event::{self, Overflow};
///
/// for (overflow, kept) in [(Overflow::DropNewest, 1), (Overflow::DropOldest, 2)] {
///     let (emitter, mut events) = event::channel(1, overflow)?;
///     assert!(emitter.emit(1).is_ok() && emitter.emit(2).is_ok());
///     assert_eq!((events.try_recv(), events.missed()), (Ok(kept), 1));
/// }
/// # Ok::<(), cede::ZeroLimit>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// The sender waits for room.
    Wait,
    /// What arrives is left out, and counted.
    DropNewest,
    /// The oldest item is thrown out, and counted.
    DropOldest,
    /// The receiver is too slow: it gets what is there, and then the end.
    Disconnect,
}

/// Makes a queue of at most `capacity` items between callbacks, or whoever emits, and one stream.
///
/// ```
/// use cede::event::{self, Emitted, Overflow};
/// use cede::stream::StreamExt;
/// # cede::block_on(async {
/// let (emitter, mut events) = event::channel(2, Overflow::DropOldest)?;
/// let callback = move |n: u32| emitter.emit(n).unwrap();
/// assert_eq!([callback(1), callback(2), callback(3)], [Emitted::Queued, Emitted::Queued, Emitted::DroppedOldest]);
/// drop(callback);
/// assert_eq!(events.by_ref().collect::<Vec<_>>().await, [2, 3]);
/// assert_eq!(events.missed(), 1);
/// # Ok::<(), cede::ZeroLimit>(()) }).unwrap();
/// ```
///
/// # Errors
/// If the capacity is zero: nothing could ever be received.
pub fn channel<T>(capacity: usize, overflow: Overflow) -> Result<(Emitter<T>, Events<T>), ZeroLimit> {
    let queue = Arc::new(queue::Queue::new(capacity, overflow)?);
    Ok((Emitter::first(Arc::clone(&queue)), Events::new(queue)))
}
