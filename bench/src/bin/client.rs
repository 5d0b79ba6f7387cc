//! The client of the echo servers: one thread, one epoll loop, one request in flight on each connection.
//!
//! It connects, makes a tenth of the requests to warm up, says `ready`, and waits for a line; makes the requests, says what it measured, and waits again.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use cede_bench::arguments::Arguments;
use cede_bench::sample::Sample;
use cede_bench::{statistics, system};
use rustix::event::epoll;

struct Connection {
    stream: TcpStream,
    unwritten: usize,
    unread: usize,
    began: u64,
}

struct Client {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    message: Vec<u8>,
    buffer: Vec<u8>,
    /// How many requests may still be begun.
    left: u64,
    latencies: Vec<f64>,
}

fn would_block<T>(result: std::io::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("the server failed: {error}"),
    }
}

impl Client {
    fn new(arguments: &Arguments) -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let size = arguments.get("size", 64);
        let connect = |token: u64| {
            let stream = TcpStream::connect(("127.0.0.1", arguments.get("port", 0))).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
            epoll::add(&epoll, &stream, epoll::EventData::new_u64(token), flags).unwrap();
            Connection { stream, unwritten: 0, unread: 0, began: 0 }
        };
        let connections = (0..arguments.get("connections", 1)).map(connect).collect();
        Self { epoll, connections, message: vec![7; size], buffer: vec![0; 65536], left: 0, latencies: Vec::new() }
    }

    /// Writes and reads what is possible, and begins the next request when one is done.
    fn turn(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        loop {
            while connection.unwritten > 0 {
                let start = self.message.len() - connection.unwritten;
                let Some(count) = would_block(connection.stream.write(&self.message[start..])) else { break };
                connection.unwritten -= count;
            }
            while connection.unread > 0 {
                let Some(count) = would_block(connection.stream.read(&mut self.buffer)) else { return };
                assert!(count > 0 && count <= connection.unread, "the server ended or sent too much");
                connection.unread -= count;
                if connection.unread == 0 {
                    self.latencies.push((system::wall_nanos() - connection.began) as f64);
                }
            }
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            connection.began = system::wall_nanos();
            connection.unwritten = self.message.len();
            connection.unread = self.message.len();
        }
    }

    /// Makes so many requests.
    fn run(&mut self, requests: u64) {
        self.left = requests;
        self.latencies.clear();
        (0..self.connections.len()).for_each(|index| self.turn(index));
        let mut events = Vec::with_capacity(1024);
        while (self.latencies.len() as u64) < requests {
            events.clear();
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None).unwrap();
            for event in &events {
                self.turn(event.data.u64() as usize);
            }
        }
    }
}

fn wait_for_line() {
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn main() {
    let arguments = Arguments::of_process();
    system::pin(arguments.get("core", -1));
    let requests = arguments.get("operations", 1000);
    let mut client = Client::new(&arguments);
    client.run((requests / 10).max(client.connections.len() as u64));
    println!("ready");
    wait_for_line();
    let start = system::wall_nanos();
    client.run(requests);
    let latency = |part| statistics::quantile(&client.latencies, part) / 1000.0;
    let extra = vec![("p50".to_owned(), latency(0.5)), ("p99".to_owned(), latency(0.99))];
    println!("{}", Sample { operations: requests, cpu_nanos: 0, wall_nanos: system::wall_nanos() - start, extra });
    wait_for_line();
}
