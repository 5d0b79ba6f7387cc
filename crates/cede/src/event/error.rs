//! Why something was not emitted.

use std::error::Error;
use std::fmt;

/// Why an item was not emitted; it comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum EmitError<T> {
    /// The queue is full, its policy is [`Overflow::Wait`](super::Overflow::Wait), and the call was one that does not wait.
    Full(T),
    /// The receiver is gone, has closed the queue, or was disconnected.
    Closed(T),
}

impl<T> EmitError<T> {
    /// The item.
    pub fn into_item(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

impl<T> fmt::Debug for EmitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_full() { "Full(..)" } else { "Closed(..)" })
    }
}

impl<T> fmt::Display for EmitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the queue is full; wait with `send`, or choose a policy that drops",
            Self::Closed(_) => "nobody receives any more: the receiver is gone, has closed the queue, or was disconnected for being slow",
        })
    }
}

impl<T> Error for EmitError<T> {}
