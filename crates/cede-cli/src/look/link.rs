//! The connection to a program that listens: a line is asked, a line with a length and that many bytes are the answer.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cede::inspect::socket_path;

use super::picture::Picture;
use cede_transfer::printable;

/// What to do if nobody listens.
pub(super) const HELP: &str = "start the program with CEDE_INSPECT=1 (if it uses cede under the name `tokio`, that package needs its feature `inspect`); without that, `kill -QUIT PID` lets it write a dump to its own error output";
/// So long an answer may take: all threads of the program may be busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many tasks are asked for; those with the largest share of the time come first.
const TASKS: usize = 10_000;

/// Where programs of this user listen.
pub(super) fn directory() -> PathBuf {
    socket_path(0).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The processes that listen, with their command lines, by number.
pub(super) fn listening() -> Vec<(u32, String)> {
    let entries = fs::read_dir(directory()).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut processes: Vec<_> = numbers
        .filter(|&process| UnixStream::connect(socket_path(process)).is_ok())
        .map(|process| (process, command_of(process)))
        .collect();
    processes.sort_unstable();
    processes
}

/// The command line of a process, as far as it can be read.
pub(super) fn command_of(process: u32) -> String {
    let words = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let words: Vec<_> = words.split(|&byte| byte == 0).map(String::from_utf8_lossy).collect();
    printable(words.join(" ").trim_end())
}

/// A connection to one program.
#[derive(Debug)]
pub(super) struct Link {
    process: u32,
    stream: BufReader<UnixStream>,
}

impl Link {
    pub(super) fn to(process: u32) -> Result<Self, String> {
        let path = socket_path(process);
        let stream = UnixStream::connect(&path).map_err(|error| {
            if !Path::new(&format!("/proc/{process}")).exists() {
                return format!("there is no process {process}");
            }
            match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                    format!("process {process} does not listen on {}\n  help: {HELP}", path.display())
                }
                _ => format!("{}: {error}", path.display()),
            }
        })?;
        let patient = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        patient.map_err(|error| error.to_string())?;
        Ok(Self { process, stream: BufReader::new(stream) })
    }

    /// Asks for something that takes so long; returns the answer.
    pub(super) fn ask_for_long(&mut self, request: &str, takes: Duration) -> Result<String, String> {
        self.stream.get_ref().set_read_timeout(Some(PATIENCE + takes)).map_err(|error| error.to_string())?;
        self.ask(request)
    }

    /// Asks; returns the answer.
    pub(super) fn ask(&mut self, request: &str) -> Result<String, String> {
        self.exchange(request).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("process {} has not answered for {} seconds; is it stopped?", self.process, PATIENCE.as_secs())
            }
            ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => format!("process {} has ended", self.process),
            _ => format!("process {}: {error}", self.process),
        })
    }

    /// What all threads do for so long, in Chrome's format.
    pub(super) fn trace(&mut self, duration: Duration) -> Result<String, String> {
        self.stream.get_ref().set_read_timeout(Some(PATIENCE + duration)).map_err(|error| error.to_string())?;
        self.ask(&format!("trace {}", duration.as_millis()))
    }

    fn exchange(&mut self, request: &str) -> io::Result<String> {
        self.stream.get_mut().write_all(format!("{request}\n").as_bytes())?;
        let mut head = String::new();
        if self.stream.read_line(&mut head)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let length: u64 = head.trim_end().parse().map_err(|_| io::Error::other(printable(head.trim_end())))?;
        let mut text = String::new();
        if self.stream.by_ref().take(length).read_to_string(&mut text)? as u64 != length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(text)
    }

    pub(super) fn picture(&mut self) -> Result<Picture, String> {
        Picture::parse(&self.ask(&format!("top {TASKS}"))?)
    }
}
