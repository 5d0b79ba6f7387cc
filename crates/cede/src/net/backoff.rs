//! What a listener does when the process has no descriptors left.
//!
//! `accept(2)` then fails at once, again and again, and the connection stays in the backlog: a loop that ignores the error burns a processor. So the error is reported
//! once; after that the listener waits by itself, 10 ms at first and up to a second, and goes on as soon as a try succeeds.

use std::future::Future;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cede_core::lock::Lock;

use crate::time::{Sleep, sleep_of_runtime};

const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

/// The state of a listener: whether it is short of descriptors.
#[derive(Debug, Default)]
pub(super) struct Backoff(Lock<Option<Shortage>>);

#[derive(Debug)]
struct Shortage {
    wait: Pin<Box<Sleep>>,
    delay: Duration,
}

impl Shortage {
    fn new(delay: Duration) -> Self {
        Self { wait: Box::pin(sleep_of_runtime(delay)), delay }
    }
}

// A panic while the timer is polled leaves it taken out: the listener tries again at once.
impl UnwindSafe for Backoff {}
impl RefUnwindSafe for Backoff {}

/// Whether an error of `accept(2)` means that something is used up which may become free again.
fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

impl Backoff {
    /// Whether the listener may try: after a shortage it waits first.
    pub(super) fn poll_may_try(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Taken out, so that no lock is held while the timer is polled.
        let Some(mut shortage) = self.0.lock().take() else { return Poll::Ready(()) };
        let polled = shortage.wait.as_mut().poll(cx);
        *self.0.lock() = Some(shortage);
        polled
    }

    /// A try succeeded, or failed for another reason.
    fn clear(&self) {
        // Usually there is nothing to be cleared, and no need to write.
        let shortage = self.0.lock().take();
        drop(shortage);
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

    /// A try failed. Returns whether the error is to be reported: the first of its kind is, further ones only make the listener wait longer.
    fn report(&self, error: &io::Error) -> bool {
        if !is_shortage(error) {
            self.clear();
            return true;
        }
        let before = self.0.lock().take();
        let delay = before.as_ref().map_or(FIRST, |shortage| (shortage.delay * 2).min(LONGEST));
        *self.0.lock() = Some(Shortage::new(delay));
        before.is_none()
    }
}
