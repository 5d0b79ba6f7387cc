//! The body of an answer, and the connection that it comes on: who waits for the one moves the other (see [`pool`](crate::pool)).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{self, HeaderMap};
use hyper::http::response::Parts;
use hyper::{Response, Version};

use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::meter::Meter;
use crate::pool::{Lease, Pool};
use crate::request::{broken, is_early_end};
use crate::straight::Straight;

/// A body from this size on is read without hyper.
const STRAIGHT: u64 = 256 * 1024;

/// What is still to come of an answer, as hyper reads it.
#[derive(Debug)]
pub(crate) struct Body {
    incoming: Incoming,
    lease: Lease,
}

/// The same, chunk by chunk, and perhaps past hyper. It is no body for hyper's world any more: whoever collected that would miss what comes past it.
#[derive(Debug)]
pub(crate) struct Chunks {
    body: Body,
    /// What hyper had read when the rest was taken from it.
    ahead: VecDeque<Bytes>,
    straight: Option<Straight>,
    /// More has come than belongs to the answer, so the connection is not to be trusted.
    surplus: bool,
    /// What hyper said when it was asked for what it had.
    broken: Option<hyper::Error>,
}

/// Why a body broke.
#[derive(Debug)]
pub(crate) enum Break {
    Http(hyper::Error),
    Io(io::Error),
}

impl Body {
    /// Takes an answer apart.
    pub(crate) fn of(response: Response<Incoming>, lease: Lease) -> (Parts, Self) {
        let (head, incoming) = response.into_parts();
        (head, Self { incoming, lease })
    }

    /// To be read by chunks.
    pub(crate) fn into_chunks(self) -> Chunks {
        Chunks { body: self, ahead: VecDeque::new(), straight: None, surplus: false, broken: None }
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.lease.is_http2()
    }

    /// The body was read to its end: its connection can carry another.
    pub(crate) fn give_back(self, pool: &Pool) {
        pool.give_back(self.lease);
    }
}

impl Chunks {
    pub(crate) fn is_http2(&self) -> bool {
        self.body.is_http2()
    }

    /// How silent the line is.
    pub(crate) fn meter(&self) -> Arc<Meter> {
        Arc::clone(self.body.lease.meter())
    }

    /// For how long the line was starved, and for how long nothing came, since this was asked last.
    pub(crate) fn take_waits(&self) -> (Duration, Duration) {
        self.body.lease.take_waits()
    }

    /// Reads the rest without hyper, where that is worth it and nothing but the bytes themselves is to come.
    pub(crate) fn go_straight(&mut self, version: Version, headers: &HeaderMap, pool: &Pool) {
        let stays = headers.get_all(header::CONNECTION).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"keep-alive"));
        let is_plain = version == Version::HTTP_11 && stays && !headers.contains_key(header::TRANSFER_ENCODING);
        let is_large = self.body.incoming.size_hint().exact().is_some_and(|size| size >= STRAIGHT);
        if !is_plain || !is_large || self.straight.is_some() {
            return;
        }
        // What was handed over already; without the connection, no more is.
        let mut cx = Context::from_waker(std::task::Waker::noop());
        loop {
            match Pin::new(&mut self.body.incoming).poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(frame))) => self.ahead.extend(frame.into_data()),
                Poll::Ready(Some(Err(error))) => {
                    self.broken = Some(error);
                    return;
                }
                Poll::Ready(None) => return,
                Poll::Pending => break,
            }
        }
        let Some(rest) = self.body.incoming.size_hint().exact() else { return };
        let Some((wire, mut read)) = self.body.lease.take_wire() else { return };
        self.surplus = read.len() as u64 > rest;
        read.truncate(usize::try_from(rest).unwrap_or(usize::MAX));
        self.straight = Some(Straight::new(wire, rest - read.len() as u64, pool.buffers()));
        if !read.is_empty() {
            self.ahead.push_back(read);
        }
    }

    /// What comes next; `None` at the end.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Break> {
        loop {
            let frame = poll_fn(|cx| self.poll_next(cx)).await;
            match frame.transpose()?.map(Frame::into_data) {
                None => return Ok(None),
                Some(Ok(data)) => return Ok(Some(data)),
                // Trailers.
                Some(Err(_)) => {}
            }
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Break>>> {
        if let Some(bytes) = self.ahead.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(Break::Http(error))));
        }
        if let Some(straight) = &mut self.straight {
            let chunk = ready!(straight.poll_chunk(cx));
            return Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data).map_err(Break::Io)));
        }
        Pin::new(&mut self.body).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Break::Http)))
    }

    /// Whether nothing more is to come.
    pub(crate) fn is_at_end(&self) -> bool {
        match &self.straight {
            Some(straight) => self.ahead.is_empty() && straight.is_at_end(),
            None => self.body.incoming.is_end_stream(),
        }
    }

    /// The body was read to its end: its connection can carry another.
    pub(crate) async fn give_back(self, pool: &Pool) {
        let Self { mut body, straight, surplus, .. } = self;
        if let Some(straight) = straight.filter(|_| !surplus) {
            Box::pin(body.lease.put_wire(straight.into_wire())).await;
        }
        body.give_back(pool);
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    /// As hyper reads it.
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        self.lease.poll_line(cx);
        Pin::new(&mut self.incoming).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }
}

impl Break {
    /// Whether the connection ended, rather than failed.
    pub(crate) fn is_early_end(&self) -> bool {
        match self {
            Self::Http(error) => is_early_end(error),
            Self::Io(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        }
    }

    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Http(error) => broken(error),
            Self::Io(error) => Failure::new(Exit::Network, format!("the connection broke: {}", printable(&error.to_string()))),
        }
    }
}
