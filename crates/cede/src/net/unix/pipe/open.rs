//! Opening pipes that have a name.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{Receiver, Sender};
use crate::sys::pipe::is_pipe;

/// How to open a pipe that has a name (see `mkfifo(3)`).
///
/// ```no_run
/// # cede::block_on(async {
/// let receiver = cede::net::unix::pipe::OpenOptions::new().open_receiver("/run/requests")?;
/// # drop(receiver);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    read_write: bool,
    unchecked: bool,
}

impl OpenOptions {
    /// The usual way.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the pipe for both: then there is always somebody at the other end. A sender can be opened before there is a receiver, and a receiver does not see an
    /// end when the last sender goes.
    #[inline]
    pub fn read_write(&mut self, both: bool) -> &mut Self {
        self.read_write = both;
        self
    }

    /// Does not check that it is a pipe.
    #[inline]
    pub fn unchecked(&mut self, unchecked: bool) -> &mut Self {
        self.unchecked = unchecked;
        self
    }

    /// Opens the reading end. It need not have a sender; until there is one, reads find the end.
    ///
    /// # Errors
    /// If it cannot be opened, `InvalidInput` if it is not a pipe, and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn open_receiver<P: AsRef<Path>>(&self, path: P) -> io::Result<Receiver> {
        Receiver::from_file_unchecked(self.open(path.as_ref(), std::fs::OpenOptions::new().read(true).write(self.read_write))?)
    }

    /// Opens the writing end.
    ///
    /// # Errors
    /// If it cannot be opened: `ENXIO` if there is no receiver; `InvalidInput` if it is not a pipe, and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn open_sender<P: AsRef<Path>>(&self, path: P) -> io::Result<Sender> {
        Sender::from_file_unchecked(self.open(path.as_ref(), std::fs::OpenOptions::new().write(true).read(self.read_write))?)
    }

    #[inline]
    fn open(&self, path: &Path, options: &mut std::fs::OpenOptions) -> io::Result<File> {
        let file = options.custom_flags(libc::O_NONBLOCK).open(path)?;
        if !self.unchecked && !is_pipe(&file)? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a pipe"));
        }
        Ok(file)
    }
}
