//! The two ends of a oneshot channel, and the allocation between them.
//!
//! # What
//! One byte says who has ended and is also the lock of the value and the wakers. A half ends once; the half that ends second frees the allocation. So a value
//! that is sent and then received costs one read-modify-write: the receiver finds the sender gone, and is alone.
//!
//! # Why not the obvious way
//! Two `Arc`s count in words of their own: four more read-modify-writes for what the two flags say already. A state word without a lock, with a bit
//! for each of *value set*, *closed* and the two wakers, has been the source of races between close, send and drop in more than one library: the
//! bits say who may touch which cell, in a dozen combinations. And once the sender has published its end it may not touch its wakers any more,
//! so it would have to claim the receiver's waker by a second step. Here the lock says who may touch the cells, and there are two ways to have it.
//!
//! # States
//! `SENDER_GONE`, `RECEIVER_GONE`, `CLOSED` and `SENT` go from 0 to 1 once. `CLOSED`: the receiver takes no value that is not there yet; it comes with
//! `RECEIVER_GONE` or before. `SENT`: the value is there; it comes with `SENDER_GONE`, and not after `CLOSED`. `SENDER_CAME` and `RECEIVER_CAME`
//! are hints: that end has parked a waker once.
//!
//! # Who may touch what
//! - `word`: read by both; written by whoever holds `LOCKED`, except for the bit itself.
//! - `cells`: the holder of `LOCKED`, or the half that is alone.
//! - The allocation: both; after an end has published that it is gone, only the other.
//!
//! # Invariants
//! - I1: `LOCKED` is set by a compare-exchange from a word without it and cleared when the [`Locked`] is dropped; one exists then.
//! - I2: a half that sees the flag of the other's end is alone, for good: storing the flag is the last thing that the other does to the allocation.
//! - I3: an end has its `Hold` until it is gone, and gives it up when it frees or publishes; as long as it has it the allocation is alive.
//! - I4: whoever sets `SENDER_GONE` or `CLOSED` takes the other half's waker out under the same lock, and wakes it.
//! - I5: values and wakers are cloned, woken and dropped outside of the lock.
//!
//! # Orderings
//! One variable. The Release store that unlocks is what an Acquire sees: that of the next lock, and that of the load which finds a flag and goes
//! on without the lock.

use alloc::boxed::Box;
use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;
use core::task::{Context, Poll, Waker};

use cede_context::wait::{WaitKind, waiting_for};
use cede_core::prim::UnsafeCell;
use cede_core::prim::atomic::{AtomicU8, Ordering};

const LOCKED: u8 = 1;
const SENDER_GONE: u8 = 1 << 1;
const RECEIVER_GONE: u8 = 1 << 2;
const CLOSED: u8 = 1 << 3;
const SENT: u8 = 1 << 4;
const SENDER_CAME: u8 = 1 << 5;
const RECEIVER_CAME: u8 = 1 << 6;

struct Cells<T> {
    value: Option<T>,
    sender: Option<Waker>,
    receiver: Option<Waker>,
}

struct Shared<T> {
    word: AtomicU8,
    cells: UnsafeCell<Cells<T>>,
}

/// The lock of the cells.
struct Locked<'a, T> {
    shared: &'a Shared<T>,
    /// The word to be stored when this is dropped.
    word: u8,
}

impl<T> Locked<'_, T> {
    #[inline]
    fn cells(&mut self) -> &mut Cells<T> {
        // SAFETY: [I1] this is the one `Locked`, and it is borrowed exclusively.
        self.shared.cells.with_mut(|cells| unsafe { &mut *cells })
    }
}

impl<T> Drop for Locked<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.shared.word.store(self.word, Ordering::Release);
    }
}

/// Where an end keeps its waker, and the flag that says that it did.
struct Seat<T> {
    came: u8,
    slot: fn(&mut Cells<T>) -> &mut Option<Waker>,
}

/// See [`Shared::lock_unless`]: the word before. One copy, not one for each type and place.
#[cold]
#[inline(never)]
fn lock_contended(shared: &AtomicU8, flags: u8) -> Option<u8> {
    let mut round = 0_u32;
    loop {
        let word = shared.load(Ordering::Acquire);
        if word & flags != 0 {
            return None;
        }
        let free = word & LOCKED == 0;
        if free && shared.compare_exchange(word, word | LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return Some(word);
        }
        #[cfg(loom)]
        loom::thread::yield_now();
        cede_context::relax(round);
        round = round.saturating_add(1);
    }
}

impl<T> Shared<T> {
    #[inline]
    fn has(&self, flags: u8) -> bool {
        self.word.load(Ordering::Acquire) & flags != 0
    }

    /// Takes the lock, unless one of `flags` is set: what the half that set it did before is seen then.
    #[inline]
    fn lock_unless(&self, flags: u8) -> Option<Locked<'_, T>> {
        let word = self.word.load(Ordering::Acquire);
        if word & flags != 0 {
            return None;
        }
        let unlocked = word & !LOCKED;
        match self.word.compare_exchange(unlocked, unlocked | LOCKED, Ordering::Acquire, Ordering::Relaxed) {
            Ok(word) => Some(Locked { shared: self, word }),
            Err(_) => lock_contended(&self.word, flags).map(|word| Locked { shared: self, word }),
        }
    }

    /// Ready when one of `flags` is set; until then keeps the waker in the seat.
    fn park(&self, cx: &Context<'_>, flags: u8, seat: &Seat<T>) -> Poll<()> {
        let word = self.word.load(Ordering::Acquire);
        if word & flags != 0 {
            return Poll::Ready(());
        }
        // Whoever came before has likely the right waker there.
        let mut fresh = (word & seat.came == 0).then(|| cx.waker().clone());
        loop {
            let Some(mut locked) = self.lock_unless(flags) else { return Poll::Ready(()) };
            let slot = (seat.slot)(locked.cells());
            if slot.as_ref().is_some_and(|old| old.will_wake(cx.waker())) {
                break;
            }
            if let Some(waker) = fresh.take() {
                let stale = slot.replace(waker);
                locked.word |= seat.came;
                drop(locked);
                drop(stale);
                break;
            }
            drop(locked);
            fresh = Some(cx.waker().clone());
        }
        waiting_for(WaitKind::Oneshot, core::ptr::from_ref(self).addr() as u64);
        Poll::Pending
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word.load(Ordering::Acquire);
        let has = |flag| word & flag != 0;
        f.debug_struct("Shared").field("sent", &has(SENT)).field("sender_done", &has(SENDER_GONE)).field("closed", &has(CLOSED)).finish()
    }
}

/// An end's right to the allocation.
struct Hold<T>(NonNull<Shared<T>>);

impl<T> Deref for Hold<T> {
    type Target = Shared<T>;
    #[inline]
    fn deref(&self) -> &Shared<T> {
        // SAFETY: [I3] the allocation is alive.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Hold<T> {
    /// Frees the allocation and gives the value that is left in it. No wakers are, for who is gone has taken both.
    ///
    /// # Safety
    /// The other end is seen to be gone.
    #[inline]
    unsafe fn free(self) -> Option<T> {
        // SAFETY: [I2] [I3] it came from a box, the other end does not touch it any more, and this one gives it up.
        let shared = unsafe { Box::from_raw(self.0.as_ptr()) };
        // SAFETY: [I2] this half is alone.
        shared.cells.with_mut(|cells| unsafe { (*cells).value.take() })
    }
}

/// Makes the two ends.
#[inline]
pub(super) fn pair<T>() -> (SenderEnd<T>, ReceiverEnd<T>) {
    let cells = UnsafeCell::new(Cells { value: None, sender: None, receiver: None });
    let shared = NonNull::from(Box::leak(Box::new(Shared { word: AtomicU8::new(0), cells })));
    (SenderEnd(Some(Hold(shared))), ReceiverEnd(Some(Hold(shared))))
}

/// What the sender has of the channel; nothing once it is gone.
pub(super) struct SenderEnd<T>(Option<Hold<T>>);

// SAFETY: [I1] [I2] what is shared is touched by one at a time; the value goes from thread to thread, and nobody gets a reference to it.
unsafe impl<T: Send> Send for SenderEnd<T> {}
// SAFETY: [I1] [I2] as above.
unsafe impl<T: Send> Sync for SenderEnd<T> {}

impl<T> SenderEnd<T> {
    const SEAT: Seat<T> = Seat { came: SENDER_CAME, slot: |cells| &mut cells.sender };

    pub(super) fn is_closed(&self) -> bool {
        self.0.as_ref().is_none_or(|shared| shared.has(CLOSED))
    }

    pub(super) fn poll_closed(&self, cx: &Context<'_>) -> Poll<()> {
        self.0.as_ref().map_or(Poll::Ready(()), |shared| shared.park(cx, CLOSED, &Self::SEAT))
    }

    /// The sender is gone: with a value, or without. A value that the receiver does not take comes back.
    #[inline]
    pub(super) fn finish(&mut self, value: Option<T>) -> Result<(), Option<T>> {
        let Some(hold) = self.0.take() else { return Err(value) };
        let Some(mut locked) = hold.lock_unless(RECEIVER_GONE) else {
            // SAFETY: [I2] the receiver is gone. No value is left: the sender puts it in at its own end only.
            unsafe { hold.free() };
            return Err(value);
        };
        let closed = locked.word & CLOSED != 0;
        let cells = locked.cells();
        let wakers = (cells.receiver.take(), cells.sender.take());
        let outcome = if closed {
            Err(value)
        } else {
            let sent = if value.is_some() { SENT } else { 0 };
            cells.value = value;
            locked.word |= sent;
            Ok(())
        };
        locked.word |= SENDER_GONE;
        drop(locked);
        let (receiver, _own) = wakers;
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        outcome
    }
}

impl<T> SenderEnd<T> {
    /// Not in each place where a sender is dropped: most have sent something by then.
    #[cold]
    #[inline(never)]
    fn give_up(&mut self) {
        // No value goes in, so none comes back.
        let _ = self.finish(None);
    }
}

impl<T> Drop for SenderEnd<T> {
    #[inline]
    fn drop(&mut self) {
        if self.0.is_some() {
            self.give_up();
        }
    }
}

impl<T> fmt::Debug for SenderEnd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_deref().fmt(f)
    }
}

/// What the receiver has of the channel; nothing once it is gone.
pub(super) struct ReceiverEnd<T>(Option<Hold<T>>);

// SAFETY: [I1] [I2] as for the sender's end.
unsafe impl<T: Send> Send for ReceiverEnd<T> {}
// SAFETY: [I1] [I2] as above.
unsafe impl<T: Send> Sync for ReceiverEnd<T> {}

impl<T> ReceiverEnd<T> {
    const SEAT: Seat<T> = Seat { came: RECEIVER_CAME, slot: |cells| &mut cells.receiver };

    pub(super) fn is_gone(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a value is there.
    pub(super) fn has_value(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.has(SENT))
    }

    /// Whether [`ReceiverEnd::finish`] gives all that will ever be there.
    pub(super) fn is_decided(&self) -> bool {
        self.0.as_ref().is_none_or(|shared| shared.has(SENDER_GONE | CLOSED))
    }

    #[inline]
    pub(super) fn poll_decided(&self, cx: &Context<'_>) -> Poll<()> {
        self.0.as_ref().map_or(Poll::Ready(()), |shared| shared.park(cx, SENDER_GONE | CLOSED, &Self::SEAT))
    }

    pub(super) fn close(&mut self) {
        // With the sender gone there is nothing to refuse and nobody to tell.
        if let Some(locked) = self.0.as_ref().and_then(|shared| shared.lock_unless(SENDER_GONE)) {
            Self::refuse(locked, CLOSED);
        }
    }

    /// The receiver is gone. Gives the value that was sent.
    #[inline]
    pub(super) fn finish(&mut self) -> Option<T> {
        let hold = self.0.take()?;
        let Some(locked) = hold.lock_unless(SENDER_GONE) else {
            // SAFETY: [I2] the sender is gone.
            return unsafe { hold.free() };
        };
        Self::refuse(locked, CLOSED | RECEIVER_GONE);
        None
    }

    /// Sets `flags` beside a sender that is not gone yet.
    fn refuse(mut locked: Locked<'_, T>, flags: u8) {
        locked.word |= flags;
        let cells = locked.cells();
        // The receiver waits no more: it is gone, or finds the channel closed.
        let (sender, _own) = (cells.sender.take(), cells.receiver.take());
        drop(locked);
        if let Some(sender) = sender {
            sender.wake();
        }
    }
}

impl<T> ReceiverEnd<T> {
    /// Not in each place where a receiver is dropped: most have got the value by then.
    #[cold]
    #[inline(never)]
    fn give_up(&mut self) {
        drop(self.finish());
    }
}

impl<T> Drop for ReceiverEnd<T> {
    #[inline]
    fn drop(&mut self) {
        if self.0.is_some() {
            self.give_up();
        }
    }
}

impl<T> fmt::Debug for ReceiverEnd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_deref().fmt(f)
    }
}
