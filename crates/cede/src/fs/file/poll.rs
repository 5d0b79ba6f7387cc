//! Reading, writing and seeking.

use std::fs::File as StdFile;
use std::io::{self, IoSlice, Seek, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use cede_context::budget;
use cede_io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use super::File;
use super::state::{Outcome, Progress, State};
use crate::io::pooled::{self, buffer::Buffer};
use crate::sys;

/// Larger reads go to the pool at once: to copy them would hold the worker up, and a wake is small beside them.
const LARGEST_INLINE: usize = 64 * 1024;

/// Reads what is cached, without blocking. `None` if that is not possible, or at the end, which some file systems report where it is not.
fn read_cached(file: &StdFile, target: &mut ReadBuf<'_>, limit: usize) -> Option<()> {
    if limit > LARGEST_INLINE || !pooled::has_files() {
        return None;
    }
    match sys::page_cache::read(file, target.initialize_unfilled_to(limit)) {
        Ok(count) if count > 0 => {
            target.advance(count);
            Some(())
        }
        _ => None,
    }
}

impl AsyncRead for File {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, target: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let progress = me.progress.get_mut();
        loop {
            match &mut progress.state {
                State::Idle(buffer) if !buffer.is_empty() || target.remaining() == 0 => {
                    buffer.take_into(target);
                    return Poll::Ready(Ok(()));
                }
                State::Idle(buffer) => {
                    let unit = ready!(budget::poll_proceed(cx));
                    let limit = target.remaining().min(me.max_buf_size);
                    if read_cached(&me.std, target, limit).is_some() {
                        unit.spend();
                        return Poll::Ready(Ok(()));
                    }
                    let (mut buffer, std) = (std::mem::take(buffer), me.std.clone());
                    progress.state = State::Busy(pooled::start(move || (Outcome::Read(buffer.read_file(&std, limit)), buffer))?);
                }
                State::Busy(_) => match ready!(progress.poll_outcome(cx))? {
                    Some(Outcome::Read(read)) => {
                        read?;
                        progress.buffer().take_into(target);
                        return Poll::Ready(Ok(()));
                    }
                    Some(Outcome::Write(Err(error))) => progress.failed_write = Some(error),
                    _ => {}
                },
            }
        }
    }
}

impl AsyncSeek for File {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let me = self.get_mut();
        let progress = me.progress.get_mut();
        let State::Idle(buffer) = &mut progress.state else {
            return Err(io::Error::other("other file operation is pending, call poll_complete before start_seek"));
        };
        let mut buffer = std::mem::take(buffer);
        let (std, back) = (me.std.clone(), buffer.discard());
        progress.state = State::Busy(pooled::start(move || (Outcome::Seek(seek(&std, back, position)), buffer))?);
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let progress = self.get_mut().progress.get_mut();
        loop {
            match ready!(progress.poll_outcome(cx))? {
                None => return Poll::Ready(Ok(progress.position)),
                Some(Outcome::Seek(result)) => return Poll::Ready(result),
                Some(Outcome::Write(Err(error))) => progress.failed_write = Some(error),
                Some(_) => {}
            }
        }
    }
}

/// Seeks from where the reader believes to be: before the `back` bytes that were read and not taken.
fn seek(mut file: &StdFile, back: Option<i64>, position: SeekFrom) -> io::Result<u64> {
    match (position, back) {
        (SeekFrom::Current(offset), Some(back)) => match offset.checked_add(back) {
            Some(offset) => file.seek(SeekFrom::Current(offset)),
            None => file.seek(SeekFrom::Current(back)).and_then(|_| file.seek(position)),
        },
        _ => file.seek(position),
    }
}

impl Progress {
    /// Starts a write of what `fill` puts into the buffer; returns how much that is.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        file: &Arc<StdFile>,
        fill: impl FnOnce(&mut Buffer) -> usize,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let mut buffer = std::mem::take(self.buffer());
        let back = buffer.discard();
        let count = fill(&mut buffer);
        let std = file.clone();
        self.state = State::Busy(pooled::start_mandatory(move || {
            let moved = back.map_or(Ok(0), |back| (&*std).seek(SeekFrom::Current(back)));
            (Outcome::Write(moved.and_then(|_| buffer.write(&mut &*std))), buffer)
        })?);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for File {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, source: &[u8]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let limit = me.max_buf_size;
        me.progress.get_mut().poll_write(cx, &me.std, |buffer| buffer.fill_from(source, limit))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, sources: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let limit = me.max_buf_size;
        me.progress.get_mut().poll_write(cx, &me.std, |buffer| buffer.fill_from_all(sources, limit))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().progress.get_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
