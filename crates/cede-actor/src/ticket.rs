//! What an asker, its question and the answer share: how far the question came, and the asker's edge in the graph of waits.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use crate::circle::{Circle, EdgeKey, WaitFor};
use crate::locked;
use crate::node::Node;

cede::task_local! {
    /// The actor whose function runs.
    pub(crate) static CURRENT: Arc<Node>;
}

/// A wait of the running actor for another; in other tasks it has no effect. Dropping it ends the wait.
#[derive(Debug)]
pub(crate) struct Ticket {
    target: Arc<Node>,
    edge: Option<EdgeKey>,
    /// Whether the actor has taken the message out of its mailbox.
    seen: AtomicBool,
}

impl Ticket {
    pub(crate) fn begin(target: &Arc<Node>, wait: WaitFor, site: &'static Location<'static>) -> Result<Self, Circle> {
        match CURRENT.try_get() {
            Ok(current) if current.system().is(target.system()) => Self::between(&current, target, wait, site),
            _ => Ok(Self { target: Arc::clone(target), edge: None, seen: AtomicBool::new(false) }),
        }
    }

    /// A wait of one for another in the same system.
    pub(crate) fn between(from: &Arc<Node>, target: &Arc<Node>, wait: WaitFor, site: &'static Location<'static>) -> Result<Self, Circle> {
        let (key, wakers) = locked(target.system().waits()).enter(from, target, wait, site)?;
        wakers.into_iter().for_each(Waker::wake);
        Ok(Self { target: Arc::clone(target), edge: Some(key), seen: AtomicBool::new(false) })
    }

    /// Before looking for room; see [`crate::circle`].
    pub(crate) fn arm(&self, waker: &Waker) -> u64 {
        let Some(edge) = self.edge else { return 0 };
        let waker = waker.clone();
        let (moment, before) = locked(self.target.system().waits()).arm(edge, waker);
        drop(before);
        moment
    }

    /// After having found no room.
    pub(crate) fn confirm(&self, moment: u64) -> Option<Circle> {
        locked(self.target.system().waits()).confirm(self.edge?, moment)
    }

    /// The wait is over, or nobody knows any more whose turn it is.
    pub(crate) fn settle(&self) {
        if let Some(edge) = self.edge {
            let ended = locked(self.target.system().waits()).leave(edge);
            drop(ended);
        }
    }

    pub(crate) fn mark_seen(&self) {
        self.seen.store(true, Ordering::Release);
    }

    pub(crate) fn is_seen(&self) -> bool {
        self.seen.load(Ordering::Acquire)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.settle();
    }
}

/// Settles when the asker goes, though the question still holds the ticket.
pub(crate) struct Asking(pub(crate) Arc<Ticket>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.settle();
    }
}
