//! HTTP/2, which TLS negotiates: many small files on one connection, segments on connections of their own, and streams that are reset.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use cede::hyper::CedeExecutor;
use cede::net::TcpListener;
use cede_transfer::engine::{Check, Engine, Job, Output, Settings, Silent, Stop};
use cede_transfer::plan::Rules;
use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsAcceptor;
use futures_util::StreamExt;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::rt::ReadBufCursor;
use hyper::{Request, Response};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const SIZE: usize = 5_000_000;

/// A TLS stream as hyper wants it.
struct Tls(futures_rustls::server::TlsStream<cede::net::TcpStream>);

impl hyper::rt::Read for Tls {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut cursor: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut buffer = [0; 4096];
        let room = cursor.remaining().min(buffer.len());
        Pin::new(&mut self.0).poll_read(cx, &mut buffer[..room]).map_ok(|count| cursor.put_slice(&buffer[..count]))
    }
}

impl hyper::rt::Write for Tls {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cede-cli/tests/fixtures").join(name)
}

fn content() -> Vec<u8> {
    (0..SIZE as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// What the server counts, and what it is to do.
#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    requests: AtomicUsize,
    /// So many answers are reset in the middle.
    resets: AtomicUsize,
    /// An answer stops in its middle until so many connections are there.
    gate: usize,
}

type Body = BoxBody<Bytes, io::Error>;

fn answer(content: &Bytes, counts: &Arc<Counts>, request: &Request<Incoming>) -> Response<Body> {
    counts.requests.fetch_add(1, Ordering::Relaxed);
    let range = request.headers().get("range").and_then(|value| value.to_str().ok()?.strip_prefix("bytes=")?.split_once('-'));
    let start: usize = range.and_then(|(start, _)| start.parse().ok()).unwrap_or(0);
    let end = range.and_then(|(_, end)| end.parse::<usize>().ok()).map_or(SIZE, |last| last + 1);
    let small = request.uri().path().starts_with("/small/");
    let (start, end, total) = if small { (0, 1000, 1000) } else { (start, end, SIZE) };
    let part = content.slice(start..end);
    let reset = counts.resets.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    let mut frames: Vec<Result<Frame<Bytes>, io::Error>> =
        part.chunks(16 * 1024).map(|chunk| Ok(Frame::data(part.slice_ref(chunk)))).collect();
    if reset {
        frames.truncate(frames.len() / 2);
        frames.push(Err(io::Error::other("reset")));
    }
    let middle = frames.len() / 2;
    let counts = Arc::clone(counts);
    let stream = futures_util::stream::iter(frames).enumerate().then(move |(at, frame)| {
        let counts = Arc::clone(&counts);
        async move {
            while at == middle && counts.connections.load(Ordering::Relaxed) < counts.gate {
                cede::time::sleep(Duration::from_millis(1)).await;
            }
            frame
        }
    });
    let response = Response::builder().status(206).header("etag", "\"v\"");
    response
        .header("content-range", format!("bytes {start}-{}/{total}", end - 1))
        .header("content-length", end - start)
        .body(BodyExt::boxed(StreamBody::new(stream)))
        .unwrap()
}

/// Runs the downloads against a server of its own; returns what it counted.
fn serve(counts: Counts, downloads: impl AsyncFnOnce(u16)) -> Arc<Counts> {
    let chain = CertificateDer::pem_file_iter(fixture("localhost.pem")).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let counts = Arc::new(counts);
    let content = Bytes::from(content());
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let shared = Arc::clone(&counts);
    runtime.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = cede::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let (acceptor, counts, content) = (acceptor.clone(), Arc::clone(&shared), content.clone());
                cede::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    counts.connections.fetch_add(1, Ordering::Relaxed);
                    let service = hyper::service::service_fn(move |request| {
                        let response = answer(&content, &counts, &request);
                        async move { Ok::<_, Infallible>(response) }
                    });
                    drop(hyper::server::conn::http2::Builder::new(CedeExecutor).serve_connection(Tls(stream), service).await);
                });
            }
        });
        cede::time::timeout(Duration::from_secs(60), downloads(port)).await.expect("the downloads end");
        server.abort();
    });
    counts
}

fn engine(rules: Rules) -> Engine {
    Engine::new(Settings { rules, cacert: Some(fixture("ca.pem")), ..Settings::default() })
}

fn job(dir: &Path, port: u16, path: &str, name: &str) -> Job {
    Job {
        url: format!("https://localhost:{port}/{path}").parse().unwrap(),
        mirrors: Vec::new(),
        output: Output::Named { dir: dir.to_owned(), name: name.to_owned() },
        check: Check::Size,
    }
}

fn scratch(name: &str) -> std::path::PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn small_files_share_a_connection() {
    let dir = scratch("h2-small");
    let counts = serve(Counts::default(), async |port| {
        let engine = engine(Rules::default());
        for n in 0..20 {
            let name = n.to_string();
            engine.download(job(&dir, port, &format!("small/{n}"), &name), Arc::new(Silent), Stop::never()).await.unwrap();
        }
    });
    assert_eq!(std::fs::read(dir.join("7")).unwrap(), content()[..1000]);
    assert_eq!((counts.connections.load(Ordering::Relaxed), counts.requests.load(Ordering::Relaxed)), (1, 20));
}

#[test]
fn segments_have_connections_of_their_own() {
    let dir = scratch("h2-segments");
    let counts = serve(Counts { gate: 2, ..Counts::default() }, async |port| {
        let rules = Rules { eager: true, segments: 3, min_split: 64 * 1024, ..Rules::default() };
        engine(rules).download(job(&dir, port, "big", "big"), Arc::new(Silent), Stop::never()).await.unwrap();
    });
    assert!(std::fs::read(dir.join("big")).unwrap() == content());
    assert!(counts.connections.load(Ordering::Relaxed) > 1);
}

#[test]
fn reset_streams_are_resumed() {
    let dir = scratch("h2-reset");
    let counts = serve(Counts { resets: AtomicUsize::new(3), ..Counts::default() }, async |port| {
        let rules = Rules { wait: Duration::from_millis(2)..Duration::from_millis(9), ..Rules::default() };
        engine(rules).download(job(&dir, port, "big", "big"), Arc::new(Silent), Stop::never()).await.unwrap();
    });
    assert!(std::fs::read(dir.join("big")).unwrap() == content());
    assert_eq!(counts.requests.load(Ordering::Relaxed), 4);
}
