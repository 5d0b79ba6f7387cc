//! The other way to do many things at once: one thread of the operating system for each download, with blocking calls.
//!
//! It does what the tasks do (request, `.part` file, sync, rename, read back, hash), with the little HTTP that the demo's own server needs.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use super::origin::{Exhibit, Origin};
use super::{hash_of, verified};
use crate::progress::{Board, Phase};

/// The threads of one run.
#[derive(Debug)]
pub(super) struct Crowd(Vec<JoinHandle<bool>>);

impl Crowd {
    /// Starts a thread for each file; all report to the same line of the board.
    pub(super) fn start(origin: &Origin, dir: &Path, board: &Board, index: usize) -> io::Result<Self> {
        fs::create_dir(dir)?;
        board.begin(index);
        board.receiving(index, "a thread each", Some(origin.exhibits().iter().map(|exhibit| exhibit.size).sum()));
        let start = |exhibit: &Exhibit| {
            let (address, name, sha256) = (origin.address(), exhibit.name.clone(), exhibit.sha256);
            let (target, board) = (dir.join(&name), board.clone());
            std::thread::Builder::new().spawn(move || {
                let sum = download(address, &name, &target, |count| board.received(index, count)).and_then(|()| hash_of(&target));
                matches!(verified(&name, sum, sha256), Phase::Saved(_))
            })
        };
        origin.exhibits().iter().map(start).collect::<io::Result<_>>().map(Self)
    }

    /// When all threads have ended: how many files arrived with the right hash.
    pub(super) fn finished(&mut self) -> Option<usize> {
        if !self.0.iter().all(JoinHandle::is_finished) {
            return None;
        }
        Some(self.0.drain(..).map(|thread| usize::from(thread.join().unwrap_or(false))).sum())
    }
}

fn download(address: SocketAddr, name: &str, target: &Path, mut received: impl FnMut(u64)) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    write!(&stream, "GET /{name} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    let length = read_head(&mut reader)?;
    let part = PathBuf::from(format!("{}.part", target.display()));
    let mut file = File::create(&part)?;
    let mut left = length;
    while left > 0 {
        let data = reader.fill_buf()?;
        if data.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = data.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        file.write_all(&data[..count])?;
        reader.consume(count);
        left -= count as u64;
        received(count as u64);
    }
    file.sync_data()?;
    fs::rename(part, target)
}

/// Reads the answer up to the body, and returns the body's length.
fn read_head(reader: &mut impl BufRead) -> io::Result<u64> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let mut line = String::new();
    reader.by_ref().take(4096).read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 200 ") {
        return Err(bad());
    }
    let mut length = None;
    loop {
        line.clear();
        reader.by_ref().take(4096).read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok(),
            Some(_) => {}
            None => return length.ok_or_else(bad),
        }
    }
}
