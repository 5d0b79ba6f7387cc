//! Files that are open.
//!
//! # What
//! The kernel cannot say when a file is ready, so operations run on the blocking pool, one at a time for each file, through a buffer that the file owns. A small read is
//! first tried here and now, without blocking (`RWF_NOWAIT`): what is cached need not be queued.
//!
//! # States
//! `Idle(buffer)`: the buffer holds what was read and not yet taken; the kernel's position is behind it. `Busy(operation)`: an operation has the buffer; it ends
//! even if nobody waits, and the next operation waits for it first.
//!
//! # Errors that come late
//! A write returns when its bytes are in the buffer and an operation was started. If that fails, the next write, flush or shutdown returns the error.
//!
//! # Invariants
//! - I1: `from_raw_fd` is given a descriptor that is open and nobody else's, by its contract. There is no shared memory, hence no loom model.

mod poll;
mod state;
mod whole;

use std::fmt;
use std::fs::File as StdFile;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::Arc;

use cede_sync::Mutex;

use super::OpenOptions;
use crate::io::pooled::buffer::DEFAULT_MAX_BUF_SIZE;
use state::Progress;

/// An open file. It is closed when it is dropped; a write that has begun is finished even then, but its error is lost: call `flush` before.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("cede-file-{}", std::process::id()));
/// # cede::block_on(async {
/// use cede::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
///
/// let mut file = cede::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path).await?;
/// file.write_all(b"hello").await?;
/// file.seek(SeekFrom::Start(1)).await?;
/// let mut text = String::new();
/// file.read_to_string(&mut text).await?;
/// assert_eq!(text, "ello");
/// # cede::fs::remove_file(&path).await
/// # }).unwrap();
/// ```
pub struct File {
    std: Arc<StdFile>,
    progress: Mutex<Progress>,
    max_buf_size: usize,
}

impl File {
    /// Opens a file for reading.
    ///
    /// *Cancel safety*: dropping it does not end the operation; the file is closed then.
    ///
    /// # Errors
    /// Those of `open(2)`.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        Self::options().read(true).open(path).await
    }

    /// Opens a file for writing; makes it if it does not exist, and empties it if it does.
    ///
    /// *Cancel safety*: dropping it does not end the operation; the file is closed then.
    ///
    /// # Errors
    /// Those of `open(2)`.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        Self::options().write(true).create(true).truncate(true).open(path).await
    }

    /// Makes a file that does not exist, for reading and writing.
    ///
    /// *Cancel safety*: dropping it does not end the operation; the file is closed then.
    ///
    /// # Errors
    /// `AlreadyExists`, and those of `open(2)`.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn create_new<P: AsRef<Path>>(path: P) -> io::Result<File> {
        Self::options().read(true).write(true).create_new(true).open(path).await
    }

    /// Options for opening a file.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file of the standard library.
    #[must_use]
    pub fn from_std(std: StdFile) -> File {
        File { std: Arc::new(std), progress: Mutex::new(Progress::default()), max_buf_size: DEFAULT_MAX_BUF_SIZE }
    }

    /// Gives the file of the standard library back, after the operation that is under way.
    ///
    /// *Cancel safety*: dropping it closes the file.
    pub async fn into_std(mut self) -> StdFile {
        self.progress.get_mut().settle().await;
        Arc::try_unwrap(self.std).expect("nothing else is under way")
    }

    /// Gives the file of the standard library back, if no operation is under way.
    ///
    /// # Errors
    /// The file itself, if one is.
    pub fn try_into_std(mut self) -> Result<StdFile, Self> {
        match Arc::try_unwrap(self.std) {
            Ok(std) => Ok(std),
            Err(shared) => {
                self.std = shared;
                Err(self)
            }
        }
    }

    /// Most bytes that one read or write moves. More than that needs several.
    ///
    /// # Panics
    /// If it is zero.
    #[track_caller]
    pub fn set_max_buf_size(&mut self, max_buf_size: usize) {
        assert!(max_buf_size > 0, "`max_buf_size` must be greater than 0: a file with no buffer could neither be read nor written");
        self.max_buf_size = max_buf_size;
    }

    /// See [`File::set_max_buf_size`].
    #[must_use]
    pub fn max_buf_size(&self) -> usize {
        self.max_buf_size
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("tokio::fs::File").field("std", &self.std).finish()
    }
}

impl From<StdFile> for File {
    fn from(std: StdFile) -> Self {
        Self::from_std(std)
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> Self {
        Self::from_std(fd.into())
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}

impl FromRawFd for File {
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: [I1] the caller's contract is the same.
        Self::from_std(unsafe { StdFile::from_raw_fd(fd) })
    }
}
