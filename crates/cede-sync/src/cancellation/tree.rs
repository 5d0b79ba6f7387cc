//! The links between tokens: a table for each tree, under one lock.
//!
//! An entry names its neighbours by their places in the table. Children of one parent form a doubly linked list, so leaving is O(1) apart from the own children,
//! which move up. The root gets its entry with its first child: a token without children needs no table.
//!
//! # Invariants
//! - I1: an entry exists from the making of its node until the node's drop, or, for the root, from its first child on; then it is at place 0.
//! - I2: `next` and `prev` mirror each other, and all entries of a list have the same `parent`, whose `first_child` is the one without `prev`.
//! - I3: the entry of a cancelled node has no neighbours.
#![forbid(unsafe_code)]

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use cede_core::lock::Lock;
use cede_core::prim::atomic::Ordering;

use super::{Node, Reason};

const ROOT: usize = 0;
/// No entry: as a neighbour, and as the place of a node that was born cancelled.
const NONE: usize = usize::MAX;

/// Where a node is.
pub(super) struct Place {
    table: Arc<Lock<Table>>,
    index: usize,
}

struct Table {
    entries: Vec<Entry>,
    /// Entries that are free, by their `next`.
    free: usize,
}

struct Entry {
    /// Dangling in a free entry.
    node: Weak<Node>,
    parent: usize,
    first_child: usize,
    prev: usize,
    next: usize,
}

impl Place {
    /// A tree of its own.
    #[inline]
    pub(super) fn root() -> Self {
        Self { table: Arc::new(Lock::new(Table { entries: Vec::new(), free: NONE })), index: ROOT }
    }

    /// The node ends; its children move up.
    #[inline]
    pub(super) fn leave(&self) {
        if self.index != NONE {
            self.table.lock().remove(self.index);
        }
    }
}

/// Makes a node below `parent`.
#[inline]
pub(super) fn child(parent: &Arc<Node>) -> Arc<Node> {
    let table = Arc::clone(&parent.place.table);
    // Locked until the new node is whole: who finds its entry can reach it.
    let mut locked = parent.place.table.lock();
    if parent.cancelled.load(Ordering::Acquire) {
        drop(locked);
        let node = Node::new(Place { table, index: NONE }, true);
        if let Some(reason) = parent.reason.get() {
            // It is empty: the node is new.
            let _ = node.reason.set(Arc::clone(reason));
        }
        return Arc::new(node);
    }
    if locked.entries.is_empty() {
        locked.add(Arc::downgrade(parent), NONE);
    }
    Arc::new_cyclic(|node| {
        let index = locked.add(Weak::clone(node), parent.place.index);
        Node::new(Place { table, index }, false)
    })
}

/// Cancels a node and all below it, and tells those that wait.
#[inline]
pub(super) fn cancel(top: &Arc<Node>, reason: Option<Reason>) {
    // Outside of the lock, so that the nodes are dropped there.
    let mut cancelled = VecDeque::new();
    {
        let mut table = top.place.table.lock();
        if top.cancelled.load(Ordering::Acquire) {
            return;
        }
        let mut mark = |node: Arc<Node>| {
            if let Some(reason) = &reason {
                // It is empty: reasons are set under this lock, together with the mark.
                let _ = node.reason.set(Arc::clone(reason));
            }
            node.cancelled.store(true, Ordering::Release);
            cancelled.push_back(node);
        };
        if table.entries.is_empty() {
            mark(Arc::clone(top));
        } else {
            table.detach_all(top.place.index, mark);
        }
    }
    cede_context::persist(|| match cancelled.pop_front() {
        Some(node) => {
            node.told.notify_waiters();
            true
        }
        None => false,
    });
}

impl Table {
    /// Adds an entry, the first child of `parent`.
    #[inline]
    fn add(&mut self, node: Weak<Node>, parent: usize) -> usize {
        let entry = Entry { node, parent: NONE, first_child: NONE, prev: NONE, next: NONE };
        let index = self.free;
        let index = if index == NONE {
            self.entries.push(entry);
            self.entries.len() - 1
        } else {
            self.free = self.entries[index].next;
            self.entries[index] = entry;
            index
        };
        self.link(index, parent);
        index
    }

    /// Puts an entry without a parent below one.
    #[inline]
    fn link(&mut self, index: usize, parent: usize) {
        self.entries[index].parent = parent;
        if parent == NONE {
            return;
        }
        let next = core::mem::replace(&mut self.entries[parent].first_child, index);
        self.entries[index].next = next;
        if next != NONE {
            self.entries[next].prev = index;
        }
    }

    /// Takes an entry out from below its parent.
    #[inline]
    fn unlink(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        let parent = core::mem::replace(&mut entry.parent, NONE);
        let prev = core::mem::replace(&mut entry.prev, NONE);
        let next = core::mem::replace(&mut entry.next, NONE);
        if prev != NONE {
            self.entries[prev].next = next;
        } else if parent != NONE {
            self.entries[parent].first_child = next;
        }
        if next != NONE {
            self.entries[next].prev = prev;
        }
    }

    /// Frees an entry; its children move up.
    #[inline]
    fn remove(&mut self, index: usize) {
        if self.entries.is_empty() {
            // A root that never had children.
            return;
        }
        let parent = self.entries[index].parent;
        let mut child = self.entries[index].first_child;
        while child != NONE {
            self.unlink(child);
            self.link(child, parent);
            child = self.entries[index].first_child;
        }
        self.unlink(index);
        self.entries[index].node = Weak::new();
        self.entries[index].next = core::mem::replace(&mut self.free, index);
    }

    /// Takes `top` and all below it out of the tree, and calls `mark` for those that somebody still has.
    #[inline]
    fn detach_all(&mut self, top: usize, mut mark: impl FnMut(Arc<Node>)) {
        let mut index = top;
        loop {
            // Each entry goes once its children have, and its parent is where the walk goes on.
            let child = self.entries[index].first_child;
            if child != NONE {
                index = child;
                continue;
            }
            let parent = self.entries[index].parent;
            self.unlink(index);
            if let Some(node) = self.entries[index].node.upgrade() {
                mark(node);
            }
            if index == top {
                return;
            }
            index = parent;
        }
    }
}
