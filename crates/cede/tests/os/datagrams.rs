//! UDP and Unix datagram sockets.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use cede::io::{Interest, ReadBuf};
use cede::net::{UdpSocket, UnixDatagram, UnixSocket};
use cede::time::timeout;

use crate::{Scratch, everywhere};

async fn udp_pair() -> (UdpSocket, UdpSocket) {
    let (a, b) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    a.connect(b.local_addr().unwrap()).await.unwrap();
    b.connect(a.local_addr().unwrap()).await.unwrap();
    (a, b)
}

#[test]
fn messages_keep_their_bounds_and_their_sender() {
    everywhere(|| async {
        let (a, b) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let to = b.local_addr().unwrap();
        for message in [&b"first"[..], b"", b"third"] {
            assert_eq!(a.send_to(message, to).await.unwrap(), message.len());
        }
        let mut buffer = [0; 16];
        assert_eq!(b.peek_sender().await.unwrap(), a.local_addr().unwrap());
        assert_eq!(b.peek_from(&mut buffer[..2]).await.unwrap(), (2, a.local_addr().unwrap()));
        for expected in [&b"first"[..], b"", b"third"] {
            let (count, from) = b.recv_from(&mut buffer).await.unwrap();
            assert_eq!((&buffer[..count], from), (expected, a.local_addr().unwrap()));
        }
        assert_eq!(b.try_recv_from(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn messages_go_to_the_end_of_growing_buffers() {
    everywhere(|| async {
        let (a, b) = udp_pair().await;
        a.send(b"one ").await.unwrap();
        a.send(b"two").await.unwrap();
        let mut text = Vec::with_capacity(16);
        assert_eq!(b.recv_buf(&mut text).await.unwrap(), 4);
        assert_eq!(b.recv_buf_from(&mut text).await.unwrap(), (3, a.local_addr().unwrap()));
        assert_eq!(text, b"one two");
        assert_eq!(b.try_recv_buf(&mut text).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn one_socket_serves_many_tasks() {
    everywhere(|| async {
        let (a, b) = udp_pair().await;
        let b = Arc::new(b);
        let receivers: Vec<_> = (0..8)
            .map(|_| {
                let b = b.clone();
                cede::spawn(async move { b.recv(&mut [0; 4]).await.unwrap() })
            })
            .collect();
        cede::task::yield_now().await;
        for _ in 0..8 {
            a.send(b"x").await.unwrap();
        }
        for receiver in receivers {
            assert_eq!(receiver.await.unwrap(), 1);
        }
    });
}

#[test]
fn a_refused_message_is_an_error_once_and_not_a_spin() {
    everywhere(|| async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        socket.connect(nobody).await.unwrap();
        socket.send(b"hello?").await.unwrap();
        let mut buffer = [0; 4];
        let error = timeout(Duration::from_secs(60), socket.recv(&mut buffer)).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        // The error stays known to the kernel's report of the socket; waiting again must wait.
        assert!(timeout(Duration::from_millis(5), socket.recv(&mut buffer)).await.is_err());
        let mut filled = ReadBuf::new(&mut buffer);
        let polled = timeout(Duration::from_millis(5), std::future::poll_fn(|cx| socket.poll_recv(cx, &mut filled))).await;
        assert!(polled.is_err(), "{polled:?}");
    });
}

#[test]
fn operations_of_the_users_wait_for_readiness() {
    everywhere(|| async {
        let (a, b) = udp_pair().await;
        a.send(b"raw").await.unwrap();
        let received = b.async_io(Interest::READABLE, || {
            let mut buffer = [0; 8];
            let (filled, _) = rustix::net::recv(&b, &mut buffer, rustix::net::RecvFlags::empty())?;
            Ok(filled)
        });
        assert_eq!(received.await.unwrap(), 3);
        assert!(b.ready(Interest::WRITABLE).await.unwrap().is_writable());
        let would_block = || Err::<(), _>(ErrorKind::WouldBlock.into());
        assert!(b.try_io(Interest::WRITABLE, would_block).is_err());
        let called = std::cell::Cell::new(false);
        assert!(
            b.try_io(Interest::WRITABLE, || {
                called.set(true);
                Ok(())
            })
            .is_err()
        );
        assert!(!called.get(), "the readiness was said to be used up");
    });
}

#[test]
fn an_address_that_is_none_is_said_to_be() {
    everywhere(|| async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let none: &[std::net::SocketAddr] = &[];
        let error = socket.send_to(b"x", none).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, "no addresses to send data to"));
    });
}

#[test]
fn options_are_kept() {
    everywhere(|| async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.set_broadcast(true).unwrap();
        socket.set_ttl(7).unwrap();
        socket.set_tos_v4(16).unwrap();
        socket.set_multicast_loop_v4(false).unwrap();
        assert!(socket.broadcast().unwrap() && !socket.multicast_loop_v4().unwrap());
        assert_eq!((socket.ttl().unwrap(), socket.tos_v4().unwrap()), (7, 16));
        assert_eq!(socket.device().unwrap(), None);
    });
}

#[test]
fn unix_messages_say_where_they_come_from() {
    everywhere(|| async {
        let scratch = Scratch::new();
        let (named, path) = (scratch.path("named"), scratch.path("other"));
        let a = UnixDatagram::bind(&named).unwrap();
        let other = UnixSocket::new_datagram().unwrap();
        other.bind(&path).unwrap();
        let b = other.datagram().unwrap();
        a.send_to(b"hello", &path).await.unwrap();
        let mut buffer = [0; 8];
        let (count, from) = b.recv_from(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..count], from.as_pathname()), (&b"hello"[..], Some(&*named)));
        let unnamed = UnixDatagram::unbound().unwrap();
        unnamed.connect(&path).unwrap();
        unnamed.send(b"who?").await.unwrap();
        let mut text = Vec::with_capacity(8);
        let (_, from) = b.recv_buf_from(&mut text).await.unwrap();
        assert!(from.is_unnamed() && text == b"who?");
        assert!(UnixSocket::new_stream().unwrap().datagram().is_err());
    });
}

#[test]
fn a_full_receiver_makes_the_sender_wait() {
    everywhere(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        while a.try_send(&[0; 1000]).is_ok() {}
        let sending = cede::spawn(async move { a.send(&[1; 1000]).await.unwrap() });
        let mut last = [0; 1000];
        while last[0] == 0 {
            b.recv(&mut last).await.unwrap();
        }
        assert_eq!(sending.await.unwrap(), 1000);
    });
}
