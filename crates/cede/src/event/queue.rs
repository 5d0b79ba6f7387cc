//! The queue between emitters and a receiver. The rules are in the [module](super).

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use cede_core::lock::Lock;
use cede_sync::{OwnedSemaphorePermit, Semaphore};

use super::{EmitError, Emitted, Overflow};
use crate::ZeroLimit;

pub(super) struct Queue<T> {
    pub(super) capacity: usize,
    pub(super) overflow: Overflow,
    /// Only used with [`Overflow::Wait`]. (I1)
    room: Arc<Semaphore>,
    state: Lock<State<T>>,
}

struct State<T> {
    items: VecDeque<T>,
    emitters: usize,
    missed: u64,
    open: Open,
    receiver: Option<Waker>,
    /// So many items are in the queue again whose room was given back already: see [`Taken`].
    owed: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Yes,
    Closed,
    Disconnected,
}

/// What the receiver finds.
pub(super) enum Found<T> {
    Item(T),
    Nothing,
    End,
}

/// What is left to do when the lock is free again.
#[must_use]
pub(super) struct Afterwards<T> {
    pub(super) result: Result<Emitted, EmitError<T>>,
    thrown_out: Option<T>,
    receiver: Option<Waker>,
    disconnected: bool,
}

impl<T> Afterwards<T> {
    fn only(result: Result<Emitted, EmitError<T>>) -> Self {
        Self { result, thrown_out: None, receiver: None, disconnected: false }
    }

    /// Wakes, and drops what was thrown out; both are code of the user.
    pub(super) fn run(self, queue: &Queue<T>) -> Result<Emitted, EmitError<T>> {
        queue.tell(self.disconnected, self.receiver);
        drop(self.thrown_out);
        self.result
    }
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize, overflow: Overflow) -> Result<Self, ZeroLimit> {
        ZeroLimit::check("capacity", capacity)?;
        let capacity = capacity.min(Semaphore::MAX_PERMITS);
        let state = State { items: VecDeque::new(), emitters: 0, missed: 0, open: Open::Yes, receiver: None, owed: 0 };
        Ok(Self { capacity, overflow, room: Arc::new(Semaphore::new(capacity)), state: Lock::new(state) })
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    pub(super) fn missed(&self) -> u64 {
        self.state.lock().missed
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().open != Open::Yes
    }

    pub(super) fn is_disconnected(&self) -> bool {
        self.state.lock().open == Open::Disconnected
    }

    /// Room for one item, in the order of asking. With another policy than to wait none is needed: `None`.
    pub(super) async fn reserve(&self) -> Result<Option<OwnedSemaphorePermit>, ()> {
        match self.overflow {
            Overflow::Wait => Arc::clone(&self.room).acquire_owned().await.map(Some).map_err(drop),
            _ => Ok(None),
        }
    }

    /// As [`Queue::reserve`], without waiting. `None` if there is no room now.
    pub(super) fn try_reserve(&self) -> Option<Option<OwnedSemaphorePermit>> {
        match self.overflow {
            Overflow::Wait => Arc::clone(&self.room).try_acquire_owned().ok().map(Some),
            _ => Some(None),
        }
    }

    /// Puts an item in. `room` is what [`Queue::reserve`] gave.
    pub(super) fn push(&self, item: T, room: Option<OwnedSemaphorePermit>) -> Afterwards<T> {
        let mut state = self.state.lock();
        if state.open != Open::Yes {
            return Afterwards::only(Err(EmitError::Closed(item)));
        }
        let mut thrown_out = None;
        let mut emitted = Emitted::Queued;
        if let Some(room) = room {
            // It comes back when the item is taken.
            room.forget();
        } else if state.items.len() >= self.capacity {
            match self.overflow {
                Overflow::Wait => return Afterwards::only(Err(EmitError::Full(item))),
                Overflow::DropNewest => {
                    state.missed += 1;
                    let thrown_out = Some(item);
                    return Afterwards { thrown_out, ..Afterwards::only(Ok(Emitted::DroppedNewest)) };
                }
                Overflow::DropOldest => {
                    state.missed += 1;
                    thrown_out = state.items.pop_front();
                    emitted = Emitted::DroppedOldest;
                }
                Overflow::Disconnect => {
                    state.missed += 1;
                    state.open = Open::Disconnected;
                    let receiver = state.receiver.take();
                    return Afterwards { receiver, disconnected: true, ..Afterwards::only(Err(EmitError::Closed(item))) };
                }
            }
        }
        state.items.push_back(item);
        Afterwards { result: Ok(emitted), thrown_out, receiver: state.receiver.take(), disconnected: false }
    }

    /// Takes the oldest item; if there is none, `receiver` is woken by the next.
    pub(super) fn pop(&self, receiver: Option<&Waker>) -> Found<T> {
        // Cloned before the lock is taken, for that may be code of the user.
        let mut receiver = receiver.cloned();
        let mut state = self.state.lock();
        if let Some(item) = state.items.pop_front() {
            let is_paid = state.owed > 0;
            state.owed -= usize::from(is_paid);
            drop(state);
            return Found::Item(self.settle(item, receiver, is_paid));
        }
        if state.emitters == 0 || state.open != Open::Yes {
            return Found::End;
        }
        std::mem::swap(&mut state.receiver, &mut receiver);
        drop(state);
        drop(receiver);
        Found::Nothing
    }

    /// Gives the room of an item back that was taken, and drops a waker that was not needed. If one of these panics, the item stays.
    fn settle(&self, item: T, unused: Option<Waker>, is_paid: bool) -> T {
        let mut taken = Taken { queue: self, item: Some(item), is_paid };
        drop(unused);
        if self.overflow == Overflow::Wait && !std::mem::replace(&mut taken.is_paid, true) {
            self.room.add_permits(1);
        }
        taken.item.take().expect("it is there until here")
    }

    /// Tells those who wait for room, if the queue `closes`, and the receiver; all of them, also if a waker panics.
    fn tell(&self, mut closes: bool, mut receiver: Option<Waker>) {
        cede_context::persist(|| {
            if std::mem::take(&mut closes) {
                self.room.close();
                return true;
            }
            let Some(receiver) = receiver.take() else { return false };
            receiver.wake();
            true
        });
    }

    /// Nothing more goes in.
    pub(super) fn close(&self) {
        let receiver = {
            let mut state = self.state.lock();
            if state.open == Open::Yes {
                state.open = Open::Closed;
            }
            state.receiver.take()
        };
        self.tell(true, receiver);
    }

    /// Takes all out, for the receiver goes or wants none of them.
    pub(super) fn take_all(&self) -> VecDeque<T> {
        let (items, paid) = {
            let mut state = self.state.lock();
            (std::mem::take(&mut state.items), std::mem::take(&mut state.owed))
        };
        if self.overflow == Overflow::Wait {
            self.room.add_permits(items.len() - paid);
        }
        items
    }

    pub(super) fn add_emitter(&self) {
        self.state.lock().emitters += 1;
    }

    pub(super) fn remove_emitter(&self) {
        let receiver = {
            let mut state = self.state.lock();
            state.emitters -= 1;
            if state.emitters == 0 { state.receiver.take() } else { None }
        };
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }
}

/// An item that was taken out, until the receiver has it. If foreign code panics before, it goes back.
struct Taken<'a, T> {
    queue: &'a Queue<T>,
    item: Option<T>,
    /// Its room was given back.
    is_paid: bool,
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        if let Some(item) = self.item.take() {
            let mut state = self.queue.state.lock();
            state.items.push_front(item);
            state.owed += usize::from(self.is_paid);
        }
    }
}
