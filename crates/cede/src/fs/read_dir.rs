//! What is in a directory.
//!
//! Entries come in batches, because a trip to the pool costs more than an entry.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::future::{Future, poll_fn};
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::io::pooled::{self, Operation};

/// So many entries are fetched at a time.
const BATCH: usize = 32;

/// Begins to list a directory.
///
/// *Cancel safety*: dropping it loses nothing.
///
/// # Errors
/// Those of `opendir(3)`.
///
/// # Panics
/// Outside of a runtime.
///
/// ```
/// # cede::block_on(async {
/// let mut entries = cede::fs::read_dir("/").await?;
/// while let Some(entry) = entries.next_entry().await? {
///     println!("{}", entry.path().display());
/// }
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    let listing = pooled::run(move || {
        let mut listing = Listing { std: std::fs::read_dir(path)?, batch: VecDeque::new(), more: true };
        listing.fetch();
        Ok(listing)
    });
    Ok(ReadDir(State::Idle(Some(listing.await?))))
}

/// The entries of a directory, in the order in which the file system has them; see [`read_dir`].
#[derive(Debug)]
#[must_use = "does nothing unless entries are asked for"]
pub struct ReadDir(State);

#[derive(Debug)]
enum State {
    /// `None` after the pool failed: there is nothing more.
    Idle(Option<Listing>),
    Fetching(Operation<Listing>),
}

#[derive(Debug)]
struct Listing {
    std: std::fs::ReadDir,
    batch: VecDeque<io::Result<DirEntry>>,
    /// Whether the directory may have more than the batch.
    more: bool,
}

impl Listing {
    fn fetch(&mut self) {
        while self.more && self.batch.len() < BATCH {
            match self.std.next() {
                Some(Ok(entry)) => {
                    // Most file systems tell it with the name.
                    let kind = entry.file_type().ok();
                    self.batch.push_back(Ok(DirEntry { std: Arc::new(entry), kind }));
                }
                Some(Err(error)) => {
                    self.batch.push_back(Err(error));
                    break;
                }
                None => self.more = false,
            }
        }
    }
}

impl ReadDir {
    /// The next entry; `None` at the end.
    ///
    /// *Cancel safety*: dropping it loses no entry.
    ///
    /// # Errors
    /// Those of `readdir(3)`.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// Polls for the next entry; `None` at the end.
    ///
    /// # Errors
    /// As [`ReadDir::next_entry`].
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            match &mut self.0 {
                State::Idle(None) => return Poll::Ready(Ok(None)),
                State::Idle(Some(listing)) => {
                    if let Some(entry) = listing.batch.pop_front() {
                        return Poll::Ready(entry.map(Some));
                    }
                    if !listing.more {
                        return Poll::Ready(Ok(None));
                    }
                    let State::Idle(Some(mut listing)) = std::mem::replace(&mut self.0, State::Idle(None)) else { unreachable!("as seen") };
                    self.0 = State::Fetching(pooled::start(move || {
                        listing.fetch();
                        listing
                    })?);
                }
                State::Fetching(operation) => {
                    let fetched = ready!(Pin::new(operation).poll(cx));
                    self.0 = State::Idle(None);
                    self.0 = State::Idle(Some(fetched?));
                }
            }
        }
    }
}

/// An entry of a directory.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut entries = cede::fs::read_dir(".").await?;
/// while let Some(entry) = entries.next_entry().await? {
///     assert!(entry.path().ends_with(entry.file_name()));
///     assert!(entry.file_type().await.is_ok());
/// }
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct DirEntry {
    std: Arc<std::fs::DirEntry>,
    kind: Option<FileType>,
}

impl DirEntry {
    /// Its path: that of the directory, and its name.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.std.path()
    }

    /// Its name.
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.std.file_name()
    }

    /// The number of its inode.
    #[must_use]
    pub fn ino(&self) -> u64 {
        self.std.ino()
    }

    /// Its metadata; that of a symbolic link itself.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// Those of `lstat(2)`.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let std = self.std.clone();
        pooled::run(move || std.metadata()).await
    }

    /// What it is.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// Those of `lstat(2)`, which is rarely needed.
    pub async fn file_type(&self) -> io::Result<FileType> {
        if let Some(kind) = self.kind {
            return Ok(kind);
        }
        let std = self.std.clone();
        pooled::run(move || std.file_type()).await
    }
}
