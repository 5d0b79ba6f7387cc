//! An echo server: a task for each connection, all on one thread.
//!
//! Without an address it starts on loopback, talks to itself as a hundred clients at the same time, and ends. With one, it serves until it is stopped.
//!
//! Run with: cargo run -p cede-examples --example echo [127.0.0.1:7777]

use std::io;
use std::net::SocketAddr;

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::{TcpListener, TcpStream};
use cede_examples::threads;

const CLIENTS: usize = 100;

/// Accepts for ever. A connection that fails ends its own task and nothing else.
async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        cede::spawn(echo(stream));
    }
}

/// Sends back what comes until the other side has no more to say.
async fn echo(mut stream: TcpStream) -> io::Result<u64> {
    let (mut reader, mut writer) = stream.split();
    let count = cede::io::copy(&mut reader, &mut writer).await?;
    writer.shutdown().await?;
    Ok(count)
}

/// Says something and returns what came back.
async fn client(address: SocketAddr, number: usize) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("hello from client {number}").as_bytes()).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[cede::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    if let Some(address) = std::env::args().nth(1) {
        let listener = TcpListener::bind(address).await?;
        println!("echoing on {}", listener.local_addr()?);
        return serve(listener).await;
    }

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = cede::spawn(serve(listener));
    let clients: Vec<_> = (0..CLIENTS).map(|number| cede::spawn(client(address, number))).collect();
    let mut last = String::new();
    for (number, client) in clients.into_iter().enumerate() {
        last = client.await.map_err(io::Error::other)??;
        assert_eq!(last, format!("hello from client {number}"));
    }
    server.abort();
    let threads = threads();
    assert!(threads.is_none_or(|count| count == 1), "no thread was spawned");
    println!("{CLIENTS} clients, the last said {last:?}, {} thread", threads.map_or_else(|| "?".to_owned(), |count| count.to_string()));
    Ok(())
}
