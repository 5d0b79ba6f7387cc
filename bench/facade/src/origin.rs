//! An origin for clients: one thread, one epoll loop; the same answer to every request.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::event::epoll;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, World!";
const LISTENER: u64 = u64::MAX;

pub(crate) fn run() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.set_nonblocking(true).expect("it is a socket");
    // The default backlog of 128 is too small for 200 connections at once.
    rustix::net::listen(&listener, 4096).expect("it listens already");
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("the kernel has epoll");
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN).expect("the kernel accepts sockets");
    println!("port {}", listener.local_addr().expect("it is bound").port());
    let mut streams = HashMap::new();
    let mut next = 0;
    let mut events = Vec::with_capacity(1024);
    loop {
        events.clear();
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None).expect("the kernel reports");
        for event in &events {
            let token = event.data.u64();
            if token != LISTENER {
                if streams.get_mut(&token).is_some_and(|stream| !answer(stream)) {
                    streams.remove(&token);
                }
                continue;
            }
            while let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(true).expect("it is a socket");
                stream.set_nodelay(true).expect("it is a TCP socket");
                epoll::add(&epoll, &stream, epoll::EventData::new_u64(next), epoll::EventFlags::IN).expect("the kernel accepts sockets");
                streams.insert(next, stream);
                next += 1;
            }
        }
    }
}

/// Whether the connection goes on. Requests are small, so the kernel has them in one piece.
fn answer(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => false,
        Ok(count) => {
            assert!(buffer[..count].ends_with(b"\r\n\r\n"), "a request in one piece");
            stream.write_all(ANSWER).is_ok()
        }
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}
