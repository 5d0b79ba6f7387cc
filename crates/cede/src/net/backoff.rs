//! What a listener does when the process has no descriptors left.
//!
//! `accept(2)` then fails at once, again and again, and the connection stays in the backlog: a loop that ignores the error burns a processor. So the error is reported
//! once; after that the listener waits by itself, 10 ms at first and up to half a second, and goes on as soon as a try succeeds.
//!
//! A crowd of clients that come and go makes accepting fail and succeed by turns, many times a second. That is one shortage: it is over, and the next one reported, when no try has failed for
//! [`QUIET`].

use std::future::Future;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cede_core::lock::Lock;

use crate::time::{Instant, Sleep, sleep_of_runtime};

const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(500);
/// Without a failure for so long, a shortage is over.
const QUIET: Duration = Duration::from_secs(10);

/// The state of a listener: whether it is short of descriptors, or was lately.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    shortage: Lock<Option<Shortage>>,
    /// What `poll_accept` waits for. Those who await `accept` have a timer each: any number may wait, and one that leaves wakes no other.
    polled: Lock<Option<Pin<Box<Sleep>>>>,
}

#[derive(Debug)]
struct Shortage {
    /// Until then nothing is tried; `None`: the last try succeeded.
    until: Option<Instant>,
    delay: Duration,
    failed: Instant,
}

// A panic while the timer is polled leaves it taken out: the next poll makes another one.
impl UnwindSafe for Backoff {}
impl RefUnwindSafe for Backoff {}

/// Whether an error of `accept(2)` means that something is used up which may become free again.
fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

impl Backoff {
    /// How long nothing is to be tried from now on.
    fn pause(&self) -> Option<Duration> {
        let until = self.shortage.lock().as_ref()?.until?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Waits until the listener may try: after a shortage that is not at once.
    ///
    /// *Cancel safety*: dropping it changes nothing.
    pub(super) async fn may_try(&self) {
        while let Some(pause) = self.pause() {
            sleep_of_runtime(pause).await;
        }
    }

    /// As [`Backoff::may_try`], for one task at a time.
    pub(super) fn poll_may_try(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Taken out, so that no lock is held while the timer is polled.
        let mut waits = self.polled.lock().take();
        while let Some(pause) = self.pause() {
            let mut wait = waits.take().unwrap_or_else(|| Box::pin(sleep_of_runtime(pause)));
            if wait.as_mut().poll(cx).is_pending() {
                let _before = self.polled.lock().replace(wait);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// A try succeeded, or failed for another reason.
    fn clear(&self) {
        if let Some(shortage) = &mut *self.shortage.lock() {
            shortage.until = None;
        }
    }

    /// What `accept(2)` gave, as it is to be returned; `None` if the listener is short of descriptors and has said so already.
    pub(super) fn judge<R>(&self, accepted: io::Result<R>) -> Option<io::Result<R>> {
        match accepted {
            Ok(connection) => {
                self.clear();
                Some(Ok(connection))
            }
            Err(error) if self.report(&error) => Some(Err(error)),
            Err(_) => None,
        }
    }

    /// A try failed. Returns whether the error is to be reported: the first of a shortage is, further ones only make the listener wait.
    fn report(&self, error: &io::Error) -> bool {
        if !is_shortage(error) {
            self.clear();
            return true;
        }
        let now = Instant::now();
        let mut shortage = self.shortage.lock();
        let (is_new, delay) = match &*shortage {
            None => (true, FIRST),
            // Another task tried at the same time, and the pause has begun.
            Some(Shortage { until: Some(until), .. }) if now < *until => return false,
            Some(Shortage { until: Some(_), delay, .. }) => (false, (*delay * 2).min(LONGEST)),
            Some(Shortage { until: None, failed, .. }) => (now.duration_since(*failed) >= QUIET, FIRST),
        };
        *shortage = Some(Shortage { until: Some(now + delay), delay, failed: now });
        is_new
    }
}
