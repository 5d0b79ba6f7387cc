//! Who holds the locks that somebody waits for.
//!
//! Locks write it into [`Notes`] when somebody has to wait, and clear it when nobody waits any more ([`cede_context::holder`]); searches for deadlocks read it. Where more than eight locks of one row are waited for at
//! once a holder is missing, which hides a deadlock at worst.
//!
//! # Who may touch what
//! What is noted of one lock is written in the order of its own queue's lock. A thread that is in no runtime writes nothing, so a lock that such a thread gives to the last waiter leaves a word behind, until the
//! lock is waited for again or its place is needed.

#![forbid(unsafe_code)]

use cede_context::holder::{Awaited, Holder, Holders};

use super::notes::{NUMBER_MAX, Notes};
use super::{chain, peers};
use crate::rank::{self, linked};
use crate::runtime::context;

/// Who is noted may not be the one who has it, or not the only one.
const UNCERTAIN: u64 = (NUMBER_MAX >> 1) + 1;

static TABLE: Notes<512> = Notes::new();

/// For the threads that are in a runtime.
pub(crate) static HOLDERS: Holders = Holders {
    current: || context::current_task_id().unwrap_or(0),
    note: noted,
    followers: &rank::COUNT,
    idle,
    waits,
    end: peers::note,
    gone: peers::gone,
    looked_at: &chain::LOOKED_AT,
    looks: chain::keep,
};

fn noted(lock: u64, holder: Holder) {
    note(lock, holder);
    linked::holds(lock, if holder.is_certain { holder.task } else { 0 });
}

fn idle(lock: u64) {
    TABLE.forget(lock);
    linked::idle(lock);
}

fn waits(what: Awaited, begins: bool) {
    if let Some(task) = context::current_task_id() {
        if begins { linked::begins(what, task) } else { linked::ends(what, task) }
    }
}

/// Somebody waits for the lock at this address, which `holder` has.
fn note(lock: u64, holder: Holder) {
    // What does not fit is not known.
    let task = if holder.task < UNCERTAIN { holder.task } else { 0 };
    TABLE.note(lock, task | if holder.is_certain { 0 } else { UNCERTAIN });
}

/// The task that holds the lock at this address. Right only while somebody waits for the lock.
pub(super) fn of(lock: u64) -> Option<u64> {
    TABLE.find(lock).filter(|noted| noted & UNCERTAIN == 0)
}

/// The task that took the lock at this address last, but may have passed it on, or may not be the only one. Right only while somebody waits for the lock.
pub(super) fn perhaps_of(lock: u64) -> Option<u64> {
    TABLE.find(lock).filter(|noted| noted & UNCERTAIN != 0).map(|noted| noted & !UNCERTAIN).filter(|&task| task != 0)
}

#[cfg(test)]
mod tests {
    use cede_context::holder::Holder;

    use super::{idle, note, of, perhaps_of};

    fn certain(task: u64) -> Holder {
        Holder { task, is_certain: true }
    }

    #[test]
    fn a_holder_is_known_until_another_one_has_it_or_nobody_waits() {
        let lock = 0x7F00_1234_5678;
        assert_eq!(of(lock), None);
        note(lock, certain(17));
        assert_eq!(of(lock), Some(17));
        note(lock, certain(18));
        assert_eq!(of(lock), Some(18));
        note(lock, certain(0));
        assert_eq!(of(lock), None);
        note(lock, certain(u64::MAX));
        assert_eq!((of(lock), perhaps_of(lock)), (None, None));
        note(lock, certain(17));
        idle(lock);
        assert_eq!(of(lock), None);
    }

    #[test]
    fn who_may_have_it_is_told_apart_from_who_has_it() {
        let lock = 0x7F00_8765_4300;
        note(lock, Holder { task: 17, is_certain: false });
        assert_eq!((of(lock), perhaps_of(lock)), (None, Some(17)));
        note(lock, certain(18));
        assert_eq!((of(lock), perhaps_of(lock)), (Some(18), None));
        note(lock, Holder { task: 0, is_certain: false });
        assert_eq!((of(lock), perhaps_of(lock)), (None, None));
    }
}
