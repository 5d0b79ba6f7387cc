//! What the two sides of an mpsc channel share.
//!
//! # What
//! One lock of a byte around the queue, the count of free places, and the senders that wait for one. A send or a receive is one critical section of a few
//! dozen instructions. The receiver's waker stays in its slot from message to message. An unbounded channel's values go by two ways that need the lock
//! once for many, or on one side only: the `backlog` that the receiver took from the queue in one go, and `front`.
//!
//! # Why not the obvious way
//! Lock-free rings and block lists touch more shared words for each message: the place counter, the slot's stamp, the waker's state. On few cores a
//! short lock with back-off costs less; on one it is one read-modify-write.
//!
//! # States
//! `closed` (no more places are given), `receiver_gone` and `senders_gone` go from false to true once. A bounded channel's places are free, held by a
//! permit or a waiting sender, or filled. An unbounded channel does not count places.
//!
//! # Who may touch what
//! `state`: the holder of the lock. `front`: see its module. `closed` is also read without. `rx`: see its module; the one waiter is the receiver, which its methods borrow mutably.
//!
//! # Invariants
//! - I1: while senders wait no place is free.
//! - I2: whoever makes `finished` true, or pushes, claims the receiver's wake under the same lock.
//! - I3: the order of values is backlog, `front`, queue: `front` is filled while the queue is empty, and the backlog is
//!   refilled while `front` is not.
//! - I4: values and wakers are dropped, cloned and woken outside of the lock.
//! - I5: the places of a bounded channel are `free`, granted to claims, held by permits, or filled by what is in the queue; with `owed` that is one more than `bound`.
//!   If a waker panics that is called when a value was taken, the value goes back to the head of the queue, but its place is given away already. The next receive takes it
//!   and gives nothing away for it, so there is never more than one.

use alloc::vec::Vec;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::task::{Context, Poll, Waker, ready};

use cede_context::budget;
use cede_context::holder::{self, End};
use cede_context::wait::{WaitKind, waiting_for};
use cede_core::lock::{Guard, Lock};
use cede_core::prim::atomic::{AtomicBool, AtomicUsize, Ordering};
use cede_core::wake_batch::WakeBatch;
use cede_core::waker_slot::{Call, WakerSlot};

use super::error::{SendError, TryRecvError, TrySendError};
use super::fifo::Fifo;
use super::front::Front;
use crate::Notify;
use crate::claims::Claims;

mod taken;

pub(super) struct Chan<T> {
    senders: AtomicUsize,
    weak_senders: AtomicUsize,
    /// Places of a bounded channel; `UNBOUNDED`.
    bound: usize,
    /// Tells the senders that wait for it that `closed` is set.
    closing: Notify,
    closed: AtomicBool,
    rx: WakerSlot,
    front: Front<T>,
    pub(super) state: Lock<State<T>>,
}

pub(super) struct State<T> {
    queue: Fifo<T>,
    pub(super) free: usize,
    pub(super) claims: Claims,
    receiver_gone: bool,
    senders_gone: bool,
    /// The place of the oldest value in the queue was given away. [I5]
    owed: bool,
}

// A panic leaves queue and counts as they should be: no foreign code runs while they change.
impl<T> UnwindSafe for Chan<T> {}
impl<T> RefUnwindSafe for Chan<T> {}

impl<T> Drop for Chan<T> {
    fn drop(&mut self) {
        holder::gone(self.address());
    }
}

impl<T> State<T> {
    /// Whether a freed place is nobody's: no sender waits for one, and none was given away before.
    #[inline]
    fn is_settled_by_counting(&self) -> bool {
        self.claims.is_empty() && !self.owed
    }
}

/// Where the receiver of an unbounded channel keeps what it took from the shared queue in one go.
pub(super) struct Backlog<T>(Fifo<T>);

// SAFETY: a shared backlog tells how many values it has, and gives no access to them.
unsafe impl<T: Send> Sync for Backlog<T> {}
impl<T> UnwindSafe for Backlog<T> {}
impl<T> RefUnwindSafe for Backlog<T> {}

impl<T> Backlog<T> {
    pub(super) const fn new() -> Self {
        Self(Fifo::new())
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

pub(super) const UNBOUNDED: usize = usize::MAX;

impl<T> Chan<T> {
    /// With one sender.
    pub(super) fn new(bound: usize) -> Self {
        let state =
            State { queue: Fifo::new(), free: bound, claims: Claims::new(), receiver_gone: false, senders_gone: false, owed: false };
        Self {
            senders: AtomicUsize::new(1),
            weak_senders: AtomicUsize::new(0),
            bound,
            closing: Notify::new(),
            closed: AtomicBool::new(false),
            rx: WakerSlot::new(),
            front: Front::new(),
            state: Lock::new(state),
        }
    }

    pub(super) fn bound(&self) -> usize {
        self.bound
    }

    pub(super) fn free(&self) -> usize {
        self.state.lock().free
    }

    pub(super) fn len(&self) -> usize {
        let state = self.state.lock();
        state.queue.len() + usize::from(self.front.is_full())
    }

    pub(super) fn is_empty(&self) -> bool {
        let state = self.state.lock();
        state.queue.is_empty() && !self.front.is_full()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The receiver's view: no sender can send any more, though permits may.
    pub(super) fn is_closed_for_receiver(&self) -> bool {
        self.is_closed() || self.strong_count() == 0
    }

    pub(super) async fn wait_closed(&self) {
        loop {
            let notified = self.closing.notified();
            if self.is_closed() {
                return;
            }
            notified.await;
        }
    }

    /// Whether nothing will be in the queue ever again.
    fn finished(&self, state: &State<T>) -> bool {
        state.queue.is_empty() && !self.front.is_full() && (state.senders_gone || self.is_closed() && state.free == self.bound)
    }

    /// Claims the wake of the receiver.
    #[inline]
    fn claim_receiver(&self, _locked: &mut State<T>) -> Option<Call<'_>> {
        // SAFETY: the state comes from under the lock.
        unsafe { self.rx.claim() }
    }

    /// Wakes the receiver for a value that the task that runs has sent.
    #[inline]
    fn call_receiver(&self, call: Option<Call<'_>>) {
        if let Some(call) = call {
            holder::at_end(self.address(), End::Sender);
            drop(call);
        }
    }

    fn address(&self) -> u64 {
        core::ptr::from_ref(self).addr() as u64
    }

    // Senders.

    /// Takes places if they are free and nobody waits for some.
    pub(super) fn try_reserve(&self, places: usize) -> Result<Guard<'_, State<T>>, TrySendError<()>> {
        let mut state = self.state.lock();
        if self.is_closed() {
            return Err(TrySendError::Closed(()));
        }
        match state.free.checked_sub(places) {
            None => Err(TrySendError::Full(())),
            Some(free) => {
                state.free = free;
                Ok(state)
            }
        }
    }

    /// Sends through a place that was reserved.
    pub(super) fn send_reserved(&self, value: T) {
        self.deliver(self.state.lock(), value);
    }

    /// As [`Chan::send_reserved`], under a lock that the caller has taken.
    #[inline]
    pub(super) fn deliver(&self, mut state: Guard<'_, State<T>>, value: T) {
        if state.receiver_gone {
            self.release(state, 1);
            return drop(value);
        }
        state.queue.push(value);
        let call = self.claim_receiver(&mut state);
        drop(state);
        self.call_receiver(call);
    }

    #[inline]
    pub(super) fn send_unbounded(&self, value: T) -> Result<(), SendError<T>> {
        let mut state = self.state.lock();
        if self.closed.load(Ordering::Relaxed) {
            drop(state);
            return Err(SendError(value));
        }
        if state.queue.is_empty() && !self.front.is_full() {
            // SAFETY: [I3] the lock is held, and it is not full.
            unsafe { self.front.put(value) };
        } else {
            state.queue.push(value);
        }
        let call = self.claim_receiver(&mut state);
        drop(state);
        self.call_receiver(call);
        Ok(())
    }

    /// Gives places back that were reserved and are not used.
    pub(super) fn give_back(&self, places: usize) {
        if places > 0 {
            self.release(self.state.lock(), places);
        }
    }

    /// Frees places: for those who wait first.
    #[inline]
    pub(super) fn release(&self, mut state: Guard<'_, State<T>>, places: usize) {
        if !state.claims.is_empty() {
            return self.hand_out(state, places);
        }
        state.free += places;
        let call = if self.is_closed() && self.finished(&state) { self.claim_receiver(&mut state) } else { None };
        drop(state);
        drop(call);
    }

    #[cold]
    fn hand_out(&self, mut state: Guard<'_, State<T>>, mut places: usize) {
        let mut batch = WakeBatch::new();
        places = state.claims.hand_out(places, &mut batch, |_| ());
        if places == 0 {
            drop(state);
            return batch.wake_all();
        }
        let mut state = Some(state);
        cede_context::persist(|| {
            if let Some(mut state) = state.take().or_else(|| (places > 0).then(|| self.state.lock())) {
                places = state.claims.hand_out(places, &mut batch, |_| ());
                if state.claims.is_empty() {
                    state.free += core::mem::take(&mut places);
                }
            }
            batch.wake_all();
            places > 0
        });
    }

    pub(super) fn add_sender(&self) {
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_sender(&self) {
        if self.senders.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let mut state = self.state.lock();
        state.senders_gone = true;
        let call = self.claim_receiver(&mut state);
        drop(state);
        drop(call);
    }

    /// Adds a sender unless all are gone.
    pub(super) fn upgrade(&self) -> bool {
        let more = |count| (count != 0).then_some(count + 1);
        self.senders.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    pub(super) fn strong_count(&self) -> usize {
        self.senders.load(Ordering::Acquire)
    }

    pub(super) fn add_weak(&self) {
        self.weak_senders.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_weak(&self) {
        self.weak_senders.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn weak_count(&self) -> usize {
        self.weak_senders.load(Ordering::Relaxed)
    }

    // The receiver.

    /// Receives one value of a bounded channel.
    #[inline]
    pub(super) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_take(cx, |state| state.queue.pop().map(|value| (value, 1)), State::put_back)
    }

    pub(super) fn poll_recv_many(&self, cx: &mut Context<'_>, buffer: &mut Vec<T>, limit: usize) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        let take = |state: &mut State<T>| {
            let count = state.queue.pop_many(buffer, limit);
            (count > 0).then_some((count, count))
        };
        // They are the caller's already.
        let taken = self.poll_take(cx, take, |_, _| ());
        taken.map(|count| count.unwrap_or(0))
    }

    /// The next value of an unbounded channel that the receiver can have without the lock.
    #[inline]
    pub(super) fn next(&self, backlog: &mut Backlog<T>) -> Option<T> {
        // SAFETY: [I3] who has the backlog is the receiver.
        backlog.pop().or_else(|| unsafe { self.front.take() })
    }

    /// Whether [`Chan::next`] gives a value.
    #[inline]
    pub(super) fn has_next(&self, backlog: &Backlog<T>) -> bool {
        !backlog.is_empty() || self.front.is_full()
    }

    /// Up to `limit` of the values that the receiver can have without the lock, to the end of `buffer`; returns how many.
    pub(super) fn next_many(&self, backlog: &mut Backlog<T>, buffer: &mut Vec<T>, limit: usize) -> usize {
        let count = backlog.0.pop_many(buffer, limit);
        if count == limit {
            return count;
        }
        // SAFETY: [I3] who has the backlog is the receiver.
        let front = unsafe { self.front.take() };
        let more = usize::from(front.is_some());
        buffer.extend(front);
        count + more
    }

    /// Moves the queue to the empty backlog, unless an older value is in front of it. Whether [`Chan::next`] gives a value then.
    #[inline]
    fn refill(&self, state: &mut State<T>, backlog: &mut Backlog<T>) -> bool {
        if self.front.is_full() {
            return true;
        }
        backlog.0.take_all(&mut state.queue);
        !backlog.is_empty()
    }

    /// Sees to it that [`Chan::next`] gives a value to an unbounded channel's receiver, whose backlog is empty; false: nothing will come any more.
    #[inline]
    pub(super) fn poll_backlog(&self, cx: &mut Context<'_>, backlog: &mut Backlog<T>) -> Poll<bool> {
        let taken = self.poll_take(cx, |state| self.refill(state, backlog).then_some(((), 0)), |_, ()| ());
        taken.map(|some| some.is_some())
    }

    /// Polls `take` under the lock: what it gives, and the number of places that this frees. The receiver parks if there is nothing. If foreign code panics before the
    /// caller has what was taken, that goes to `undo`.
    #[inline]
    fn poll_take<R>(
        &self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut State<T>) -> Option<(R, usize)>,
        undo: fn(&mut State<T>, R),
    ) -> Poll<Option<R>> {
        let unit = ready!(budget::poll_proceed(cx));
        let mut fresh: Option<Waker> = None;
        loop {
            let mut state = self.state.lock();
            if let Some((mut taken, places)) = take(&mut state) {
                if fresh.is_none() && state.is_settled_by_counting() {
                    state.free += places;
                    drop(state);
                } else {
                    taken = self.settle(state, places, fresh.take(), taken, undo);
                }
                unit.spend();
                return Poll::Ready(Some(taken));
            }
            if self.finished(&state) {
                drop(state);
                unit.spend();
                return Poll::Ready(None);
            }
            // SAFETY: the lock is held, and this is the receiver.
            if unsafe { self.rx.park(cx.waker()) } {
                break;
            }
            if let Some(waker) = fresh.take() {
                // SAFETY: as above.
                let replaced = unsafe { self.rx.replace(waker) };
                drop(state);
                match replaced {
                    Ok(old) => drop(old),
                    // Somebody calls the old waker just now: come again.
                    Err(waker) => waker.wake(),
                }
                break;
            }
            drop(state);
            fresh = Some(cx.waker().clone());
        }
        waiting_for(WaitKind::Receive, self.address());
        holder::at_end(self.address(), End::Receiver);
        Poll::Pending
    }

    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.state.lock();
        match state.queue.pop() {
            Some(value) => {
                if state.is_settled_by_counting() {
                    state.free += 1;
                    return Ok(value);
                }
                Ok(self.settle(state, 1, None, value, State::put_back))
            }
            None if self.finished(&state) => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    /// As [`Chan::poll_backlog`], without waiting.
    pub(super) fn try_backlog(&self, backlog: &mut Backlog<T>) -> Result<(), TryRecvError> {
        let mut state = self.state.lock();
        if self.refill(&mut state, backlog) {
            return Ok(());
        }
        Err(if self.finished(&state) { TryRecvError::Disconnected } else { TryRecvError::Empty })
    }

    /// No more places are given. Senders that wait get an error.
    pub(super) fn close(&self) {
        let mut batch = WakeBatch::new();
        let mut turned_away = false;
        // Those who wait for room and those who wait for the end: a waker that panics keeps none of both from being told.
        cede_context::persist(|| {
            if turned_away {
                self.closing.notify_waiters();
                return false;
            }
            let mut state = self.state.lock();
            self.closed.store(true, Ordering::Release);
            // The places that they had got come back when they see it, or are dropped; until then the channel is not finished.
            state.claims.turn_away(&mut batch);
            drop(state);
            turned_away = batch.is_empty();
            batch.wake_all();
            true
        });
    }

    /// The receiver is dropped.
    pub(super) fn remove_receiver(&self) {
        let mut state = self.state.lock();
        state.receiver_gone = true;
        self.closed.store(true, Ordering::Release);
        let queue = core::mem::replace(&mut state.queue, Fifo::new());
        if self.bound != UNBOUNDED {
            state.free += queue.len() - usize::from(core::mem::take(&mut state.owed));
        }
        // SAFETY: the lock is held, and this is the receiver, which waits no more.
        let (waker, front) = unsafe { (self.rx.clear(), self.front.take()) };
        drop(state);
        // Dropped at the end, in this order, also when a waker panics.
        let _drop_outside = (waker, front, queue);
        self.close();
    }
}
