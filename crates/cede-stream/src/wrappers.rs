//! Receivers as streams, with the names of `tokio_stream::wrappers`.
//!
//! The mpsc receivers are streams themselves; the wrappers are for code that names them. Those of broadcast and watch first look without waiting, and only when there is nothing
//! box the future that waits.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use cede_context::budget;
use cede_sync::broadcast::error::{RecvError, TryRecvError};
use cede_sync::{broadcast, mpsc, watch};
use futures_core::Stream;

macro_rules! receiver_stream {
    ($(#[$meta:meta])* $name:ident, $receiver:ident) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name<T>(mpsc::$receiver<T>);

        impl<T> $name<T> {
            /// The stream of this receiver.
            #[must_use]
            pub fn new(receiver: mpsc::$receiver<T>) -> Self {
                Self(receiver)
            }

            /// The receiver.
            #[must_use]
            pub fn into_inner(self) -> mpsc::$receiver<T> {
                self.0
            }

            /// Refuses further values; see the receiver's method.
            pub fn close(&mut self) {
                self.0.close();
            }
        }

        impl<T> AsRef<mpsc::$receiver<T>> for $name<T> {
            fn as_ref(&self) -> &mpsc::$receiver<T> {
                &self.0
            }
        }

        impl<T> AsMut<mpsc::$receiver<T>> for $name<T> {
            fn as_mut(&mut self) -> &mut mpsc::$receiver<T> {
                &mut self.0
            }
        }

        impl<T> From<mpsc::$receiver<T>> for $name<T> {
            fn from(receiver: mpsc::$receiver<T>) -> Self {
                Self(receiver)
            }
        }

        impl<T> Stream for $name<T> {
            type Item = T;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
                self.0.poll_recv(cx)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.0.len(), None)
            }
        }
    };
}

receiver_stream! {
    /// The values of a bounded channel; it ends when all senders are gone.
    ReceiverStream, Receiver
}
receiver_stream! {
    /// The values of an unbounded channel; it ends when all senders are gone.
    UnboundedReceiverStream, UnboundedReceiver
}

type Wait<R, T> = Pin<Box<dyn Future<Output = (R, T)> + Send>>;

/// A [`BroadcastStream`] missed values.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum BroadcastStreamRecvError {
    /// So many, because it was too slow.
    Lagged(u64),
}

impl fmt::Display for BroadcastStreamRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Lagged(missed) = self;
        write!(f, "channel lagged by {missed}")
    }
}

impl Error for BroadcastStreamRecvError {}

/// What a wrapper has: the receiver, or a future that has it and waits.
enum Receiving<R, T> {
    Here(R),
    Waiting(Wait<R, T>),
    /// Only while a poll is under way, or after it panicked.
    Nowhere,
}

impl<R, T> Receiving<R, T> {
    /// Receives: at once if `look` finds something, or with the future of `wait`. The future holds the receiver meanwhile.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        look: impl FnOnce(&mut R) -> Option<T>,
        wait: impl FnOnce(R) -> Wait<R, T>,
    ) -> Poll<Option<T>> {
        let mut waiting = match std::mem::replace(self, Self::Nowhere) {
            Self::Waiting(waiting) => waiting,
            Self::Here(mut receiver) => {
                let found = look(&mut receiver);
                if found.is_some() {
                    *self = Self::Here(receiver);
                    return Poll::Ready(found);
                }
                wait(receiver)
            }
            Self::Nowhere => return Poll::Ready(None),
        };
        if let Poll::Ready((receiver, value)) = waiting.as_mut().poll(cx) {
            *self = Self::Here(receiver);
            return Poll::Ready(Some(value));
        }
        *self = Self::Waiting(waiting);
        Poll::Pending
    }
}

/// The values of a broadcast channel; an error tells how many were missed. It ends when all senders are gone.
///
/// ```
/// use cede_stream::wrappers::{BroadcastStream, BroadcastStreamRecvError};
/// use futures_util::{FutureExt, StreamExt};
///
/// let (tx, rx) = cede_sync::broadcast::channel(2);
/// (0..3).for_each(|value| assert!(tx.send(value).is_ok()));
/// drop(tx);
/// let received = BroadcastStream::new(rx).collect::<Vec<_>>().now_or_never().unwrap();
/// assert_eq!(received, [Err(BroadcastStreamRecvError::Lagged(1)), Ok(1), Ok(2)]);
/// ```
pub struct BroadcastStream<T> {
    receiving: Receiving<broadcast::Receiver<T>, Result<T, RecvError>>,
}

impl<T: Clone + Send + 'static> BroadcastStream<T> {
    /// The stream of this receiver.
    #[must_use]
    pub fn new(receiver: broadcast::Receiver<T>) -> Self {
        Self { receiving: Receiving::Here(receiver) }
    }
}

impl<T> Unpin for BroadcastStream<T> {}

impl<T: Clone + Send + 'static> Stream for BroadcastStream<T> {
    type Item = Result<T, BroadcastStreamRecvError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let unit = ready!(budget::poll_proceed(cx));
        let look = |receiver: &mut broadcast::Receiver<T>| match receiver.try_recv() {
            Ok(value) => Some(Ok(value)),
            Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
            Err(TryRecvError::Closed) => Some(Err(RecvError::Closed)),
            Err(TryRecvError::Empty) => None,
        };
        let wait = |mut receiver: broadcast::Receiver<T>| -> Wait<_, _> {
            Box::pin(async move {
                let received = receiver.recv().await;
                (receiver, received)
            })
        };
        let received = ready!(self.receiving.poll(cx, look, wait));
        unit.spend();
        Poll::Ready(match received {
            Some(Ok(value)) => Some(Ok(value)),
            Some(Err(RecvError::Lagged(missed))) => Some(Err(BroadcastStreamRecvError::Lagged(missed))),
            Some(Err(RecvError::Closed)) | None => None,
        })
    }
}

impl<T: Clone + Send + 'static> From<broadcast::Receiver<T>> for BroadcastStream<T> {
    fn from(receiver: broadcast::Receiver<T>) -> Self {
        Self::new(receiver)
    }
}

impl<T> fmt::Debug for BroadcastStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastStream").finish()
    }
}

/// The values of a watch channel: the present one first, then each that is the latest when the stream is polled. It ends when all senders are gone.
///
/// ```
/// use cede_stream::wrappers::WatchStream;
/// use futures_util::{FutureExt, StreamExt};
///
/// let (tx, rx) = cede_sync::watch::channel(1);
/// let mut values = WatchStream::new(rx);
/// assert_eq!(values.next().now_or_never(), Some(Some(1)));
/// tx.send(2).unwrap();
/// tx.send(3).unwrap();
/// assert_eq!(values.next().now_or_never(), Some(Some(3)));
/// drop(tx);
/// assert_eq!(values.next().now_or_never(), Some(None));
/// ```
pub struct WatchStream<T> {
    receiving: Receiving<watch::Receiver<T>, Option<T>>,
    /// The present value is given without waiting for a change.
    first: bool,
}

impl<T: Clone + Send + Sync + 'static> WatchStream<T> {
    /// The stream of this receiver, beginning with the present value.
    #[must_use]
    pub fn new(receiver: watch::Receiver<T>) -> Self {
        Self { receiving: Receiving::Here(receiver), first: true }
    }

    /// The stream of this receiver, beginning with the next value that it has not seen.
    #[must_use]
    pub fn from_changes(receiver: watch::Receiver<T>) -> Self {
        Self { receiving: Receiving::Here(receiver), first: false }
    }
}

impl<T> Unpin for WatchStream<T> {}

impl<T: Clone + Send + Sync + 'static> Stream for WatchStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        let first = std::mem::replace(&mut this.first, false);
        let look = |receiver: &mut watch::Receiver<T>| first.then(|| Some(receiver.borrow_and_update().clone()));
        let wait = |mut receiver: watch::Receiver<T>| -> Wait<_, _> {
            Box::pin(async move {
                let changed = receiver.changed().await.is_ok();
                let value = changed.then(|| receiver.borrow_and_update().clone());
                (receiver, value)
            })
        };
        this.receiving.poll(cx, look, wait).map(Option::flatten)
    }
}

impl<T: Clone + Send + Sync + 'static> From<watch::Receiver<T>> for WatchStream<T> {
    fn from(receiver: watch::Receiver<T>) -> Self {
        Self::new(receiver)
    }
}

impl<T> fmt::Debug for WatchStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream").finish()
    }
}
