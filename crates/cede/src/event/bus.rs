//! Publishers and subscribers that do not know each other.
//!
//! An event is published in two steps: first room is reserved with each subscriber that makes publishers wait, one after the other in the order of subscription; so publishers wait for
//! each other in one order only, and never in a circle. Then, under the lock of the bus and without waiting, the event is put before all. (I3, I4)

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::stream::Stream;

use super::{EmitError, Emitted, Emitter, Events, Listener, Overflow, call_for_each, channel};
use crate::ZeroLimit;

/// Hands events of one type to all who subscribed; it can be cloned and used from any thread.
///
/// ```
/// use cede::event::{Bus, Overflow};
/// use cede::stream::StreamExt;
/// # cede::block_on(async {
/// let bus = Bus::new();
/// let all = bus.subscribe(16, Overflow::Wait)?;
/// let latest = bus.subscribe(1, Overflow::DropOldest)?;
/// for n in 1..=3 {
///     bus.publish(n).await;
/// }
/// drop(bus);
/// assert_eq!(latest.missed(), 2);
/// assert_eq!(all.collect::<Vec<_>>().await, [1, 2, 3]);
/// assert_eq!(latest.collect::<Vec<_>>().await, [3]);
/// # Ok::<(), cede::ZeroLimit>(()) }).unwrap();
/// ```
pub struct Bus<T> {
    subscribers: Arc<Mutex<Vec<Arc<Emitter<T>>>>>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// How many subscribers have it in their queue.
    pub reached: usize,
    /// How many have not got it, because they were full.
    pub missed: usize,
    /// How many lost an older event for it.
    pub thrown_out: usize,
    /// How many were disconnected by it.
    pub disconnected: usize,
}

impl<T> Bus<T> {
    /// A bus without subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self { subscribers: Arc::new(Mutex::new(Vec::new())) }
    }

    fn subscribers(&self) -> MutexGuard<'_, Vec<Arc<Emitter<T>>>> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream of the events whose publishing begins after this, of which at most `capacity` wait for the subscriber. It ends when the bus and its clones are gone.
    ///
    /// # Errors
    /// If the capacity is zero.
    pub fn subscribe(&self, capacity: usize, overflow: Overflow) -> Result<Subscription<T>, ZeroLimit> {
        let (emitter, events) = channel(capacity, overflow)?;
        self.forget_closed();
        self.subscribers().push(Arc::new(emitter));
        Ok(Subscription { events })
    }

    /// How many subscribe now.
    #[must_use]
    pub fn subscriber_count(&self) -> usize {
        self.subscribers().iter().filter(|subscriber| !subscriber.is_closed()).count()
    }

    fn forget_closed(&self) {
        let gone: Vec<_> = self.subscribers().extract_if(.., |subscriber| subscriber.is_closed()).collect();
        drop(gone);
    }
}

impl<T: Clone> Bus<T> {
    /// Publishes an event. It waits for those subscribers that want it so ([`Overflow::Wait`]) and have no room.
    ///
    /// A subscriber that publishes on its own bus must not make publishers wait: it could be the one that it waits for.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, no subscriber has got the event.
    pub async fn publish(&self, event: T) -> Published {
        let subscribers = self.subscribers().clone();
        let mut rooms = Vec::with_capacity(subscribers.len());
        for subscriber in subscribers {
            if let Ok(room) = subscriber.reserve_owned().await {
                rooms.push((subscriber, room));
            }
        }
        // The copies are made before the lock is taken, for that is code of the user.
        let ready: Vec<_> = rooms.into_iter().map(|(subscriber, room)| (event.clone(), subscriber, room)).collect();
        let put: Vec<_> = {
            let _order = self.subscribers();
            let put = ready.into_iter().map(|(event, subscriber, room)| (subscriber.push(event, room), subscriber));
            put.collect()
        };
        let mut published = Published::default();
        let mut put = put.into_iter();
        // A waker or destructor that panics does not keep the others from being called.
        cede_context::persist(|| match put.next() {
            Some((afterwards, subscriber)) => {
                published.count(&subscriber.finish(afterwards));
                true
            }
            None => false,
        });
        self.forget_closed();
        published
    }
}

impl<T: Send + 'static> Bus<T> {
    /// Calls `callback` with each event, on a task of the current runtime, until the [`Listener`] is dropped.
    ///
    /// # Errors
    /// If the capacity is zero.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn on_event(&self, capacity: usize, overflow: Overflow, callback: impl FnMut(T) + Send + 'static) -> Result<Listener, ZeroLimit> {
        Ok(call_for_each(self.subscribe(capacity, overflow)?, callback))
    }
}

impl Published {
    fn count<T>(&mut self, result: &Result<Emitted, EmitError<T>>) {
        match result {
            Ok(Emitted::Queued) => self.reached += 1,
            Ok(Emitted::DroppedNewest) => self.missed += 1,
            Ok(Emitted::DroppedOldest) => {
                self.reached += 1;
                self.thrown_out += 1;
            }
            Err(_) => self.disconnected += 1,
        }
    }
}

impl<T> Default for Bus<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Bus<T> {
    fn clone(&self) -> Self {
        Self { subscribers: Arc::clone(&self.subscribers) }
    }
}

impl<T> fmt::Debug for Bus<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("subscribers", &self.subscriber_count()).finish()
    }
}

/// The events of a [`Bus`], as a stream. Dropping it unsubscribes.
#[must_use = "dropping it unsubscribes"]
pub struct Subscription<T> {
    events: Events<T>,
}

impl<T> Subscription<T> {
    /// The next event; `None` at the end.
    ///
    /// *Cancel safety*: nothing is lost if this is dropped before it is ready.
    pub async fn recv(&mut self) -> Option<T> {
        self.events.recv().await
    }

    /// How many events it has missed because it was too slow.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.events.missed()
    }

    /// Whether it was disconnected because it was too slow.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.events.is_disconnected()
    }
}

impl<T> Stream for Subscription<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.events.poll_recv(cx)
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("events", &self.events).finish()
    }
}
