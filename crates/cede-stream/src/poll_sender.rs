//! The senders of mpsc channels as sinks.
//!
//! # States of a [`PollSender`]
//! *idle* → *acquiring* (a future waits for room) → *ready* (it has a permit) → *idle*; *closed* from any.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use cede_sync::mpsc::error::SendError;
use cede_sync::mpsc::{OwnedPermit, Sender, UnboundedSender};
use futures_sink::Sink;

type Reserve<T> = Pin<Box<dyn Future<Output = Result<OwnedPermit<T>, SendError<()>>> + Send>>;

/// The receiver is gone. If a value was being sent, it comes back.
#[derive(Debug)]
pub struct PollSendError<T>(Option<T>);

impl<T> PollSendError<T> {
    /// The value that was not sent.
    #[must_use]
    pub fn into_inner(self) -> Option<T> {
        self.0
    }
}

impl<T> fmt::Display for PollSendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl<T: fmt::Debug> Error for PollSendError<T> {}

enum State<T> {
    Idle(Sender<T>),
    Acquiring(Reserve<T>),
    Ready(OwnedPermit<T>),
    Closed,
}

/// A sender of a bounded channel as a sink: it is ready when there is room, which is then kept for it.
///
/// ```
/// use cede_stream::IntoSink;
/// use futures_util::{FutureExt, SinkExt};
///
/// let (tx, mut rx) = cede_sync::mpsc::channel(2);
/// let mut sink = tx.into_sink();
/// sink.send(1).now_or_never().unwrap().unwrap();
/// assert_eq!(rx.try_recv(), Ok(1));
/// ```
pub struct PollSender<T> {
    /// None once this end is closed; kept to start anew.
    sender: Option<Sender<T>>,
    state: State<T>,
}

impl<T: Send + 'static> PollSender<T> {
    /// The sink of this sender.
    #[must_use]
    pub fn new(sender: Sender<T>) -> Self {
        Self { sender: Some(sender.clone()), state: State::Idle(sender) }
    }

    /// Waits for room, which is kept for the next [`PollSender::send_item`].
    ///
    /// # Errors
    /// The channel is closed, or [`PollSender::close`] was called.
    pub fn poll_reserve(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PollSendError<T>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Closed) {
                State::Idle(sender) => self.state = State::Acquiring(Box::pin(sender.reserve_owned())),
                State::Acquiring(mut reserve) => match reserve.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.state = State::Acquiring(reserve);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(permit)) => self.state = State::Ready(permit),
                    Poll::Ready(Err(SendError(()))) => return Poll::Ready(Err(PollSendError(None))),
                },
                State::Ready(permit) => {
                    self.state = State::Ready(permit);
                    return Poll::Ready(Ok(()));
                }
                State::Closed => return Poll::Ready(Err(PollSendError(None))),
            }
        }
    }

    /// Sends a value into the room that [`PollSender::poll_reserve`] has got.
    ///
    /// # Errors
    /// The channel is closed; the value comes back.
    ///
    /// # Panics
    /// If there is no room kept: `poll_reserve` was not called, or not ready.
    #[track_caller]
    pub fn send_item(&mut self, value: T) -> Result<(), PollSendError<T>> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Ready(permit) => {
                let sender = permit.send(value);
                self.state = match self.sender {
                    Some(_) => State::Idle(sender),
                    None => State::Closed,
                };
                Ok(())
            }
            State::Closed => Err(PollSendError(Some(value))),
            state => {
                self.state = state;
                panic!("`send_item` called without a successful `poll_reserve` before it")
            }
        }
    }

    /// Whether the receiver is gone, or this end is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed) || self.sender.as_ref().is_none_or(Sender::is_closed)
    }

    /// The sender, unless this end is closed.
    #[must_use]
    pub fn get_ref(&self) -> Option<&Sender<T>> {
        self.sender.as_ref()
    }

    /// Closes this end: the sender is dropped. Room that is kept already may still be used.
    pub fn close(&mut self) {
        self.sender = None;
        if !matches!(self.state, State::Ready(_)) {
            self.state = State::Closed;
        }
    }

    /// Gives up waiting for room, or the room that is kept; whether there was something to give up.
    pub fn abort_send(&mut self) -> bool {
        if !matches!(self.state, State::Acquiring(_) | State::Ready(_)) {
            return false;
        }
        self.state = match &self.sender {
            Some(sender) => State::Idle(sender.clone()),
            None => State::Closed,
        };
        true
    }
}

impl<T: Send + 'static> Clone for PollSender<T> {
    /// Another sink of the same channel; it has no room kept.
    fn clone(&self) -> Self {
        match &self.sender {
            Some(sender) => Self::new(sender.clone()),
            None => Self { sender: None, state: State::Closed },
        }
    }
}

impl<T> Unpin for PollSender<T> {}

impl<T: Send + 'static> Sink<T> for PollSender<T> {
    type Error = PollSendError<T>;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_reserve(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), Self::Error> {
        self.send_item(item)
    }

    /// Ready at once: what was sent is with the channel.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.close();
        self.state = State::Closed;
        Poll::Ready(Ok(()))
    }
}

impl<T> fmt::Debug for PollSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle(_) => "idle",
            State::Acquiring(_) => "acquiring",
            State::Ready(_) => "ready",
            State::Closed => "closed",
        };
        f.debug_struct("PollSender").field("state", &state).finish_non_exhaustive()
    }
}

/// A sender of an unbounded channel as a sink: always ready.
///
/// ```
/// use cede_stream::IntoSink;
/// use futures_util::{FutureExt, SinkExt};
///
/// let (tx, mut rx) = cede_sync::mpsc::unbounded_channel();
/// tx.into_sink().send(1).now_or_never().unwrap().unwrap();
/// assert_eq!(rx.try_recv(), Ok(1));
/// ```
#[derive(Debug)]
pub struct UnboundedSink<T> {
    sender: Option<UnboundedSender<T>>,
}

impl<T> Unpin for UnboundedSink<T> {}

impl<T> Sink<T> for UnboundedSink<T> {
    type Error = PollSendError<T>;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let open = self.sender.as_ref().is_some_and(|sender| !sender.is_closed());
        Poll::Ready(if open { Ok(()) } else { Err(PollSendError(None)) })
    }

    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), Self::Error> {
        match &self.sender {
            Some(sender) => sender.send(item).map_err(|SendError(item)| PollSendError(Some(item))),
            None => Err(PollSendError(Some(item))),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.sender = None;
        ready!(self.poll_flush(cx))?;
        Poll::Ready(Ok(()))
    }
}

/// Senders that become sinks.
pub trait IntoSink {
    /// The sink.
    type Sink;

    /// The sink of this sender.
    fn into_sink(self) -> Self::Sink;
}

impl<T: Send + 'static> IntoSink for Sender<T> {
    type Sink = PollSender<T>;

    fn into_sink(self) -> PollSender<T> {
        PollSender::new(self)
    }
}

impl<T> IntoSink for UnboundedSender<T> {
    type Sink = UnboundedSink<T>;

    fn into_sink(self) -> UnboundedSink<T> {
        UnboundedSink { sender: Some(self) }
    }
}
