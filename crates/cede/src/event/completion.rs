//! A callback that is called once, as a future.
//!
//! A [`Completer`] can be cloned, because interfaces with callbacks often take two, one for success and one for failure. The first call wins and the
//! others are told so: the sender is taken out of its place under a lock and used after it.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use cede_core::lock::Lock;
use cede_sync::oneshot;

/// Makes a future and the handle that completes it, from any thread and exactly once.
///
/// ```
/// use cede::event;
/// # cede::block_on(async {
/// let (completer, completion) = event::completion();
/// std::thread::spawn(move || completer.complete("done").unwrap());
/// assert_eq!(completion.await, Ok("done"));
/// # });
/// ```
#[track_caller]
pub fn completion<T>() -> (Completer<T>, Completion<T>) {
    let (sender, receiver) = oneshot::channel();
    let place = Arc::new(Lock::new(Some(sender)));
    (Completer { place }, Completion { receiver, site: Location::caller() })
}

/// Calls `register`, which starts something and gives it the [`Completer`], and waits until that is completed.
///
/// *Cancel safety*: if this is dropped, completing it later is refused; what was started is not stopped.
///
/// ```
/// use cede::event;
/// # cede::block_on(async {
/// fn fetch(done: impl FnOnce(u32) + Send + 'static) {
///     std::thread::spawn(move || done(42));
/// }
/// let answer = event::from_callback(|completer| fetch(move |n| drop(completer.complete(n)))).await;
/// assert_eq!(answer, Ok(42));
/// # });
/// ```
///
/// # Errors
/// If all completers are dropped without having been used.
#[track_caller]
pub fn from_callback<T>(register: impl FnOnce(Completer<T>)) -> impl Future<Output = Result<T, Abandoned>> {
    let (completer, completion) = completion();
    register(completer);
    completion
}

/// Completes a [`Completion`]; its clones complete the same one.
///
/// ```
/// use cede::event::{CompleteError, completion};
///
/// let (completer, completion) = completion();
/// let again = completer.clone();
/// assert!(completer.is_awaited());
/// completer.complete(1).unwrap();
/// assert!(matches!(again.complete(2), Err(CompleteError::Twice(2))));
/// assert_eq!(cede::block_on(completion), Ok(1));
/// ```
pub struct Completer<T> {
    place: Arc<Lock<Option<oneshot::Sender<T>>>>,
}

impl<T> Completer<T> {
    /// Completes the future with this value.
    ///
    /// # Errors
    /// Gives the value back if the future is completed already, or nobody waits for it any more.
    pub fn complete(&self, value: T) -> Result<(), CompleteError<T>> {
        let sender = self.place.lock().take();
        match sender {
            Some(sender) => sender.send(value).map_err(CompleteError::Abandoned),
            None => Err(CompleteError::Twice(value)),
        }
    }

    /// Whether completing it can have an effect.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.place.lock().as_ref().is_some_and(|sender| !sender.is_closed())
    }
}

impl<T> Clone for Completer<T> {
    fn clone(&self) -> Self {
        Self { place: Arc::clone(&self.place) }
    }
}

impl<T> fmt::Debug for Completer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completer").field("is_awaited", &self.is_awaited()).finish()
    }
}

/// A future that something completes which knows nothing of futures; made by [`completion()`].
///
/// *Cancel safety*: dropping it tells the completer at its next call; nothing else happens.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Completion<T> {
    receiver: oneshot::Receiver<T>,
    site: &'static Location<'static>,
}

impl<T> Future for Completion<T> {
    type Output = Result<T, Abandoned>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let site = self.site;
        Pin::new(&mut self.receiver).poll(cx).map_err(|_| Abandoned { site })
    }
}

impl<T> fmt::Debug for Completion<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion").field("site", &self.site).finish_non_exhaustive()
    }
}

/// All completers were dropped, so nothing will complete the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned {
    site: &'static Location<'static>,
}

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the callback of the completion made at {} was dropped without having been called", self.site)
    }
}

impl Error for Abandoned {}

/// Why a value completed nothing; it comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CompleteError<T> {
    /// Another call was first.
    Twice(T),
    /// The future was dropped.
    Abandoned(T),
}

impl<T> fmt::Debug for CompleteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Twice(_) => "Twice(..)",
            Self::Abandoned(_) => "Abandoned(..)",
        })
    }
}

impl<T> fmt::Display for CompleteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Twice(_) => "it is completed already; only the first call counts",
            Self::Abandoned(_) => "nobody waits for it any more: the future was dropped",
        })
    }
}

impl<T> Error for CompleteError<T> {}
