//! A stackful coroutine (may) for each unit: code as for threads, switched in user space.
//!
//! # Invariants
//! - I1: what the coroutines call uses no thread-local that lives across a wait, and little of their stack of 32 KiB.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use may::coroutine::{JoinHandle, spawn};
use may::net::TcpStream;

use crate::job::{Elsewhere, MESSAGE, Model, Origin, REQUEST, check, hash_of};

pub(crate) struct Coroutines;

impl Model for Coroutines {
    fn name(&self) -> &'static str {
        "coroutines (may)"
    }

    fn source(&self) -> &'static str {
        include_str!("coroutines.rs")
    }

    fn requests(&self, origin: Origin, n: usize) -> io::Result<Elsewhere> {
        // SAFETY: [I1] a connection, 64 bytes each way.
        let units: Vec<_> = (0..n).map(|unit| unsafe { spawn(move || request(origin.of(unit))) }).collect();
        units.into_iter().try_for_each(|unit| join(unit)?)?;
        Ok(Elsewhere::default())
    }

    fn hash(&self, pieces: u64) -> io::Result<u64> {
        // SAFETY: [I1] a block of 4 KiB and the state of the hash.
        let units: Vec<_> = (0..pieces).map(|piece| unsafe { spawn(move || hash_of(piece)) }).collect();
        units.into_iter().try_fold(0, |sum: u64, unit| Ok(sum.wrapping_add(join(unit)?)))
    }
}

fn request(origin: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(origin)?;
    stream.write_all(&REQUEST)?;
    let mut answer = [0; MESSAGE];
    stream.read_exact(&mut answer)?;
    check(&answer)
}

fn join<T>(unit: JoinHandle<T>) -> io::Result<T> {
    unit.join().map_err(|_| io::Error::other("a coroutine panicked"))
}
