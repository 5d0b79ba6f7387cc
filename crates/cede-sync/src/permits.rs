//! The counting semaphore under `Semaphore`, `Mutex` and `RwLock`.
//!
//! # What
//! One word counts the free permits; who finds enough takes them with one compare-exchange. Who does not, queues in [`Claims`] under a lock and
//! marks the word. Who gives permits back adds them to the word with one compare-exchange, unless it is marked: then it hands them to the
//! waiters under the lock.
//!
//! # Why not the obvious way
//! To lock for each release (the list might have waiters) is a second and third atomic access on the path that matters. To let newcomers take
//! permits while others wait is faster under contention, but starves those who wait.
//!
//! # States of the word
//! `free permits << 2 | WAITED | CLOSED`.
//!
//! # Who may touch what
//! While `WAITED` is unset anybody may change the word, by compare-exchange. While it is set, only the holder of the lock may.
//! `WAITED` and `CLOSED` are set and unset under the lock only.
//!
//! # Invariants
//! - I1: `WAITED` is set exactly while the queue is not empty (seen under the lock). Then no permit is free: the oldest waiter got a part.
//! - I2: `CLOSED` is never unset; once it is set nobody queues, so `WAITED` is unset.
//! - I3: a claim is queued only in the claims of the `Permits` that its future borrows, and the future's drop takes it out.
//! - I4: permits neither vanish nor multiply, also when a waker panics: what is left to hand out is handed out before the panic goes on.
//!
//! # Orderings
//! Taking is an Acquire and giving a Release on the word, so what a holder did is seen by the next; through the queue the lock does the same.
//! Closing is a Release, and being refused because of it an Acquire.
//!
//! Who takes a lock notes itself and then looks for waiters; who waits marks the word and then looks who is noted. At least one of them must see the other, or nobody could tell
//! who holds the lock for as long as it is held, and a deadlock would go unreported. So these four are `SeqCst`: `[note]` before `[look]` in `hold`, `[mark]` in `take_part` before `[read]` in
//! `note_holder`. Single accesses have no total order in models, so there a fence stands between the two of each side.

use core::future::Future;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};

use cede_context::budget;
use cede_context::holder::{self, Awaited, Holder};
use cede_context::wait::{self, WaitKind, waiting_for_by_way};
use cede_core::lock::{Guard, Lock};
use cede_core::prim::atomic::{AtomicUsize, Ordering};
use cede_core::prim::light_barrier;
use cede_core::task::task_of;
use cede_core::wake_batch::WakeBatch;

use crate::claims::{Claim, Claims, Progress};
use crate::error::{AcquireError, TryAcquireError};

#[cfg(all(test, loom))]
mod model;

const CLOSED: usize = 1;
const WAITED: usize = 2;
const SHIFT: u32 = 2;
/// In `holder`: others may have permits besides, or the task may have passed its guard on.
const UNCERTAIN: usize = !(usize::MAX >> 1);

/// See the module's description.
pub(crate) struct Permits {
    word: AtomicUsize,
    claims: Lock<Claims>,
    /// The task that has what only one can have, zero if nobody knows; or, marked as uncertain, the one that took permits last. For reports only.
    holder: AtomicUsize,
    /// Whether these are the permits of a lock, whose holder matters.
    is_lock: bool,
}

// A panic leaves the counts as they should be [I4].
impl UnwindSafe for Permits {}
impl RefUnwindSafe for Permits {}

impl Permits {
    pub(crate) const MAX: usize = usize::MAX >> 3;

    cede_core::const_fn_unless_loom! {
        #[track_caller]
        pub(crate) fn new(permits: usize) -> Self {
            assert!(permits <= Self::MAX, "a semaphore may not have more than MAX_PERMITS permits");
            Self {
                word: AtomicUsize::new(permits << SHIFT),
                claims: Lock::new(Claims::new()),
                holder: AtomicUsize::new(0),
                is_lock: false,
            }
        }
    }

    cede_core::const_fn_unless_loom! {
        #[track_caller]
        pub(crate) fn of_lock(permits: usize) -> Self {
            let mut lock = Self::new(permits);
            lock.is_lock = true;
            lock
        }
    }

    pub(crate) fn available(&self) -> usize {
        self.word.load(Ordering::Acquire) >> SHIFT
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Takes `wanted` permits if they are free and nobody waits for some.
    #[inline]
    pub(crate) fn try_take(&self, wanted: usize) -> Result<(), TryAcquireError> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                // An Acquire: who is refused sees what was done before the closing.
                let _closed = self.is_closed();
                return Err(TryAcquireError::Closed);
            }
            // While others wait nothing is free [I1].
            if word >> SHIFT < wanted {
                return Err(TryAcquireError::NoPermits);
            }
            let taken = word - (wanted << SHIFT);
            match self.word.compare_exchange_weak(word, taken, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// Gives `permits` back, or adds new ones.
    #[inline]
    #[track_caller]
    pub(crate) fn give(&self, permits: usize) {
        if permits == 0 {
            return;
        }
        self.holder.store(0, Ordering::Relaxed);
        let mut word = self.word.load(Ordering::Relaxed);
        while word & WAITED == 0 {
            let given = Self::sum(word, permits);
            match self.word.compare_exchange_weak(word, given, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.hand_out(self.claims.lock(), permits);
    }

    #[track_caller]
    fn sum(word: usize, permits: usize) -> usize {
        let total = (word >> SHIFT).saturating_add(permits);
        assert!(total <= Self::MAX, "number of added permits ({permits}) would overflow MAX_PERMITS ({})", Self::MAX);
        total << SHIFT | word & (WAITED | CLOSED)
    }

    /// The task that runs has taken what only one can have.
    #[inline]
    pub(crate) fn hold(&self, keeps: Keeps) {
        // [note] A store would be seen by others later than the load is done: see the module on orderings.
        self.holder.swap(keeps.mark(holder::current()), Ordering::SeqCst);
        light_barrier();
        // [look]
        if self.word.load(Ordering::SeqCst) & WAITED != 0 {
            self.note_late();
        }
    }

    /// Like [`Permits::note_holder`], without the lock: those who waited may have gone meanwhile, and said so.
    #[cold]
    fn note_late(&self) {
        let claims = self.claims.lock();
        if !claims.is_empty() {
            self.note_holder();
        }
    }

    /// Tells those who look for deadlocks who holds what others wait for. The caller holds the lock, and somebody waits.
    #[cold]
    fn note_holder(&self) {
        if self.is_lock {
            light_barrier();
            // [read]
            let word = self.holder.load(Ordering::SeqCst);
            holder::note(self.address(), Holder { task: (word & !UNCERTAIN) as u64, is_certain: word & UNCERTAIN == 0 });
        }
    }

    /// Nobody waits any more. The caller holds the lock.
    #[cold]
    fn forget_holder(&self) {
        if self.is_lock {
            holder::idle(self.address());
        }
    }

    fn address(&self) -> u64 {
        core::ptr::from_ref(self).addr() as u64
    }

    /// The task that runs waits for this no longer.
    fn forget_wait(&self) {
        wait::forget(self.address());
        if self.is_lock {
            holder::waits_no_more(Awaited::Lock(self.address()));
        }
    }

    /// Gives permits to those who wait, and what is left to the word.
    #[cold]
    fn hand_out(&self, claims: Guard<'_, Claims>, mut permits: usize) {
        let mut batch = WakeBatch::new();
        self.hand_out_some(claims, &mut permits, &mut batch);
        if permits == 0 {
            return batch.wake_all();
        }
        cede_context::persist(|| {
            batch.wake_all();
            if permits > 0 {
                self.hand_out_some(self.claims.lock(), &mut permits, &mut batch);
            }
            permits > 0 || !batch.is_empty()
        });
    }

    fn hand_out_some(&self, mut claims: Guard<'_, Claims>, permits: &mut usize, batch: &mut WakeBatch) {
        *permits = claims.hand_out(*permits, batch, |holder| self.holder.store(holder, Ordering::Relaxed));
        if claims.is_empty() {
            self.forget_holder();
            let rest = core::mem::take(permits);
            // Also clears the mark: the queue is empty [I1].
            let mut word = self.word.load(Ordering::Relaxed);
            while let Err(now) = self.word.compare_exchange_weak(word, Self::sum(word, rest) & !WAITED, Ordering::AcqRel, Ordering::Relaxed)
            {
                word = now;
            }
        } else {
            self.note_holder();
        }
    }

    /// Takes up to `permits` out of circulation; returns how many.
    pub(crate) fn forget(&self, permits: usize) -> usize {
        if permits == 0 {
            return 0;
        }
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let taken = (word >> SHIFT).min(permits);
            match self.word.compare_exchange_weak(word, word - (taken << SHIFT), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return taken,
                Err(now) => word = now,
            }
        }
    }

    /// Refuses all who wait and all who come.
    pub(crate) fn close(&self) {
        let mut batch = WakeBatch::new();
        cede_context::persist(|| {
            batch.wake_all();
            let mut claims = self.claims.lock();
            let granted = claims.dismiss(&mut batch);
            self.word.fetch_or(CLOSED, Ordering::Release);
            self.word.fetch_add(granted << SHIFT, Ordering::Release);
            if claims.is_empty() {
                self.forget_holder();
                self.word.fetch_and(!WAITED, Ordering::Release);
            }
            drop(claims);
            !batch.is_empty()
        });
    }

    /// A future that takes `wanted` permits; it says that it waits for a `kind` of thing.
    pub(crate) fn take(&self, wanted: usize, kind: WaitKind) -> Take<'_> {
        self.take_to_keep(wanted, kind, Keeps::Some)
    }

    /// Like [`Permits::take`] for who wants what only one can have, so that the task is noted as the holder.
    pub(crate) fn take_to_keep(&self, wanted: usize, kind: WaitKind, keeps: Keeps) -> Take<'_> {
        Take { permits: self, kind, keeps, claim: Claim::new(wanted) }
    }
}

/// What a task does with permits of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Keeps {
    /// It has what only one can have, and keeps it as long as the task goes on.
    Alone = 0,
    /// It has what only one can have, and may pass it on.
    Perhaps = 1,
    /// Others have some, too. It is noted only if it had to wait, which costs those nothing who did not.
    Some = 3,
}

impl Keeps {
    /// The task, as the holder.
    #[inline]
    fn mark(self, task: u64) -> usize {
        // The lowest bit says whether it is uncertain.
        task as usize | (self as usize) << UNCERTAIN.trailing_zeros()
    }
}

impl core::fmt::Debug for Permits {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Permits").field("available", &self.available()).field("closed", &self.is_closed()).finish()
    }
}

/// Waits for permits. Keeps its place in the queue from poll to poll; what it got comes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Take<'a> {
    permits: &'a Permits,
    kind: WaitKind,
    keeps: Keeps,
    claim: Claim,
}

impl Take<'_> {
    fn parts(self: Pin<&mut Self>) -> (&Permits, (WaitKind, Keeps), Pin<&mut Claim>) {
        // SAFETY: the claim is only lent out pinned, and the other fields are `Unpin`.
        unsafe {
            let this = self.get_unchecked_mut();
            (this.permits, (this.kind, this.keeps), Pin::new_unchecked(&mut this.claim))
        }
    }

    /// The task has no budget left to take anything, but if it has to wait it takes its place in the queue, before those who come while it lets others run. Says whether
    /// it did.
    #[cold]
    fn line_up(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let (permits, wanted) = (self.permits, self.claim.wanted());
        if self.claim.is_queued() || permits.available() >= wanted {
            return false;
        }
        let polled = self.poll_queue(cx);
        if let Poll::Ready(Ok(())) = polled {
            // They have just become available, and nobody waits.
            permits.give(wanted);
        }
        polled.is_pending()
    }

    #[cold]
    fn poll_queue(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        let (permits, (kind, keeps), mut claim) = self.parts();
        let task = if permits.is_lock { holder::current() } else { 0 };
        // Cloning is foreign code: never under the lock.
        let mut waker = (!claim.is_queued()).then(|| cx.waker().clone());
        let joins = permits.is_lock && waker.is_some();
        loop {
            let mut claims = permits.claims.lock();
            if permits.is_closed() {
                return Poll::Ready(Err(AcquireError(())));
            }
            if claim.is_queued() {
                match claims.check(claim.as_mut(), cx.waker()) {
                    Progress::Satisfied => {
                        drop(claims);
                        permits.forget_wait();
                        permits.drop_unneeded(waker, claim.wanted());
                        return Poll::Ready(Ok(()));
                    }
                    Progress::Waiting => break,
                    Progress::OtherWaker => {}
                }
                if let Some(waker) = waker.take() {
                    let old = claims.set_waker(claim.as_mut(), keeps.mark(task), waker);
                    drop(claims);
                    drop(old);
                    break;
                }
            } else if let Some(waker) = waker.take() {
                match permits.take_part(claim.wanted()) {
                    Err(closed) => {
                        drop(claims);
                        return Poll::Ready(Err(closed));
                    }
                    Ok(granted) if granted == claim.wanted() => {
                        drop(claims);
                        permits.drop_unneeded(Some(waker), granted);
                        return Poll::Ready(Ok(()));
                    }
                    // SAFETY: [I3] it is not queued, and `drop` takes it out.
                    Ok(granted) => unsafe { claims.join(claim.as_mut(), granted, keeps.mark(task), waker) },
                }
                permits.note_holder();
                break;
            }
            drop(claims);
            waker = Some(cx.waker().clone());
        }
        let indirect = permits.is_lock && task_of(cx.waker()).is_none_or(|polled| polled.id() != task);
        waiting_for_by_way(kind, permits.address(), indirect);
        if joins {
            holder::waits(Awaited::Lock(permits.address()));
        }
        Poll::Pending
    }
}

impl Permits {
    /// Drops a waker for which the permits came too soon. If that panics, they go back. [I4]
    fn drop_unneeded(&self, waker: Option<Waker>, taken: usize) {
        let Some(waker) = waker else { return };
        let mut unneeded = Some(waker);
        cede_context::persist(|| {
            match unneeded.take() {
                Some(waker) => drop(waker),
                // It panicked. This wakes others, which may panic, too, and must not while the thread unwinds.
                None => self.give(taken),
            }
            false
        });
    }

    /// Takes all of `wanted`, or what is there and marks the word. The caller holds the lock, and queues unless it got all.
    fn take_part(&self, wanted: usize) -> Result<usize, AcquireError> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(AcquireError(()));
            }
            let granted = (word >> SHIFT).min(wanted);
            // [mark]
            let mark = if granted < wanted { WAITED } else { 0 };
            match self.word.compare_exchange_weak(word, (word - (granted << SHIFT)) | mark, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return Ok(granted),
                Err(now) => word = now,
            }
        }
    }
}

impl Future for Take<'_> {
    type Output = Result<(), AcquireError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !budget::has_remaining() && self.as_mut().line_up(cx) {
            return Poll::Pending;
        }
        let unit = ready!(budget::poll_proceed(cx));
        let outcome = if self.claim.is_queued() {
            ready!(self.as_mut().poll_queue(cx))
        } else {
            match self.permits.try_take(self.claim.wanted()) {
                Ok(()) => Ok(()),
                Err(TryAcquireError::Closed) => Err(AcquireError(())),
                Err(TryAcquireError::NoPermits) => ready!(self.as_mut().poll_queue(cx)),
            }
        };
        unit.spend();
        if self.keeps != Keeps::Some && outcome.is_ok() {
            self.permits.hold(self.keeps);
        }
        Poll::Ready(outcome)
    }
}

impl Drop for Take<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.claim.is_queued() {
            // SAFETY: a future that was queued was pinned, and is not moved from here on.
            give_up(unsafe { Pin::new_unchecked(self) });
        }
    }
}

#[cold]
fn give_up(take: Pin<&mut Take<'_>>) {
    let (permits, _, claim) = take.parts();
    permits.forget_wait();
    let mut claims = permits.claims.lock();
    let (granted, waker) = claims.leave(claim);
    // Also without permits: the queue may have become empty.
    permits.hand_out(claims, granted);
    drop(waker);
}
