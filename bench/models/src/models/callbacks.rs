//! One thread, readiness from the kernel (mio), and for each socket the closure that is called next.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::job::{Elsewhere, MESSAGE, Model, Origin, REQUEST, check, hash_of};

pub(crate) struct Callbacks;

impl Model for Callbacks {
    fn name(&self) -> &'static str {
        "callbacks (mio)"
    }

    fn source(&self) -> &'static str {
        include_str!("callbacks.rs")
    }

    fn requests(&self, origin: Origin, n: usize) -> io::Result<Elsewhere> {
        let mut run = Loop { poll: Poll::new()?, next: (0..n).map(|_| None).collect(), done: 0 };
        for id in 0..n {
            let mut stream = TcpStream::connect(origin.of(id))?;
            run.poll.registry().register(&mut stream, Token(id), Interest::READABLE | Interest::WRITABLE)?;
            run.next[id] = Some(Box::new(move |run| on_writable(run, id, stream)));
        }
        let mut events = Events::with_capacity(1024);
        while run.done < n {
            run.poll.poll(&mut events, None)?;
            for event in &events {
                if let Some(callback) = run.next[event.token().0].take() {
                    callback(&mut run)?;
                }
            }
        }
        Ok(Elsewhere::default())
    }

    fn hash(&self, pieces: u64) -> io::Result<u64> {
        Ok((0..pieces).map(hash_of).fold(0, u64::wrapping_add))
    }
}

type Callback = Box<dyn FnOnce(&mut Loop) -> io::Result<()>>;

struct Loop {
    poll: Poll,
    next: Vec<Option<Callback>>,
    done: usize,
}

fn on_writable(run: &mut Loop, id: usize, mut stream: TcpStream) -> io::Result<()> {
    match stream.write(&REQUEST) {
        Ok(MESSAGE) => on_readable(run, id, stream, [0; MESSAGE], 0),
        Ok(count) => Err(io::Error::other(format!("{count} bytes fitted into an empty buffer"))),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => {
            run.next[id] = Some(Box::new(move |run| on_writable(run, id, stream)));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn on_readable(run: &mut Loop, id: usize, mut stream: TcpStream, mut answer: [u8; MESSAGE], mut filled: usize) -> io::Result<()> {
    while filled < MESSAGE {
        match stream.read(&mut answer[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                run.next[id] = Some(Box::new(move |run| on_readable(run, id, stream, answer, filled)));
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    run.done += 1;
    check(&answer)
}
