//! Connections: accepted, spoken to, watched, and at last asked to end.
//!
//! # The end
//! When the end is asked for, the listener closes at once, idle connections too, and requests under way may go on for a bounded time. Whatever is left then is named and
//! dropped. The permits that limit connections also tell when the last one is gone: whoever has all of them is alone.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};

use cede::hyper::{CedeExecutor, CedeTimer};
use cede::io::AsyncReadExt;
use cede::net::{TcpListener, TcpStream};
use cede::sync::{Semaphore, watch};
use cede::time::{Duration, timeout};
use futures_rustls::TlsAcceptor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;

use crate::fault::Plan;
use crate::line::{Line, Stream};
use crate::note::Desk;
use crate::pace::Bucket;
use crate::root::Root;
use crate::service;
use crate::settings::Settings;
use crate::upload::Uploads;

/// What an HTTP/2 client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How much a client may send ahead on HTTP/2.
const WINDOW: u32 = 1 << 20;
/// The most that hyper buffers for one connection.
const BUFFER: usize = 256 * 1024;
const STREAMS: u32 = 128;

/// A server that listens.
///
/// ```no_run
/// # cede::block_on(async {
/// use cede_serve::{Server, Settings};
/// let server = Server::bind(Settings::new("public")).unwrap();
/// println!("{}", server.url());
/// server.run(async { drop(cede::signal::ctrl_c().await) }).await;
/// # });
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) root: Arc<Root>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) faults: Option<Mutex<Plan>>,
    pub(crate) rate: Option<Arc<Bucket>>,
    pub(crate) uploads: Option<Arc<Uploads>>,
}

/// How a server ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were still under way when the time was over: who asked for what, and how long ago.
    pub refused: Vec<String>,
    /// How often each fault was decided for.
    pub faults: Vec<(&'static str, u64)>,
}

impl Server {
    /// Opens the directory and the port. To be called within a runtime.
    ///
    /// # Errors
    /// The directory cannot be opened, or the port is taken.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn bind(settings: Settings) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(settings.address)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen at {}: {error}", settings.address)))?;
        Self::on(listener, settings)
    }

    /// Serves at a port that is open already; the address in the settings is not looked at.
    ///
    /// # Errors
    /// The directory cannot be opened.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn on(listener: std::net::TcpListener, settings: Settings) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", settings.root.display()));
        let root = Arc::new(Root::new(&settings.root).map_err(named)?);
        let uploads = if settings.upload { Some(Arc::new(Uploads::new(&root).map_err(named)?)) } else { None };
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Shared {
            desk: Arc::new(Desk::new(Arc::clone(&settings.log))),
            faults: settings.faults.clone().map(Mutex::new),
            rate: settings.rate.map(|rate| Arc::new(Bucket::new(rate))),
            root,
            uploads,
            settings,
        };
        Ok(Self { listener: TcpListener::from_std(listener)?, address, shared: Arc::new(shared) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What to type into a browser.
    pub fn url(&self) -> String {
        let scheme = if self.shared.settings.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/", self.address)
    }

    /// Serves until `stop` is ready, and then until the requests under way have ended, but no longer than [`Settings::drain`].
    ///
    /// # Cancel safety
    /// Dropping the future closes the listener; connections go on without a limit until the runtime ends.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Drained {
        let Self { listener, shared, .. } = self;
        let most = u32::try_from(shared.settings.max_connections.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let permits = Arc::new(Semaphore::new(most as usize));
        let (ending, is_ending) = watch::channel(false);
        let mut stop = pin!(stop);
        loop {
            let permit = cede::select! {
                () = &mut stop => break,
                permit = Arc::clone(&permits).acquire_owned() => permit.expect("nobody closes the semaphore"),
            };
            let (stream, peer) = cede::select! {
                () = &mut stop => break,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        shared.desk.say(&format!("could not accept a connection: {error}"));
                        continue;
                    }
                },
            };
            let (shared, is_ending) = (Arc::clone(&shared), is_ending.clone());
            cede::spawn(async move {
                connection(&shared, stream, peer, is_ending).await;
                drop(permit);
            });
        }
        drop(listener);
        ending.send_replace(true);
        let all = timeout(shared.settings.drain, permits.acquire_many(most)).await;
        let refused = if all.is_ok() { Vec::new() } else { shared.desk.names() };
        Drained { refused, faults: shared.fault_counts() }
    }
}

impl Shared {
    fn fault_counts(&self) -> Vec<(&'static str, u64)> {
        let plan = self.faults.as_ref().map(|plan| plan.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        plan.map(|plan| plan.counts().iter().map(|(name, count)| (*name, *count)).collect()).unwrap_or_default()
    }
}

async fn connection(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr, is_ending: watch::Receiver<bool>) {
    // Without this, small answers wait for acknowledgements. It only costs speed when it fails.
    drop(stream.set_nodelay(true));
    let settings = &shared.settings;
    let line = Arc::new(Line::new(peer, settings.rate_per_connection));
    let begun = timeout(settings.idle, begin(settings, stream, Arc::clone(&line))).await;
    // Somebody who says nothing, or nothing that makes sense, is not worth a line.
    let Ok(Ok((stream, is_http2))) = begun else { return };
    line.touch();
    let (served, on) = (Arc::clone(shared), Arc::clone(&line));
    let service = service_fn(move |request| service::answer(Arc::clone(&served), Arc::clone(&on), is_http2, request));
    if is_http2 {
        let mut builder = http2::Builder::new(CedeExecutor);
        builder.timer(CedeTimer).initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW * 4);
        builder.max_concurrent_streams(STREAMS).max_send_buf_size(BUFFER);
        watched(builder.serve_connection(stream, service), &line, settings, is_ending).await;
    } else {
        let mut builder = http1::Builder::new();
        builder.timer(CedeTimer).header_read_timeout(settings.idle).max_buf_size(BUFFER).half_close(true);
        watched(builder.serve_connection(stream, service), &line, settings, is_ending).await;
    }
}

/// The stream under HTTP, and whether that is HTTP/2.
async fn begin(settings: &Settings, mut stream: TcpStream, line: Arc<Line>) -> io::Result<(Stream, bool)> {
    if let Some(tls) = &settings.tls {
        let stream = TlsAcceptor::from(Arc::clone(tls)).accept(stream).await?;
        let stream = Stream::tls(stream, line);
        let is_http2 = stream.negotiated_http2();
        return Ok((stream, is_http2));
    }
    let mut ahead = Vec::new();
    while settings.http2 && PREFACE.starts_with(&ahead) && ahead.len() < PREFACE.len() {
        let mut buffer = [0; 24];
        let room = PREFACE.len() - ahead.len();
        let count = stream.read(&mut buffer[..room]).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        ahead.extend_from_slice(&buffer[..count]);
    }
    let is_http2 = ahead == PREFACE;
    Ok((Stream::plain(stream, ahead, line), is_http2))
}

/// A connection of hyper that can be asked to end.
trait Ending: Future {
    fn end(self: Pin<&mut Self>);
}

impl<S> Ending for http1::Connection<Stream, S>
where
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = crate::body::Answer, Error = io::Error>,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S> Ending for http2::Connection<Stream, S, CedeExecutor>
where
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = crate::body::Answer, Error = io::Error>,
    S::Future: Send + 'static,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Runs a connection until it ends, or has been quiet for too long.
async fn watched<C: Ending>(connection: C, line: &Line, settings: &Settings, mut is_ending: watch::Receiver<bool>) {
    let mut connection = pin!(connection);
    let mut asked = false;
    loop {
        let (deadline, is_late) = line.deadline(settings.idle, settings.stall);
        let mut wake = deadline;
        if is_late {
            if asked {
                return;
            }
            asked = true;
            connection.as_mut().end();
            wake = cede::time::Instant::now() + Duration::from_secs(1);
        }
        cede::select! {
            _ = &mut connection => return,
            changed = is_ending.wait_for(|ending| *ending), if !asked => {
                if changed.is_ok() {
                    asked = true;
                    connection.as_mut().end();
                }
            }
            () = cede::time::sleep_until(wake) => {}
        }
    }
}
