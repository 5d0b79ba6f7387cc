//! A server in a directory of its own, and a client that sends what it is told and shows what comes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use cede_serve::fault::Plan;
use cede_serve::{Background, Settings};

/// A server whose directory is removed with it.
pub(crate) struct Site {
    pub(crate) server: Background,
    pub(crate) dir: PathBuf,
}

/// An answer, as far as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The connection was reset.
    pub(crate) reset: bool,
}

/// A directory that no other test has.
pub(crate) fn fresh_dir() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let dir = std::env::temp_dir().join(format!("cede-serve-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// Bytes that differ everywhere.
pub(crate) fn content(size: usize) -> Vec<u8> {
    (0..size as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

impl Site {
    pub(crate) fn new(change: impl FnOnce(&mut Settings)) -> Self {
        Self::at(fresh_dir(), change)
    }

    pub(crate) fn at(dir: PathBuf, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings { address: ([127, 0, 0, 1], 0).into(), ..Settings::new(&dir) };
        change(&mut settings);
        Self { server: Background::start(settings).unwrap(), dir }
    }

    pub(crate) fn with_faults(spec: &str) -> Self {
        Self::new(|settings| {
            settings.faults = Some(Plan::parse(spec, 7).unwrap());
            settings.upload = true;
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(self.server.address()).unwrap()
    }

    pub(crate) fn get(&self, path: &str, headers: &str) -> Reply {
        self.ask("GET", path, headers, b"")
    }

    /// Sends one request on a connection of its own. Headers end in line breaks.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
        let mut stream = self.connect();
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{length}{headers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        // A server may answer, or close, before it has read everything.
        drop(stream.write_all(body));
        Reply::read(&mut stream)
    }

    /// What is left in the private directory.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(".cede-upload")).unwrap().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.stop();
        drop(std::fs::remove_dir_all(&self.dir));
    }
}

impl Reply {
    /// Everything up to the end of the connection.
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let reset = stream.read_to_end(&mut bytes).is_err();
        Self::parse(bytes, reset)
    }

    pub(crate) fn parse(mut bytes: Vec<u8>, reset: bool) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let body = bytes.split_off(end);
        let head = String::from_utf8(bytes).unwrap();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Self { status, head, body, reset }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
