//! Knowing that a value is woken, without taking it.

use std::task::Waker;

use super::ReadySet;

impl<V> ReadySet<V> {
    /// How many values (perhaps also some that were removed) are woken.
    pub(crate) fn woken_count(&self) -> usize {
        self.woken.state.lock().queue.len()
    }

    /// Sees to it that `owner` is woken when a value is. Returns false if one is already.
    pub(crate) fn watch(&mut self, owner: &Waker) -> bool {
        let owner = owner.clone();
        let before = {
            let mut state = self.woken.state.lock();
            if !state.queue.is_empty() {
                return false;
            }
            state.owner.replace(owner)
        };
        drop(before);
        true
    }
}
