//! TCP on real sockets, on both schedulers.

use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use cede::runtime::{Builder, Runtime};
use cede::time::timeout;

/// Nobody waits for so long unless something hangs.
const LONG: Duration = Duration::from_secs(60);

fn runtimes() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ]
}

fn everywhere<F>(body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    Builder::new_current_thread().enable_all().build().unwrap().block_on(body());
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(body());
    let inside = runtime.spawn(body());
    runtime.block_on(inside).unwrap();
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (connected, accepted) = cede::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (connected.unwrap(), accepted.unwrap().0)
}

#[test]
fn bytes_arrive_in_order() {
    everywhere(|| async {
        let (mut a, mut b) = pair().await;
        let sender = cede::spawn(async move {
            let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
            a.write_all(&bytes).await.unwrap();
            a.shutdown().await.unwrap();
        });
        let mut received = Vec::new();
        b.read_to_end(&mut received).await.unwrap();
        sender.await.unwrap();
        assert_eq!(received.len(), 3_000_000);
        assert!(received.iter().enumerate().all(|(i, &byte)| byte == (i % 251) as u8));
    });
}

#[test]
fn many_connections_echo() {
    everywhere(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = cede::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                cede::spawn(async move {
                    let mut buffer = [0; 64];
                    loop {
                        match stream.read(&mut buffer).await.unwrap() {
                            0 => return,
                            count => stream.write_all(&buffer[..count]).await.unwrap(),
                        }
                    }
                });
            }
        });
        let clients: Vec<_> = (0..100_u8)
            .map(|i| {
                cede::spawn(async move {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    for round in 0..20_u8 {
                        let message = [i ^ round; 40];
                        stream.write_all(&message).await.unwrap();
                        let mut answer = [0; 40];
                        stream.read_exact(&mut answer).await.unwrap();
                        assert_eq!(answer, message);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        server.abort();
        assert!(server.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_half_closed_peer_still_receives() {
    everywhere(|| async {
        let (a, mut b) = pair().await;
        let (mut reading, writing) = a.into_split();
        drop(writing);
        assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 0);
        b.write_all(b"still here").await.unwrap();
        drop(b);
        let mut text = String::new();
        reading.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "still here");
    });
}

#[test]
fn halves_are_full_duplex_and_reunite() {
    everywhere(|| async {
        let (a, b) = pair().await;
        let ((mut ar, mut aw), (mut br, mut bw)) = (a.into_split(), b.into_split());
        let megabyte = vec![7; 1 << 20];
        let mut from_a = vec![0; 1 << 20];
        let mut from_b = vec![0; 1 << 20];
        cede::try_join!(aw.write_all(&megabyte), bw.write_all(&megabyte)).map(drop).map_or_else(|error| panic!("{error}"), drop);
        cede::join!(async { ar.read_exact(&mut from_b).await.unwrap() }, async { br.read_exact(&mut from_a).await.unwrap() });
        assert_eq!((&from_a, &from_b), (&megabyte, &megabyte));
        let error = ar.reunite(bw).unwrap_err();
        let (ar, bw) = (error.0, error.1);
        ar.reunite(aw).unwrap();
        br.reunite(bw).unwrap();
    });
}

#[test]
fn a_reset_is_an_error_once_and_not_a_spin() {
    everywhere(|| async {
        let (mut a, b) = pair().await;
        b.set_zero_linger().unwrap();
        drop(b);
        let error = a.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(timeout(LONG, a.read(&mut [0; 8])).await.unwrap().unwrap(), 0);
    });
}

#[test]
fn a_refused_connection_says_so() {
    everywhere(|| async {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(TcpStream::connect(free).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_stalled_peer_can_be_timed_out_and_used_again() {
    everywhere(|| async {
        let (mut a, mut b) = pair().await;
        let mut buffer = [0; 4];
        assert!(timeout(Duration::from_millis(5), a.read(&mut buffer)).await.is_err());
        b.write_all(b"late").await.unwrap();
        a.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"late");
    });
}

#[test]
fn peek_does_not_take_and_try_read_does_not_wait() {
    everywhere(|| async {
        let (mut a, mut b) = pair().await;
        assert_eq!(a.try_read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
        b.write_all(b"once").await.unwrap();
        let mut buffer = [0; 4];
        assert_eq!(a.peek(&mut buffer).await.unwrap(), 4);
        a.readable().await.unwrap();
        assert_eq!(a.try_read(&mut buffer).unwrap(), 4);
        assert_eq!(&buffer, b"once");
        drop(b);
        assert_eq!(a.read(&mut buffer).await.unwrap(), 0);
    });
}

#[test]
fn several_tasks_may_wait_for_readability() {
    everywhere(|| async {
        let (a, mut b) = pair().await;
        let a = Arc::new(a);
        let woken = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let (a, woken) = (a.clone(), woken.clone());
                cede::spawn(async move {
                    a.readable().await.unwrap();
                    woken.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        cede::task::yield_now().await;
        b.write_all(b"!").await.unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(woken.load(Ordering::SeqCst), 5);
    });
}

#[test]
fn zero_length_operations_are_not_ends() {
    everywhere(|| async {
        let (mut a, mut b) = pair().await;
        assert_eq!(a.write(&[]).await.unwrap(), 0);
        b.write_all(b"x").await.unwrap();
        assert_eq!(a.read(&mut []).await.unwrap(), 0);
        assert_eq!(a.read_u8().await.unwrap(), b'x');
    });
}

#[test]
fn names_are_looked_up() {
    everywhere(|| async {
        let addresses: Vec<_> = lookup_host(("localhost", 80)).await.unwrap().collect();
        assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80) && !addresses.is_empty());
        assert_eq!(lookup_host("no port here").await.map(drop).unwrap_err().kind(), ErrorKind::InvalidInput);
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        TcpStream::connect(("localhost", listener.local_addr().unwrap().port())).await.unwrap();
    });
}

#[test]
fn sockets_of_the_standard_library_come_and_go() {
    everywhere(|| async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let address = listener.local_addr().unwrap();
        let plain = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"from std").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        let (mut accepted, _) = listener.accept().await.unwrap();
        let mut text = [0; 8];
        accepted.read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"from std");
        let mut std_stream = accepted.into_std().unwrap();
        std_stream.write_all(b"and back").unwrap();
        drop(std_stream);
        assert_eq!(cede::task::spawn_blocking(move || plain.join().unwrap()).await.unwrap(), "and back");
    });
}

#[test]
#[should_panic(expected = "blocking socket")]
fn a_blocking_socket_is_refused() {
    cede::block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        drop(TcpListener::from_std(listener));
    });
}

#[test]
fn socket_options_are_set() {
    cede::block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_keepalive(true).unwrap();
        assert!(socket.reuseaddr().unwrap() && socket.nodelay().unwrap() && socket.keepalive().unwrap());
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(8).unwrap();
        assert!(listener.local_addr().unwrap().port() != 0);
    });
}

#[test]
fn a_socket_outlives_its_runtime_without_hanging() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut a, _b) = runtime.block_on(async {
        let (mut a, b) = pair().await;
        assert!(timeout(Duration::from_millis(1), a.read(&mut [0; 1])).await.is_err());
        (a, b)
    });
    drop(runtime);
    let error = cede::block_on(async { a.read(&mut [0; 1]).await.unwrap_err() });
    assert!(error.to_string().contains("being shutdown"));
}

#[test]
fn several_tasks_accept_from_one_listener() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
            let address = listener.local_addr().unwrap();
            let acceptors: Vec<_> = (0..5)
                .map(|_| {
                    let listener = listener.clone();
                    cede::spawn(async move { drop(listener.accept().await.unwrap()) })
                })
                .collect();
            cede::task::yield_now().await;
            for _ in 0..5 {
                drop(TcpStream::connect(address).await.unwrap());
            }
            for acceptor in acceptors {
                timeout(LONG, acceptor).await.expect("each gets a connection").unwrap();
            }
        });
    }
}
