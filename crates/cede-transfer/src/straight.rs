//! The body of a large answer, read from the connection without hyper in between, into memory that is used again.
//!
//! hyper reads into memory that it asks for as it goes, a quarter of a mebibyte at a time. For a large file that memory is new each time: the system has to clear
//! it and map it, page by page, and by the time the disk's thread reads it, it is cold. That was a third of the processor time of a fast download. When an answer's
//! length is known there is nothing left to parse, so the rest of it comes through here: from the socket, or from TLS, into one of a few [`Buffers`].
//!
//! ```text
//! hyper: head, first bytes ─► what it has handed over ─► what it has read ahead ─► the connection itself, until `left` is 0
//! ```
//!
//! - S1: exactly the bytes of the answer are taken from the connection, so that it can carry another request afterwards.
//! - S2: a chunk keeps its whole buffer from other use, so what comes in small pieces is copied out; a slow connection would tie up most of the memory otherwise.

use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::meter::Metered;
use crate::sink::lock;

/// What is read at a time. Small enough to stay in a processor's cache on its way to the disk, and large enough that the calls do not count.
const SIZE: usize = 128 * 1024;
/// What is handed on in its buffer; less is copied (S2).
const LARGE: usize = SIZE / 2;
/// How many buffers wait for their next use.
const SPARE: usize = 32;

/// Buffers for all connections; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    fn lend(&self) -> Lent {
        let spare = lock(&self.0).pop();
        Lent { buffer: spare.unwrap_or_else(|| vec![0; SIZE]), size: 0, home: self.clone() }
    }

    fn put(&self, buffer: Vec<u8>) {
        let mut spare = lock(&self.0);
        if spare.len() < SPARE {
            spare.push(buffer);
        }
    }
}

/// A buffer that goes back when it was used.
#[derive(Debug)]
struct Lent {
    buffer: Vec<u8>,
    /// How much of it is in use.
    size: usize,
    home: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.size]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.put(std::mem::take(&mut self.buffer));
    }
}

/// The rest of a body on its connection.
#[derive(Debug)]
pub(crate) struct Straight {
    wire: Metered,
    /// What of the answer is not read yet.
    left: u64,
    /// What the next chunk is read into.
    buffer: Option<Lent>,
    home: Buffers,
}

impl Straight {
    pub(crate) fn new(wire: Metered, left: u64, home: &Buffers) -> Self {
        Self { wire, left, buffer: None, home: home.clone() }
    }

    /// Whether all of the answer was read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.left == 0
    }

    /// The connection, for what comes after the answer.
    pub(crate) fn into_wire(self) -> Metered {
        self.wire
    }

    /// What comes next; `None` at the end of the answer.
    ///
    /// # Errors
    /// Those of the connection, and that it ended early.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut lent = self.buffer.take().unwrap_or_else(|| self.home.lend());
        let most = usize::try_from(self.left).unwrap_or(SIZE).min(SIZE);
        let result = match self.wire.poll_fill(cx, &mut lent.buffer[..most]) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            result => result,
        };
        if let Poll::Ready(Ok(size)) = result {
            lent.size = size;
            self.left -= size as u64;
            if size >= LARGE {
                return Poll::Ready(Some(Ok(Bytes::from_owner(lent))));
            }
        }
        let lent = self.buffer.insert(lent);
        result.map_ok(|size| Bytes::copy_from_slice(&lent.buffer[..size])).map(Some)
    }
}

#[cfg(test)]
mod tests {
    //! Whose memory it is.

    use bytes::Bytes;

    use super::{Buffers, SIZE, SPARE};
    use crate::sink::lock;

    fn lend(home: &Buffers, size: usize) -> Bytes {
        let mut lent = home.lend();
        lent.size = size;
        Bytes::from_owner(lent)
    }

    #[test]
    fn a_buffer_is_used_again_when_the_last_part_of_its_chunk_is_gone() {
        let home = Buffers::default();
        let mut chunk = lend(&home, 10);
        let place = chunk.as_ptr();
        let rest = chunk.split_off(4);
        drop(chunk);
        assert!(lock(&home.0).is_empty());
        drop(rest);
        let again = lend(&home, SIZE);
        assert_eq!((again.as_ptr(), again.len()), (place, SIZE));
    }

    #[test]
    fn not_all_buffers_are_kept() {
        let home = Buffers::default();
        let chunks: Vec<_> = (0..SPARE + 3).map(|_| lend(&home, 1)).collect();
        drop(chunks);
        assert_eq!(lock(&home.0).len(), SPARE);
    }
}
