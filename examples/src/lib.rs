//! What the examples share, so that each file shows only its own subject: a small web site to download from, and a count of threads.

#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::{TcpListener, TcpStream};

/// How long the site thinks before it answers, and how long a slow page takes.
const PAUSE: Duration = Duration::from_millis(300);
const PIECES: usize = 30;
const PIECE: usize = 32 * 1024;

/// Starts a web site on loopback as a task of the current runtime, and returns its address.
///
/// Every page takes a moment; `/slow` takes a second and is about a megabyte.
///
/// # Errors
/// Those of binding a socket.
pub async fn site() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    cede::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            cede::spawn(answer(stream));
        }
    });
    Ok(address)
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    if path == "/slow" {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", PIECES * PIECE);
        stream.write_all(head.as_bytes()).await?;
        for _ in 0..PIECES {
            cede::time::sleep(Duration::from_secs(1) / PIECES as u32).await;
            stream.write_all(&[b'.'; PIECE]).await?;
        }
    } else {
        cede::time::sleep(PAUSE).await;
        let body = format!("This is the page {path}.\n");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await?;
    }
    stream.shutdown().await
}

/// Host with port, and path, of an `http` URL; `None` if it is not one.
#[must_use]
pub fn parts_of(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    Some((host, format!("/{path}")))
}

/// How many threads this process has. Only Linux tells; elsewhere this is `None`.
#[must_use]
pub fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}
