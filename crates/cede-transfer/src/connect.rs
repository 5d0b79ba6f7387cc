//! From a URL to a connection: name lookup, TCP, and TLS where the scheme asks for it.
//!
//! The time limit covers all of it together, because that is what a user waits for. Through a proxy, `https` goes in a tunnel (`CONNECT`), so that the proxy sees
//! the host's name and no more; `http` is asked of the proxy itself, in the request.

mod gulp;
mod proxy;
mod race;
mod trust;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use cede::io::Interest;
use cede::net::TcpStream;
use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsConnector;
use futures_rustls::client::TlsStream;
use hyper::rt::ReadBufCursor;
use rustls_pki_types::ServerName;
use url::{Host, Url};

use crate::exit::Exit;
use crate::failure::{Failure, Setback, printable};
use gulp::Gulping;
pub use proxy::Proxies;
use trust::Roots;

/// Makes connections; clones share what they have learned about certificates.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    roots: Arc<Roots>,
    proxies: Arc<Proxies>,
    limit: Duration,
}

/// A byte stream to a server, in the form that hyper wants.
#[derive(Debug)]
pub(crate) enum Connection {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

/// A TLS stream, and a buffer for one record: hyper's buffers may be uninitialized memory, which only `unsafe` could lend to rustls. The copy costs far less
/// than the decryption.
#[derive(Debug)]
pub(crate) struct Tls {
    stream: TlsStream<Gulping>,
    record: [u8; RECORD],
    /// What ended the stream after bytes that had to be handed on first.
    failed: Option<io::Error>,
}

/// The most plain text that a TLS record holds.
const RECORD: usize = 16 * 1024;

impl Connector {
    /// With `cacert`, only the certificates in that file are trusted. HTTP/2 is offered with `http2`.
    pub(crate) fn new(limit: Duration, cacert: Option<PathBuf>, proxies: Proxies, http2: bool) -> Self {
        Self { roots: Arc::new(Roots::new(cacert, http2)), proxies: Arc::new(proxies), limit }
    }

    /// The proxy that is to be asked for an `http` URL, instead of its host.
    pub(crate) fn forwarding_proxy(&self, url: &Url) -> Option<&proxy::Proxy> {
        self.proxies.of(url).filter(|_| url.scheme() == "http")
    }

    pub(crate) async fn connect(&self, url: &Url) -> Result<Connection, Setback> {
        match cede::time::timeout(self.limit, self.connect_without_limit(url)).await {
            Ok(result) => result,
            Err(_) => {
                let what = format!("no connection to {} within {} s", authority(url), self.limit.as_secs_f64());
                Err(Setback::passing(Failure::new(Exit::TimedOut, what).help("--connect-timeout SECONDS waits longer")))
            }
        }
    }

    async fn connect_without_limit(&self, url: &Url) -> Result<Connection, Setback> {
        let secure = url.scheme() == "https";
        // Before the connection, so that a bad --cacert is told without one.
        let config = if secure { Some(self.roots.config().await.map_err(Setback::fatal)?) } else { None };
        let proxy = self.proxies.of(url);
        let first = proxy.map_or(url, |proxy| &proxy.url);
        let addresses = resolve(first).await.map_err(|setback| if proxy.is_some() { setback.about_the_proxy() } else { setback })?;
        let mut stream = race::connect(addresses).await.map_err(|error| {
            let what = format!("could not connect to {}{}: {error}", if proxy.is_some() { "the proxy " } else { "" }, authority(first));
            let failure = Failure::new(Exit::Network, what).help("check the host and port, and that the server runs");
            Setback::of_io(failure.refused_connection(error.kind() == io::ErrorKind::ConnectionRefused), &error)
        })?;
        // Without this, small requests wait for acknowledgements. It only costs speed when it fails.
        drop(stream.set_nodelay(true));
        let Some(config) = config else { return Ok(Connection::Plain(stream)) };
        if let Some(proxy) = proxy {
            proxy::tunnel(&mut stream, proxy, url).await?;
        }
        let name = server_name(url).map_err(Setback::fatal)?;
        let tls = TlsConnector::from(config).connect(name, Gulping::new(stream)).await;
        tls.map(|stream| Connection::Tls(Box::new(Tls { stream, record: [0; RECORD], failed: None })))
            .map_err(|error| trust::handshake_failure(url, &error))
    }
}

/// With TLS 1.3 the handshake is over before the server has looked at everything: what it refuses then comes in place of an answer, and is as final.
pub(crate) fn late_refusal(url: &Url, error: &(dyn std::error::Error + 'static)) -> Option<Setback> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && trust::is_refusal(error)
        {
            return Some(trust::handshake_failure(url, error));
        }
        cause = error.source();
    }
    None
}

impl Connection {
    /// Whether both sides agreed on HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    /// How many bytes the system holds that were not read yet.
    pub(crate) fn backlog(&self) -> u64 {
        let ahead = match self {
            Self::Plain(_) => 0,
            Self::Tls(tls) => tls.stream.get_ref().0.ahead() as u64,
        };
        ahead + rustix::io::ioctl_fionread(self.socket()).unwrap_or(0)
    }

    /// Whether it is known, without a call to the system, that the last read has left nothing: it was a short one, and nothing was announced since.
    pub(crate) fn is_drained(&self) -> bool {
        matches!(self, Self::Plain(stream) if stream.try_io(Interest::READABLE, || Ok(())).is_err())
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(tls) => tls.stream.get_ref().0.socket(),
        }
    }

    /// Wakes only for so many bytes, which is a wish: where it is refused, each packet wakes.
    pub(crate) fn set_low_water(&self, bytes: usize) {
        drop(self.socket().set_read_low_water(bytes));
    }
}

impl Connection {
    /// Reads as much as there is and as fits, which from TLS is several records; 0 only at the end.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => AsyncRead::poll_read(Pin::new(stream), cx, buffer),
            Self::Tls(tls) => tls.poll_records(cx, buffer),
        }
    }
}

impl Tls {
    /// Reads as many records as there are and as fit.
    fn poll_records(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        let mut filled = 0;
        while filled < buffer.len() {
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer[filled..]) {
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(Ok(count)) => filled += count,
                Poll::Pending if filled > 0 => break,
                // What came before it goes first.
                Poll::Ready(Err(error)) if filled > 0 => {
                    self.failed = Some(error);
                    break;
                }
                unfinished => return unfinished,
            }
        }
        Poll::Ready(Ok(filled))
    }

    /// The same into hyper's buffer: what is read together travels together from here on, to the write.
    fn poll_fill(&mut self, cx: &mut Context<'_>, cursor: &mut ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        let room = cursor.remaining();
        while cursor.remaining() > 0 {
            let size = cursor.remaining().min(RECORD);
            let is_first = cursor.remaining() == room;
            match Pin::new(&mut self.stream).poll_read(cx, &mut self.record[..size]) {
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(Ok(count)) => cursor.put_slice(&self.record[..count]),
                Poll::Ready(Err(error)) if is_first => return Poll::Ready(Err(error)),
                Poll::Ready(Err(error)) => {
                    self.failed = Some(error);
                    break;
                }
                Poll::Pending if is_first => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

async fn resolve(url: &Url) -> Result<Vec<SocketAddr>, Setback> {
    let port = url.port_or_known_default().unwrap_or(80);
    let host = match url.host() {
        Some(Host::Ipv4(address)) => return Ok(vec![SocketAddr::new(IpAddr::V4(address), port)]),
        Some(Host::Ipv6(address)) => return Ok(vec![SocketAddr::new(IpAddr::V6(address), port)]),
        Some(Host::Domain(host)) => host.to_owned(),
        None => return Err(Setback::fatal(Failure::new(Exit::Usage, "the URL names no host"))),
    };
    let addresses: Vec<_> =
        cede::net::lookup_host((host.as_str(), port)).await.map_err(|error| unresolved(&host, &error.to_string()))?.collect();
    if addresses.is_empty() { Err(unresolved(&host, "it has no address")) } else { Ok(addresses) }
}

/// What a name without an address means: the system's resolver tells "there is none" from "ask again" only in words.
fn unresolved(host: &str, why: &str) -> Setback {
    let what = format!("could not resolve the host name {}: {why}", printable(host));
    let failure = Failure::new(Exit::Dns, what).help("check the spelling and the network");
    if why.to_ascii_lowercase().contains("temporary") { Setback::passing(failure) } else { Setback::fatal(failure) }
}

fn server_name(url: &Url) -> Result<ServerName<'static>, Failure> {
    let bad = || Failure::new(Exit::Tls, format!("{} cannot be the name in a certificate", authority(url)));
    match url.host() {
        Some(Host::Ipv4(address)) => Ok(ServerName::from(IpAddr::V4(address))),
        Some(Host::Ipv6(address)) => Ok(ServerName::from(IpAddr::V6(address))),
        Some(Host::Domain(host)) => ServerName::try_from(host.to_owned()).map_err(|_| bad()),
        None => Err(bad()),
    }
}

/// `host:port`, as the `Host` header has it: the port only if it is not the scheme's own.
pub(crate) fn authority(url: &Url) -> String {
    url[url::Position::BeforeHost..url::Position::AfterPort].to_owned()
}

impl hyper::rt::Read for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut cursor: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => hyper::rt::Read::poll_read(Pin::new(stream), cx, cursor),
            Self::Tls(tls) => tls.poll_fill(cx, &mut cursor),
        }
    }
}

impl hyper::rt::Write for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => hyper::rt::Write::poll_write(Pin::new(stream), cx, buffer),
            Self::Tls(tls) => AsyncWrite::poll_write(Pin::new(&mut tls.stream), cx, buffer),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => hyper::rt::Write::poll_flush(Pin::new(stream), cx),
            Self::Tls(tls) => AsyncWrite::poll_flush(Pin::new(&mut tls.stream), cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => hyper::rt::Write::poll_shutdown(Pin::new(stream), cx),
            Self::Tls(tls) => AsyncWrite::poll_close(Pin::new(&mut tls.stream), cx),
        }
    }
}

#[cfg(test)]
mod tests {
    //! What the resolver says, and what that means.

    use super::unresolved;
    use crate::exit::Exit;
    use crate::plan::Trouble;

    #[test]
    fn names_that_may_have_an_address_later() {
        // As glibc and musl say EAI_AGAIN, which is what SERVFAIL and a silent resolver become, and EAI_NONAME, EAI_NODATA, EAI_FAIL.
        for (why, trouble) in [
            ("failed to lookup address information: Temporary failure in name resolution", Trouble::Passing),
            ("failed to lookup address information: Name or service not known", Trouble::Fatal),
            ("failed to lookup address information: No address associated with hostname", Trouble::Fatal),
            ("failed to lookup address information: Non-recoverable failure in name resolution", Trouble::Fatal),
        ] {
            let setback = unresolved("host\u{1b}[1m.example", why);
            assert_eq!((setback.trouble, setback.failure.exit()), (trouble, Exit::Dns), "{why}");
            assert!(!setback.failure.to_string().contains('\u{1b}'), "{}", setback.failure);
        }
    }
}
