//! Why a task has no output.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use cede_core::lock::{Guard, Lock};

use super::Id;
use crate::runtime::panics::{self, Untold};

/// The error of a [`JoinHandle`](super::JoinHandle): the task panicked, or was aborted, or its runtime was shut down before it ended.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let error = cede::spawn(async { panic!("oh no") }).await.unwrap_err();
/// assert!(error.is_panic());
/// assert_eq!(error.into_panic().downcast_ref::<&str>(), Some(&"oh no"));
/// # });
/// ```
pub struct JoinError {
    id: Id,
    cause: Cause,
}

enum Cause {
    Cancelled,
    /// Nobody shares it. But what drops an `Arc` is a call, where what drops a `Box` would be in each place where the result of a task is dropped.
    Panicked(Arc<Panicked>),
}

/// The lock only makes the payload `Sync`.
struct Panicked(Lock<Kept>);

struct Kept {
    /// Taken out at most once, by the error's owner.
    payload: Option<Box<dyn Any + Send + 'static>>,
    /// Told when this is dropped before anybody has got the error.
    untold: Option<Untold>,
}

impl Panicked {
    /// Held for some instructions, or while a short text is cloned: then whoever waits is about to write the same error, on another thread.
    fn kept(&self) -> Guard<'_, Kept> {
        self.0.lock()
    }

    fn message(&self) -> Option<String> {
        self.kept().payload.as_deref().and_then(panics::message)
    }
}

// What is kept is whole at any time: it is only taken.
impl UnwindSafe for Panicked {}
impl RefUnwindSafe for Panicked {}

impl Drop for Panicked {
    fn drop(&mut self) {
        let untold = self.kept().untold.take();
        if let Some(untold) = untold {
            untold.tell(self.message());
        }
    }
}

impl JoinError {
    pub(crate) fn cancelled(id: Id) -> Self {
        Self { id, cause: Cause::Cancelled }
    }

    pub(crate) fn panicked(id: Id, payload: Box<dyn Any + Send + 'static>, untold: Option<Untold>) -> Self {
        Self { id, cause: Cause::Panicked(Arc::new(Panicked(Lock::new(Kept { payload: Some(payload), untold })))) }
    }

    /// Somebody gets the error.
    pub(super) fn told(self) -> Self {
        if let Cause::Panicked(panicked) = &self.cause {
            // Dropped outside the lock.
            let _told = panicked.kept().untold.take();
        }
        self
    }

    /// Whether the task was aborted or its runtime shut down.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.cause, Cause::Cancelled)
    }

    /// Whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.cause, Cause::Panicked(_))
    }

    /// The panic's payload, fit for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    /// If the task did not panic; ask [`JoinError::is_panic`] first or use [`JoinError::try_into_panic`].
    #[track_caller]
    #[must_use]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        self.try_into_panic().expect("`JoinError` reason is not a panic.")
    }

    /// The panic's payload.
    ///
    /// # Errors
    /// The error itself, if the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match self.cause {
            Cause::Panicked(panicked) => {
                let payload = panicked.kept().payload.take();
                Ok(payload.expect("it is taken out only here, where the error ends"))
            }
            Cause::Cancelled => Err(self),
        }
    }

    /// The task's id.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }

    fn message(&self) -> Option<String> {
        let Cause::Panicked(panicked) = &self.cause else { return None };
        panicked.message()
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, self.message()) {
            (Cause::Cancelled, _) => write!(f, "task {} was cancelled", self.id),
            (Cause::Panicked(_), Some(message)) => write!(f, "task {} panicked with message {message:?}", self.id),
            (Cause::Panicked(_), None) => write!(f, "task {} panicked", self.id),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, self.message()) {
            (Cause::Cancelled, _) => write!(f, "JoinError::Cancelled({:?})", self.id),
            (Cause::Panicked(_), Some(message)) => write!(f, "JoinError::Panic({:?}, {message:?}, ...)", self.id),
            (Cause::Panicked(_), None) => write!(f, "JoinError::Panic({:?}, ...)", self.id),
        }
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        io::Error::other(match error.cause {
            Cause::Cancelled => "task was cancelled",
            Cause::Panicked(_) => "task panicked",
        })
    }
}
