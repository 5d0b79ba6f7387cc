//! A circular, doubly linked list of entries: one word, append and remove without a branch on "am I at the end".
//!
//! The invariants are those of the [wheel](super); (I2) is kept here.

use core::ptr::NonNull;

use super::Entry;

/// The first entry; its `prev` is the last.
pub(super) struct List {
    head: Option<NonNull<Entry>>,
}

impl List {
    pub(super) const fn new() -> Self {
        Self { head: None }
    }

    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    #[inline]
    pub(super) const fn front(&self) -> Option<NonNull<Entry>> {
        self.head
    }

    /// # Safety
    /// The caller has the wheel.
    #[inline]
    pub(super) unsafe fn back(&self) -> Option<NonNull<Entry>> {
        // SAFETY: [I2] the first entry is alive.
        self.head.map(|head| unsafe { Entry::prev(head) })
    }

    /// Puts another list behind this one.
    ///
    /// # Safety
    /// The caller has the wheel exclusively.
    pub(super) unsafe fn append(&mut self, other: Self) {
        let (Some(head), Some(second)) = (self.head, other.head) else {
            self.head = self.head.or(other.head);
            return;
        };
        // SAFETY: [I2] the listed entries are alive, and the two lists share none.
        unsafe {
            let (tail, last) = (Entry::prev(head), Entry::prev(second));
            Entry::set_next(tail, second);
            Entry::set_prev(second, tail);
            Entry::set_next(last, head);
            Entry::set_prev(head, last);
        }
    }

    /// # Safety
    /// The entry is alive and on no list, and the caller has the wheel exclusively.
    #[inline]
    pub(super) unsafe fn push_back(&mut self, entry: NonNull<Entry>) {
        // SAFETY: [I2] the listed entries are alive, and the new one goes between the last and the first.
        unsafe {
            let Some(head) = self.head else {
                Entry::set_next(entry, entry);
                Entry::set_prev(entry, entry);
                self.head = Some(entry);
                return;
            };
            let tail = Entry::prev(head);
            Entry::set_next(entry, head);
            Entry::set_prev(entry, tail);
            Entry::set_next(tail, entry);
            Entry::set_prev(head, entry);
        }
    }

    /// # Safety
    /// The entry is on this list, and the caller has the wheel exclusively.
    #[inline]
    pub(super) unsafe fn remove(&mut self, entry: NonNull<Entry>) {
        // SAFETY: [I2] its neighbours are on this list, so they are alive.
        unsafe {
            let next = Entry::next(entry);
            if next == entry {
                self.head = None;
                return;
            }
            let prev = Entry::prev(entry);
            Entry::set_next(prev, next);
            Entry::set_prev(next, prev);
            if self.head == Some(entry) {
                self.head = Some(next);
            }
        }
    }

    /// # Safety
    /// The caller has the wheel exclusively.
    #[inline]
    pub(super) unsafe fn pop_front(&mut self) -> Option<NonNull<Entry>> {
        let entry = self.head?;
        // SAFETY: [I2] the head is on this list.
        unsafe { self.remove(entry) };
        Some(entry)
    }

    /// # Safety
    /// The caller has the wheel, and `visit` changes no list.
    pub(super) unsafe fn for_each(&self, mut visit: impl FnMut(NonNull<Entry>)) {
        let Some(head) = self.head else { return };
        let mut entry = head;
        loop {
            visit(entry);
            // SAFETY: [I2] listed entries are alive.
            entry = unsafe { Entry::next(entry) };
            if entry == head {
                return;
            }
        }
    }
}
