//! Why a group ended otherwise than hoped for.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// Why a group is cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelReason {
    /// A child returned an error or panicked.
    ChildFailed,
    /// The deadline has passed.
    DeadlineExceeded,
    /// Somebody asked for it, and said why.
    Requested(Cow<'static, str>),
    /// [`TaskGroup::shutdown`](super::TaskGroup::shutdown) was called.
    Shutdown,
    /// The group was dropped.
    Dropped,
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChildFailed => f.write_str("a child failed"),
            Self::DeadlineExceeded => f.write_str("the deadline has passed"),
            Self::Requested(why) => f.write_str(why),
            Self::Shutdown => f.write_str("the group was shut down"),
            Self::Dropped => f.write_str("the group was dropped"),
        }
    }
}

/// Which child: its name, if it has one, and where it was spawned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildName {
    pub(super) name: Option<Arc<str>>,
    pub(super) site: &'static Location<'static>,
}

impl ChildName {
    /// The name, if it was spawned with one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where it was spawned.
    #[must_use]
    pub fn site(&self) -> &'static Location<'static> {
        self.site
    }
}

impl fmt::Display for ChildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "the child {name:?} spawned at {}", self.site),
            None => write!(f, "the child spawned at {}", self.site),
        }
    }
}

/// What one child ended with.
#[derive(Debug)]
#[non_exhaustive]
pub struct ChildError<E> {
    /// Which child it was.
    pub child: ChildName,
    /// What it ended with.
    pub cause: Cause<E>,
}

/// How a child failed.
pub enum Cause<E> {
    /// It returned this.
    Failed(E),
    /// It panicked; the payload is fit for [`std::panic::resume_unwind`].
    Panicked(Box<dyn Any + Send + 'static>),
}

impl<E: fmt::Debug> fmt::Debug for Cause<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
            Self::Panicked(payload) => f.debug_tuple("Panicked").field(&message(payload.as_ref())).finish(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for ChildError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Failed(error) => write!(f, "{}: {error}", self.child),
            Cause::Panicked(payload) => write!(f, "{} panicked with message {:?}", self.child, message(payload.as_ref())),
        }
    }
}

impl<E: Error + 'static> Error for ChildError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Failed(error) => Some(error),
            Cause::Panicked(_) => None,
        }
    }
}

/// A child ended without a value: it failed, panicked, or was cancelled. Which of them, [`TaskGroup::join`](super::TaskGroup::join) says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoValue {
    pub(super) child: ChildName,
}

impl NoValue {
    /// Which child it was.
    #[must_use]
    pub fn child(&self) -> &ChildName {
        &self.child
    }
}

impl fmt::Display for NoValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has no value: it failed, panicked or was cancelled; the `join` of its group says which", self.child)
    }
}

impl Error for NoValue {}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("..")
}

/// How a group ended, if not by the success of all its children.
#[non_exhaustive]
pub struct GroupError<E> {
    /// Why the group was cancelled, if it was.
    pub reason: Option<CancelReason>,
    /// All errors and panics, in the order in which they came; the first one is the cause.
    pub errors: Vec<ChildError<E>>,
    /// How many children ended without a result because they were dropped.
    pub cancelled: usize,
    /// Those that had time to clean up and did not end in it.
    pub cut_off: Vec<ChildName>,
}

impl<E> GroupError<E> {
    /// The errors that children returned.
    pub fn failures(&self) -> impl Iterator<Item = &E> {
        self.errors.iter().filter_map(|error| match &error.cause {
            Cause::Failed(error) => Some(error),
            Cause::Panicked(_) => None,
        })
    }
}

impl<E: fmt::Debug> fmt::Debug for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupError")
            .field("reason", &self.reason)
            .field("errors", &self.errors)
            .field("cancelled", &self.cancelled)
            .field("cut_off", &self.cut_off)
            .finish()
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "the group was cancelled: {reason}")?,
            None => f.write_str("the group failed")?,
        }
        for error in &self.errors {
            write!(f, "\n  {error}")?;
        }
        for child in &self.cut_off {
            write!(f, "\n  {child} did not clean up in time")?;
        }
        Ok(())
    }
}

impl<E: fmt::Debug + fmt::Display> Error for GroupError<E> {}
