//! Connections, kept for the next request to the same origin.
//!
//! A connection whose answer was read to its end can carry another request; making a new one costs a round trip or three, and for small files that is most of the
//! time. HTTP/2 carries many at once, but all on one flow: so the extra segments of a file get connections of their own (a *lane*), and small files share lane 0.
//!
//! Descriptors are counted: a [`Lease`] holds a permit, and so does an idle connection. Whoever waits for a permit closes an idle one, and looks again every [`LOOK_AGAIN`]: by then one may have become idle,
//! also one to the very origin that is asked for. What is idle among HTTP/2 connections is what no lease is on.
//!
//! What nobody has used for [`IDLE_FOR`] is closed, by one task that sleeps meanwhile ([`Pool::see_that_somebody_sweeps`]): a server that has forgotten the connection
//! long ago, and a firewall between, would not say so, and a list that pauses for an hour should hold nothing of anybody's.
//!
//! # Who moves the bytes
//! An HTTP/1 connection carries one request at a time, so it has no task of its own: whoever waits for something on it polls it meanwhile ([`Line`]). With a task
//! each, every head and every chunk would be handed from one task to another, often on another processor, and for small files that was most of the time.
//! An idle connection is polled by nobody; whether it is still open is seen when it is leased. HTTP/2 has a task, because many wait on one connection.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Context;

use bytes::Bytes;
use cede::hyper::{CedeExecutor, CedeTimer};
use cede::sync::{OwnedSemaphorePermit, Semaphore};
use cede::task::AbortHandle;
use cede::time::{Duration, Instant};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use url::{Position, Url};

use crate::connect::Connector;
use crate::failure::Setback;
use crate::meter::{Meter, Metered};
use crate::outgoing::Outgoing;
use crate::request::setback;
use crate::straight::Buffers;

/// How often somebody who waits for a permit looks for an idle connection.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a connection stays open while nobody uses it. Servers close theirs after five seconds to two minutes, which is seen when it is leased; firewalls forget
/// connections after some minutes, which is not.
const IDLE_FOR: Duration = Duration::from_secs(60);
/// Idle connections to one origin.
const IDLE: usize = 32;
/// The most that hyper reads at once.
const READ: usize = 256 * 1024;
/// How much a server may send ahead on HTTP/2; a window of 64 KiB would limit the speed to that much for each round trip.
const WINDOW: u32 = 4 << 20;

/// Scheme, host and port, and which of several HTTP/2 connections.
type Key = (String, usize);

#[derive(Debug)]
pub(crate) struct Pool {
    connector: Connector,
    kept: Arc<Mutex<Kept>>,
    permits: Arc<Semaphore>,
    buffers: Buffers,
}

/// The connections that the next request may take.
#[derive(Debug, Default)]
struct Kept {
    idle: HashMap<Key, Vec<Idle>>,
    shared: HashMap<Key, Shared>,
    /// Who closes those that nobody uses. `None`: nobody, because there are none.
    sweeper: Option<AbortHandle>,
}

/// An HTTP/1 connection, as hyper speaks it. It moves only while somebody polls it.
#[derive(Debug)]
pub(crate) struct Line {
    sender: http1::SendRequest<Outgoing>,
    /// `None` when it has ended. Boxed, because it is large and goes from hand to hand.
    connection: Option<Box<http1::Connection<Metered, Outgoing>>>,
}

/// An HTTP/2 connection, which carries many requests.
#[derive(Clone, Debug)]
struct Shared {
    sender: http2::SendRequest<Outgoing>,
    meter: Arc<Meter>,
    /// Each lease has one, too.
    users: Arc<LastUse>,
}

/// When a lease on a shared connection was over last.
#[derive(Debug)]
struct LastUse(Mutex<Instant>);

/// A lease's share in it.
#[derive(Debug)]
struct Use(Arc<LastUse>);

impl Drop for Use {
    fn drop(&mut self) {
        *lock(&self.0.0) = Instant::now();
    }
}

#[derive(Debug)]
struct Idle {
    line: Line,
    meter: Arc<Meter>,
    since: Instant,
    permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Sender {
    One(Line, OwnedSemaphorePermit),
    Many(http2::SendRequest<Outgoing>, #[expect(dead_code, reason = "it is counted, and notes its end")] Use),
}

/// A connection for one request.
#[derive(Debug)]
pub(crate) struct Lease {
    key: Key,
    sender: Sender,
    meter: Arc<Meter>,
    /// How long the line had been starved, and silent, when this was asked last, in nanoseconds.
    seen: [AtomicU64; 2],
    /// Whether it was used before, so that it may turn out to be closed.
    reused: bool,
}

impl Pool {
    /// At most `most` connections at a time.
    pub(crate) fn new(connector: Connector, most: usize) -> Self {
        Self { connector, kept: Arc::default(), permits: Arc::new(Semaphore::new(most.max(1))), buffers: Buffers::default() }
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// A connection to the URL's origin, or to the proxy that asks it.
    ///
    /// # Cancel safety
    /// Dropping the future drops a connection that was being made.
    pub(crate) async fn lease(&self, url: &Url, lane: usize, fresh: bool) -> Result<Lease, Setback> {
        let target = self.connector.forwarding_proxy(url).map_or(url, |proxy| &proxy.url);
        let key = (origin_of(target), lane);
        let plain = (key.0.clone(), 0);
        let permit = loop {
            if !fresh && let Some(lease) = self.reuse(&key, &plain).await {
                return Ok(lease);
            }
            if let Some(permit) = self.permit().await {
                break permit;
            }
        };
        let connection = self.connector.connect(target).await?;
        let is_http2 = connection.is_http2();
        let (connection, meter) = Metered::new(connection);
        if is_http2 {
            let handshake = http2::Builder::new(CedeExecutor)
                .timer(CedeTimer)
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(WINDOW * 2)
                .max_frame_size(64 * 1024)
                .handshake(connection)
                .await;
            let (sender, driver) = handshake.map_err(|error| setback(url, &error))?;
            crate::tasks::spawn(async move {
                drop(driver.await);
                drop(permit);
            });
            let users = Arc::new(LastUse(Mutex::new(Instant::now())));
            let shared = Shared { sender: sender.clone(), meter: Arc::clone(&meter), users: Arc::clone(&users) };
            let mut kept = lock(&self.kept);
            let before = kept.shared.insert(key.clone(), shared);
            self.see_that_somebody_sweeps(&mut kept);
            drop(kept);
            drop(before);
            return Ok(Lease { key, sender: Sender::Many(sender, Use(users)), meter, seen: Default::default(), reused: false });
        }
        let line = Line::new(connection).await.map_err(|error| setback(url, &error))?;
        Ok(Lease { key: plain, sender: Sender::One(line, permit), meter, seen: Default::default(), reused: false })
    }

    /// A connection that is there.
    async fn reuse(&self, key: &Key, plain: &Key) -> Option<Lease> {
        let known = lock(&self.kept).shared.get(key).filter(|shared| !shared.sender.is_closed()).cloned();
        if let Some(Shared { sender, meter, users }) = known {
            let sender = Sender::Many(sender, Use(users));
            return Some(Lease { key: key.clone(), sender, meter, seen: Default::default(), reused: true });
        }
        while let Some(Idle { mut line, meter, since, permit }) = self.take_idle(plain) {
            if since.elapsed() < IDLE_FOR && line.is_ready().await {
                return Some(Lease {
                    key: plain.clone(),
                    sender: Sender::One(line, permit),
                    meter,
                    seen: Default::default(),
                    reused: true,
                });
            }
        }
        None
    }

    /// Where bodies that come straight are read into.
    pub(crate) fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// The answer was read to its end: the connection can carry another.
    pub(crate) fn give_back(&self, lease: Lease) {
        let Sender::One(line, permit) = lease.sender else { return };
        let mut kept = lock(&self.kept);
        if line.connection.is_none() {
            return;
        }
        let known = kept.idle.entry(lease.key).or_default();
        if known.len() < IDLE {
            known.push(Idle { line, meter: lease.meter, since: Instant::now(), permit });
            self.see_that_somebody_sweeps(&mut kept);
        }
    }

    fn take_idle(&self, key: &Key) -> Option<Idle> {
        lock(&self.kept).idle.get_mut(key)?.pop()
    }

    /// There is something that may have to be closed. Whoever does that does not keep the pool, and ends with it.
    fn see_that_somebody_sweeps(&self, kept: &mut Kept) {
        if kept.sweeper.as_ref().is_none_or(AbortHandle::is_finished) {
            let sweeper = crate::tasks::spawn(sweep(Arc::downgrade(&self.kept)));
            kept.sweeper = Some(sweeper.abort_handle());
        }
    }

    /// A permit, at the cost of an idle connection if need be; `None` if there was none for a while.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Some(permit);
        }
        self.close_idle();
        let permit = cede::time::timeout(LOOK_AGAIN, Arc::clone(&self.permits).acquire_owned()).await.ok()?;
        Some(permit.expect("nobody closes the semaphore"))
    }

    /// Closes a connection that nobody uses, if there is one.
    fn close_idle(&self) {
        let victim = lock(&self.kept).idle.values_mut().find_map(Vec::pop);
        if victim.is_none() {
            let mut kept = lock(&self.kept);
            let unused = kept.shared.iter().find(|(_, shared)| shared.is_unused()).map(|(key, _)| key.clone());
            // With the last sender its task ends, and gives the permit back.
            let unused = unused.and_then(|key| kept.shared.remove(&key));
            drop(kept);
            drop(unused);
        }
        drop(victim);
    }
}

/// Scheme, host and port, as the URL has them, which is in one form only.
fn origin_of(url: &Url) -> String {
    let (scheme, host) = (url.scheme(), &url[Position::BeforeHost..Position::AfterPort]);
    [scheme, "://", host].concat()
}

impl Drop for Pool {
    fn drop(&mut self) {
        let sweeper = lock(&self.kept).sweeper.take();
        if let Some(sweeper) = sweeper {
            sweeper.abort();
        }
    }
}

impl Shared {
    fn is_unused(&self) -> bool {
        Arc::strong_count(&self.users) == 1
    }
}

/// Closes what nobody has used for long, until there is nothing that could be closed later.
async fn sweep(pool: Weak<Mutex<Kept>>) {
    loop {
        let Some(kept) = pool.upgrade() else { return };
        let (old, next) = lock(&kept).take_old(Instant::now());
        // To close may take a while, and somebody may be waiting for the lock.
        drop(old);
        drop(kept);
        let Some(next) = next else { return };
        cede::time::sleep_until(next).await;
    }
}

impl Kept {
    /// Takes out what nobody has used for long, and says when to look again. `None`: not before there is something again, and somebody else then.
    fn take_old(&mut self, now: Instant) -> ((Vec<Idle>, Vec<Shared>), Option<Instant>) {
        let mut next = None;
        let mut is_old = |since: Instant| {
            let end = since + IDLE_FOR;
            if end > now {
                next = Some(next.map_or(end, |next: Instant| next.min(end)));
            }
            end <= now
        };
        let mut lines = Vec::new();
        for known in self.idle.values_mut() {
            lines.extend(known.extract_if(.., |line| is_old(line.since)));
        }
        self.idle.retain(|_, lines| !lines.is_empty());
        let mut is_over = |shared: &Shared| {
            let since = if shared.is_unused() { *lock(&shared.users.0) } else { now };
            shared.sender.is_closed() || is_old(since)
        };
        let shared = self.shared.extract_if(|_, shared| is_over(shared)).map(|(_, shared)| shared).collect();
        if next.is_none() {
            self.sweeper = None;
        }
        ((lines, shared), next)
    }
}

impl Line {
    async fn new(connection: Metered) -> hyper::Result<Self> {
        let (sender, connection) = http1::Builder::new().max_buf_size(READ).handshake(connection).await?;
        Ok(Self { sender, connection: Some(Box::new(connection)) })
    }

    /// Whether it can take a request; one that the server has closed cannot.
    async fn is_ready(&mut self) -> bool {
        let sender = &mut self.sender;
        drive(&mut self.connection, poll_fn(|cx| sender.poll_ready(cx))).await.is_ok()
    }
}

/// Awaits what the connection is to bring, and moves the connection meanwhile.
async fn drive<F: Future>(connection: &mut Option<Box<http1::Connection<Metered, Outgoing>>>, awaited: F) -> F::Output {
    let mut awaited = pin!(awaited);
    poll_fn(|cx| {
        poll_connection(connection, cx);
        awaited.as_mut().poll(cx)
    })
    .await
}

/// Its errors also reach the request or the body, where they are reported.
fn poll_connection(connection: &mut Option<Box<http1::Connection<Metered, Outgoing>>>, cx: &mut Context<'_>) {
    if let Some(line) = connection
        && Pin::new(line.as_mut()).poll(cx).is_ready()
    {
        *connection = None;
    }
}

impl Lease {
    pub(crate) fn is_reused(&self) -> bool {
        self.reused
    }

    /// How silent the line is.
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// How long the line was starved, and how long it was silent, since this was asked last. Others may be on it.
    pub(crate) fn take_waits(&self) -> (Duration, Duration) {
        let since = |seen: &AtomicU64, now: Duration| {
            let now = now.as_nanos() as u64;
            Duration::from_nanos(now.saturating_sub(seen.swap(now, Ordering::Relaxed)))
        };
        (since(&self.seen[0], self.meter.starved()), since(&self.seen[1], self.meter.silent()))
    }

    pub(crate) fn is_http2(&self) -> bool {
        matches!(self.sender, Sender::Many(..))
    }

    /// Moves what there is to move; for whoever waits for a body.
    pub(crate) fn poll_line(&mut self, cx: &mut Context<'_>) {
        if let Sender::One(line, _) = &mut self.sender {
            poll_connection(&mut line.connection, cx);
        }
    }

    /// Takes the connection out of hyper's hands, with what hyper has read ahead. `None`: it is HTTP/2, or has ended.
    pub(crate) fn take_wire(&mut self) -> Option<(Metered, Bytes)> {
        let Sender::One(line, _) = &mut self.sender else { return None };
        let parts = line.connection.take()?.into_parts();
        Some((parts.io, parts.read_buf))
    }

    /// Gives it back into hyper's hands, between an answer and the next request.
    pub(crate) async fn put_wire(&mut self, wire: Metered) {
        if let Sender::One(line, _) = &mut self.sender
            && let Ok(new) = Line::new(wire).await
        {
            *line = new;
        }
    }

    pub(crate) async fn send(&mut self, request: Request<Outgoing>) -> hyper::Result<Response<Incoming>> {
        match &mut self.sender {
            Sender::One(line, _) => {
                let answer = line.sender.send_request(request);
                drive(&mut line.connection, answer).await
            }
            Sender::Many(sender, _) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
