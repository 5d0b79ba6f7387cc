//! How lives end.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why an incarnation ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExitReason {
    /// It was asked to stop, or stopped itself.
    Normal,
    /// Its supervisor stopped it.
    Shutdown,
    /// One of its functions returned an error.
    Failed(Arc<dyn Error + Send + Sync>),
    /// One of its functions panicked, with this message.
    Panicked(Arc<str>),
    /// It was killed: it did not stop in time, or start in time, or its runtime ended.
    Killed,
    /// An actor that is linked to it did not end well.
    Linked(Arc<LinkedExit>),
    /// For a supervisor: a child failed too often.
    RestartLimit(Arc<RestartLimit>),
}

/// The end of an actor that took a linked one with it.
#[derive(Clone, Debug)]
pub struct LinkedExit {
    /// The name of the other actor.
    pub name: Arc<str>,
    /// Why the other one ended.
    pub reason: ExitReason,
}

/// A child failed, and no restart was left.
#[derive(Clone, Debug)]
pub struct RestartLimit {
    /// The name of the supervisor.
    pub supervisor: Arc<str>,
    /// The name of the child that failed last.
    pub child: Arc<str>,
    /// Why it failed.
    pub reason: ExitReason,
    /// How many restarts are allowed …
    pub restarts: usize,
    /// … within this time.
    pub within: Duration,
}

impl ExitReason {
    /// Whether it ended because it was meant to.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown)
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("stopped"),
            Self::Shutdown => f.write_str("stopped by its supervisor"),
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Killed => f.write_str("killed"),
            Self::Linked(exit) => write!(f, "taken along by \"{}\", which is linked to it and {}", exit.name, exit.reason),
            Self::RestartLimit(limit) => limit.fmt(f),
        }
    }
}

impl fmt::Display for RestartLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "supervisor \"{}\" gave up: \"{}\" needed more than {} restarts within {:?}, at last it {}; fix the cause, or allow more with `Supervisor::intensity`",
            self.supervisor, self.child, self.restarts, self.within, self.reason
        )
    }
}

impl Error for RestartLimit {}

/// The end of an actor or supervisor, after which there is no other incarnation.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Why the last incarnation ended.
    pub reason: ExitReason,
    /// How many messages were in the mailbox then; for a supervisor, in all below it. Nobody handles them.
    pub unhandled: usize,
}

impl Ended {
    /// `Ok` if it ended because it was meant to.
    ///
    /// # Errors
    /// Itself, if not.
    pub fn into_result(self) -> Result<(), Self> {
        if self.reason.is_normal() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {} messages were not handled", self.reason, self.unhandled)
    }
}

impl Error for Ended {}
