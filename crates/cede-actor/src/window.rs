//! Which keys an actor has seen lately.
//!
//! The window belongs to the mailbox, so it outlives incarnations. It never forgets a key early to make room: then a message could be seen twice. It refuses new ones instead.
//!
//! # Invariants
//! - I1: a key is in `entries` from before its message is posted; it leaves when its time is over and it is not pending, or when it is released.
//! - I2: each entry has one place in `order`, with its number.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use cede::time::Instant;

use crate::{Key, Mailbox};

/// What is remembered with a key.
pub(crate) trait Remembered: Any + Send + Sync {
    /// Whether it is not known yet how it ends.
    fn is_pending(&self) -> bool;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

pub(crate) struct Window {
    keys: usize,
    time: Duration,
    pub(crate) again_after_failure: bool,
    entries: BTreeMap<Key, (u64, Arc<dyn Remembered>)>,
    order: VecDeque<(Instant, Key, u64)>,
    numbers: u64,
}

/// What a window says of a key.
pub(crate) enum Seen {
    Never { number: u64 },
    Before(Arc<dyn Remembered>),
    TooMany,
}

impl Window {
    pub(crate) fn new(mailbox: &Mailbox) -> Self {
        let Mailbox { keys, remember, again_after_failure, .. } = *mailbox;
        Self { keys, time: remember, again_after_failure, entries: BTreeMap::new(), order: VecDeque::new(), numbers: 0 }
    }

    /// Looks a key up and, if it is new, remembers it with what `make` returns. The second value is to be dropped after unlocking.
    pub(crate) fn look_up(&mut self, key: &Key, now: Instant, new: Arc<dyn Remembered>) -> (Seen, Vec<Arc<dyn Remembered>>) {
        let mut leaving = self.forget_old(now);
        let seen = if let Some((_, before)) = self.entries.get(key) {
            leaving.push(new);
            Seen::Before(Arc::clone(before))
        } else if self.entries.len() >= self.keys {
            leaving.push(new);
            Seen::TooMany
        } else {
            self.numbers += 1;
            self.entries.insert(key.clone(), (self.numbers, new));
            self.order.push_back((now, key.clone(), self.numbers));
            Seen::Never { number: self.numbers }
        };
        (seen, leaving)
    }

    fn forget_old(&mut self, now: Instant) -> Vec<Arc<dyn Remembered>> {
        let mut leaving = Vec::new();
        // Once round at most: those that are pending go to the back.
        for _ in 0..self.order.len() {
            let Some((since, key, number)) = self.order.pop_front() else { break };
            if now.saturating_duration_since(since) < self.time {
                self.order.push_front((since, key, number));
                break;
            }
            if self.entries.get(&key).is_some_and(|(_, entry)| entry.is_pending()) {
                self.order.push_back((now, key, number));
            } else if let Some((_, entry)) = self.entries.remove(&key) {
                leaving.push(entry);
            }
        }
        leaving
    }

    /// Forgets a key, so that its message may come again. What it returns is to be dropped after unlocking.
    pub(crate) fn release(&mut self, key: &Key, number: u64) -> Option<Arc<dyn Remembered>> {
        if self.entries.get(key)?.0 != number {
            return None;
        }
        self.order.retain(|(_, _, other)| *other != number);
        self.entries.remove(key).map(|(_, entry)| entry)
    }
}
