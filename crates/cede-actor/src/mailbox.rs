//! What a mailbox is like.

use std::time::Duration;

pub use cede::ZeroLimit;
use cede::event;

/// What happens to a message for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// Its sender waits, in the order of sending. Slowness travels back to where the work comes from.
    #[default]
    Wait,
    /// It is dropped; the sender is told.
    DropNewest,
    /// The oldest message is dropped for it; the sender is told, and one that asked gets an error.
    DropOldest,
    /// It comes back to the sender as an error.
    Fail,
}

/// The properties of a mailbox: capacity, overflow policy, and for how long keys are remembered.
///
/// ```
/// use cede_actor::{Mailbox, Overflow};
///
/// let mailbox = Mailbox::bounded(100)?.overflow(Overflow::DropOldest);
/// assert!(Mailbox::bounded(0).is_err());
/// # let _ = mailbox;
/// # Ok::<(), cede_actor::ZeroLimit>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Mailbox {
    capacity: usize,
    pub(crate) overflow: Overflow,
    pub(crate) keys: usize,
    pub(crate) remember: Duration,
    pub(crate) again_after_failure: bool,
}

impl Mailbox {
    /// Room for so many messages; senders wait when it is full.
    ///
    /// # Errors
    /// If the capacity is zero.
    pub fn bounded(capacity: usize) -> Result<Self, ZeroLimit> {
        // The queue says what is a capacity; this one is only asked.
        drop(event::channel::<()>(capacity, event::Overflow::Wait)?);
        Ok(Self { capacity, overflow: Overflow::Wait, keys: 10_000, remember: Duration::from_secs(600), again_after_failure: false })
    }

    /// What happens when it is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Remembers at most so many keys of [idempotent](crate::Key) messages, each for this time after it was told, and in any case until it is known how it ends. The default is 10,000 keys for ten
    /// minutes. When there are too many, new ones are refused: to forget one early would be to see it twice.
    pub fn remember(mut self, keys: usize, time: Duration) -> Self {
        (self.keys, self.remember) = (keys, time);
        self
    }

    /// A key is free again if the message failed: its handler returned an error, panicked or was killed, or dropped the [`Reply`](crate::Reply) unanswered. So a retry is handled again, and the effects
    /// of the failed attempt must not matter. Otherwise an actor sees a key once, whatever happens.
    pub fn again_after_failure(mut self) -> Self {
        self.again_after_failure = true;
        self
    }

    pub(crate) fn open<T>(&self) -> (event::Emitter<T>, event::Events<T>) {
        let overflow = match self.overflow {
            Overflow::Wait | Overflow::Fail => event::Overflow::Wait,
            Overflow::DropNewest => event::Overflow::DropNewest,
            Overflow::DropOldest => event::Overflow::DropOldest,
        };
        event::channel(self.capacity, overflow).expect("the capacity was checked when the mailbox was described")
    }
}
