//! Floors: those of timers are in [`cede_bench::floors`], that of sockets is here: an echo server by hand on epoll, edge-triggered, each thread with a set and a buffer of its own; with `--buffers connections` each connection has a buffer, as a task has. It does not balance, nor watch, nor run anything else.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use cede_bench::arguments::Arguments;
use cede_bench::floors;
use cede_bench::sample::{Plan, finish};
use cede_bench::system;
use rustix::event::epoll;

struct Connection {
    stream: TcpStream,
    /// Read but not yet written.
    pending: Vec<u8>,
    /// What it reads into, where each connection has its own as a task has; else empty.
    buffer: Vec<u8>,
}

impl Connection {
    /// Echoes what is there; `false` when the connection is over.
    fn turn(&mut self, of_thread: &mut [u8]) -> bool {
        let buffer = if self.buffer.is_empty() { of_thread } else { &mut self.buffer[..] };
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

/// What the threads of a server share: the first one accepts, and gives the connections to all in turn.
struct Server {
    listener: TcpListener,
    /// A set for each thread.
    sets: Vec<OwnedFd>,
    /// In the order in which they came; a thread takes its own only, so nobody waits for a lock but for one that is just being accepted.
    connections: Vec<OnceLock<Mutex<Option<Connection>>>>,
    accepted: AtomicUsize,
    /// How much fits into the buffer of a connection; nothing where those of the threads serve.
    room: usize,
}

/// In the life of the server.
const CONNECTIONS_MAX: usize = 1 << 16;
const LISTENER: u64 = u64::MAX;

impl Server {
    fn start(threads: usize, room: usize) -> &'static Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        println!("port {}", listener.local_addr().unwrap().port());
        let sets: Vec<_> = (0..threads).map(|_| epoll::create(epoll::CreateFlags::CLOEXEC).unwrap()).collect();
        epoll::add(&sets[0], &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN).unwrap();
        let connections = (0..CONNECTIONS_MAX).map(|_| OnceLock::new()).collect();
        Box::leak(Box::new(Self { listener, sets, connections, accepted: AtomicUsize::new(0), room }))
    }

    fn accept(&self) {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).unwrap();
            let _ = stream.set_nodelay(true);
            let place = self.accepted.fetch_add(1, Ordering::Relaxed);
            assert!(place < CONNECTIONS_MAX, "the server accepts {CONNECTIONS_MAX} connections in all");
            let set = &self.sets[place % self.sets.len()];
            let connection = Mutex::new(Some(Connection { stream, pending: Vec::new(), buffer: vec![0; self.room] }));
            assert!(self.connections[place].set(connection).is_ok(), "one thread accepts");
            // The other thread may see it from here on.
            let connection = self.connections[place].get().expect("it was just put there").lock().unwrap();
            let Some(Connection { stream, .. }) = connection.as_ref() else { continue };
            let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
            epoll::add(set, stream, epoll::EventData::new_u64(place as u64), flags).unwrap();
        }
    }

    fn serve(&self, thread: usize, size: usize) -> ! {
        let mut buffer = vec![0; size + 1];
        let mut events = Vec::with_capacity(1024);
        loop {
            events.clear();
            epoll::wait(&self.sets[thread], rustix::buffer::spare_capacity(&mut events), None).unwrap();
            for event in &events {
                let token = event.data.u64();
                if token == LISTENER {
                    self.accept();
                    continue;
                }
                let mut connection = self.connections[token as usize].get().expect("it was put there first").lock().unwrap();
                if connection.as_mut().is_some_and(|connection| !connection.turn(&mut buffer)) {
                    *connection = None;
                }
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
    let (threads, size) = (arguments.get("threads", 1), arguments.get("size", 64_usize));
    // One more than a message, so that a message is a short read.
    let room = match arguments.get("buffers", "threads".to_owned()).as_str() {
        "threads" => 0,
        "connections" => size + 1,
        other => panic!("--buffers of threads or connections, not of {other}"),
    };
    let server = Server::start(threads, room);
    for thread in 1..threads {
        std::thread::spawn(move || server.serve(thread, size));
    }
    server.serve(0, size)
}
