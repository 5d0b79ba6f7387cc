//! What can go wrong between actors. Each error says what to do.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{ActorId, Circle};

/// Why a message was not put into a mailbox; it comes back. With `?` it becomes a [`BoxError`](crate::BoxError) if the message is `Sync`; else take the [message out](TellError::without_message)
/// before.
#[non_exhaustive]
pub enum TellError<M> {
    /// The actor has ended for good.
    Closed {
        /// Its name.
        name: Arc<str>,
        /// The message.
        message: M,
    },
    /// The mailbox is full, and its policy or the call is not to wait.
    Full {
        /// The actor's name.
        name: Arc<str>,
        /// The message.
        message: M,
    },
    /// There was no room within the time.
    TimedOut {
        /// The actor's name.
        name: Arc<str>,
        /// The time.
        limit: Duration,
        /// The message.
        message: M,
    },
    /// Waiting for room would never end.
    Deadlock {
        /// Who waits for whom.
        circle: Circle,
        /// The message.
        message: M,
    },
    /// Too many keys are remembered.
    TooManyKeys {
        /// The actor's name.
        name: Arc<str>,
        /// The message.
        message: M,
    },
}

impl<M> TellError<M> {
    /// The message.
    pub fn into_message(self) -> M {
        match self {
            Self::Closed { message, .. }
            | Self::Full { message, .. }
            | Self::TimedOut { message, .. }
            | Self::Deadlock { message, .. }
            | Self::TooManyKeys { message, .. } => message,
        }
    }

    /// The error without the message.
    #[must_use]
    pub fn without_message(self) -> TellError<()> {
        match self {
            Self::Closed { name, .. } => TellError::Closed { name, message: () },
            Self::Full { name, .. } => TellError::Full { name, message: () },
            Self::TimedOut { name, limit, .. } => TellError::TimedOut { name, limit, message: () },
            Self::Deadlock { circle, .. } => TellError::Deadlock { circle, message: () },
            Self::TooManyKeys { name, .. } => TellError::TooManyKeys { name, message: () },
        }
    }
}

impl<M> fmt::Display for TellError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { name, .. } => write!(f, "the actor \"{name}\" has ended for good; nobody will take the message"),
            Self::Full { name, .. } => write!(f, "the mailbox of \"{name}\" is full; wait with `tell`, try later, or enlarge it"),
            Self::TimedOut { name, limit, .. } => {
                write!(f, "the mailbox of \"{name}\" had no room within {limit:?}; it is slower than its senders")
            }
            Self::Deadlock { circle, .. } => circle.fmt(f),
            Self::TooManyKeys { name, .. } => {
                write!(f, "\"{name}\" remembers as many keys as it may; try later, or allow more with `Mailbox::remember`")
            }
        }
    }
}

impl<M> fmt::Debug for TellError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TellError({self})")
    }
}

impl<M> Error for TellError<M> {}

/// Why there is no answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AskError {
    /// The actor has ended for good.
    Closed {
        /// Its name.
        name: Arc<str>,
    },
    /// The mailbox is full, and its policy is not to wait.
    Full {
        /// The actor's name.
        name: Arc<str>,
    },
    /// The question was dropped before the actor saw it: the mailbox overflowed, or the actor ended.
    Discarded {
        /// The actor's name.
        name: Arc<str>,
    },
    /// The actor took the question and dropped the [`Reply`](crate::Reply): it failed, was killed, or forgot.
    Unanswered {
        /// The actor's name.
        name: Arc<str>,
    },
    /// There was no answer within the time. The actor may still act on the question.
    TimedOut {
        /// The actor's name.
        name: Arc<str>,
        /// The time.
        limit: Duration,
    },
    /// The answer would never come.
    Deadlock(Circle),
    /// Too many keys are remembered.
    TooManyKeys {
        /// The actor's name.
        name: Arc<str>,
    },
    /// The question of this key was seen and failed before, and is not seen again.
    Spent {
        /// The actor's name.
        name: Arc<str>,
    },
    /// The key was used for a message with another type of answer.
    KeyReused {
        /// The actor's name.
        name: Arc<str>,
    },
}

impl AskError {
    /// Whether asking again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Full { .. } | Self::Discarded { .. } | Self::Unanswered { .. } | Self::TimedOut { .. } | Self::TooManyKeys { .. }
        )
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { name } => write!(f, "the actor \"{name}\" has ended for good; nobody will answer"),
            Self::Full { name } => write!(f, "the mailbox of \"{name}\" is full; try later, or enlarge it"),
            Self::Discarded { name } => {
                write!(f, "\"{name}\" never saw the question: its mailbox overflowed or it ended; it is safe to ask again")
            }
            Self::Unanswered { name } => {
                write!(
                    f,
                    "\"{name}\" took the question and did not answer: it failed, was killed, or dropped the `Reply`; ask again only if acting twice does no harm"
                )
            }
            Self::TimedOut { name, limit } => write!(f, "\"{name}\" did not answer within {limit:?}; it may still act on the question"),
            Self::Deadlock(circle) => circle.fmt(f),
            Self::TooManyKeys { name } => {
                write!(f, "\"{name}\" remembers as many keys as it may; try later, or allow more with `Mailbox::remember`")
            }
            Self::Spent { name } => {
                write!(
                    f,
                    "\"{name}\" has seen the question of this key and failed; to have it seen again, use another key or `Mailbox::again_after_failure`"
                )
            }
            Self::KeyReused { name } => {
                write!(f, "the key was used at \"{name}\" for a message with another type of answer; use another key")
            }
        }
    }
}

impl Error for AskError {}

/// Why a name was not given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another actor has it.
    Taken {
        /// The name.
        name: Arc<str>,
        /// Who has it.
        by: ActorId,
    },
    /// The actor has ended for good.
    Closed,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { name, by } => {
                write!(f, "the name \"{name}\" belongs to {by}; it is free when that ends, or after `System::unregister`")
            }
            Self::Closed => f.write_str("an actor that has ended for good gets no name"),
        }
    }
}

impl Error for RegisterError {}

/// Why a name gives no address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupError {
    /// No actor has it now.
    Unknown {
        /// The name.
        name: Arc<str>,
    },
    /// An actor of another type has it.
    OtherType {
        /// The name.
        name: Arc<str>,
        /// The type asked for.
        expected: &'static str,
    },
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(f, "no actor is called \"{name}\" now; wait for one with `System::when_registered`"),
            Self::OtherType { name, expected } => write!(f, "the actor called \"{name}\" is not a {expected}"),
        }
    }
}

impl Error for LookupError {}
