//! The one wait list: who waits for a primitive, first come first served.
//!
//! # What
//! A doubly linked list whose nodes lie inside the waiting futures. Waiting allocates nothing, a future that is dropped unlinks itself in O(1),
//! and whoever wakes takes the oldest. Semaphore, Mutex, RwLock, Notify, watch and the bounded channel all wait here.
//!
//! # Why not the obvious way
//! A `VecDeque<Waker>` allocates, and cancellation must search it. A lock-free list with nodes owned by futures needs deferred reclamation
//! for a critical section of a dozen instructions. So the list is plain data inside a [`Lock`](crate::lock::Lock) of its owner.
//!
//! # States of a node
//! *free* (never in a list, or taken out) → *linked* ([`WaitList::push_back`]) → *free* ([`WaitList::pop_front`], [`WaitList::pop_back`] by
//! the waking side, or [`WaitList::remove`] by its future). What the waking side wants to say it leaves in the node's `data`.
//!
//! # Who may touch what
//! Everything in a node is reached through the list (`&mut WaitList`), thus by the holder of the lock that guards the list. A future alone
//! touches only what is outside the node. User code never runs here: wakers are moved in and out, and compared with `will_wake`.
//!
//! # Invariants
//! - I1: a linked node is pinned and alive: its future removes it, under the lock, before it ends. [`WaitList::push_back`] demands that.
//! - I2: a node is linked in at most one list, and reached only under the lock that guards that list.
//! - I3: `head` and `tail` are both null, or start and end of a chain whose `next` and `prev` mirror each other.
//! - I4: the order is that of the `push_back`s; nothing moves within the list.
//!
//! # Orderings
//! None: the lock of the owner orders all.

use core::marker::PhantomPinned;
use core::pin::Pin;
use core::ptr;
use core::task::Waker;

use crate::prim::UnsafeCell;

/// One waiter: a part of a waiting future. `T` is what the primitive notes for each waiter.
pub struct Node<T> {
    cell: UnsafeCell<Slot<T>>,
    _pinned: PhantomPinned,
}

struct Slot<T> {
    prev: *const Node<T>,
    next: *const Node<T>,
    linked: bool,
    waker: Option<Waker>,
    data: T,
}

// SAFETY: [I2] the links are reached under the lock of the list only; a waker may be sent.
unsafe impl<T: Send> Send for Node<T> {}
// SAFETY: [I2] a shared node gives access only to who holds the lock, one at a time.
unsafe impl<T: Send> Sync for Node<T> {}

impl<T> Node<T> {
    /// A node that is in no list.
    pub fn new(data: T) -> Self {
        let slot = Slot { prev: ptr::null(), next: ptr::null(), linked: false, waker: None, data };
        Self { cell: UnsafeCell::new(slot), _pinned: PhantomPinned }
    }

    /// # Safety
    /// The caller holds the lock of the list that this node belongs to, and calls nothing of this module in `access`.
    #[inline(always)]
    unsafe fn slot<R>(&self, access: impl FnOnce(&mut Slot<T>) -> R) -> R {
        // SAFETY: [I2] the lock excludes others, and no other reference into the slot lives: the caller does not nest accesses.
        self.cell.with_mut(|slot| access(unsafe { &mut *slot }))
    }
}

impl<T> core::fmt::Debug for Node<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}

/// A list of waiting futures, oldest first. Keep it inside a [`Lock`](crate::lock::Lock).
pub struct WaitList<T> {
    head: *const Node<T>,
    tail: *const Node<T>,
}

// SAFETY: [I2] the list is the right to reach its nodes; it moves with the lock that holds it.
unsafe impl<T: Send> Send for WaitList<T> {}
// SAFETY: a shared list only tells whether it is empty.
unsafe impl<T: Send> Sync for WaitList<T> {}

impl<T> WaitList<T> {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { head: ptr::null(), tail: ptr::null() }
    }

    /// Whether nobody waits.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Adds `node` as the youngest.
    ///
    /// # Safety
    /// - `node` is in no list. From now until it is popped or removed, only this list, or one that it is [appended](Self::append) to, is asked about it.
    /// - Before the memory of `node` is released, [`WaitList::remove`] is called on it, or it was popped.
    /// - All calls about the nodes of a list are made under one and the same lock.
    pub unsafe fn push_back(&mut self, node: Pin<&Node<T>>, waker: Option<Waker>) {
        let node: *const Node<T> = node.get_ref();
        let prev = self.tail;
        // SAFETY: [I2] the caller's promise; the node is in no list, so nobody else reaches it.
        unsafe {
            (*node).slot(|slot| {
                debug_assert!(!slot.linked, "a node waits twice");
                slot.prev = prev;
                slot.next = ptr::null();
                slot.linked = true;
                slot.waker = waker;
            });
        }
        if prev.is_null() {
            self.head = node;
        } else {
            // SAFETY: [I1] [I3] the tail is alive and linked.
            unsafe { (*prev).slot(|slot| slot.next = node) };
        }
        self.tail = node;
    }

    /// Takes `node` out; returns its waker. Does nothing if it is in no list.
    ///
    /// # Safety
    /// If `node` is linked, it is in this list.
    pub unsafe fn remove(&mut self, node: &Node<T>) -> Option<Waker> {
        // SAFETY: [I2] the caller's promise.
        let (linked, prev, next, waker) =
            unsafe { node.slot(|slot| (core::mem::replace(&mut slot.linked, false), slot.prev, slot.next, slot.waker.take())) };
        if linked {
            if prev.is_null() {
                self.head = next;
            } else {
                // SAFETY: [I1] [I3] neighbours in the chain are alive.
                unsafe { (*prev).slot(|slot| slot.next = next) };
            }
            if next.is_null() {
                self.tail = prev;
            } else {
                // SAFETY: [I1] [I3] as above.
                unsafe { (*next).slot(|slot| slot.prev = prev) };
            }
        }
        waker
    }

    /// Looks at the oldest waiter's data. `access` must not reach for the list.
    #[inline]
    pub fn front<R>(&mut self, access: impl FnOnce(&mut T) -> R) -> Option<R> {
        // SAFETY: [I1] [I2] the head is alive, and `&mut self` is the right to reach it.
        unsafe { self.head.as_ref().map(|node| node.slot(|slot| access(&mut slot.data))) }
    }

    /// Takes the oldest waiter out, after `tell` changed its data. The result is its waker, if it left one.
    #[inline]
    pub fn pop_front(&mut self, tell: impl FnOnce(&mut T)) -> Option<Option<Waker>> {
        self.pop(self.head, tell)
    }

    /// Takes the youngest waiter out, after `tell` changed its data. The result is its waker, if it left one.
    #[inline]
    pub fn pop_back(&mut self, tell: impl FnOnce(&mut T)) -> Option<Option<Waker>> {
        self.pop(self.tail, tell)
    }

    fn pop(&mut self, node: *const Node<T>, tell: impl FnOnce(&mut T)) -> Option<Option<Waker>> {
        // SAFETY: [I1] [I3] head and tail are null or alive.
        let node = unsafe { node.as_ref()? };
        // SAFETY: [I2] `&mut self` is the right to reach its nodes, and head and tail are in this list.
        unsafe {
            node.slot(|slot| tell(&mut slot.data));
            Some(self.remove(node))
        }
    }

    /// Moves all waiters of `other` to the end of this list, in O(1). Both are guarded by the same lock.
    pub fn append(&mut self, other: &mut Self) {
        let Self { head, tail } = core::mem::take(other);
        if head.is_null() {
            return;
        }
        if self.tail.is_null() {
            self.head = head;
        } else {
            // SAFETY: [I1] [I3] both ends are alive and linked.
            unsafe {
                (*self.tail).slot(|slot| slot.next = head);
                (*head).slot(|slot| slot.prev = self.tail);
            }
        }
        self.tail = tail;
    }

    /// Reads or changes the data of a waiter of this list, or of one that was taken out of it. `access` must not reach for the list.
    ///
    /// # Safety
    /// `node` is not in another list.
    #[inline]
    pub unsafe fn data<R>(&mut self, node: &Node<T>, access: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: [I2] the caller's promise.
        unsafe { node.slot(|slot| access(&mut slot.data)) }
    }

    /// Whether waking the waker that `node` left would wake the task of `waker`.
    ///
    /// # Safety
    /// `node` is not in another list.
    #[inline]
    pub unsafe fn will_wake(&mut self, node: &Node<T>, waker: &Waker) -> bool {
        // SAFETY: [I2] the caller's promise.
        unsafe { node.slot(|slot| slot.waker.as_ref().is_some_and(|old| old.will_wake(waker))) }
    }

    /// Replaces the waker of `node`; returns the old one, which is to be dropped after unlocking.
    ///
    /// # Safety
    /// `node` is not in another list.
    #[must_use = "drop the old waker after unlocking"]
    pub unsafe fn set_waker(&mut self, node: &Node<T>, waker: Waker) -> Option<Waker> {
        // SAFETY: [I2] the caller's promise.
        unsafe { node.slot(|slot| slot.waker.replace(waker)) }
    }
}

impl<T> Default for WaitList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> core::fmt::Debug for WaitList<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WaitList").field("is_empty", &self.is_empty()).finish()
    }
}

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;
