//! The body of a request: nothing, something that is in memory, or chunks that somebody reads from a file meanwhile.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use cede::sync::{Notify, mpsc};
use hyper::body::{Body, Frame, SizeHint};

/// What has become of a body, as others see it. Mere notes: nothing else is read because of them, so no ordering is needed.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    bytes: AtomicU64,
    /// Goes up whenever something happens that is not silence.
    life: AtomicU64,
    /// Goes up whenever it is not the server that is waited for.
    excuses: AtomicU64,
    done: AtomicBool,
    /// Told when that is set.
    ended: Notify,
}

impl Moved {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn life(&self) -> u64 {
        self.life.load(Ordering::Relaxed)
    }

    pub(crate) fn live(&self) {
        self.life.fetch_add(1, Ordering::Relaxed);
    }

    /// It is not the server that is waited for, and for so long that it shows.
    pub(crate) fn excuse(&self) {
        self.excuses.fetch_add(1, Ordering::Relaxed);
        self.live();
    }

    pub(crate) fn excuses(&self) -> u64 {
        self.excuses.load(Ordering::Relaxed)
    }

    /// Whether the connection has taken everything.
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// Returns when the connection has taken everything, if that is later than this call.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + '_ {
        self.ended.notified()
    }

    fn end(&self) {
        if !self.done.swap(true, Ordering::Relaxed) {
            self.live();
            self.ended.notify_waiters();
        }
    }
}

/// A body as hyper wants it.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Empty,
    Memory(Option<Bytes>, Arc<Moved>),
    Chunks {
        chunks: mpsc::Receiver<io::Result<Bytes>>,
        /// What is still to be handed over of the latest.
        held: Option<Bytes>,
        left: Option<u64>,
        moved: Arc<Moved>,
    },
}

/// How much is handed over at once, whatever was read at once: so finely its progress is seen. The more, the longer a server that is slow, but fast enough, seems to take
/// nothing.
const PIECE: usize = 16 * 1024;

fn piece(bytes: &mut Option<Bytes>) -> Option<Bytes> {
    let mut first = bytes.take()?;
    if first.len() > PIECE {
        *bytes = Some(first.split_off(PIECE));
    }
    Some(first)
}

impl Outgoing {
    /// A body that cannot be had: whoever sends it fails.
    pub(crate) fn broken(moved: &Arc<Moved>) -> Self {
        Self::chunks(mpsc::channel(1).1, Some(1), moved)
    }

    /// A body of what comes from there: so many bytes, if that is known.
    pub(crate) fn chunks(chunks: mpsc::Receiver<io::Result<Bytes>>, left: Option<u64>, moved: &Arc<Moved>) -> Self {
        Self::Chunks { chunks, held: None, left, moved: Arc::clone(moved) }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let (next, moved) = match self.get_mut() {
            Self::Empty => return Poll::Ready(None),
            Self::Memory(bytes, moved) => (piece(bytes).map(Ok), moved),
            Self::Chunks { left: Some(0), moved, .. } => (None, moved),
            Self::Chunks { chunks, held, left, moved } => {
                let mut next = piece(held).map(Ok);
                if next.is_none() {
                    next = ready!(chunks.poll_recv(cx));
                    if let Some(Ok(chunk)) = &mut next {
                        *held = (chunk.len() > PIECE).then(|| chunk.split_off(PIECE));
                    }
                }
                if let (Some(left), Some(Ok(bytes))) = (left, &next) {
                    *left = left.saturating_sub(bytes.len() as u64);
                }
                (next, moved)
            }
        };
        match next {
            Some(Ok(bytes)) => {
                moved.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                moved.live();
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => {
                moved.end();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let (ended, moved) = match self {
            Self::Empty => return true,
            Self::Memory(bytes, moved) => (bytes.is_none(), moved),
            Self::Chunks { left, moved, .. } => (*left == Some(0), moved),
        };
        if ended {
            moved.end();
        }
        ended
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Memory(bytes, _) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Chunks { left, .. } => left.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

#[cfg(test)]
mod tests;
