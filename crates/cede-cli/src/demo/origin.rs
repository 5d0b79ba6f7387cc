//! The demo's server: HTTP/1.1 with hyper, on a cede runtime in a thread of its own, so that its work is not mistaken for the client's.
//!
//! Every file is generated while it is sent, at a speed of its own: small and slow ones, large and fast ones, so that they end at different times.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use cede::net::TcpListener;
use cede::sync::oneshot;
use cede::time::{Instant, Sleep};
use hyper::body::{Body, Frame, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use url::Url;

use super::content;

/// What all files together should not exceed, so that a demo with many files takes no longer.
const BUDGET: u64 = 48 << 20;

/// A file of the demo.
#[derive(Debug)]
pub(super) struct Exhibit {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
    seed: u64,
    /// How long it takes to send.
    lasts: Duration,
}

/// The running server; it stops when this is dropped.
#[derive(Debug)]
pub(super) struct Origin {
    address: SocketAddr,
    exhibits: Arc<[Exhibit]>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Exhibit {
    fn new(index: usize, count: usize) -> Self {
        // Six sizes, each twice the last; sixteen durations from 0.5 to 2.3 seconds, in another order.
        let unit = (256 << 10).min(BUDGET / (count as u64 * 11)).max(1024);
        let size = (unit << (index * 7 % 6)) + index as u64 * 37;
        let lasts = Duration::from_millis(500 + 120 * (index as u64 * 5 % 16));
        let seed = index as u64 + 1;
        Self { name: format!("file-{:02}.bin", index + 1), size, sha256: content::sha256(seed, size), seed, lasts }
    }

    fn path(&self) -> String {
        format!("/{}", self.name)
    }
}

impl Origin {
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let exhibits: Arc<[Exhibit]> = (0..count).map(|index| Exhibit::new(index, count)).collect();
        // Bound here, so that a failure is the caller's to report.
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = cede::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let shown = Arc::clone(&exhibits);
        let thread =
            std::thread::Builder::new().name("demo-origin".to_owned()).spawn(move || runtime.block_on(serve(listener, shown, stopped)))?;
        Ok(Self { address, exhibits, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn exhibits(&self) -> &[Exhibit] {
        &self.exhibits
    }

    pub(super) fn url(&self, exhibit: &Exhibit) -> Url {
        Url::parse(&format!("http://{}{}", self.address, exhibit.path())).expect("an address and a plain name make a URL")
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn serve(listener: std::net::TcpListener, exhibits: Arc<[Exhibit]>, mut stopped: oneshot::Receiver<()>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let stream = cede::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        let exhibits = Arc::clone(&exhibits);
        cede::spawn(async move {
            let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&exhibits, &request))));
            // A client that leaves early is its own concern.
            drop(http1::Builder::new().serve_connection(stream, service).await);
        });
    }
}

fn answer(exhibits: &[Exhibit], request: &Request<hyper::body::Incoming>) -> Response<Stream> {
    let found = exhibits.iter().find(|exhibit| exhibit.path() == request.uri().path());
    let mut response = Response::new(found.map_or_else(Stream::empty, Stream::new));
    if found.is_none() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// A body that is made piece by piece, each when it is due.
#[derive(Debug)]
struct Stream {
    seed: u64,
    offset: u64,
    size: u64,
    lasts: Duration,
    began: Instant,
    due: Pin<Box<Sleep>>,
}

impl Stream {
    fn new(exhibit: &Exhibit) -> Self {
        let began = Instant::now();
        Self {
            seed: exhibit.seed,
            offset: 0,
            size: exhibit.size,
            lasts: exhibit.lasts,
            began,
            due: Box::pin(cede::time::sleep_until(began)),
        }
    }

    fn empty() -> Self {
        let began = Instant::now();
        Self { seed: 0, offset: 0, size: 0, lasts: Duration::ZERO, began, due: Box::pin(cede::time::sleep_until(began)) }
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if this.offset == this.size {
            return Poll::Ready(None);
        }
        ready!(this.due.as_mut().poll(cx));
        let piece = content::piece(this.seed, this.offset, this.size);
        this.offset += piece.len() as u64;
        let next = this.began + this.lasts.mul_f64(this.offset as f64 / this.size as f64);
        this.due.as_mut().reset(next);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.offset == self.size
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size - self.offset)
    }
}
