//! Who waits for how many permits: the part that semaphores and bounded channels share.
//!
//! # What
//! A wait list whose nodes count the permits that a waiter still misses. Permits that come back go to the oldest waiter, in parts if need be,
//! until it has all; so one that wants many is not starved by those that want few.
//!
//! # Who may touch what
//! A [`Claims`] lies inside its owner's lock. A [`Claim`] belongs to a future; its flag `queued` is the future's own.
//!
//! # Invariants
//! - I1: a claim with `queued` set was linked into the claims of its one owner, by [`Claims::join`], whose caller promises to come back with
//!   [`Claims::leave`] before the claim ends. A claim that is not queued is in no list.
//! - I2: permits handed out and not taken are counted in `granted` of the claims that are linked or just satisfied; nothing is lost or doubled.

use core::pin::Pin;
use core::task::Waker;

use cede_core::wait_list::{Node, WaitList};
use cede_core::wake_batch::WakeBatch;

/// One waiter's claim to permits: a pinned part of a future.
#[derive(Debug)]
pub(crate) struct Claim {
    wanted: usize,
    queued: bool,
    node: Node<Need>,
}

/// What the permits' side notes for a waiter.
#[derive(Debug)]
struct Need {
    missing: usize,
    granted: usize,
    /// What is to be noted as the holder.
    holder: usize,
}

/// What became of a claim.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All permits are there; the claim has left the queue.
    Satisfied,
    /// It waits on, with the right waker.
    Waiting,
    /// The waker that it left is another task's.
    OtherWaker,
}

impl Claim {
    pub(crate) fn new(wanted: usize) -> Self {
        Self { wanted, queued: false, node: Node::new(Need { missing: wanted, granted: 0, holder: 0 }) }
    }

    pub(crate) fn wanted(&self) -> usize {
        self.wanted
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.queued
    }

    /// The parts: the number wanted, the flag, the pinned node.
    fn parts(self: Pin<&mut Self>) -> (usize, &mut bool, Pin<&Node<Need>>) {
        // SAFETY: the node is only lent out pinned, and the other fields are `Unpin`.
        unsafe {
            let this = self.get_unchecked_mut();
            (this.wanted, &mut this.queued, Pin::new_unchecked(&this.node))
        }
    }
}

/// The queue of the waiting claims; lies inside a lock.
#[derive(Debug)]
pub(crate) struct Claims {
    list: WaitList<Need>,
}

impl Claims {
    pub(crate) const fn new() -> Self {
        Self { list: WaitList::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Queues a claim that got `granted` of its permits already. `holder` is what is to be noted as the holder.
    ///
    /// # Safety
    /// The claim is not queued, and [`Claims::leave`] of these claims is called before it ends, if it is queued then.
    pub(crate) unsafe fn join(&mut self, claim: Pin<&mut Claim>, granted: usize, holder: usize, waker: Waker) {
        let (wanted, queued, node) = claim.parts();
        *queued = true;
        // SAFETY: [I1] the node is in no list, and the caller promises that it leaves this one in time.
        unsafe {
            self.list.data(&node, |need| *need = Need { missing: wanted - granted, granted, holder });
            self.list.push_back(node, Some(waker));
        }
    }

    /// Looks at a queued claim again, for the task of `waker`.
    pub(crate) fn check(&mut self, claim: Pin<&mut Claim>, waker: &Waker) -> Progress {
        let (_, queued, node) = claim.parts();
        debug_assert!(*queued);
        // SAFETY: [I1] a queued claim is in this list or was popped from it.
        unsafe {
            if self.list.data(&node, |need| need.missing == 0) {
                *queued = false;
                Progress::Satisfied
            } else if self.list.will_wake(&node, waker) {
                Progress::Waiting
            } else {
                Progress::OtherWaker
            }
        }
    }

    /// Gives a queued claim another waker, and something else that is to be noted as the holder; the old waker is to be dropped after unlocking.
    #[must_use = "drop the old waker after unlocking"]
    pub(crate) fn set_waker(&mut self, claim: Pin<&mut Claim>, holder: usize, waker: Waker) -> Option<Waker> {
        let (_, _, node) = claim.parts();
        // SAFETY: [I1] a queued claim is in this list or was popped from it.
        unsafe {
            self.list.data(&node, |need| need.holder = holder);
            self.list.set_waker(&node, waker)
        }
    }

    /// A claim gives up: returns the permits that it had got, and its waker, which is to be dropped after unlocking.
    #[must_use = "give the permits on"]
    pub(crate) fn leave(&mut self, claim: Pin<&mut Claim>) -> (usize, Option<Waker>) {
        let (_, queued, node) = claim.parts();
        if !core::mem::replace(queued, false) {
            return (0, None);
        }
        // SAFETY: [I1] a queued claim is in this list or was popped from it.
        unsafe {
            let waker = self.list.remove(&node);
            (self.list.data(&node, |need| core::mem::take(&mut need.granted)), waker)
        }
    }

    /// Hands up to `permits` to the waiters, oldest first; those that have all they want leave the queue. Returns what is left over: because nobody waits, or
    /// because the batch is full. `hold` is called with what is to be noted as the holder when one has got all it wants.
    pub(crate) fn hand_out(&mut self, mut permits: usize, batch: &mut WakeBatch, mut hold: impl FnMut(usize)) -> usize {
        while permits > 0 && batch.has_room() {
            let satisfied = self.list.front(|need| {
                let part = permits.min(need.missing);
                need.missing -= part;
                need.granted += part;
                permits -= part;
                need.missing == 0
            });
            match satisfied {
                Some(true) => self.send_off(batch, |need| hold(need.holder)),
                Some(false) => debug_assert_eq!(permits, 0),
                None => break,
            }
        }
        permits
    }

    /// Sends waiters off unsatisfied, as many as fit into the batch; they see elsewhere that they wait in vain. Returns the permits that they had got.
    #[must_use = "give the permits on"]
    pub(crate) fn dismiss(&mut self, batch: &mut WakeBatch) -> usize {
        let mut permits = 0;
        while batch.has_room() && !self.list.is_empty() {
            self.send_off(batch, |need| permits += core::mem::take(&mut need.granted));
        }
        permits
    }

    /// Sends waiters off unsatisfied, as many as fit into the batch; they see elsewhere that they wait in vain. What they had got they keep until they
    /// [leave](Self::leave).
    pub(crate) fn turn_away(&mut self, batch: &mut WakeBatch) {
        while batch.has_room() && !self.list.is_empty() {
            self.send_off(batch, |_| ());
        }
    }

    fn send_off(&mut self, batch: &mut WakeBatch, tell: impl FnOnce(&mut Need)) {
        if let Some(Some(waker)) = self.list.pop_front(tell) {
            batch.push(waker);
        }
    }
}
