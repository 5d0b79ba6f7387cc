//! The body of a large answer, read from the connection without hyper in between, into memory that is used again.
//!
//! hyper reads into memory that it asks for as it goes, a quarter of a mebibyte at a time. For a large file that memory is new each time: the system has to clear
//! it and map it, page by page (50,000 page faults for a gigabyte), and by the time the disk's thread reads it, it is cold. When an answer's
//! length is known there is nothing left to parse, so the rest of it comes through here: from the socket, or from TLS, into one of a few [`Buffers`].
//!
//! ```text
//! hyper: head, first bytes ─► what it has handed over ─► what it has read ahead ─► the connection itself, until `left` is 0
//! ```
//!
//! Where bytes come as fast as this machine can take them, the system would wake the reader for each packet, and the sender would pay for waking it. So there the
//! reader asks to be woken only for a [`HEAP`]. That is a bet on what comes next, and so it is called off when it is lost: when a heap does not come within
//! [`PATIENCE`], what is there is taken, and a packet wakes again.
//!
//! - B1: exactly the bytes of the answer are taken from the connection, so that it can carry another request afterwards.
//! - B2: a chunk keeps its whole buffer from other use, so what comes in small pieces is copied out; a slow connection would tie up most of the memory otherwise.
//! - B3: the system is never asked to wait for more than is still to come, and at the end of the answer each packet wakes again.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use cede::time::{Instant, Sleep};

use crate::meter::Metered;
use crate::sink::lock;

/// What is read at a time. Small enough that it is still in a processor's cache (a second-level one has a quarter of a mebibyte and more) when the disk's thread
/// writes it, and large enough that a call, of a microsecond, is little beside the copy, of ten and more.
const SIZE: usize = 128 * 1024;
/// What is handed on in its buffer; less is copied (B2). With half of the buffer, a waiting chunk ties up at most twice its size, and at most half of the bytes of a
/// connection that is just too slow are copied.
const LARGE: usize = SIZE / 2;
/// How many buffers wait for their next use: 4 MiB of them, which is what all connections together may keep waiting for the disk.
const SPARE: usize = 32;

/// For how much a fast connection wakes its reader. A mebibyte fits into the receive buffer that the system gives a fast connection, at any speed that is fast
/// ([`SAMPLE`]) it is there within [`PATIENCE`], and a thousand wakes for a gigabyte do not count any more.
const HEAP: usize = 8 * SIZE;
/// So much before the end, the end is near (B3): less than a heap may be left on the wire, because TLS has read some of it ahead.
const END: u64 = 2 * HEAP as u64;
/// How long a heap may take: five times of what it takes a connection that is just fast, so that a processor that was away for a turn is no reason to call the bet
/// off; and no more than a user's eye or a silence's limit would notice.
const PATIENCE: Duration = Duration::from_millis(20);
/// A connection is fast if so much comes within such a time: a quarter of a gigabyte per second, and more. Slower ones are not limited by the wakes. Four heaps, so
/// that one that was lucky says nothing.
const SAMPLE: (u64, Duration) = (4 << 20, Duration::from_millis(16));

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
    /// Whether only a heap wakes, and since when the speed is measured: the time, and what was left.
    heaps: bool,
    since: (Instant, u64),
    /// When a heap is not waited for any longer.
    until: Option<Pin<Box<Sleep>>>,
}

impl Straight {
    pub(crate) fn new(wire: Metered, left: u64, home: &Buffers) -> Self {
        Self { wire, left, buffer: None, home: home.clone(), heaps: false, since: (Instant::now(), left), until: None }
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
            Poll::Pending => {
                self.watch_heap(cx);
                Poll::Pending
            }
            result => result,
        };
        if let Poll::Ready(Ok(size)) = result {
            lent.size = size;
            self.left -= size as u64;
            self.judge_speed();
            if size >= LARGE {
                return Poll::Ready(Some(Ok(Bytes::from_owner(lent))));
            }
        }
        let lent = self.buffer.insert(lent);
        result.map_ok(|size| Bytes::copy_from_slice(&lent.buffer[..size])).map(Some)
    }
}

impl Straight {
    fn judge_speed(&mut self) {
        self.until = None;
        if self.left < END {
            return self.set_heaps(false);
        }
        let (since, before) = self.since;
        if before - self.left >= SAMPLE.0 {
            let now = Instant::now();
            self.since = (now, self.left);
            self.set_heaps(now.saturating_duration_since(since) <= SAMPLE.1);
        }
    }

    fn set_heaps(&mut self, heaps: bool) {
        if self.heaps != heaps {
            self.heaps = heaps;
            self.wire.set_low_water(if heaps { HEAP } else { 1 });
        }
    }

    /// Nothing is there that wakes.
    fn watch_heap(&mut self, cx: &mut Context<'_>) {
        if self.heaps && self.until.get_or_insert_with(|| Box::pin(cede::time::sleep(PATIENCE))).as_mut().poll(cx).is_ready() {
            self.until = None;
            self.since = (Instant::now(), self.left);
            self.set_heaps(false);
        }
    }
}

#[cfg(test)]
mod tests {
    //! Whose memory it is, and what is not waited for.

    use std::future::poll_fn;

    use bytes::Bytes;
    use cede::io::AsyncWriteExt;
    use cede::net::{TcpListener, TcpStream};

    use super::{Buffers, END, HEAP, SIZE, SPARE, Straight};
    use crate::connect::Connection;
    use crate::meter::Metered;
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
    fn a_heap_that_does_not_come_is_not_waited_for() {
        cede::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut far, _) = listener.accept().await.unwrap();
            let home = Buffers::default();
            let mut straight = Straight::new(Metered::new(Connection::Plain(near)).0, END * 4, &home);
            straight.set_heaps(true);
            far.write_all(b"little").await.unwrap();
            let chunk = poll_fn(|cx| straight.poll_chunk(cx)).await.unwrap().unwrap();
            assert_eq!(chunk, &b"little"[..]);
            // From now on each packet wakes.
            assert!(!straight.heaps);
            far.write_all(b"more").await.unwrap();
            assert_eq!(poll_fn(|cx| straight.poll_chunk(cx)).await.unwrap().unwrap(), &b"more"[..]);
            drop(far);
            let end = poll_fn(|cx| straight.poll_chunk(cx)).await.unwrap();
            assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
        });
    }

    #[test]
    fn the_end_is_not_waited_for_as_a_heap() {
        cede::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut far, _) = listener.accept().await.unwrap();
            let size = HEAP;
            let mut straight = Straight::new(Metered::new(Connection::Plain(near)).0, size as u64, &Buffers::default());
            straight.set_heaps(true);
            let sent = cede::spawn(async move { far.write_all(&vec![7; size]).await.map(|()| far) });
            let mut came = 0;
            while let Some(chunk) = poll_fn(|cx| straight.poll_chunk(cx)).await {
                came += chunk.unwrap().len();
                assert!(!straight.heaps, "B3");
            }
            assert_eq!(came, size);
            drop(sent.await);
        });
    }

    #[test]
    fn not_all_buffers_are_kept() {
        let home = Buffers::default();
        let chunks: Vec<_> = (0..SPARE + 3).map(|_| lend(&home, 1)).collect();
        drop(chunks);
        assert_eq!(lock(&home.0).len(), SPARE);
    }
}
