//! Wakers collected under a lock, to be called after it.
//!
//! # What
//! Waking is foreign code: it may take any time, panic, or come back to the primitive that wakes. So nobody calls a waker under a lock of
//! ours. Holders move wakers into a batch, unlock, and call [`WakeBatch::wake_all`]. A batch lives on the stack and holds [`WakeBatch::ROOM`]
//! wakers; whoever has more unlocks when it is full, wakes, and locks again. That bounds how long a lock is held.
//!
//! # Invariants
//! - I1: `wakers[next..len]` are initialized and owned by the batch, all others are not.
//! - I2: a waker that was pushed is woken exactly once, in the order of the pushes, whatever the others do: also when one panics, and when the
//!   batch is dropped without [`WakeBatch::wake_all`].

use core::mem::MaybeUninit;
use core::task::Waker;

/// Up to [`WakeBatch::ROOM`] wakers that are owed a wake.
pub struct WakeBatch {
    wakers: [MaybeUninit<Waker>; Self::ROOM],
    next: usize,
    len: usize,
}

impl WakeBatch {
    /// How many wakers fit.
    pub const ROOM: usize = 32;

    /// An empty batch.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { wakers: [const { MaybeUninit::uninit() }; Self::ROOM], next: 0, len: 0 }
    }

    /// Whether another waker fits.
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.len < Self::ROOM
    }

    /// Whether nobody is owed a wake.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.next == self.len
    }

    /// Adds a waker.
    ///
    /// # Panics
    /// When the batch is full.
    #[inline]
    pub fn push(&mut self, waker: Waker) {
        self.wakers[self.len].write(waker);
        self.len += 1;
    }

    /// Wakes everybody, oldest first, and empties the batch.
    ///
    /// # Panics
    /// With the first panic of a waker, after all were called.
    #[inline]
    pub fn wake_all(&mut self) {
        match self.len - self.next {
            0 => {}
            1 => {
                if let Some(waker) = self.take() {
                    self.reset();
                    waker.wake();
                }
            }
            _ => self.wake_many(),
        }
    }

    #[cold]
    fn wake_many(&mut self) {
        cede_context::persist(|| match self.take() {
            Some(waker) => {
                waker.wake();
                true
            }
            None => {
                self.reset();
                false
            }
        });
    }

    #[inline]
    fn take(&mut self) -> Option<Waker> {
        if self.next == self.len {
            return None;
        }
        let taken = self.next;
        self.next += 1;
        // SAFETY: [I1] `taken` was within `next..len`, and has just left it.
        Some(unsafe { self.wakers[taken].assume_init_read() })
    }

    #[inline]
    fn reset(&mut self) {
        self.next = 0;
        self.len = 0;
    }
}

impl Default for WakeBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for WakeBatch {
    #[inline]
    fn drop(&mut self) {
        if !self.is_empty() {
            self.wake_many();
        }
    }
}

impl core::fmt::Debug for WakeBatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WakeBatch").field("owed", &(self.len - self.next)).finish()
    }
}
