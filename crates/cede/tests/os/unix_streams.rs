//! Unix streams and listeners.

use std::io::ErrorKind;

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::{UnixListener, UnixSocket, UnixStream};

use crate::{Scratch, everywhere};

#[test]
fn processes_of_this_machine_talk() {
    everywhere(|| async {
        let scratch = Scratch::new();
        let path = scratch.path("door");
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
        let (connected, accepted) = cede::join!(UnixStream::connect(&path), listener.accept());
        let (mut client, (mut server, from)) = (connected.unwrap(), accepted.unwrap());
        assert!(from.is_unnamed(), "{from:?}");
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
        let peer = server.peer_cred().unwrap();
        assert_eq!(peer.pid(), Some(std::process::id().cast_signed()));
        let megabyte = vec![7; 1 << 20];
        let sending = cede::spawn(async move { client.write_all(&megabyte).await.map(|()| client) });
        let mut received = vec![0; 1 << 20];
        server.read_exact(&mut received).await.unwrap();
        let client = sending.await.unwrap().unwrap();
        assert!(received.iter().all(|byte| *byte == 7));
        drop(client);
        assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 0);
    });
}

#[test]
fn abstract_names_need_no_file() {
    everywhere(|| async {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let name = format!("\0cede-{}-{}", std::process::id(), NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let listener = UnixListener::bind(&name).unwrap();
        let (connected, accepted) = cede::join!(UnixStream::connect(&name), listener.accept());
        accepted.unwrap();
        let address = connected.unwrap().peer_addr().unwrap();
        assert_eq!(address.as_abstract_name(), Some(&name.as_bytes()[1..]));
    });
}

#[test]
fn halves_close_their_side_and_reunite() {
    everywhere(|| async {
        let (a, b) = UnixStream::pair().unwrap();
        let ((mut ar, mut aw), (mut br, mut bw)) = (a.into_split(), b.into_split());
        aw.write_all(b"to b").await.unwrap();
        bw.write_all(b"to a").await.unwrap();
        drop(bw);
        let mut text = String::new();
        ar.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "to a");
        let error = br.reunite(aw).unwrap_err();
        (br, aw) = (error.0, error.1);
        ar.reunite(aw).unwrap();
        let mut text = String::new();
        br.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "to b");
    });
}

#[test]
fn borrowed_halves_work_at_the_same_time() {
    everywhere(|| async {
        let (mut a, mut b) = UnixStream::pair().unwrap();
        let ((mut ar, mut aw), (mut br, mut bw)) = (a.split(), b.split());
        let (out, mut into_a, mut into_b) = (vec![1; 1 << 19], vec![0; 1 << 19], vec![0; 1 << 19]);
        cede::try_join!(aw.write_all(&out), bw.write_all(&out), async { ar.read_exact(&mut into_a).await.map(drop) }, async {
            br.read_exact(&mut into_b).await.map(drop)
        })
        .unwrap();
        assert!(into_a == out && into_b == out);
    });
}

#[test]
fn kinds_of_sockets_are_not_mixed_up() {
    everywhere(|| async {
        let refused = UnixSocket::new_datagram().unwrap().listen(1).unwrap_err();
        assert_eq!(refused.to_string(), "listen cannot be called on a datagram socket");
        let scratch = Scratch::new();
        let error = UnixStream::connect(scratch.path("nobody")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_simulated_run_refuses_what_the_kernel_decides() {
    let program = async {
        let refused = [
            UnixStream::pair().map(drop),
            cede::net::UdpSocket::bind("127.0.0.1:0").await.map(drop),
            cede::net::unix::pipe::pipe().map(drop),
            cede::fs::metadata("/").await.map(drop),
            cede::process::Command::new("true").spawn().map(drop),
            cede::signal::ctrl_c().await,
        ];
        refused.map(|result| result.unwrap_err().kind())
    };
    let kinds = cede::sim::Sim::new(1).run(program).unwrap().output;
    assert_eq!(kinds, [ErrorKind::Unsupported; 6]);
}
