//! How to stop.

use std::time::Duration;

/// What happens to the messages that are in the mailbox when an actor stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mail {
    /// They are handled first.
    Drain,
    /// They are dropped.
    Discard,
    /// They stay for the next incarnation. If there is none they are dropped and counted, see [`Ended`](crate::Ended).
    Keep,
}

/// How an actor or supervisor is to stop.
///
/// ```
/// use cede_actor::Stop;
/// use std::time::Duration;
///
/// let at_most_a_second = Stop::drain().within(Duration::from_secs(1));
/// # assert_ne!(at_most_a_second, Stop::drain());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Stop {
    pub(crate) mail: Mail,
    pub(crate) within: Option<Duration>,
}

impl Stop {
    /// After the messages that are there. New ones are refused, if no incarnation follows.
    pub const fn drain() -> Self {
        Self { mail: Mail::Drain, within: None }
    }

    /// After the message that is being handled; the others are dropped.
    pub const fn discard() -> Self {
        Self { mail: Mail::Discard, within: None }
    }

    /// After the message that is being handled; the others stay for the next incarnation.
    pub const fn keep() -> Self {
        Self { mail: Mail::Keep, within: None }
    }

    /// Whoever has not stopped after this time is killed: the running function is dropped at its await.
    pub const fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    /// Now: the running function is dropped at its await, and the other messages, too.
    pub const fn kill() -> Self {
        Self::discard().within(Duration::ZERO)
    }

    pub(crate) fn is_kill(self) -> bool {
        self.within == Some(Duration::ZERO)
    }
}
