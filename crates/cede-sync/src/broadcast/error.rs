//! The errors of broadcast channels.
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;

/// There is no receiver; the value comes back.
#[derive(Debug)]
pub struct SendError<T>(pub T);

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl<T: fmt::Debug> Error for SendError<T> {}

/// No value was received.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum RecvError {
    /// All senders are gone, and everything was received.
    Closed,
    /// The receiver was too slow: so many values were dropped before it got them. The next call gets the oldest that is kept.
    Lagged(u64),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("channel closed"),
            Self::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl Error for RecvError {}

/// No value could be received at once.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum TryRecvError {
    /// Everything was received; more may come.
    Empty,
    /// All senders are gone, and everything was received.
    Closed,
    /// The receiver was too slow: so many values were dropped before it got them. The next call gets the oldest that is kept.
    Lagged(u64),
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("channel empty"),
            Self::Closed => f.write_str("channel closed"),
            Self::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl Error for TryRecvError {}
