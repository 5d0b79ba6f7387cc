//! System calls for each message on a socket: counted by standing in for the C library's functions, so a program of its own.
//!
//! # Invariants
//! - I1: the functions that stand in have the signatures of the C library's and do the same, by functions of that which nobody stands in for.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::{TcpListener, TcpStream};
use cede::runtime::{Builder, Runtime};

static RECEIVED: AtomicUsize = AtomicUsize::new(0);
static SENT: AtomicUsize = AtomicUsize::new(0);

/// Stands in for the C library's.
///
/// # Safety
/// As there.
// SAFETY: [I1] the name is found before that of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn recv(socket: libc::c_int, buffer: *mut libc::c_void, length: libc::size_t, flags: libc::c_int) -> libc::ssize_t {
    RECEIVED.fetch_add(1, Ordering::Relaxed);
    let nowhere = std::ptr::null_mut();
    // SAFETY: [I1] the caller's contract.
    unsafe { libc::recvfrom(socket, buffer, length, flags, nowhere, nowhere.cast()) }
}

/// Stands in for the C library's.
///
/// # Safety
/// As there.
// SAFETY: [I1] as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn send(socket: libc::c_int, buffer: *const libc::c_void, length: libc::size_t, flags: libc::c_int) -> libc::ssize_t {
    SENT.fetch_add(1, Ordering::Relaxed);
    // SAFETY: [I1] the caller's contract.
    unsafe { libc::sendto(socket, buffer, length, flags, std::ptr::null(), 0) }
}

async fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 65];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        stream.write_all(&buffer[..count]).await.unwrap();
    }
}

/// Calls of `recv` and `send` for so many round trips, after some that are not counted.
fn calls(runtime: &Runtime, rounds: usize) -> (usize, usize) {
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let served = cede::spawn(echo(listener.accept().await.unwrap().0));
        let mut buffer = [0; 65];
        let mut before = (0, 0);
        for round in 0..rounds + 100 {
            if round == 100 {
                before = (RECEIVED.load(Ordering::Relaxed), SENT.load(Ordering::Relaxed));
            }
            client.write_all(&[7; 64]).await.unwrap();
            assert_eq!(client.read(&mut buffer).await.unwrap(), 64);
        }
        let after = (RECEIVED.load(Ordering::Relaxed), SENT.load(Ordering::Relaxed));
        drop(client);
        served.await.unwrap();
        (after.0 - before.0, after.1 - before.1)
    })
}

/// What a read leaves of its buffer says that there was no more, so nobody asks again.
#[test]
fn a_message_is_read_by_one_call_and_written_by_one() {
    let rounds = 2000;
    for runtime in [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ] {
        let (received, sent) = calls(&runtime, rounds);
        assert_eq!(sent, 2 * rounds);
        // An event may come for what was read a moment before, but not each time.
        assert!((2 * rounds..3 * rounds).contains(&received), "{received} calls of recv");
    }
}
