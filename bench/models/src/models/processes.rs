//! A process for each unit.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write, pipe};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::{env, fs};

use crate::job::{Elsewhere, MESSAGE, Model, Origin, REQUEST, check, hash_of, refuses_more_than_a_third_of_the_ids};

pub(crate) struct Processes;

impl Model for Processes {
    fn name(&self) -> &'static str {
        "processes"
    }

    fn source(&self) -> &'static str {
        include_str!("processes.rs")
    }

    fn requests(&self, origin: Origin, n: usize) -> io::Result<Elsewhere> {
        let sizes = run_all((0..n).map(|unit| ["request".to_owned(), origin.of(unit).to_string()]))?;
        Ok(Elsewhere { processes: sizes.len() as u64, bytes: sizes.iter().sum() })
    }

    fn hash(&self, pieces: u64) -> io::Result<u64> {
        let hashes = run_all((0..pieces).map(|piece| ["hash".to_owned(), piece.to_string()]))?;
        Ok(hashes.into_iter().fold(0, u64::wrapping_add))
    }

    fn refuses(&self, n: usize) -> Option<String> {
        refuses_more_than_a_third_of_the_ids(n)
    }
}

/// Starts all, waits for all; gives the number that each wrote.
fn run_all(units: impl Iterator<Item = [String; 2]>) -> io::Result<Vec<u64>> {
    let (mut reader, writer) = pipe()?;
    let program = env::current_exe()?;
    let start = |arguments| Command::new(&program).args(arguments).stdout(writer.try_clone()?).spawn();
    let children = units.map(start).collect::<io::Result<Vec<_>>>()?;
    drop(writer);
    let mut numbers = Vec::new();
    reader.read_to_end(&mut numbers)?;
    for mut child in children {
        if !child.wait()?.success() {
            return Err(io::Error::other("a process failed"));
        }
    }
    Ok(numbers.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight of them"))).collect())
}

/// One process of the I/O-bound job. Says how much memory it had for itself.
pub(crate) fn unit_request(origin: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(origin)?;
    stream.write_all(&REQUEST)?;
    let mut answer = [0; MESSAGE];
    stream.read_exact(&mut answer)?;
    check(&answer)?;
    let pages = fs::read_to_string("/proc/self/statm")?;
    let mut pages = pages.split_whitespace().skip(1).map_while(|number| number.parse::<u64>().ok());
    let private = pages.next().unwrap_or(0) - pages.next().unwrap_or(0);
    io::stdout().write_all(&(private * 4096).to_le_bytes())
}

/// One process of the CPU-bound job.
pub(crate) fn unit_hash(piece: u64) -> io::Result<()> {
    io::stdout().write_all(&hash_of(piece).to_le_bytes())
}
