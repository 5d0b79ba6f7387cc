//! Children that nobody waits for any more.
//!
//! A process that has ended stays in the kernel's table until its parent asks how. When a [`Child`](super::Child) is dropped before, this asks instead, whenever a
//! child of the process has ended.

use std::process::Child;
use std::sync::{Mutex, PoisonError};

use crate::signal::unix::dispatch::Listener;
use crate::signal::unix::{SignalKind, listen};

static ORPHANS: Mutex<Orphans> = Mutex::new(Orphans { children: Vec::new(), watch: None });

struct Orphans {
    children: Vec<Child>,
    /// Keeps `SIGCHLD` coming; made when there is an orphan for the first time.
    watch: Option<Listener>,
}

/// Takes over a child that may still run.
pub(super) fn adopt(mut child: Child) {
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    // The signal is watched before the child is put there and looked at again, so its end is not missed. Without a thread for signals, it is reaped when the next
    // orphan comes.
    let watch = listen(SignalKind::child()).ok();
    let replaced = {
        let mut orphans = ORPHANS.lock().unwrap_or_else(PoisonError::into_inner);
        orphans.children.push(child);
        std::mem::replace(&mut orphans.watch, watch)
    };
    drop(replaced);
    reap();
}

/// Asks all orphans whether they have ended. One that cannot be asked is not ours: it was left behind by `fork(2)`.
pub(crate) fn reap() {
    let mut orphans = ORPHANS.lock().unwrap_or_else(PoisonError::into_inner);
    orphans.children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}
