//! Waiting for places in a bounded channel, and holding them.
//!
//! # States
//! A [`Reserve`] is *new*, then *queued* in the claims of the channel if there are too few places, then *done*.
//!
//! # Who may touch what
//! The claims: the holder of the channel's lock. The flag of the claim: its future.
//!
//! # Invariants
//! - I1: a claim is queued only in the claims of the channel that its future borrows, and the future's drop takes it out.
//! - I2: places that were taken come back: a claim gives back what it got, [`Places`] what they hold, also when foreign code panics.
//! - I3: a claim never moves once its future was polled: it is only lent out pinned.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};

use cede_context::budget;
use cede_context::wait::{WaitKind, waiting_for};
use cede_core::lock::Guard;

use super::chan::{Chan, State};
use super::error::SendError;
use crate::claims::{Claim, Progress};

/// Places that were reserved; they go back when this is dropped.
pub(super) struct Places<'a, T> {
    pub(super) chan: &'a Chan<T>,
    pub(super) count: usize,
}

impl<T> Places<'_, T> {
    /// They are used otherwise.
    pub(super) fn keep(mut self) {
        self.count = 0;
    }

    /// Sends through one of them; there must be one.
    pub(super) fn send(&mut self, value: T) {
        self.count -= 1;
        self.chan.send_reserved(value);
    }
}

impl<T> Drop for Places<'_, T> {
    fn drop(&mut self) {
        self.chan.give_back(self.count);
    }
}

/// Waits for places; ready with the lock held and the places taken.
pub(super) struct Reserve<'a, T> {
    chan: &'a Chan<T>,
    claim: Claim,
}

impl<T> Chan<T> {
    /// Waits for `places` free places.
    pub(super) fn reserve(&self, places: usize) -> Reserve<'_, T> {
        Reserve { chan: self, claim: Claim::new(places) }
    }
}

impl<'a, T> Reserve<'a, T> {
    fn parts(self: Pin<&mut Self>) -> (&'a Chan<T>, Pin<&mut Claim>) {
        // SAFETY: [I3] the claim is only lent out pinned, and the other field is `Unpin`.
        unsafe {
            let this = self.get_unchecked_mut();
            (this.chan, Pin::new_unchecked(&mut this.claim))
        }
    }
}

impl<'a, T> Future for Reserve<'a, T> {
    type Output = Result<Guard<'a, State<T>>, SendError<()>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let unit = ready!(budget::poll_proceed(cx));
        let (chan, mut claim) = self.parts();
        let mut fresh: Option<Waker> = None;
        loop {
            let mut state = chan.state.lock();
            if chan.is_closed() {
                drop(state);
                unit.spend();
                return Poll::Ready(Err(SendError(())));
            }
            let satisfied = if claim.is_queued() {
                match state.claims.check(claim.as_mut(), cx.waker()) {
                    Progress::Satisfied => true,
                    Progress::Waiting => break,
                    Progress::OtherWaker => false,
                }
            } else if let Some(free) = state.free.checked_sub(claim.wanted()) {
                state.free = free;
                true
            } else {
                false
            };
            if satisfied {
                if let Some(unused) = fresh.take() {
                    drop(state);
                    // Comes back if the destructor of the waker panics.
                    let places = Places { chan, count: claim.wanted() };
                    drop(unused);
                    places.keep();
                    state = chan.state.lock();
                }
                unit.spend();
                return Poll::Ready(Ok(state));
            }
            if let Some(waker) = fresh.take() {
                if claim.is_queued() {
                    let old = state.claims.set_waker(claim.as_mut(), 0, waker);
                    drop(state);
                    drop(old);
                } else {
                    let granted = core::mem::take(&mut state.free);
                    // SAFETY: [I1] it is not queued, and `drop` takes it out.
                    unsafe { state.claims.join(claim.as_mut(), granted, 0, waker) };
                }
                break;
            }
            drop(state);
            fresh = Some(cx.waker().clone());
        }
        waiting_for(WaitKind::Send, core::ptr::from_ref(chan).addr() as u64);
        Poll::Pending
    }
}

impl<T> Drop for Reserve<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.claim.is_queued() {
            // SAFETY: [I3] a future that was queued was pinned, and is not moved from here on.
            give_up(unsafe { Pin::new_unchecked(self) });
        }
    }
}

#[cold]
fn give_up<T>(reserve: Pin<&mut Reserve<'_, T>>) {
    let (chan, claim) = reserve.parts();
    let mut state = chan.state.lock();
    let (granted, waker) = state.claims.leave(claim);
    chan.release(state, granted);
    drop(waker);
}
