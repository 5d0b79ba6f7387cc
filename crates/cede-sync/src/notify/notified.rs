//! The futures that wait for a notification.
//!
//! [`Notified`], [`OwnedNotified`] and [`NotifiedBy`] are one machine with several ways to hold the `Notify`. Its states and invariants are those of the parent
//! module, whose lock guards the node.

use alloc::sync::Arc;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use cede_context::wait::{WaitKind, waiting_for};
use cede_core::prim::atomic::Ordering;
use cede_core::wait_list::Node;

use super::{EMPTY, NOTIFIED, Notify, STATE, Ticket, WAITED};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Queued,
    Done,
}

/// The part of a waiting future that does not depend on who holds the `Notify`.
#[derive(Debug)]
struct Wait {
    stage: Stage,
    round: usize,
    node: Node<Ticket>,
}

/// Drops a waker for which a notification came too soon. If that panics, the notification goes back. (I4)
fn drop_unneeded(waker: Option<Waker>, notify: &Notify) {
    let Some(waker) = waker else { return };
    let mut unneeded = Some(waker);
    cede_context::persist(|| {
        match unneeded.take() {
            Some(waker) => drop(waker),
            // It panicked. This wakes another one, which may panic, too, and must not while the thread unwinds.
            None => notify.notify_one(),
        }
        false
    });
}

impl Wait {
    fn new(round: usize) -> Self {
        Self { stage: Stage::New, round, node: Node::new(Ticket { given: None, popped: false }) }
    }

    fn parts(self: Pin<&mut Self>) -> (&mut Stage, usize, Pin<&Node<Ticket>>) {
        // SAFETY: the node is only lent out pinned, and the other fields are `Unpin`.
        unsafe {
            let this = self.get_unchecked_mut();
            (&mut this.stage, this.round, Pin::new_unchecked(&this.node))
        }
    }

    /// Whether it is notified; if not, it is queued, and `waker` is woken when it is.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, notify: &Notify, waker: Option<&Waker>) -> bool {
        let done = match self.stage {
            Stage::Done => return true,
            Stage::New if notify.take_stored(self.round) => true,
            Stage::New => notify.round() != self.round || self.as_mut().enqueue(notify, waker.cloned()),
            Stage::Queued => self.as_mut().look(notify, waker),
        };
        if done {
            *self.parts().0 = Stage::Done;
        }
        done
    }

    /// The first poll, nothing was stored: looks again under the lock, and queues.
    fn enqueue(self: Pin<&mut Self>, notify: &Notify, waker: Option<Waker>) -> bool {
        let (stage, round, node) = self.parts();
        // Bound before the lock, thus dropped after it.
        let waker = waker;
        let mut lists = notify.lists.lock();
        let mut word = notify.word.load(Ordering::Acquire);
        if word & !STATE != round {
            return true;
        }
        while word & STATE != WAITED {
            let (next, done) = if word & STATE == NOTIFIED { (EMPTY, true) } else { (WAITED, false) };
            match notify.word.compare_exchange(word, word & !STATE | next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) if done => {
                    drop(lists);
                    drop_unneeded(waker, notify);
                    return true;
                }
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        // SAFETY: [I1] [I3] it is of the present round, in no list, and `Wait::leave` takes it out before it ends.
        unsafe { lists.waiting.push_back(node, waker) };
        *stage = Stage::Queued;
        false
    }

    /// A later poll.
    fn look(self: Pin<&mut Self>, notify: &Notify, waker: Option<&Waker>) -> bool {
        let (_, round, node) = self.parts();
        let mut fresh: Option<Waker> = None;
        loop {
            let mut lists = notify.lists.lock();
            if notify.round() != round {
                // `notify_waiters` was called; it may not have come to this one yet.
                // SAFETY: [I1] of an older round, so it is in `passed`, or in no list.
                let own = unsafe { lists.passed.remove(&node) };
                drop(lists);
                drop(own);
                return true;
            }
            // SAFETY: [I1] of the present round, so it is in `waiting`, or in no list.
            unsafe {
                if lists.waiting.data(&node, |ticket| ticket.popped) {
                    return true;
                }
                let Some(waker) = waker else { return false };
                if lists.waiting.will_wake(&node, waker) {
                    return false;
                }
                if let Some(fresh) = fresh.take() {
                    let old = lists.waiting.set_waker(&node, fresh);
                    drop(lists);
                    drop(old);
                    return false;
                }
                drop(lists);
                fresh = Some(waker.clone());
            }
        }
    }

    /// The future ends while queued: unlinks it, and gives a notification on that it has not seen.
    #[cold]
    fn leave(self: Pin<&mut Self>, notify: &Notify) {
        let (_, round, node) = self.parts();
        let mut lists = notify.lists.lock();
        let list = if round == notify.round() { &mut lists.waiting } else { &mut lists.passed };
        // SAFETY: [I1] of an older round it is in `passed`, of the present one in `waiting`, or in no list.
        let (own, given) = unsafe { (list.remove(&node), list.data(&node, |ticket| ticket.given)) };
        if lists.waiting.is_empty() && notify.word.load(Ordering::Relaxed) & STATE == WAITED {
            notify.set_state(EMPTY);
        }
        match given {
            Some(end) => notify.notify_queue(lists, end),
            None => drop(lists),
        }
        drop(own);
    }
}

/// Who holds the `Notify` of a future. It is the same one at each call.
pub(crate) trait Holder: Unpin {
    fn held(&self) -> &Notify;
}

impl Holder for &Notify {
    fn held(&self) -> &Notify {
        self
    }
}

impl Holder for Arc<Notify> {
    fn held(&self) -> &Notify {
        self
    }
}

macro_rules! notified {
    ($(#[$meta:meta])* $vis:vis $name:ident [$($decl:tt)*] [$($args:tt)*], $holder:ty) => {
        $(#[$meta])*
        #[derive(Debug)]
        #[must_use = "a future does nothing unless it is awaited"]
        $vis struct $name <$($decl)*> {
            holder: $holder,
            wait: Wait,
        }

        impl <$($decl)*> $name <$($args)*> {
            pub(crate) fn new(holder: $holder, round: usize) -> Self {
                Self { holder, wait: Wait::new(round) }
            }

            fn parts(self: Pin<&mut Self>) -> (&Notify, Pin<&mut Wait>) {
                // SAFETY: `wait` is only lent out pinned, and the holder is `Unpin`.
                unsafe {
                    let this = self.get_unchecked_mut();
                    (this.holder.held(), Pin::new_unchecked(&mut this.wait))
                }
            }
        }

        impl<$($decl)*> Future for $name <$($args)*> {
            type Output = ();

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                // As in tokio, a notification charges no budget: whoever waits for many of them waits for somebody else each time.
                let (notify, wait) = self.parts();
                if wait.poll(notify, Some(cx.waker())) {
                    return Poll::Ready(());
                }
                waiting_for(WaitKind::Notify, core::ptr::from_ref(notify).addr() as u64);
                Poll::Pending
            }
        }

        impl<$($decl)*> Drop for $name <$($args)*> {
            fn drop(&mut self) {
                if self.wait.stage == Stage::Queued {
                    // SAFETY: a future that was queued was pinned, and is not moved from here on.
                    let (notify, wait) = unsafe { Pin::new_unchecked(self) }.parts();
                    wait.leave(notify);
                }
            }
        }
    };
}

notified! {
    /// Waits for a notification of a [`Notify`]; made by [`Notify::notified`]. Polled after it was ready it is ready again.
    pub Notified ['a] ['a], &'a Notify
}
notified! {
    /// Waits for a notification of a [`Notify`] that it keeps alive; made by [`Notify::notified_owned`]. Polled after it was ready it is ready again.
    pub OwnedNotified [] [], Arc<Notify>
}
notified! {
    /// Waits for a notification of a [`Notify`] that is a part of what it holds.
    pub(crate) NotifiedBy [H: Holder] [H], H
}

impl Notified<'_> {
    /// Begins to wait without a poll: from now on it takes part in [`Notify::notify_one`]. Whether it is notified already.
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let (notify, wait) = self.parts();
        wait.poll(notify, None)
    }
}

impl OwnedNotified {
    /// Begins to wait without a poll: from now on it takes part in [`Notify::notify_one`]. Whether it is notified already.
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let (notify, wait) = self.parts();
        wait.poll(notify, None)
    }
}
