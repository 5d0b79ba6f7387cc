//! Time limits on futures.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use cede_context::budget;
use pin_project_lite::pin_project;

use super::{Duration, Instant, Sleep, sleep, sleep_of_runtime, sleep_until};

pin_project! {
    /// A future with a time limit. See [`timeout`]. Polled after its output was taken it polls the future inside again, which may refuse that; once the time is over, it stays so.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct Timeout<T> {
        #[pin]
        value: T,
        #[pin]
        delay: Sleep,
    }
}

/// Runs a future for at most `duration`; when that is over, drops it and returns [`Elapsed`].
///
/// The future is polled before the clock is looked at, so one that is ready at once succeeds even with no time at all.
///
/// *Cancel safety*: dropping it drops the future inside.
///
/// # Panics
/// Outside of a runtime, and in one whose builder did not enable timers.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use cede::time::{Duration, timeout};
/// assert_eq!(timeout(Duration::from_millis(1), async { 5 }).await, Ok(5));
/// assert!(timeout(Duration::from_millis(1), std::future::pending::<()>()).await.is_err());
/// # });
/// ```
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout { value: future.into_future(), delay: sleep(duration) }
}

/// As [`timeout`], for what the runtime waits for by itself: it does not ask whether users may have timers.
pub(crate) fn timeout_of_runtime<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    Timeout { value: future, delay: sleep_of_runtime(duration) }
}

/// Runs a future until `deadline` at most; see [`timeout`].
///
/// # Panics
/// Outside of a runtime, and in one whose builder did not enable timers.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { value: future.into_future(), delay: sleep_until(deadline) }
}

impl<T> Timeout<T> {
    /// The future inside.
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// The future inside.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// Takes the future out; its time limit is gone.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: Future> Future for Timeout<T> {
    type Output = Result<T::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let had_budget = budget::has_remaining();
        if let Poll::Ready(output) = this.value.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // A future that used the whole budget up must not thereby keep its time limit from being looked at.
        let over = if had_budget && !budget::has_remaining() { budget::unconstrained(|| this.delay.poll(cx)) } else { this.delay.poll(cx) };
        over.map(|()| Err(Elapsed::new()))
    }
}

/// A time limit is over.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// use cede::time::{Duration, error::Elapsed, timeout};
///
/// let answer: Result<(), Elapsed> = timeout(Duration::from_secs(1), std::future::pending()).await;
/// let error = std::io::Error::from(answer.unwrap_err());
/// assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
/// # });
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    pub(crate) fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(_: Elapsed) -> io::Error {
        io::ErrorKind::TimedOut.into()
    }
}
