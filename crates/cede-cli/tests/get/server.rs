//! A small server that answers by script: each path is one behaviour, right or wrong. A thread for each connection, and no runtime, so that client and server
//! share no code.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Barrier};

use rustls::server::NoClientAuth;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The number of requests that `/together` waits for.
pub(crate) const TOGETHER: usize = 4;

pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
}

trait Stream: Read + Write {
    /// Returns when the client has closed the connection.
    fn wait_for_close(&mut self) {
        let mut byte = [0];
        while matches!(self.read(&mut byte), Ok(count) if count > 0) {}
    }
}

impl<S: Read + Write> Stream for S {}

impl Server {
    pub(crate) fn http() -> Self {
        Self::start("http", answer)
    }

    pub(crate) fn https() -> Self {
        Self::https_for(None)
    }

    /// Only for clients whose certificates this accepts.
    pub(crate) fn https_for(clients: Option<Arc<dyn ClientCertVerifier>>) -> Self {
        let config = Arc::new(tls_config(clients.unwrap_or_else(|| Arc::new(NoClientAuth))));
        Self::start("https", move |stream, rest| {
            let connection = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            let mut below = stream.try_clone()?;
            let answered = answer(StreamOwned::new(connection, stream), rest);
            if answered.is_err() {
                // To close now would be a reset, if the client has sent more than was read; and that can overtake what was said.
                drop(below.shutdown(std::net::Shutdown::Write));
                below.wait_for_close();
            }
            answered
        })
    }

    fn start(scheme: &'static str, serve: impl Fn(TcpStream, &Barrier) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = Arc::new(serve);
        let barrier = Arc::new(Barrier::new(TOGETHER));
        // The threads end with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serve, barrier) = (Arc::clone(&serve), Arc::clone(&barrier));
                std::thread::spawn(move || drop(serve(stream, &barrier)));
            }
        });
        Self { address, scheme }
    }

    /// The URL of a path, at the name that the certificate is for.
    pub(crate) fn url(&self, path: &str) -> String {
        let host = if self.scheme == "https" { "localhost" } else { "127.0.0.1" };
        format!("{}://{host}:{}{path}", self.scheme, self.address.port())
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

pub(crate) fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).to_str().unwrap().to_owned()
}

fn tls_config(clients: Arc<dyn ClientCertVerifier>) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(fixture("localhost.pem")).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("localhost.key")).unwrap();
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .unwrap()
}

/// The body of `/data/…`: different at every place.
pub(crate) fn data(length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn path_of(stream: &mut impl Stream) -> io::Result<String> {
    let mut reader = BufReader::with_capacity(1, stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    assert!(head.contains("\r\nhost: ") && head.contains("\r\naccept-encoding: identity\r\n"), "{head}");
    Ok(head.split(' ').nth(1).unwrap_or_default().to_owned())
}

fn answer(mut stream: impl Stream, together: &Barrier) -> io::Result<()> {
    let path = path_of(&mut stream)?;
    let path = path.split('?').next().unwrap_or_default();
    let (route, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    match route {
        // /data/LENGTH/name
        "data" => whole(&mut stream, "", &data(rest.split('/').next().unwrap_or_default().parse().unwrap_or(0))),
        "together" => {
            together.wait();
            whole(&mut stream, "", rest.as_bytes())
        }
        "chunked" => stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\n\r\n"),
        "chunked-cut" => stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        "until-close" => stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nno length"),
        "short" => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n{}", "x".repeat(1000)),
        "hop" => redirect(
            &mut stream,
            &match rest.parse() {
                Ok(0) | Err(_) => "../data/10/end.bin".to_owned(),
                Ok(n) => format!("{}", n - 1_usize),
            },
        ),
        "loop" => redirect(&mut stream, if rest == "a" { "/loop/b" } else { "/loop/a" }),
        "to" => redirect(&mut stream, &format!("http://127.0.0.1:{rest}")),
        "elsewhere" => redirect(&mut stream, "file:///etc/passwd"),
        "disposition" => whole(&mut stream, "Content-Disposition: attachment; filename=\"../../named.txt\"\r\n", b"named"),
        "packed" => whole(&mut stream, "Content-Encoding: gzip\r\n", b"not really gzip"),
        "status" => write!(stream, "HTTP/1.1 {rest} Whatever\r\nContent-Length: 5\r\n\r\nerror"),
        "partial" => whole_with_status(&mut stream, "206 Partial Content", "Content-Range: bytes 0-3/9\r\n", b"part"),
        "stall" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.")?;
            stream.wait_for_close();
            Ok(())
        }
        "hold" => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 2 << 20)?;
            stream.write_all(&data(1 << 20))?;
            stream.flush()?;
            stream.wait_for_close();
            Ok(())
        }
        // Half of it, a pause that is long enough to be drawn, and the rest.
        "slow" => {
            let data = data(100_000);
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", data.len())?;
            stream.write_all(&data[..51_000])?;
            stream.flush()?;
            std::thread::sleep(std::time::Duration::from_millis(400));
            stream.write_all(&data[51_000..])
        }
        "silent" => {
            stream.wait_for_close();
            Ok(())
        }
        "hang-up" => Ok(()),
        "garbage" => stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        _ => write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    }?;
    stream.flush()
}

fn whole(stream: &mut impl Stream, headers: &str, body: &[u8]) -> io::Result<()> {
    whole_with_status(stream, "200 OK", headers, body)
}

fn whole_with_status(stream: &mut impl Stream, status: &str, headers: &str, body: &[u8]) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)
}

fn redirect(stream: &mut impl Stream, location: &str) -> io::Result<()> {
    write!(stream, "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}
