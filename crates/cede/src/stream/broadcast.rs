//! One stream to many subscribers.
//!
//! # What
//! A task, the *pump*, takes items from the source and hands them to the subscribers. It takes none while there is no subscriber. It lives as long as the
//! [`StreamBroadcast`] or any [`Subscription`], which share its handle.
//!
//! # Who may touch what
//! `outlet`: under its mutex, in which no foreign code runs: senders are taken out or copied, and used outside.
//!
//! # Invariants
//! - I1: the pump empties `outlet` when it ends, however it ends; so subscriptions end, and new ones find that nothing will come.
//! - I2: who subscribes notifies afterwards; the pump has a future of the notification before it looks. So it does not sleep while somebody subscribes.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use cede_stream::wrappers::{BroadcastStream, BroadcastStreamRecvError};
use cede_sync::{Notify, broadcast, mpsc};
use futures_util::stream::{Stream, StreamExt};

use super::spawned::{Spawned, check_limit};

/// What happens when a subscriber is too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LagPolicy {
    /// The source waits for it, and so do all others.
    Wait,
    /// It misses the oldest items; [`Subscription::missed`] counts them.
    Skip,
    /// Its subscription ends.
    Disconnect,
}

enum Outlet<T> {
    /// For [`LagPolicy::Wait`]: a channel for each subscriber.
    Each(Vec<mpsc::Sender<T>>),
    All(broadcast::Sender<T>),
}

struct Shared<T> {
    /// None once the pump has ended.
    outlet: Mutex<Option<Outlet<T>>>,
    subscribed: Notify,
    panicked: AtomicBool,
}

/// Hands the items of one stream to many; made by [`TaskStreamExt::broadcast`](super::TaskStreamExt::broadcast).
pub struct StreamBroadcast<T> {
    shared: Arc<Shared<T>>,
    pump: Arc<Spawned<()>>,
    capacity: usize,
    policy: LagPolicy,
}

/// The items of a [`StreamBroadcast`] from the moment on when it was made.
pub struct Subscription<T> {
    inlet: Inlet<T>,
    shared: Arc<Shared<T>>,
    /// The pump lives as long as somebody listens.
    _pump: Arc<Spawned<()>>,
    policy: LagPolicy,
    missed: u64,
}

enum Inlet<T> {
    Each(mpsc::Receiver<T>),
    All(BroadcastStream<T>),
    Over,
}

impl<T> Shared<T> {
    fn outlet(&self) -> MutexGuard<'_, Option<Outlet<T>>> {
        self.outlet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_subscribers(&self) -> bool {
        match &*self.outlet() {
            Some(Outlet::Each(senders)) => !senders.is_empty(),
            Some(Outlet::All(sender)) => sender.receiver_count() > 0,
            None => false,
        }
    }
}

/// Ends the subscriptions when the pump ends.
struct Ending<T>(Arc<Shared<T>>);

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.panicked.store(true, Ordering::Release);
        }
        let outlet = self.0.outlet().take();
        // After unlocking: it wakes the subscribers.
        drop(outlet);
    }
}

async fn pump<S: Stream<Item: Clone>>(source: S, ending: Ending<S::Item>) {
    let shared = &*ending.0;
    let mut source = pin!(source);
    loop {
        loop {
            let subscribed = shared.subscribed.notified();
            if shared.has_subscribers() {
                break;
            }
            subscribed.await;
        }
        let Some(item) = source.next().await else { return };
        let senders = match &mut *shared.outlet() {
            Some(Outlet::Each(senders)) => Ok(senders.clone()),
            Some(Outlet::All(sender)) => Err(sender.clone()),
            None => return,
        };
        match senders {
            Ok(senders) => {
                let mut gone = false;
                for sender in &senders {
                    gone |= sender.send(item.clone()).await.is_err();
                }
                if gone {
                    forget_closed(shared);
                }
            }
            // An error means that the last subscriber has just gone.
            Err(sender) => drop(sender.send(item)),
        }
    }
}

fn forget_closed<T>(shared: &Shared<T>) {
    let gone: Vec<_> = match &mut *shared.outlet() {
        Some(Outlet::Each(senders)) => senders.extract_if(.., |sender| sender.is_closed()).collect(),
        _ => Vec::new(),
    };
    drop(gone);
}

impl<T: Clone + Send + 'static> StreamBroadcast<T> {
    #[track_caller]
    pub(super) fn new<S>(source: S, capacity: usize, policy: LagPolicy) -> Self
    where
        S: Stream<Item = T> + Send + 'static,
    {
        check_limit(capacity);
        let outlet = match policy {
            LagPolicy::Wait => Outlet::Each(Vec::new()),
            LagPolicy::Skip | LagPolicy::Disconnect => Outlet::All(broadcast::Sender::new(capacity)),
        };
        let shared = Arc::new(Shared { outlet: Mutex::new(Some(outlet)), subscribed: Notify::new(), panicked: AtomicBool::new(false) });
        let pump = Spawned(crate::spawn(pump(source, Ending(Arc::clone(&shared)))));
        Self { shared, pump: Arc::new(pump), capacity, policy }
    }

    /// A stream of the items that come from now on. If the source has ended, it is over at once.
    #[must_use]
    pub fn subscribe(&self) -> Subscription<T> {
        let inlet = match &mut *self.shared.outlet() {
            Some(Outlet::Each(senders)) => {
                let (sender, receiver) = mpsc::channel(self.capacity);
                senders.push(sender);
                Inlet::Each(receiver)
            }
            Some(Outlet::All(sender)) => Inlet::All(BroadcastStream::new(sender.subscribe())),
            None => Inlet::Over,
        };
        self.shared.subscribed.notify_waiters();
        let (shared, pump) = (Arc::clone(&self.shared), Arc::clone(&self.pump));
        Subscription { inlet, shared, _pump: pump, policy: self.policy, missed: 0 }
    }
}

impl<T> Subscription<T> {
    /// How many items it has missed because it was too slow.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl<T> Unpin for Subscription<T> {}

impl<T: Clone + Send + 'static> Stream for Subscription<T> {
    type Item = T;

    /// # Panics
    /// If the source has panicked, after the items before that.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            let received = match &mut self.inlet {
                Inlet::Each(receiver) => ready!(receiver.poll_recv(cx)).map(Ok),
                Inlet::All(stream) => ready!(stream.poll_next_unpin(cx)),
                Inlet::Over => return Poll::Ready(None),
            };
            match received {
                Some(Ok(item)) => return Poll::Ready(Some(item)),
                Some(Err(BroadcastStreamRecvError::Lagged(missed))) => {
                    self.missed += missed;
                    if self.policy == LagPolicy::Disconnect {
                        self.inlet = Inlet::Over;
                    }
                }
                None => {
                    self.inlet = Inlet::Over;
                    assert!(!self.shared.panicked.load(Ordering::Acquire), "the source of a broadcast stream panicked");
                }
            }
        }
    }
}

impl<T> fmt::Debug for StreamBroadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamBroadcast").field("capacity", &self.capacity).field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("policy", &self.policy).field("missed", &self.missed).finish_non_exhaustive()
    }
}
