//! `Notify`: tells tasks that something happened, without a value.
//!
//! # What
//! At most one notification is stored: [`Notify::notify_one`] without a waiter leaves it, the next waiter takes it. [`Notify::notify_waiters`]
//! reaches exactly the [`Notified`] futures that exist when it is called, and stores nothing.
//!
//! # Why not the obvious way
//! A semaphore with at most one permit cannot notify futures that exist but were not polled. They carry the number of the *round* in which they
//! were made; `notify_waiters` begins a new one, and a future of an older round is notified.
//!
//! # States of the word
//! `round << 2 | EMPTY | WAITED | NOTIFIED`: nobody waits; somebody does; a notification is stored.
//! A future: *new* → (*queued* →) *done*.
//!
//! # Who may touch what
//! NOTIFIED ↔ EMPTY: anybody, by compare-exchange. The round, and from and to WAITED: the holder of the lock.
//! The lists and the nodes: the holder of the lock.
//!
//! # Invariants
//! - I1: a node is in `waiting` if its round is the word's, in `passed` if it is older, or in neither once it was popped. (So moving all of `waiting` to
//!   `passed` and beginning a round are one step under the lock.)
//! - I2: WAITED is set exactly while `waiting` is not empty; then nothing is stored.
//! - I3: a queued future takes its node out, under the lock, before it ends.
//! - I4: a notification given by `notify_one` to a future that is dropped before it saw it goes to the next, in the same order (first or last).
//!
//! # Orderings
//! Storing is a Release and taking an Acquire; what happened before a notification is seen after it. The rest is under the lock.

use alloc::sync::Arc;
use core::panic::{RefUnwindSafe, UnwindSafe};

use cede_core::lock::{Guard, Lock};
use cede_core::prim::atomic::{AtomicUsize, Ordering};
use cede_core::wait_list::WaitList;
use cede_core::wake_batch::WakeBatch;

mod notified;
mod until;
pub(crate) use notified::{Holder, NotifiedBy};
pub use notified::{Notified, OwnedNotified};

const EMPTY: usize = 0;
const WAITED: usize = 1;
const NOTIFIED: usize = 2;
const STATE: usize = 3;
const ROUND: usize = 4;

/// Which waiter `notify_one` or `notify_last` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// What the notifier leaves in a waiter's node.
#[derive(Debug)]
struct Ticket {
    /// Set when one notification was given to this waiter alone.
    given: Option<End>,
    popped: bool,
}

#[derive(Debug)]
struct Lists {
    waiting: WaitList<Ticket>,
    /// Those that `notify_waiters` owes a wake.
    passed: WaitList<Ticket>,
}

/// Tells one waiting task, or all, that something happened.
///
/// ```
/// use cede_sync::Notify;
/// use std::{future::Future, pin::pin, task::{Context, Waker}};
///
/// let notify = Notify::new();
/// notify.notify_one();
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(pin!(notify.notified()).poll(&mut cx).is_ready());
/// assert!(pin!(notify.notified()).poll(&mut cx).is_pending());
/// ```
#[derive(Debug)]
pub struct Notify {
    word: AtomicUsize,
    lists: Lock<Lists>,
}

impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

impl Notify {
    /// Nothing is stored, nobody waits.
    #[must_use]
    pub fn new() -> Self {
        Self::const_new()
    }

    cede_core::const_fn_unless_loom! {
        /// Like [`Notify::new`], for statics.
        #[must_use]
        pub fn const_new() -> Self {
            let lists = Lists { waiting: WaitList::new(), passed: WaitList::new() };
            Self { word: AtomicUsize::new(EMPTY), lists: Lock::new(lists) }
        }
    }

    /// A future that waits for a notification. It counts as a waiter of [`Notify::notify_waiters`] from this call on; of
    /// [`Notify::notify_one`] from its first poll, or [`Notified::enable`].
    ///
    /// # Cancel safety
    /// Dropping the future loses its place; a notification that `notify_one` gave to it goes to another.
    pub fn notified(&self) -> Notified<'_> {
        Notified::new(self, self.round())
    }

    /// Like [`Notify::notified`]; the future keeps the `Notify` alive.
    ///
    /// # Cancel safety
    /// As for [`Notify::notified`].
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        let round = self.round();
        OwnedNotified::new(self, round)
    }

    /// Notifies the task that has waited longest. If nobody waits, the notification is stored, unless one is already, and the next to wait takes it.
    pub fn notify_one(&self) {
        self.notify(End::First);
    }

    /// Like [`Notify::notify_one`], but notifies the task that began to wait last.
    pub fn notify_last(&self) {
        self.notify(End::Last);
    }

    /// Notifies all futures that exist now, polled or not. Nothing is stored.
    pub fn notify_waiters(&self) {
        let _waited = self.notify_all();
    }

    /// Like [`Notify::notify_waiters`]; says whether anybody waited.
    pub(crate) fn notify_all(&self) -> bool {
        let mut lists = self.lists.lock();
        // A new round begins; a stored notification stays stored.
        let word = self.word.fetch_add(ROUND, Ordering::AcqRel);
        if word & STATE != WAITED {
            return false;
        }
        let Lists { waiting, passed } = &mut *lists;
        passed.append(waiting);
        self.set_state(EMPTY);
        let mut batch = WakeBatch::new();
        if !Self::pop_passed(&mut lists, &mut batch) {
            drop(lists);
            batch.wake_all();
            return true;
        }
        drop(lists);
        cede_context::persist(|| {
            batch.wake_all();
            Self::pop_passed(&mut self.lists.lock(), &mut batch) || !batch.is_empty()
        });
        true
    }

    /// Collects waiters whose round is over; whether some are left.
    fn pop_passed(lists: &mut Lists, batch: &mut WakeBatch) -> bool {
        while batch.has_room() {
            match lists.passed.pop_front(|ticket| ticket.popped = true) {
                Some(Some(waker)) => batch.push(waker),
                Some(None) => {}
                None => break,
            }
        }
        !lists.passed.is_empty()
    }

    /// Like [`Notify::notified`], for a `Notify` that is a part of what `holder` holds.
    pub(crate) fn notified_by<H: Holder>(holder: H) -> NotifiedBy<H> {
        let round = holder.held().round();
        NotifiedBy::new(holder, round)
    }

    fn round(&self) -> usize {
        self.word.load(Ordering::Acquire) & !STATE
    }

    #[inline]
    fn notify(&self, end: End) {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & STATE != WAITED {
            // Also when one is stored already: so that this call is seen by who takes it.
            match self.word.compare_exchange_weak(word, word & !STATE | NOTIFIED, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.notify_queue(self.lists.lock(), end);
    }

    #[cold]
    fn notify_queue(&self, mut lists: Guard<'_, Lists>, end: End) {
        let tell = |ticket: &mut Ticket| {
            ticket.given = Some(end);
            ticket.popped = true;
        };
        let popped = match end {
            End::First => lists.waiting.pop_front(tell),
            End::Last => lists.waiting.pop_back(tell),
        };
        match popped {
            None => self.store(),
            Some(waker) => {
                if lists.waiting.is_empty() {
                    self.set_state(EMPTY);
                }
                drop(lists);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        }
    }

    /// Stores a notification; the caller holds the lock and saw that nobody waits.
    fn store(&self) {
        // An error means that it was stored already; others store and take without the lock.
        let _ = self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |word| Some(word & !STATE | NOTIFIED));
    }

    /// Leaves WAITED, which only the holder of the lock may; so nobody else changes the word now.
    fn set_state(&self, state: usize) {
        let word = self.word.load(Ordering::Relaxed);
        self.word.store(word & !STATE | state, Ordering::Release);
    }

    /// Takes the stored notification, if there is one, for a future of `round`; one whose round is over is notified without it.
    #[inline]
    fn take_stored(&self, round: usize) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while word == round | NOTIFIED {
            match self.word.compare_exchange_weak(word, word & !STATE | EMPTY, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}
