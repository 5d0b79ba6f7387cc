//! Sixteen tasks that never await, on four workers: does anything else get its turn? Seen from a client outside, and by timers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cede_bench::sample::{Sample, Start};

use crate::rt;
use crate::rt::net::TcpListener;
use crate::shaped::hogs::{burn, punctual, report};

/// So long each of them keeps its thread.
const STUCK: Duration = Duration::from_secs(10);

/// A client by hand, on a thread of its own: a byte there and back every five milliseconds. Returns how long each took, in milliseconds; requests that were due meanwhile
/// count as late by that much.
fn client(port: u16, end: Instant) -> Vec<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut millis = Vec::new();
    let mut due = Instant::now();
    while due < end {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let mut byte = [7];
        stream.write_all(&byte).unwrap();
        stream.read_exact(&mut byte).unwrap();
        let now = Instant::now();
        while due <= now {
            millis.push((now - due).as_secs_f64() * 1e3);
            due += Duration::from_millis(5);
        }
    }
    millis
}

/// `spin`: they burn; else they sleep as threads do.
pub async fn stuck(spin: bool) -> Option<Sample> {
    let started = Start::now();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    rt::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        crate::network::echo(stream, 1).await;
    });
    let end = Instant::now() + STUCK;
    let client = std::thread::spawn(move || client(port, end));
    rt::time::sleep(Duration::from_millis(100)).await;
    let timers: Vec<_> = (0..10).map(|_| rt::spawn(punctual(Instant::now(), end))).collect();
    for _ in 0..16 {
        rt::spawn(async move { if spin { burn(STUCK) } else { std::thread::sleep(STUCK) } });
    }
    let mut lateness = Vec::new();
    for timer in timers {
        lateness.extend(timer.await.unwrap());
    }
    let mut sample = started.sample(1);
    report(&mut sample, "timer_", lateness);
    report(&mut sample, "echo_", client.join().unwrap());
    Some(sample)
}
