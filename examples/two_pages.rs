//! Two web pages at the same time on one thread, and the same with one thread for each page.
//!
//! An `async fn` gives the thread up at each `.await` that has to wait, so one thread can wait for both pages. The threads of the second half do the same work
//! with blocking calls; they differ only in who waits.
//!
//! Run with: cargo run -p cede-examples --example two_pages [http://… http://…]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Instant;

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede_examples::{parts_of, site, threads};

/// Where a page is.
#[derive(Clone, Debug)]
struct Page {
    host: String,
    path: String,
    address: SocketAddr,
}

impl Page {
    /// Looks the name up here, before anything is measured: the system's lookup blocks, and cede would do it on a thread.
    fn of_url(url: &str) -> io::Result<Self> {
        let (host, path) = parts_of(url).ok_or_else(|| io::Error::other(format!("{url} is not an http URL")))?;
        let address = host.to_socket_addrs()?.next().ok_or_else(|| io::Error::other(format!("{host} has no address")))?;
        Ok(Self { host, path, address })
    }

    fn request(&self) -> String {
        format!("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.path, self.host)
    }
}

/// Downloads a page; waits without holding the thread.
async fn download(page: Page) -> io::Result<Vec<u8>> {
    let mut stream = cede::net::TcpStream::connect(page.address).await?;
    stream.write_all(page.request().as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Downloads a page; holds a thread while it waits.
fn download_blocking(page: &Page) -> io::Result<Vec<u8>> {
    let mut stream = std::net::TcpStream::connect(page.address)?;
    stream.write_all(page.request().as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

async fn with_tasks(pages: &[Page; 2]) -> io::Result<()> {
    let start = Instant::now();
    let [a, b] = pages.clone();
    let (a, b) = cede::try_join!(download(a), download(b))?;
    let threads = threads();
    println!("tasks:   {} and {} bytes in {:.1} s on {} thread", a.len(), b.len(), start.elapsed().as_secs_f64(), shown(threads));
    assert!(threads.is_none_or(|count| count == 1), "no thread was spawned");
    Ok(())
}

async fn with_threads(pages: &[Page; 2]) -> io::Result<()> {
    let start = Instant::now();
    let results = pages.clone().map(|page| {
        let (sender, receiver) = cede::sync::oneshot::channel();
        std::thread::spawn(move || drop(sender.send((download_blocking(&page), threads()))));
        receiver
    });
    let mut sizes = Vec::new();
    let mut most = threads();
    for result in results {
        // The main thread waits with .await, because the pages may come from its own web site.
        let (answer, threads) = result.await.map_err(io::Error::other)?;
        sizes.push(answer?.len());
        most = most.max(threads);
    }
    println!("threads: {} and {} bytes in {:.1} s on {} threads", sizes[0], sizes[1], start.elapsed().as_secs_f64(), shown(most));
    Ok(())
}

fn shown(threads: Option<usize>) -> String {
    threads.map_or_else(|| "?".to_owned(), |count| count.to_string())
}

#[cede::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        let site = site().await?;
        urls = vec![format!("http://{site}/one"), format!("http://{site}/two")];
    }
    let [one, two] = &urls[..] else { return Err(io::Error::other("two URLs, or none for pages of this process")) };
    let pages = [Page::of_url(one)?, Page::of_url(two)?];
    with_tasks(&pages).await?;
    with_threads(&pages).await
}
