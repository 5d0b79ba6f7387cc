//! Connecting to a host with several addresses: the first that answers wins.
//!
//! Trying one after the other hangs for minutes where a network drops IPv6 silently; trying all at once is rude to servers. So, as RFC 8305 has it, the
//! families take turns, and the next attempt begins when the last one failed or has been silent for a quarter of a second. The losers are aborted.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use cede::net::TcpStream;
use cede::sync::mpsc;
use cede::task::JoinHandle;

const STAGGER: Duration = Duration::from_millis(250);

/// The attempts under way; they end with it.
struct Attempts(Vec<JoinHandle<()>>);

impl Drop for Attempts {
    fn drop(&mut self) {
        for attempt in &self.0 {
            attempt.abort();
        }
    }
}

/// Connects to one of the addresses, or tells the first error.
pub(super) async fn connect(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    if let [only] = addresses[..] {
        return TcpStream::connect(only).await;
    }
    let mut waiting = alternating(addresses).into_iter();
    let (sender, mut results) = mpsc::channel::<io::Result<TcpStream>>(1);
    let mut attempts = Attempts(Vec::new());
    let mut running = 0_usize;
    let mut first_error = None;
    loop {
        if let Some(address) = waiting.next() {
            let sender = sender.clone();
            attempts.0.push(crate::tasks::spawn(async move {
                let result = TcpStream::connect(address).await;
                drop(sender.send(result).await);
            }));
            running += 1;
        }
        if running == 0 {
            return Err(first_error.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address")));
        }
        let result = if waiting.len() == 0 {
            results.recv().await
        } else {
            match cede::time::timeout(STAGGER, results.recv()).await {
                Ok(result) => result,
                Err(_) => continue,
            }
        };
        match result {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => {
                first_error.get_or_insert(error);
                running -= 1;
            }
            None => unreachable!("this function holds a sender"),
        }
    }
}

/// The families in turn, beginning with that of the first address; the order within a family stays.
fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let (same, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    let mut out = Vec::new();
    loop {
        match (same.next(), other.next()) {
            (None, None) => return out,
            (a, b) => out.extend(a.into_iter().chain(b)),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Who is tried when, and who wins.

    use std::net::{SocketAddr, TcpListener, TcpStream};

    use super::{alternating, connect};

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        assert_eq!(alternating(given), addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]));
        assert_eq!(alternating(Vec::new()), []);
    }

    #[test]
    fn a_refusing_address_does_not_hide_a_working_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let works = listener.local_addr().unwrap();
        let refuses = { TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
        cede::block_on(async {
            let stream = connect(vec![refuses, works, refuses]).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), works);
            assert_eq!(connect(vec![refuses, refuses]).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
            assert_eq!(connect(Vec::new()).await.unwrap_err().kind(), std::io::ErrorKind::NotFound);
        });
    }

    /// An address that swallows connections: its queue is full, and nobody takes one out of it.
    fn black_hole() -> (std::os::fd::OwnedFd, Vec<TcpStream>, SocketAddr) {
        use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
        let address: SocketAddr = if TcpListener::bind("[::1]:0").is_ok() { "[::1]:0" } else { "127.0.0.1:0" }.parse().unwrap();
        let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
        let listener = socket(family, SocketType::STREAM, None).unwrap();
        bind(&listener, &address).unwrap();
        listen(&listener, 0).unwrap();
        let address = SocketAddr::try_from(getsockname(&listener).unwrap()).unwrap();
        let mut queued = Vec::new();
        // Full when one has to wait.
        while let Ok(stream) = TcpStream::connect_timeout(&address, std::time::Duration::from_millis(300)) {
            queued.push(stream);
        }
        (listener, queued, address)
    }

    #[test]
    fn an_address_that_never_answers_does_not_hide_one_that_does() {
        let (_listener, _queued, hole) = black_hole();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let works = listener.local_addr().unwrap();
        cede::block_on(async {
            // The system would try the silent address for two minutes before it gives up.
            for addresses in [vec![hole, works], vec![hole, hole, hole, works]] {
                let connected = cede::time::timeout(std::time::Duration::from_secs(60), connect(addresses)).await;
                assert_eq!(connected.expect("it waits for the silent one").unwrap().peer_addr().unwrap(), works);
            }
        });
    }
}
