//! A group's place in the tree of groups: whether it is cancelled, and how much lives below it. Invariants are those of the parent module.
//!
//! # Orderings
//! All state is under the lock. A change is made under it and then told to all who wait; they wait for the change before they look (I4).

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use cede_core::lock::Lock;
use cede_sync::Notify;
use cede_sync::futures::OwnedNotified;

use super::CancelReason;
use crate::time::Instant;

crate::task_local! {
    /// The group of which the running task is a child.
    pub(super) static NODE: Arc<Node>;
}

/// See the module's description.
pub(super) struct Node {
    parent: Option<Arc<Node>>,
    deadline: Option<Instant>,
    state: Lock<State>,
    /// The group is cancelled, or cut off.
    changed: Arc<Notify>,
    /// `live` became zero.
    ended: Notify,
}

struct State {
    live: usize,
    reason: Option<CancelReason>,
    force: Option<Force>,
    cleanup: Duration,
    below: Vec<Weak<Node>>,
}

/// How hard a group is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Force {
    /// Children may clean up.
    Cancel,
    /// Children are dropped at their next turn.
    CutOff,
}

impl Node {
    /// A node below the group of which the running task is a child.
    pub(super) fn new(deadline: Option<Instant>, cleanup: Duration) -> Arc<Self> {
        let parent = NODE.try_get().ok();
        let inherited = parent.as_ref().and_then(|parent| parent.deadline);
        let node = Arc::new(Self {
            deadline: [deadline, inherited].into_iter().flatten().min(),
            state: Lock::new(State { live: 0, reason: None, force: None, cleanup, below: Vec::new() }),
            changed: Arc::new(Notify::new()),
            ended: Notify::new(),
            parent,
        });
        if let Some(parent) = &node.parent {
            let (gone, inherited) = {
                let mut state = parent.state.lock();
                let gone: Vec<_> = state.below.extract_if(.., |below| below.strong_count() == 0).collect();
                state.below.push(Arc::downgrade(&node));
                (gone, state.reason.clone().zip(state.force))
            };
            drop(gone);
            // (I3) Whoever cancels the parent after this finds the node below it.
            if let Some((reason, force)) = inherited {
                node.cancel(&reason, force);
            }
        }
        node
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn reason(&self) -> Option<CancelReason> {
        self.state.lock().reason.clone()
    }

    pub(super) fn force(&self) -> Option<Force> {
        self.state.lock().force
    }

    pub(super) fn cleanup(&self) -> Duration {
        self.state.lock().cleanup
    }

    pub(super) fn set_cleanup(&self, cleanup: Duration) {
        self.state.lock().cleanup = cleanup;
    }

    pub(super) fn live(&self) -> usize {
        self.state.lock().live
    }

    /// Cancels this group and all below it. The first reason stays.
    pub(super) fn cancel(&self, reason: &CancelReason, force: Force) {
        let Some(mut below) = self.mark(reason, force) else { return };
        let mut told = false;
        // Not by recursion: groups may be nested deeper than the stack is.
        cede_context::persist(move || {
            if !std::mem::replace(&mut told, true) {
                self.changed.notify_waiters();
                return true;
            }
            let Some(node) = below.pop() else { return false };
            if let Some(node) = node.upgrade()
                && let Some(further) = node.mark(reason, force)
            {
                below.extend(further);
                node.changed.notify_waiters();
            }
            true
        });
    }

    /// Notes that this group is cancelled. Gives those right below it, unless it was noted already.
    fn mark(&self, reason: &CancelReason, force: Force) -> Option<Vec<Weak<Self>>> {
        let mut state = self.state.lock();
        if state.force >= Some(force) {
            return None;
        }
        state.force = Some(force);
        if state.reason.is_none() {
            state.reason = Some(reason.clone());
        }
        Some(state.below.clone())
    }

    /// The next change of this node.
    pub(super) fn next_change(&self) -> OwnedNotified {
        self.changed.clone().notified_owned()
    }

    /// Waits until the group is cancelled.
    pub(super) async fn cancelled(&self) -> CancelReason {
        loop {
            let changed = self.changed.notified();
            if let Some(reason) = self.reason() {
                return reason;
            }
            changed.await;
        }
    }

    /// A child is going to be: it counts for this group and all above. (I2)
    pub(super) fn enter(&self) {
        self.upwards().for_each(|node| node.state.lock().live += 1);
    }

    /// A child is gone.
    pub(super) fn leave(&self) {
        let mut upwards = self.upwards();
        cede_context::persist(|| {
            let Some(node) = upwards.next() else { return false };
            let is_last = {
                let mut state = node.state.lock();
                state.live -= 1;
                state.live == 0
            };
            if is_last {
                node.ended.notify_waiters();
            }
            true
        });
    }

    fn upwards(&self) -> impl Iterator<Item = &Node> {
        std::iter::successors(Some(self), |node| node.parent.as_deref())
    }

    /// Waits until nothing lives in this group and below.
    pub(super) async fn ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.live() == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Drop for Node {
    /// Groups may be nested deeper than the stack is, so those above go one after the other.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(node) = parent {
            parent = Arc::into_inner(node).and_then(|mut node| node.parent.take());
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("live", &self.live())
            .field("reason", &self.reason())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_cancelled_and_go_however_deep_they_are_nested() {
        let top = Node::new(None, Duration::ZERO);
        let mut below = top.clone();
        for _ in 0..100_000 {
            below = NODE.sync_scope(below, || Node::new(None, Duration::ZERO));
        }
        top.cancel(&CancelReason::Shutdown, Force::Cancel);
        assert_eq!(below.reason(), Some(CancelReason::Shutdown));
        let gone = Arc::downgrade(&top);
        drop(top);
        assert!(gone.upgrade().is_some());
        drop(below);
        assert!(gone.upgrade().is_none());
    }
}
