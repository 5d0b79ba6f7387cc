//! An echo server, for the client of its own.

use crate::rt;
use crate::rt::io::{AsyncReadExt, AsyncWriteExt};
use crate::rt::net::{TcpListener, TcpStream};

pub async fn echo(mut stream: TcpStream, size: usize) {
    // One more than a message, as the server by hand has: what a read leaves of the buffer says that there was no more.
    let mut buffer = vec![0; size + 1];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                if stream.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Serves for ever; prints its port first.
pub async fn serve<T>(size: usize) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("port {}", listener.local_addr().unwrap().port());
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            rt::spawn(echo(stream, size));
        }
    }
}
