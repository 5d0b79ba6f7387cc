//! `broadcast`: every value reaches every receiver; who is too slow misses the oldest.
//!
//! # What
//! One queue under a lock of a byte. Its end is a position that grows with each send; each receiver has a cursor, the position of what it gets next.
//! When the queue is full, a send drops the oldest value, and the receivers that had not got it are told how many they missed.
//!
//! ```
//! use cede_sync::broadcast::{self, error::TryRecvError};
//!
//! let (tx, mut first) = broadcast::channel(2);
//! let mut second = tx.subscribe();
//! (1..=2).for_each(|value| assert_eq!(tx.send(value).unwrap(), 2));
//! assert_eq!(first.try_recv(), Ok(1));
//! tx.send(3).unwrap();
//! assert_eq!([first.try_recv(), first.try_recv()], [Ok(2), Ok(3)]);
//! assert_eq!(second.try_recv(), Err(TryRecvError::Lagged(1)));
//! assert_eq!([second.try_recv(), second.try_recv()], [Ok(2), Ok(3)]);
//! ```
//!
//! # Why not the obvious way
//! To count for each value who has yet to get it makes leaving expensive: a receiver that goes has to count itself out everywhere. Here each place in the queue
//! counts the cursors that are *at* it. Getting a value moves one cursor, leaving takes one away, and what no cursor is at or before is dropped from the front.
//! A lock for each place lets receivers of different values work in parallel; on few cores one short lock costs less.
//!
//! # States
//! `senders_gone` goes from false to true once. Without receivers nothing can be sent; a new one opens the channel again.
//!
//! # Who may touch what
//! `queue`: the holder of its lock. A value: who holds the value's own lock; that is held while the value is cloned, because values need not be `Sync`, and
//! clones of one value may not run at the same time. No other operation needs it, so only receivers of that very value wait for a slow clone.
//!
//! # Invariants
//! - I1: `at_end` and the `cursors` of all places add up to the number of receivers. A cursor before the first place (its value was dropped) counts as at the first.
//! - I2: the first place has a cursor, so every value that is kept is still to be got by somebody.
//! - I3: positions of the places are `end - places.len() .. end`; at most `capacity` are kept.
//! - I4: who pushes, or sets `senders_gone`, notifies after unlocking; who waits has a [`Notified`](crate::futures::Notified) before it looks. So nothing is missed.
//! - I5: values are cloned and dropped outside of the queue's lock.
#![forbid(unsafe_code)]

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use cede_context::holder::{self, End};
use cede_core::lock::Lock;
use cede_core::prim::atomic::{AtomicUsize, Ordering};

use crate::Notify;

pub mod error;
mod receiver;
mod sender;
pub use receiver::Receiver;
pub use sender::{Sender, WeakSender};

use error::TryRecvError;

/// A value that its receivers share. The lock is for cloning it.
type Value<T> = Arc<Lock<T>>;

struct Shared<T> {
    queue: Lock<Queue<T>>,
    capacity: usize,
    senders: AtomicUsize,
    weak_senders: AtomicUsize,
    /// Tells the receivers.
    sent: Notify,
    /// Tells the senders that no receiver is left.
    unheard: Notify,
}

struct Queue<T> {
    places: VecDeque<Place<T>>,
    /// The position that the next value gets.
    end: u64,
    receivers: usize,
    /// The cursors of receivers that have got everything.
    at_end: usize,
    senders_gone: bool,
}

struct Place<T> {
    value: Value<T>,
    cursors: usize,
}

/// Makes a channel that keeps at least `capacity` values for slow receivers: `capacity` is rounded up to a power of two.
///
/// # Panics
/// When `capacity` is 0 or more than `usize::MAX / 2`.
#[track_caller]
#[must_use]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Shared<T> {
    /// With one sender and no receivers.
    #[track_caller]
    fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "broadcast channel capacity cannot be zero");
        assert!(capacity <= usize::MAX >> 1, "broadcast channel capacity exceeded `usize::MAX / 2`");
        let queue = Queue { places: VecDeque::new(), end: 0, receivers: 0, at_end: 0, senders_gone: false };
        Self {
            queue: Lock::new(queue),
            capacity: capacity.next_power_of_two(),
            senders: AtomicUsize::new(1),
            weak_senders: AtomicUsize::new(0),
            sent: Notify::new(),
            unheard: Notify::new(),
        }
    }

    /// Puts a value at the end; how many receivers will get it. Without receivers it comes back.
    fn send(&self, value: T) -> Result<usize, T> {
        // Before the lock, so that the allocation is outside. A refused value is taken out again.
        let value = Arc::new(Lock::new(value));
        let (receivers, overwritten) = {
            let mut queue = self.queue.lock();
            if queue.receivers == 0 {
                drop(queue);
                return Err(Arc::into_inner(value).expect("nobody else has it").into_inner());
            }
            let overwritten = if queue.places.len() == self.capacity { queue.drop_first() } else { None };
            queue.end += 1;
            let cursors = core::mem::take(&mut queue.at_end);
            queue.places.push_back(Place { value, cursors });
            // The first place has a cursor [I2]: either nothing was kept, and all were at the end, or `drop_first` saw to it.
            (queue.receivers, overwritten)
        };
        // Notifies also if the drop panics.
        let _later = overwritten;
        if self.sent.notify_all() {
            holder::at_end(self.address(), End::Sender);
        }
        Ok(receivers)
    }

    /// Counts a receiver and gives its cursor.
    fn subscribe(&self) -> u64 {
        let mut queue = self.queue.lock();
        queue.receivers += 1;
        queue.at_end += 1;
        queue.end
    }

    /// Moves the cursor past the next value, and gives it.
    fn take(&self, cursor: &mut u64) -> Result<Value<T>, TryRecvError> {
        let mut queue = self.queue.lock();
        let index = match queue.index(*cursor) {
            Some(index) => index,
            None => {
                let first = queue.first();
                let missed = first - *cursor;
                *cursor = first;
                return Err(TryRecvError::Lagged(missed));
            }
        };
        if index == queue.places.len() {
            return Err(if queue.senders_gone { TryRecvError::Closed } else { TryRecvError::Empty });
        }
        *cursor += 1;
        *queue.cursors(index + 1) += 1;
        let place = &mut queue.places[index];
        place.cursors -= 1;
        if place.cursors == 0 && index == 0 {
            let place = queue.places.pop_front().expect("it was just counted");
            return Ok(place.value);
        }
        Ok(Arc::clone(&place.value))
    }

    /// A receiver goes: what only it had yet to get goes with it.
    fn unsubscribe(&self, cursor: u64) {
        let (unheard, dropped) = {
            let mut queue = self.queue.lock();
            queue.receivers -= 1;
            let index = queue.index(cursor).unwrap_or(0);
            *queue.cursors(index) -= 1;
            let unneeded = queue.places.iter().take_while(|place| place.cursors == 0).count();
            let dropped: Vec<Place<T>> = queue.places.drain(..unneeded).collect();
            (queue.receivers == 0, dropped)
        };
        let _later = dropped;
        if unheard {
            self.unheard.notify_waiters();
        }
    }

    fn senders_gone(&self) {
        self.queue.lock().senders_gone = true;
        self.sent.notify_waiters();
    }

    fn address(&self) -> u64 {
        core::ptr::from_ref(self).addr() as u64
    }

    fn strong_count(&self) -> usize {
        self.senders.load(Ordering::Acquire)
    }

    fn weak_count(&self) -> usize {
        self.weak_senders.load(Ordering::Acquire)
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        holder::gone(self.address());
    }
}

impl<T> Queue<T> {
    /// The position of the oldest value that is kept.
    fn first(&self) -> u64 {
        self.end - self.places.len() as u64
    }

    /// Where the cursor is: a place, or the end. None if what it is at was dropped.
    fn index(&self, cursor: u64) -> Option<usize> {
        // It fits: at most as many as are kept.
        cursor.checked_sub(self.first()).map(|distance| distance as usize)
    }

    /// How many cursors are at this place, or at the end.
    fn cursors(&mut self, index: usize) -> &mut usize {
        match self.places.get_mut(index) {
            Some(place) => &mut place.cursors,
            None => &mut self.at_end,
        }
    }

    /// Drops the oldest value; the cursors that were at it are at the next now.
    fn drop_first(&mut self) -> Option<Value<T>> {
        let place = self.places.pop_front()?;
        *self.cursors(0) += place.cursors;
        Some(place.value)
    }
}
