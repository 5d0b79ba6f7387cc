//! A stream runs 5 requests at a time with `buffered`, and its consumer takes 500 ms for each answer.
//!
//! The futures in `buffered` are polled only while the consumer waits for the stream. While it works they stand still in the middle of their requests, and the server, which waits 300 ms for the
//! second half, gives them up. cede's `buffered_tasks` runs them as tasks. (`buffered` itself does on cede what it does on tokio.)

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use rt::io::{AsyncReadExt, AsyncWriteExt};
use rt::net::{TcpListener, TcpStream};

fn main() {
    side::demo(Duration::from_secs(15), || {
        let runtime = side::builder(2).build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            rt::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    rt::spawn(serve(client));
                }
            });
            let requests = stream::iter(0..6).map(move |n| request(address, 20 * (1 + n % 5)));
            let mut answers = std::pin::pin!(side::buffered(requests, 5));
            let mut failed = 0;
            while let Some(answer) = answers.next().await {
                failed += usize::from(answer.is_err());
                rt::time::sleep(Duration::from_millis(500)).await;
            }
            format!("{failed} of 6 requests fail")
        })
    });
}

/// Two questions, one after the other; to answer one takes the server so many milliseconds.
async fn request(address: SocketAddr, millis: u8) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    for _ in 0..2 {
        stream.write_all(&[millis]).await?;
        stream.read_exact(&mut [0]).await?;
    }
    Ok(())
}

async fn serve(mut client: TcpStream) -> io::Result<()> {
    for _ in 0..2 {
        let mut byte = [0];
        rt::time::timeout(Duration::from_millis(300), client.read_exact(&mut byte)).await??;
        rt::time::sleep(Duration::from_millis(byte[0].into())).await;
        client.write_all(&byte).await?;
    }
    Ok(())
}
