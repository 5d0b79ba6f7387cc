//! Waiting for a time.
//!
//! # Invariants
//! - I1: the entry is only ever in the wheel of this sleep's executor, and is removed before the sleep goes.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use cede_context::wait::{WaitKind, waiting_for};

use super::Executor;
use crate::wheel::{Entry, EntryState};

/// Ends when the clock of its executor says its deadline or more. Made by [`Executor::sleep`].
///
/// *Cancel safety*: dropping it disarms the timer.
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    executor: &'static Executor,
    deadline: u64,
    entry: Entry,
}

impl Sleep {
    #[inline]
    pub(super) fn new(executor: &'static Executor, deadline: u64) -> Self {
        Self { executor, deadline, entry: Entry::new() }
    }

    /// The time of the executor's clock that this waits for.
    #[inline]
    #[must_use]
    pub fn deadline(&self) -> u64 {
        self.deadline
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.into_ref();
        // SAFETY: [I1] a field of what is pinned, which nobody moves out.
        let entry = unsafe { this.map_unchecked(|sleep| &sleep.entry) };
        match entry.state() {
            EntryState::Fired | EntryState::Dead => return Poll::Ready(()),
            EntryState::Idle if this.executor.clock.now() >= this.deadline => return Poll::Ready(()),
            EntryState::Idle => {
                let waker = cx.waker().clone();
                // SAFETY: [I1] pinned, and removed by the drop. The wheel is never shut down.
                let armed = unsafe { this.executor.wheel.lock().insert(entry, this.deadline, waker) };
                debug_assert!(armed.is_ok());
            }
            EntryState::Armed => {
                // SAFETY: [I1]
                let kept = unsafe { this.executor.wheel.lock().will_wake(entry, cx.waker()) };
                if !kept {
                    let waker = cx.waker().clone();
                    // SAFETY: [I1]
                    let replaced = unsafe { this.executor.wheel.lock().set_waker(entry, waker) };
                    if replaced.is_err() {
                        // It fired meanwhile.
                        return Poll::Ready(());
                    }
                }
            }
        }
        waiting_for(WaitKind::Timer, this.deadline);
        Poll::Pending
    }
}

impl Drop for Sleep {
    #[inline]
    fn drop(&mut self) {
        if self.entry.state() == EntryState::Armed {
            // SAFETY: what is being dropped does not move any more; [I1].
            let waker = unsafe { self.executor.wheel.lock().remove(Pin::new_unchecked(&self.entry)) };
            drop(waker);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline).field("state", &self.entry.state()).finish_non_exhaustive()
    }
}
