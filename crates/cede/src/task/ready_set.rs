//! Values each of which has a waker of its own, so that only those that were woken are looked at.
//!
//! # What
//! What stands behind [`JoinSet`](super::JoinSet) and [`scope`](crate::scope()): waiting for whichever of many comes first costs what those that were woken cost, not what all cost.
//!
//! # Who may touch what
//! Values and places: the owner of the set. The queue of woken ones and the owner's waker: under the lock, by anybody; the waker is called after it.
//!
//! # Invariants
//! - I1: `queued` of a signal is true from the wake that puts it into the queue (or is about to) until the owner takes it out. So a signal is in the queue at most once, and a
//!   wake after the owner took it out queues it again.
//! - I2: whoever puts a signal into the queue takes the owner's waker and wakes it. The owner leaves its waker under the same lock under which it found the queue empty.
//! - I3: signals own the queue and the queue owns signals; the circle is broken when the set goes, which empties the queue and closes it.
//!
//! Few programs use this, so its functions are `#[inline]`: compiled by whoever calls them, and in no other program.

#![forbid(unsafe_code)]

#[cfg(feature = "scope")]
mod watching;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use cede_core::lock::Lock;

/// See the module's description.
pub(crate) struct ReadySet<V> {
    places: Vec<Option<Entry<V>>>,
    vacant: Vec<usize>,
    woken: Arc<Woken>,
}

struct Entry<V> {
    value: V,
    signal: Arc<Signal>,
    waker: Waker,
}

/// The place of a value in its set, until the value is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(usize);

struct Signal {
    place: usize,
    queued: AtomicBool,
    woken: Arc<Woken>,
}

struct Woken {
    state: Lock<State>,
}

struct State {
    queue: VecDeque<Arc<Signal>>,
    owner: Option<Waker>,
    /// The set is gone. (I3)
    closed: bool,
}

impl Wake for Signal {
    #[inline]
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::SeqCst) {
            return;
        }
        let owner = {
            let mut state = self.woken.state.lock();
            if state.closed {
                return;
            }
            state.queue.push_back(self.clone());
            state.owner.take()
        };
        if let Some(owner) = owner {
            owner.wake();
        }
    }
}

impl<V> ReadySet<V> {
    #[inline]
    pub(crate) fn new() -> Self {
        let state = State { queue: VecDeque::new(), owner: None, closed: false };
        Self { places: Vec::new(), vacant: Vec::new(), woken: Arc::new(Woken { state: Lock::new(state) }) }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a value, which is not woken yet.
    #[inline]
    pub(crate) fn insert(&mut self, value: V) -> Place {
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        let signal = Arc::new(Signal { place, queued: AtomicBool::new(false), woken: self.woken.clone() });
        let waker = Waker::from(signal.clone());
        self.places[place] = Some(Entry { value, signal, waker });
        Place(place)
    }

    /// Takes the value that was woken first. If none was, `owner` is woken when one is.
    #[inline]
    pub(crate) fn pop_woken(&mut self, owner: Option<&Waker>) -> Option<Place> {
        loop {
            let signal = self.pop_signal(owner)?;
            // A signal of a value that has been removed may still be in the queue; another value may have its place.
            let is_current = self.places[signal.place].as_ref().is_some_and(|entry| Arc::ptr_eq(&entry.signal, &signal));
            if is_current {
                return Some(Place(signal.place));
            }
        }
    }

    #[inline]
    fn pop_signal(&self, owner: Option<&Waker>) -> Option<Arc<Signal>> {
        let mut fresh = None;
        loop {
            let replaced = {
                let mut state = self.woken.state.lock();
                if let Some(signal) = state.queue.pop_front() {
                    signal.queued.store(false, Ordering::SeqCst);
                    return Some(signal);
                }
                let owner = owner?;
                if state.owner.as_ref().is_some_and(|kept| kept.will_wake(owner)) {
                    return None;
                }
                fresh.take().map(|fresh| state.owner.replace(fresh))
            };
            match replaced {
                // What it was is dropped here, after the lock.
                Some(_before) => return None,
                // Cloning is foreign code, so it is done outside of the lock, and then everything once more.
                None => fresh = owner.cloned(),
            }
        }
    }

    /// The value in a place, and its waker.
    ///
    /// # Panics
    /// If the value was removed.
    #[inline]
    pub(crate) fn get(&mut self, place: Place) -> (&mut V, &Waker) {
        let entry = self.places[place.0].as_mut().expect("the value has not been removed");
        (&mut entry.value, &entry.waker)
    }

    /// Takes a value out.
    ///
    /// # Panics
    /// If it was removed already.
    #[inline]
    pub(crate) fn remove(&mut self, place: Place) -> V {
        let entry = self.places[place.0].take().expect("the value has not been removed");
        self.vacant.push(place.0);
        entry.value
    }

    /// All values.
    #[inline]
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.places.iter().flatten().map(|entry| &entry.value)
    }

    /// Takes all values out.
    #[inline]
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = V> {
        self.vacant.clear();
        std::mem::take(&mut self.places).into_iter().flatten().map(|entry| entry.value)
    }
}

impl<V> Drop for ReadySet<V> {
    #[inline]
    fn drop(&mut self) {
        let (queue, owner) = {
            let mut state = self.woken.state.lock();
            state.closed = true;
            (std::mem::take(&mut state.queue), state.owner.take())
        };
        drop((queue, owner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(std::sync::atomic::AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn only_woken_values_come_in_the_order_of_their_wakes() {
        let mut set = ReadySet::new();
        let places: Vec<Place> = (0..4).map(|i| set.insert(i)).collect();
        for i in [2, 0, 2] {
            set.get(places[i]).1.wake_by_ref();
        }
        let first = set.pop_woken(None).unwrap();
        assert_eq!(set.remove(first), 2);
        let second = set.pop_woken(None).unwrap();
        assert_eq!(*set.get(second).0, 0);
        assert!(set.pop_woken(None).is_none());
        assert_eq!(set.len(), 3);
    }

    #[test]
    fn the_owner_is_woken_once_for_each_time_it_found_nothing() {
        let count = Arc::new(Count(0.into()));
        let owner = Waker::from(count.clone());
        let mut set = ReadySet::new();
        let (a, b) = (set.insert('a'), set.insert('b'));
        assert!(set.pop_woken(Some(&owner)).is_none());
        set.get(a).1.wake_by_ref();
        set.get(b).1.wake_by_ref();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert_eq!(set.pop_woken(Some(&owner)), Some(a));
        assert_eq!(set.pop_woken(Some(&owner)), Some(b));
        assert!(set.pop_woken(Some(&owner)).is_none());
        set.get(b).1.wake_by_ref();
        assert_eq!(count.0.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_late_wake_of_a_removed_value_does_not_concern_the_one_in_its_place() {
        let mut set = ReadySet::new();
        let old = set.insert('a');
        let late = set.get(old).1.clone();
        late.wake_by_ref();
        set.remove(old);
        let new = set.insert('b');
        late.wake_by_ref();
        assert!(set.pop_woken(None).is_none());
        set.get(new).1.wake_by_ref();
        assert_eq!(set.pop_woken(None), Some(new));
    }
}
