//! Sending with a time limit. The timer is that of the runtime on whose thread the future is polled.
#![forbid(unsafe_code)]

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Poll, ready};
use core::time::Duration;

use cede_context::timer;

use super::Sender;
use super::error::{SendError, SendTimeoutError};

impl<T> Sender<T> {
    /// Sends a value; waits for room for at most `timeout`.
    ///
    /// # Errors
    /// There was no room in time, or the receiver is closed or gone; the value comes back.
    ///
    /// # Panics
    /// When it is not polled inside a runtime.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the value was not sent, and is dropped. To keep it, [`Sender::reserve`] first.
    pub async fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        let sleep = timer::maker();
        let mut reserve = pin!(self.reserve());
        let mut limit = None;
        // No permit: the time is over.
        let permit = poll_fn(|cx| {
            if let Poll::Ready(permit) = reserve.as_mut().poll(cx) {
                return Poll::Ready(Some(permit));
            }
            ready!(limit.get_or_insert_with(|| sleep(timeout)).as_mut().poll(cx));
            Poll::Ready(None)
        })
        .await;
        match permit {
            Some(Ok(permit)) => {
                permit.send(value);
                Ok(())
            }
            Some(Err(SendError(()))) => Err(SendTimeoutError::Closed(value)),
            None => Err(SendTimeoutError::Timeout(value)),
        }
    }
}
