//! One stream to many subscribers.
//!
//! # What
//! A task, the *pump*, takes items from the source and publishes them on a [`Bus`], which knows what to do with subscribers that are too slow. It takes none while there is no
//! subscriber. It lives as long as the [`StreamBroadcast`] or any [`Subscription`], which share its handle.
//!
//! # Who may touch what
//! `bus`: under its mutex, in which no foreign code runs: the bus is copied or taken out, and used outside.
//!
//! # Invariants
//! - I1: the pump takes the bus out when it ends, however it ends; so subscriptions end, and new ones find that nothing will come.
//! - I2: who subscribes notifies afterwards; the pump has a future of the notification before it looks. So it does not sleep while somebody subscribes.
//! - I3: the pump gives way even if the source always has an item, so it can be aborted.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use cede_sync::Notify;
use futures_util::stream::{Stream, StreamExt};

use super::spawned::Spawned;
use crate::ZeroLimit;
use crate::event::{self, Bus, Overflow};
use crate::task::consume_budget;

struct Shared<T> {
    /// None once the pump has ended.
    bus: Mutex<Option<Bus<T>>>,
    subscribed: Notify,
    panicked: AtomicBool,
}

/// Hands the items of one stream to many; made by [`TaskStreamExt::broadcast`](super::TaskStreamExt::broadcast).
pub struct StreamBroadcast<T> {
    shared: Arc<Shared<T>>,
    pump: Arc<Spawned<()>>,
    capacity: usize,
    overflow: Overflow,
}

/// The items of a [`StreamBroadcast`] from the moment on when it was made.
pub struct Subscription<T> {
    /// None at the end.
    items: Option<event::Subscription<T>>,
    missed: u64,
    shared: Arc<Shared<T>>,
    /// The pump lives as long as somebody listens.
    _pump: Arc<Spawned<()>>,
}

impl<T> Shared<T> {
    fn bus(&self) -> MutexGuard<'_, Option<Bus<T>>> {
        self.bus.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the subscriptions when the pump ends. (I1)
struct Ending<T>(Arc<Shared<T>>);

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.panicked.store(true, Ordering::Release);
        }
        let bus = self.0.bus().take();
        // After unlocking: it wakes the subscribers.
        drop(bus);
    }
}

async fn pump<S: Stream<Item: Clone>>(source: S, bus: Bus<S::Item>, ending: Ending<S::Item>) {
    let mut source = pin!(source);
    loop {
        loop {
            let subscribed = ending.0.subscribed.notified();
            if bus.subscriber_count() > 0 {
                break;
            }
            subscribed.await;
        }
        let Some(item) = source.next().await else { return };
        bus.publish(item).await;
        consume_budget().await;
    }
}

impl<T: Clone + Send + 'static> StreamBroadcast<T> {
    #[track_caller]
    pub(super) fn new<S>(source: S, capacity: usize, overflow: Overflow) -> Result<Self, ZeroLimit>
    where
        S: Stream<Item = T> + Send + 'static,
    {
        ZeroLimit::check("capacity", capacity)?;
        let bus = Bus::new();
        let shared = Arc::new(Shared { bus: Mutex::new(Some(bus.clone())), subscribed: Notify::new(), panicked: AtomicBool::new(false) });
        let pump = Spawned(crate::spawn(pump(source, bus, Ending(Arc::clone(&shared)))));
        Ok(Self { shared, pump: Arc::new(pump), capacity, overflow })
    }

    /// A stream of the items that come from now on. If the source has ended, it is over at once.
    #[must_use]
    pub fn subscribe(&self) -> Subscription<T> {
        let bus = self.shared.bus().clone();
        let items = bus.and_then(|bus| bus.subscribe(self.capacity, self.overflow).ok());
        self.shared.subscribed.notify_waiters();
        Subscription { items, missed: 0, shared: Arc::clone(&self.shared), _pump: Arc::clone(&self.pump) }
    }
}

impl<T> Subscription<T> {
    /// How many items it has missed because it was too slow.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.items.as_ref().map_or(self.missed, event::Subscription::missed)
    }
}

impl<T> Unpin for Subscription<T> {}

impl<T: Clone + Send + 'static> Stream for Subscription<T> {
    type Item = T;

    /// # Panics
    /// If the source has panicked, after the items before that.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(items) = &mut self.items else { return Poll::Ready(None) };
        let item = ready!(items.poll_next_unpin(cx));
        if item.is_none() {
            self.missed = self.missed();
            self.items = None;
            assert!(!self.shared.panicked.load(Ordering::Acquire), "the source of a broadcast stream panicked");
        }
        Poll::Ready(item)
    }
}

impl<T> fmt::Debug for StreamBroadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamBroadcast").field("capacity", &self.capacity).field("overflow", &self.overflow).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("missed", &self.missed()).field("has_ended", &self.items.is_none()).finish_non_exhaustive()
    }
}
