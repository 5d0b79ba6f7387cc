//! Floors: those of timers are in [`cede_bench::floors`], that of sockets is here: an echo server by hand on epoll, edge-triggered, one thread, one shared buffer.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use cede_bench::arguments::Arguments;
use cede_bench::floors;
use cede_bench::sample::{Plan, finish};
use cede_bench::system;
use rustix::event::epoll;

struct Connection {
    stream: TcpStream,
    /// Read but not yet written.
    pending: Vec<u8>,
}

impl Connection {
    /// Echoes what is there; `false` when the connection is over.
    fn turn(&mut self, buffer: &mut [u8]) -> bool {
        loop {
            while !self.pending.is_empty() {
                match self.stream.write(&self.pending) {
                    Ok(count) => drop(self.pending.drain(..count)),
                    Err(error) => return error.kind() == ErrorKind::WouldBlock,
                }
            }
            match self.stream.read(buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    let written = match self.stream.write(&buffer[..count]) {
                        Ok(written) => written,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                        Err(_) => return false,
                    };
                    self.pending.extend_from_slice(&buffer[written..count]);
                    // Less than asked for: the socket is empty, and says so when it no longer is.
                    if count < buffer.len() && self.pending.is_empty() {
                        return true;
                    }
                }
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }
}

fn main() {
    let arguments = Arguments::of_process();
    if arguments.word != "serve" {
        finish(floors::of(&arguments.word, arguments.get("threads", 1), Plan::of(&arguments)));
    }
    system::pin(arguments.get("core", -1));
    // One more than a message, so that a message is a short read.
    let mut buffer = vec![0; arguments.get("size", 64_usize) + 1];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    println!("port {}", listener.local_addr().unwrap().port());
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(u64::MAX), epoll::EventFlags::IN).unwrap();
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events = Vec::with_capacity(1024);
    loop {
        events.clear();
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None).unwrap();
        for event in &events {
            let token = event.data.u64();
            if token == u64::MAX {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).unwrap();
                    let _ = stream.set_nodelay(true);
                    let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
                    epoll::add(&epoll, &stream, epoll::EventData::new_u64(connections.len() as u64), flags).unwrap();
                    connections.push(Some(Connection { stream, pending: Vec::new() }));
                }
            } else if let Some(slot) = connections.get_mut(token as usize)
                && slot.as_mut().is_some_and(|connection| !connection.turn(&mut buffer))
            {
                *slot = None;
            }
        }
    }
}
