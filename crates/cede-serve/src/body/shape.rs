//! How the bytes of an answer are let go: not faster than the limits, not longer than the time, and with the faults that were decided.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use cede::time::{Instant, Sleep};

use crate::fault::Cut;
use crate::note::Note;
use crate::pace::Bucket;

/// The rules for one answer.
#[derive(Debug)]
pub(crate) struct Shape {
    buckets: Vec<Arc<Bucket>>,
    cut: Option<(Cut, u64)>,
    pub(crate) is_http2: bool,
    deadline: Option<Pin<Box<Sleep>>>,
    passed: u64,
    held: Option<Bytes>,
    paid: Option<Pin<Box<Sleep>>>,
    fallen: bool,
}

impl Shape {
    /// With a deadline, the whole request may take no longer.
    pub(crate) fn new(is_http2: bool, buckets: Vec<Arc<Bucket>>, cut: Option<(Cut, u64)>, deadline: Option<Instant>) -> Self {
        let deadline = deadline.map(|at| Box::pin(cede::time::sleep_until(at)));
        Self { buckets, cut, is_http2, deadline, passed: 0, held: None, paid: None, fallen: false }
    }

    /// Bytes that were taken from the source and not given on.
    pub(crate) fn held(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.len() as u64)
    }

    pub(crate) fn holds(&self) -> bool {
        self.held.is_some()
    }

    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        note: &mut Note,
        mut more: impl FnMut(&mut Context<'_>) -> Poll<Option<io::Result<Bytes>>>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        if self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the request took too long"))));
        }
        if self.fallen || self.cut.is_some_and(|(_, at)| self.passed >= at) {
            return self.fall(note);
        }
        if let Some(paid) = &mut self.paid {
            ready!(paid.as_mut().poll(cx));
            self.paid = None;
        }
        let mut bytes = match self.held.take() {
            Some(held) => held,
            None => match ready!(more(cx)) {
                Some(Ok(bytes)) => bytes,
                other => return Poll::Ready(other),
            },
        };
        let mut most = self.buckets.iter().map(|bucket| bucket.piece()).min().unwrap_or(usize::MAX);
        most = most.min(note.line().rate.as_ref().map_or(usize::MAX, Bucket::piece));
        if let Some((_, at)) = self.cut {
            most = most.min(usize::try_from(at - self.passed).unwrap_or(usize::MAX));
        }
        if bytes.len() > most {
            self.held = Some(bytes.split_off(most));
        }
        self.passed += bytes.len() as u64;
        self.pay(note, bytes.len());
        Poll::Ready(Some(Ok(bytes)))
    }

    /// Buys the bytes; what comes next waits until they are paid for.
    fn pay(&mut self, note: &Note, count: usize) {
        let now = Instant::now();
        let line = note.line();
        let buckets = self.buckets.iter().map(|bucket| &**bucket).chain(line.rate.as_ref());
        if let Some(until) = buckets.map(|bucket| bucket.take(now, count)).max().filter(|until| *until > now) {
            self.paid = Some(Box::pin(cede::time::sleep_until(until)));
        }
    }

    fn fall(&mut self, note: &mut Note) -> Poll<Option<io::Result<Bytes>>> {
        let how = self.cut.map_or(Cut::Stall, |(how, _)| how);
        if !self.fallen {
            self.fallen = true;
            note.remarks.push(format!("cut at {}", self.passed));
        }
        match how {
            Cut::Stall => Poll::Pending,
            _ if self.is_http2 => Poll::Ready(Some(Err(io::Error::other("cut by a fault")))),
            _ => {
                // Whatever was written goes out first: the stream ends at the flush that hyper does when a body has no more for now.
                note.line().cut(how);
                Poll::Pending
            }
        }
    }
}
