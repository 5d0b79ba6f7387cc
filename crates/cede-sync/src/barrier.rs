//! `Barrier`: all wait until everybody is there.
//!
//! # What
//! A count of those that have arrived, the number of the *generation* (how often the barrier has opened), and a [`Notify`] for those that wait.
//!
//! # Why not the obvious way
//! A waiter that is dropped has not arrived: it counts itself out, so that a task that waits with a time limit and comes again counts once.
//!
//! # Invariants
//! - I1: `arrived` is less than `parties` whenever the lock is free: the last to arrive opens the barrier under the same lock.
//! - I2: an [`Arrival`] is counted in `arrived` exactly while its generation is the present one.
//! - I3: who opens the barrier notifies afterwards; who waits has a [`Notified`](crate::futures::Notified) before it looks at the generation.
//!
//! Few programs use this, so its functions are `#[inline]`: compiled by whoever calls them, and in no other program.
#![forbid(unsafe_code)]

use core::fmt;

use cede_context::wait::WaitKind;
use cede_core::lock::Lock;

use crate::Notify;
use crate::cooperative::cooperative;

/// Lets `n` tasks wait for each other; it can be used again and again.
///
/// ```
/// use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
///
/// let barrier = cede_sync::Barrier::new(2);
/// let mut cx = Context::from_waker(Waker::noop());
/// let mut first = pin!(barrier.wait());
/// assert!(first.as_mut().poll(&mut cx).is_pending());
/// let Poll::Ready(second) = pin!(barrier.wait()).poll(&mut cx) else { panic!("nobody is missing") };
/// assert!(second.is_leader());
/// assert!(first.poll(&mut cx).is_ready());
/// ```
pub struct Barrier {
    state: Lock<State>,
    opened: Notify,
    parties: usize,
}

struct State {
    arrived: usize,
    generation: usize,
}

/// One that has arrived and waits.
struct Arrival<'a> {
    barrier: &'a Barrier,
    generation: usize,
}

impl Barrier {
    /// A barrier for `n` tasks; 0 is as good as 1.
    #[inline]
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { state: Lock::new(State { arrived: 0, generation: 0 }), opened: Notify::new(), parties: n.max(1) }
    }

    /// Waits until as many tasks wait as the barrier is for. One of them, the last to arrive, is the leader.
    ///
    /// # Cancel safety
    /// A future that is dropped before it is ready has not arrived, unless the barrier has opened already.
    pub async fn wait(&self) -> BarrierWaitResult {
        cooperative(async {
            let Some(arrival) = self.arrive() else {
                self.opened.notify_waiters();
                return BarrierWaitResult(true);
            };
            let object = core::ptr::from_ref(self).addr() as u64;
            self.opened.until(WaitKind::Barrier, object, || arrival.is_over().then_some(())).await;
            BarrierWaitResult(false)
        })
        .await
    }

    /// Counts the caller; none if it was the last, and the barrier is open.
    #[inline]
    fn arrive(&self) -> Option<Arrival<'_>> {
        let mut state = self.state.lock();
        let generation = state.generation;
        state.arrived += 1;
        if state.arrived < self.parties {
            return Some(Arrival { barrier: self, generation });
        }
        state.arrived = 0;
        state.generation = generation.wrapping_add(1);
        None
    }
}

impl Arrival<'_> {
    #[inline]
    fn is_over(&self) -> bool {
        self.barrier.state.lock().generation != self.generation
    }
}

impl Drop for Arrival<'_> {
    #[inline]
    fn drop(&mut self) {
        let mut state = self.barrier.state.lock();
        if state.generation == self.generation {
            state.arrived -= 1;
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrived = self.state.lock().arrived;
        f.debug_struct("Barrier").field("parties", &self.parties).field("arrived", &arrived).finish_non_exhaustive()
    }
}

/// What [`Barrier::wait`] returns.
#[derive(Debug, Clone)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this was the last to arrive; exactly one is, each time.
    #[inline]
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}
