//! A progress bar that moves while a download runs, both on one thread.
//!
//! Two futures share a counter: one reads the body, the other draws ten times a second. `select!` polls both from the same task, so nothing needs a lock, and
//! when the download ends the drawing is dropped.
//!
//! Run with: cargo run -p cede-examples --example progress_bar [http://…]

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::net::ToSocketAddrs;
use std::time::Duration;

use cede::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use cede::net::TcpStream;
use cede_examples::{parts_of, site, threads};

/// How much of the body is here.
#[derive(Debug, Default)]
struct Progress {
    received: Cell<u64>,
    total: Cell<Option<u64>>,
}

impl Progress {
    fn text(&self) -> String {
        let received = self.received.get();
        match self.total.get() {
            Some(total) if total > 0 => {
                let filled = (received * 40 / total) as usize;
                format!("[{}{}] {:3}%", "#".repeat(filled), ".".repeat(40_usize.saturating_sub(filled)), received * 100 / total)
            }
            _ => format!("{received} bytes"),
        }
    }
}

/// Downloads and counts.
async fn download(url: &str, progress: &Progress) -> io::Result<u64> {
    let (host, path) = parts_of(url).ok_or_else(|| io::Error::other(format!("{url} is not an http URL")))?;
    // Blocks, but before there is a bar to move; cede's own lookup would use a thread.
    let address = host.to_socket_addrs()?.next().ok_or_else(|| io::Error::other(format!("{host} has no address")))?;
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await?;

    let mut line = String::new();
    while stream.read_line(&mut line).await? > 2 {
        if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            progress.total.set(length.trim().parse().ok());
        }
        line.clear();
    }
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(progress.received.get()),
            count => progress.received.set(progress.received.get() + count as u64),
        }
    }
}

/// Draws until it is dropped. On a terminal each bar overwrites the last; elsewhere each is a line.
async fn draw(progress: &Progress) -> io::Result<()> {
    let terminal = io::stdout().is_terminal();
    let mut ticks = cede::time::interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        show(progress, if terminal { "\r" } else { "\n" })?;
    }
}

fn show(progress: &Progress, end: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{}{end}", progress.text())?;
    out.flush()
}

#[cede::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => format!("http://{}/slow", site().await?),
    };
    let progress = Progress::default();
    let bytes = cede::select! {
        result = download(&url, &progress) => result?,
        result = draw(&progress) => return result,
    };
    show(&progress, "\n")?;
    let threads = threads();
    assert!(threads.is_none_or(|count| count == 1), "no thread was spawned");
    println!("{bytes} bytes, {} thread", threads.map_or_else(|| "?".to_owned(), |count| count.to_string()));
    Ok(())
}
