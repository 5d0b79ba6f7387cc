//! Entries on their way from their slots to the list of those that are due.
//!
//! Mostly they come in order, which is seen while they are added, so that nobody has to walk the list for it. The invariants are those of the [wheel](super).

use core::ptr::NonNull;

use super::{Entry, List, PLACE_DUE, order};

pub(super) struct Due {
    list: List,
    /// The key of the entry added last.
    last: (u64, u64),
    in_order: bool,
}

impl Due {
    pub(super) const fn new() -> Self {
        Self { list: List::new(), last: (0, 0), in_order: true }
    }

    /// # Safety
    /// The entry is alive, armed and on no list, and the caller has the wheel exclusively.
    #[inline]
    pub(super) unsafe fn push(&mut self, entry: NonNull<Entry>) {
        // SAFETY: [I1] [I2] the caller's promise.
        unsafe {
            let key = Entry::key(entry);
            self.in_order &= self.last <= key;
            self.last = key;
            Entry::set_place(entry, PLACE_DUE);
            self.list.push_back(entry);
        }
    }

    /// All of them in order of (deadline, insertion).
    ///
    /// # Safety
    /// The caller has the wheel exclusively, and the entries are alive.
    pub(super) unsafe fn sorted(self) -> List {
        // SAFETY: [I2] the caller's promise.
        if self.in_order { self.list } else { unsafe { order::sorted(self.list) } }
    }
}
