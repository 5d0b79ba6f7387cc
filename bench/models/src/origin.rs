//! The origin: answers each request 50 ms after it came, and the first ones not before so many are there.
//!
//! With the latter all requests are really under way at the same time, however long a model takes to send them. One thread on mio; it closes with a reset, so that no client is left with
//! a port that waits for a minute.
#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use std::{process, thread};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, SockRef, Socket, Type};

use crate::job::{LISTENERS, MESSAGE, REQUEST};

/// So long each request takes.
pub(crate) const DELAY: Duration = Duration::from_millis(50);
/// Of all listeners, which are looked at together.
const LISTENER: Token = Token(usize::MAX);

struct Origin {
    poll: Poll,
    listeners: Vec<TcpListener>,
    connections: HashMap<Token, (TcpStream, usize)>,
    next: usize,
    /// Who is answered, and when at the earliest.
    due: VecDeque<(Instant, Token)>,
    arrived: usize,
    hold: usize,
}

/// Prints its first address and serves until it is killed, or nobody is left at the other end of its standard input.
pub(crate) fn serve(first: Ipv4Addr, hold: usize) -> io::Result<()> {
    thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        process::exit(0);
    });
    let poll = Poll::new()?;
    let [a, b, c, d] = first.octets();
    let mut listeners = vec![listen(&poll, (first, 0).into())?];
    let address = listeners[0].local_addr()?;
    for more in 1..LISTENERS {
        listeners.push(listen(&poll, (Ipv4Addr::new(a, b, c, d + more), address.port()).into())?);
    }
    println!("{address}");
    let mut origin = Origin { poll, listeners, connections: HashMap::new(), next: 0, due: VecDeque::new(), arrived: 0, hold };
    let mut events = Events::with_capacity(1024);
    loop {
        let timeout = origin.time_left();
        match origin.poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            if event.token() != LISTENER {
                origin.read(event.token());
            }
        }
        // Edge-triggered, and a queue that overflows costs a client a second: so after every look.
        origin.accept()?;
        origin.answer();
    }
}

fn listen(poll: &Poll, address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::from(u16::MAX))?;
    let mut listener = TcpListener::from_std(socket.into());
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    Ok(listener)
}

impl Origin {
    fn time_left(&self) -> Option<Duration> {
        let (time, _) = self.due.front().filter(|_| self.arrived >= self.hold)?;
        Some(time.saturating_duration_since(Instant::now()))
    }

    fn accept(&mut self) -> io::Result<()> {
        for listener in &self.listeners {
            loop {
                match listener.accept() {
                    Ok((mut stream, _)) => {
                        let token = Token(self.next);
                        self.next += 1;
                        self.poll.registry().register(&mut stream, token, Interest::READABLE)?;
                        self.connections.insert(token, (stream, 0));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, token: Token) {
        let Some((stream, received)) = self.connections.get_mut(&token) else { return };
        let mut buffer = [0; MESSAGE];
        loop {
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => {
                    *received += count;
                    if *received == MESSAGE {
                        self.arrived += 1;
                        self.due.push_back((Instant::now() + DELAY, token));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The end, or an error, which is the client's affair.
                _ => {
                    let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
                    self.connections.remove(&token);
                    return;
                }
            }
        }
    }

    fn answer(&mut self) {
        while self.time_left() == Some(Duration::ZERO) {
            let Some((_, token)) = self.due.pop_front() else { return };
            if let Some((stream, _)) = self.connections.get_mut(&token) {
                // A client that has gone needs no answer; the others have room for one.
                let _ = stream.write_all(&REQUEST);
            }
        }
    }
}
