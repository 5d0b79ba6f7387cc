//! One connection: the stream under hyper, and what the requests on it share.
//!
//! Hyper owns the stream, so nobody else can touch it; the [`Line`] is how a request reaches it all the same. A fault sets `cut`, and the stream obeys at the next flush, when
//! everything before the cut has been given to the kernel. Reads and writes note the time, from which a watchdog sees that a connection is idle or stuck, whatever
//! the reason: no request, a client that does not read, an upload that stopped.
//!
//! `cut`, `moved` and the counts are mere notes: nothing else is read because of them, so no ordering is needed.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use cede::net::TcpStream;
use cede::time::{Duration, Instant};
use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::server::TlsStream;
use hyper::rt::ReadBufCursor;

use crate::fault::Cut;
use crate::pace::Bucket;

/// What the requests on a connection share.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) peer: SocketAddr,
    pub(crate) rate: Option<Bucket>,
    cut: AtomicU8,
    epoch: Instant,
    /// Milliseconds after the epoch.
    moved: AtomicU64,
    requests: AtomicUsize,
    /// Requests that are busy with something else than bytes of the connection.
    working: AtomicUsize,
}

const WHOLE: u8 = 0;
const CLOSE: u8 = 1;
const RESET: u8 = 2;

impl Line {
    pub(crate) fn new(peer: SocketAddr, rate: Option<u64>) -> Self {
        let zero = AtomicUsize::default;
        let rate = rate.map(Bucket::new);
        Self { peer, rate, cut: AtomicU8::new(WHOLE), epoch: Instant::now(), moved: AtomicU64::new(0), requests: zero(), working: zero() }
    }

    /// Ends the connection as soon as what was written is out.
    pub(crate) fn cut(&self, how: Cut) {
        let how = if how == Cut::Reset { RESET } else { CLOSE };
        self.cut.store(how, Ordering::Relaxed);
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed) != WHOLE
    }

    pub(crate) fn touch(&self) {
        self.moved.store(self.epoch.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// A request is under way until the result is dropped.
    pub(crate) fn request(self: &Arc<Self>) -> Counted {
        Counted::new(self, |line| &line.requests)
    }

    /// The client is waited for by nobody until the result is dropped.
    pub(crate) fn work(self: &Arc<Self>) -> Counted {
        Counted::new(self, |line| &line.working)
    }

    /// When it will have been quiet for too long, and whether it is already.
    pub(crate) fn deadline(&self, idle: Duration, stall: Duration) -> (Instant, bool) {
        let limit = if self.requests.load(Ordering::Relaxed) > 0 { stall } else { idle };
        if self.working.load(Ordering::Relaxed) > 0 {
            return (Instant::now() + limit, false);
        }
        let at = self.epoch + Duration::from_millis(self.moved.load(Ordering::Relaxed)) + limit;
        (at, at <= Instant::now())
    }
}

/// One of the things that a line counts.
#[derive(Debug)]
pub(crate) struct Counted {
    line: Arc<Line>,
    which: fn(&Line) -> &AtomicUsize,
}

impl Counted {
    fn new(line: &Arc<Line>, which: fn(&Line) -> &AtomicUsize) -> Self {
        which(line).fetch_add(1, Ordering::Relaxed);
        line.touch();
        Self { line: Arc::clone(line), which }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.line.touch();
        (self.which)(&self.line).fetch_sub(1, Ordering::Relaxed);
    }
}

/// The bytes below HTTP.
#[derive(Debug)]
pub(crate) enum Bytes {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

/// A TLS stream, and a buffer for one record: hyper's buffers may be uninitialized memory, which only `unsafe` could lend to rustls.
#[derive(Debug)]
pub(crate) struct Tls {
    stream: TlsStream<TcpStream>,
    record: [u8; RECORD],
}

/// The most plain text that a TLS record holds.
const RECORD: usize = 16 * 1024;

/// A connection as hyper wants it.
#[derive(Debug)]
pub(crate) struct Stream {
    bytes: Bytes,
    /// What was read to find out the protocol.
    ahead: Vec<u8>,
    line: Arc<Line>,
}

impl Stream {
    pub(crate) fn plain(stream: TcpStream, ahead: Vec<u8>, line: Arc<Line>) -> Self {
        Self { bytes: Bytes::Plain(stream), ahead, line }
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>, line: Arc<Line>) -> Self {
        Self { bytes: Bytes::Tls(Box::new(Tls { stream, record: [0; RECORD] })), ahead: Vec::new(), line }
    }

    /// Whether the client and we agreed on HTTP/2.
    pub(crate) fn negotiated_http2(&self) -> bool {
        match &self.bytes {
            Bytes::Plain(_) => false,
            Bytes::Tls(tls) => tls.stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.line.cut.load(Ordering::Relaxed) == RESET {
            let stream = match &self.bytes {
                Bytes::Plain(stream) => stream,
                Bytes::Tls(tls) => tls.stream.get_ref().0,
            };
            // Otherwise it is closed in good order, which is a fault too.
            drop(stream.set_zero_linger());
        }
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut cursor: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ahead.is_empty() {
            let count = this.ahead.len().min(cursor.remaining());
            cursor.put_slice(&this.ahead[..count]);
            this.ahead.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let result = match &mut this.bytes {
            Bytes::Plain(stream) => ready!(hyper::rt::Read::poll_read(Pin::new(stream), cx, cursor)),
            Bytes::Tls(tls) => {
                let room = cursor.remaining().min(RECORD);
                ready!(Pin::new(&mut tls.stream).poll_read(cx, &mut tls.record[..room])).map(|count| cursor.put_slice(&tls.record[..count]))
            }
        };
        this.line.touch();
        Poll::Ready(result)
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = match &mut this.bytes {
            Bytes::Plain(stream) => ready!(hyper::rt::Write::poll_write(Pin::new(stream), cx, buffer)),
            Bytes::Tls(tls) => ready!(AsyncWrite::poll_write(Pin::new(&mut tls.stream), cx, buffer)),
        };
        this.line.touch();
        Poll::Ready(result)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = match &mut this.bytes {
            Bytes::Plain(stream) => ready!(hyper::rt::Write::poll_write_vectored(Pin::new(stream), cx, buffers)),
            Bytes::Tls(tls) => ready!(AsyncWrite::poll_write_vectored(Pin::new(&mut tls.stream), cx, buffers)),
        };
        this.line.touch();
        Poll::Ready(result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = match &mut this.bytes {
            Bytes::Plain(stream) => ready!(hyper::rt::Write::poll_flush(Pin::new(stream), cx)),
            Bytes::Tls(tls) => ready!(AsyncWrite::poll_flush(Pin::new(&mut tls.stream), cx)),
        };
        if this.line.is_cut() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault")));
        }
        Poll::Ready(result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.line.is_cut() {
            return Poll::Ready(Ok(()));
        }
        match &mut this.bytes {
            Bytes::Plain(stream) => hyper::rt::Write::poll_shutdown(Pin::new(stream), cx),
            Bytes::Tls(tls) => AsyncWrite::poll_close(Pin::new(&mut tls.stream), cx),
        }
    }
}
