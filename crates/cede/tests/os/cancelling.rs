//! Futures that are dropped at any of their polls lose nothing.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use cede::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use cede::net::{UdpSocket, UnixListener, UnixStream};

use crate::{Scratch, everywhere, poll_once};

/// Polls a new future from `make` and drops it, again and again; lets others run in between. Returns what the first that is ready returns.
async fn dropping<F: Future>(mut make: impl FnMut() -> F) -> F::Output {
    loop {
        let ready = {
            let mut future = pin!(make());
            match poll_once(future.as_mut()) {
                Poll::Ready(output) => Some(output),
                Poll::Pending => None,
            }
        };
        if let Some(output) = ready {
            return output;
        }
        cede::task::yield_now().await;
    }
}

#[test]
fn messages_and_connections_are_not_lost() {
    everywhere(|| async {
        let (a, b) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let to = b.local_addr().unwrap();
        let scratch = Scratch::new();
        let path = scratch.path("door");
        let listener = UnixListener::bind(&path).unwrap();
        let sending = cede::spawn(async move {
            let mut streams = Vec::new();
            for i in 0..20_u8 {
                cede::task::yield_now().await;
                a.send_to(&[i], to).await.unwrap();
                streams.push(UnixStream::connect(&path).await.unwrap());
            }
            streams
        });
        for i in 0..20 {
            let received = dropping(|| async {
                let mut byte = [0];
                b.recv(&mut byte).await.map(|_| byte[0])
            });
            assert_eq!(received.await.unwrap(), i);
            dropping(|| listener.accept()).await.unwrap();
        }
        sending.await.unwrap();
    });
}

#[test]
fn waiting_for_readiness_can_be_given_up() {
    everywhere(|| async {
        let (mut a, b) = UnixStream::pair().unwrap();
        assert!(poll_once(pin!(b.readable())).is_pending());
        a.write_all(b"x").await.unwrap();
        dropping(|| b.readable()).await.unwrap();
        assert_eq!(b.try_read(&mut [0; 4]).unwrap(), 1);
    });
}

#[test]
fn the_operations_of_a_file_stay_in_order() {
    everywhere(|| async {
        let scratch = Scratch::new();
        let mut file =
            cede::fs::File::options().read(true).write(true).create(true).truncate(false).open(scratch.path("file")).await.unwrap();
        for i in 0..20_u8 {
            file.write_all(&[i; 100]).await.unwrap();
            // Given up at once; the write goes on.
            let _maybe = poll_once(pin!(file.flush()));
            let _maybe = poll_once(pin!(file.sync_data()));
            let _maybe = poll_once(pin!(file.metadata()));
        }
        file.seek(SeekFrom::Start(0)).await.unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).await.unwrap();
        assert!(bytes.chunks(100).map(|chunk| chunk.to_vec()).eq((0..20).map(|i| vec![i; 100])));
    });
}
