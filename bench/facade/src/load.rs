//! Load for a server: one thread, one epoll loop, one request in flight on each kept-alive connection.
//!
//! For each line with a number it makes so many requests, and says how long that took.

use std::io::{ErrorKind, Read, Write, stdin};
use std::net::TcpStream;
use std::time::Instant;

use rustix::event::epoll;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
/// How a response ends, in all that are measured.
const END: &[u8] = b"Hello, World!";

pub(crate) fn run(port: u16, connections: usize) {
    let mut streams: Vec<TcpStream> =
        (0..connections).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("the server accepts")).collect();
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("the kernel has epoll");
    for (index, stream) in streams.iter().enumerate() {
        stream.set_nodelay(true).expect("it is a TCP socket");
        stream.set_nonblocking(true).expect("it is a socket");
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, stream, epoll::EventData::new_u64(index as u64), flags).expect("the kernel accepts sockets");
    }
    // Each connection is accepted and served before anything is measured.
    ask(&epoll, &mut streams, connections);
    println!("ready 0");
    let mut line = String::new();
    while stdin().read_line(&mut line).is_ok_and(|count| count > 0) {
        let requests = line.trim().parse().expect("a number of requests");
        line.clear();
        let start = Instant::now();
        ask(&epoll, &mut streams, requests);
        println!("nanos {}", start.elapsed().as_nanos());
    }
}

fn ask(epoll: &impl std::os::fd::AsFd, streams: &mut [TcpStream], requests: usize) {
    let mut asked = streams.len().min(requests);
    streams[..asked].iter_mut().for_each(send);
    let mut answered = 0;
    let mut events = Vec::with_capacity(1024);
    while answered < requests {
        events.clear();
        epoll::wait(epoll, rustix::buffer::spare_capacity(&mut events), None).expect("the kernel reports");
        for event in &events {
            let index = usize::try_from(event.data.u64()).expect("it was an index");
            if !is_answered(&mut streams[index]) {
                continue;
            }
            answered += 1;
            if asked < requests {
                asked += 1;
                send(&mut streams[index]);
            }
        }
    }
}

fn send(stream: &mut TcpStream) {
    assert_eq!(stream.write(REQUEST).expect("there is room for one request"), REQUEST.len());
}

/// Answers are small, so the kernel has them in one piece.
fn is_answered(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(count) => {
            assert!(buffer[..count].starts_with(b"HTTP/1.1 200 OK\r\n") && buffer[..count].ends_with(END), "not the answer");
            true
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("the server failed: {error}"),
    }
}
