//! A thread of the operating system for each unit.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::{Builder, JoinHandle};

use crate::job::{Elsewhere, MESSAGE, Model, Origin, REQUEST, check, hash_of, refuses_more_than_a_third_of_the_ids};

pub(crate) struct Threads;

impl Model for Threads {
    fn name(&self) -> &'static str {
        "OS threads"
    }

    fn source(&self) -> &'static str {
        include_str!("threads.rs")
    }

    fn requests(&self, origin: Origin, n: usize) -> io::Result<Elsewhere> {
        let threads = (0..n).map(|unit| Builder::new().spawn(move || request(origin.of(unit)))).collect::<io::Result<Vec<_>>>()?;
        threads.into_iter().try_for_each(|thread| join(thread)?)?;
        Ok(Elsewhere::default())
    }

    fn hash(&self, pieces: u64) -> io::Result<u64> {
        let threads = (0..pieces).map(|piece| Builder::new().spawn(move || hash_of(piece))).collect::<io::Result<Vec<_>>>()?;
        threads.into_iter().try_fold(0, |sum: u64, thread| Ok(sum.wrapping_add(join(thread)?)))
    }

    fn refuses(&self, n: usize) -> Option<String> {
        refuses_more_than_a_third_of_the_ids(n)
    }
}

fn request(origin: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(origin)?;
    stream.write_all(&REQUEST)?;
    let mut answer = [0; MESSAGE];
    stream.read_exact(&mut answer)?;
    check(&answer)
}

fn join<T>(thread: JoinHandle<T>) -> io::Result<T> {
    thread.join().map_err(|_| io::Error::other("a thread panicked"))
}
