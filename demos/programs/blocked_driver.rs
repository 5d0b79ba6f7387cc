//! One of two workers blocks for 2 s, while it is the one that looks after timers and sockets.
//!
//! An echo client sends a byte each 10 ms. The thread that has woken the task which blocks was the one that slept in the kernel, and the other worker sleeps as well, so on tokio nobody is
//! left who would see a timer fire or a byte come, though a whole worker is idle (tokio-rs/tokio issue 4730).

use std::time::{Duration, Instant};

use rt::io::{AsyncReadExt, AsyncWriteExt};
use rt::net::{TcpListener, TcpStream};

const BLOCKS: Duration = Duration::from_secs(2);

fn main() {
    side::demo(Duration::from_secs(10), || {
        let runtime = side::builder(2).build().unwrap();
        runtime.block_on(async {
            let client = rt::spawn(echo_for(Duration::from_secs(3)));
            rt::spawn(async {
                rt::time::sleep(Duration::from_millis(505)).await;
                std::thread::sleep(BLOCKS);
            });
            format!("an echo client that sends each 10 ms once waits {:.0?}", client.await.unwrap())
        })
    });
}

/// Sends and receives a byte each 10 ms; returns the longest time between two.
async fn echo_for(time: Duration) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let begun = Instant::now();
    let (mut last, mut longest, mut byte) = (begun, Duration::ZERO, [0]);
    while begun.elapsed() < time {
        rt::time::sleep(Duration::from_millis(10)).await;
        client.write_all(&[1]).await.unwrap();
        server.read_exact(&mut byte).await.unwrap();
        server.write_all(&byte).await.unwrap();
        client.read_exact(&mut byte).await.unwrap();
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    longest
}
