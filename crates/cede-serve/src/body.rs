//! The body of an answer: where its bytes come from ([`source`]), and how they are let go ([`shape`]).

mod shape;
pub(crate) mod source;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::note::Note;
pub(crate) use shape::Shape;
use source::Source;

/// A body as hyper wants it; the request ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Answer {
    source: Source,
    shape: Shape,
    note: Note,
    /// What must not be told although it is known.
    no_length: bool,
}

impl Answer {
    pub(crate) fn new(source: Source, shape: Shape, note: Note, no_length: bool) -> Self {
        Self { source, shape, note, no_length }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let (source, note) = (&mut this.source, &mut this.note);
        match ready!(this.shape.poll_next(cx, note, |cx| source.poll_next(cx))) {
            Some(Ok(bytes)) => {
                note.sent += bytes.len() as u64;
                note.complete = source.left() == Some(0) && !this.shape.holds();
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Err(error)) => {
                note.remarks.push(error.to_string());
                Poll::Ready(Some(Err(error)))
            }
            None => {
                note.complete = true;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.source.left() == Some(0) && !self.shape.holds()
    }

    fn size_hint(&self) -> SizeHint {
        match self.source.left().filter(|_| !self.no_length) {
            Some(left) => SizeHint::with_exact(left + self.shape.held()),
            None => SizeHint::default(),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // Answers to HEAD and empty ones are never asked for a frame.
        self.note.complete |= self.is_end_stream();
    }
}
