//! What is uploaded: files, which can be read again, and standard input, which cannot.
//!
//! A file is read on the blocking pool, a chunk ahead of the connection. Before its last chunk is handed out, it is looked at once more: if it has changed since the upload
//! began, that chunk never leaves, so the server never has a whole file that never was.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cede::sync::mpsc;

use crate::engine::Shared;
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::outgoing::{Moved, Outgoing};
use crate::tasks;

/// How much is read at once.
const CHUNK: usize = 256 * 1024;
/// Chunks that are read ahead.
const AHEAD: usize = 2;

/// What a version of a local file is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its size.
    pub size: u64,
    /// When it was changed: seconds and nanoseconds since 1970.
    pub modified: (i64, i64),
    /// Its inode.
    pub inode: u64,
}

/// An open file.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) path: PathBuf,
    pub(super) facts: Facts,
    file: Arc<File>,
    changed: Arc<AtomicBool>,
}

/// A part of a body.
#[derive(Clone, Debug)]
pub(super) enum Segment {
    Text(Bytes),
    /// The file, from this offset on.
    File(Local, u64),
}

impl Facts {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { size: metadata.len(), modified: (metadata.mtime(), metadata.mtime_nsec()), inode: metadata.ino() })
    }
}

impl Local {
    pub(super) async fn open(path: &Path) -> Result<Self, Failure> {
        let path = path.to_owned();
        let shown = printable(&path.to_string_lossy());
        let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Files, format!("could not read {shown}: {error}"));
        let job = cede::task::spawn_blocking(move || -> io::Result<Self> {
            let file = File::open(&path)?;
            if !file.metadata()?.is_file() {
                return Err(io::Error::other("it is not a regular file"));
            }
            let facts = Facts::of(&file)?;
            Ok(Self { path: path.canonicalize()?, facts, file: Arc::new(file), changed: Arc::default() })
        });
        job.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }

    /// Reads this much, or up to the end. Fails if the file is another one than it was.
    pub(super) async fn read(&self, at: u64, most: usize) -> io::Result<Bytes> {
        let wanted = usize::try_from(self.facts.size.saturating_sub(at)).unwrap_or(usize::MAX).min(most);
        let (file, facts, changed) = (Arc::clone(&self.file), self.facts, Arc::clone(&self.changed));
        let job = cede::task::spawn_blocking(move || {
            let mut bytes = vec![0; wanted];
            let read = file.read_exact_at(&mut bytes, at);
            let is_last = at + wanted as u64 == facts.size;
            if read.is_err() || is_last && Facts::of(&file)? != facts {
                // A file that cannot be read to its old end has shrunk, or its disk is broken: either way this upload is over.
                changed.store(true, Ordering::Relaxed);
                return Err(read.err().unwrap_or_else(|| io::Error::other("the file changed")));
            }
            Ok(Bytes::from(bytes))
        });
        job.await.map_err(|error| io::Error::other(error.to_string()))?
    }

    /// What to say if the file changed while it was being read.
    pub(super) fn complaint(&self) -> Option<Failure> {
        self.changed.load(Ordering::Relaxed).then(|| self.has_changed())
    }

    pub(super) fn has_changed(&self) -> Failure {
        let what = format!("{} is not what it was when the upload began", printable(&self.path.to_string_lossy()));
        Failure::new(Exit::Changed, what).help("--restart uploads it anew, from the beginning")
    }
}

impl Segment {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::File(local, from) => local.facts.size.saturating_sub(*from),
        }
    }
}

/// A body that is read while it is sent.
pub(super) fn body(shared: &Arc<Shared>, host: &str, segments: Vec<Segment>, moved: &Arc<Moved>) -> Outgoing {
    let left = segments.iter().map(Segment::length).sum();
    let (sender, chunks) = mpsc::channel(AHEAD);
    let (shared, host, alive) = (Arc::clone(shared), host.to_owned(), Arc::clone(moved));
    // It ends with the body that it reads for.
    tasks::spawn(async move { pump(&shared, &host, segments, &sender, &alive).await });
    Outgoing::Chunks { chunks, left: Some(left), moved: Arc::clone(moved) }
}

async fn pump(shared: &Shared, host: &str, segments: Vec<Segment>, sender: &mpsc::Sender<io::Result<Bytes>>, moved: &Moved) {
    for segment in segments {
        match segment {
            Segment::Text(text) => {
                if sender.send(Ok(text)).await.is_err() {
                    return;
                }
            }
            Segment::File(local, mut at) => {
                while at < local.facts.size {
                    let chunk = local.read(at, CHUNK).await;
                    let count = chunk.as_ref().map_or(0, Bytes::len);
                    at += count as u64;
                    let failed = chunk.is_err();
                    pay(shared, host, count, moved).await;
                    if sender.send(chunk).await.is_err() || failed {
                        return;
                    }
                }
            }
        }
    }
}

/// Waits as long as the user's limits on the rate want. That is no silence.
pub(super) async fn pay(shared: &Shared, host: &str, count: usize, moved: &Moved) {
    let until = shared.debt(host, count);
    loop {
        let now = shared.epoch.elapsed();
        if until <= now {
            return;
        }
        cede::time::sleep((until - now).min(Duration::from_secs(1))).await;
        moved.live();
    }
}

/// Standard input, or whatever cannot be read twice.
#[derive(Debug)]
pub(super) struct Piped {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    /// What is kept, because the server may want it again.
    window: BytesMut,
    start: u64,
    pub(super) ended: bool,
}

impl Piped {
    /// Reads in a thread of its own: standard input may be slow, and nothing else is to wait for it. It reads what the system has there: the standard library's takes
    /// what cannot be read, because it is open only for writing, for an end.
    pub(super) fn stdin() -> io::Result<Self> {
        Self::of(File::from(io::stdin().as_fd().try_clone_to_owned()?))
    }

    fn of(mut source: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, chunks) = mpsc::channel(AHEAD);
        let read = move || {
            loop {
                let mut buffer = vec![0; CHUNK];
                let chunk = match source.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => {
                        buffer.truncate(count);
                        Ok(Bytes::from(buffer))
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = chunk.is_err();
                if sender.blocking_send(chunk).is_err() || failed {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("cede-stdin".to_owned()).spawn(read)?;
        Ok(Self { chunks, window: BytesMut::new(), start: 0, ended: false })
    }

    /// The bytes from an offset on: as many as there are, up to `most`. What is before the offset is not needed any more.
    pub(super) async fn window(&mut self, from: u64, most: usize) -> io::Result<Bytes> {
        let before =
            from.checked_sub(self.start).and_then(|before| usize::try_from(before).ok()).filter(|before| *before <= self.window.len());
        let Some(before) = before else { return Err(io::Error::other("the server wants bytes that are gone")) };
        drop(self.window.split_to(before));
        self.start = from;
        while !self.ended && self.window.len() < most {
            match self.chunks.recv().await {
                Some(chunk) => self.window.extend_from_slice(&chunk?),
                None => self.ended = true,
            }
        }
        Ok(Bytes::copy_from_slice(&self.window[..self.window.len().min(most)]))
    }

    /// Where the bytes end, once that is known.
    pub(super) fn end(&self) -> Option<u64> {
        self.ended.then(|| self.start + self.window.len() as u64)
    }

    /// A body of everything, which can be sent once.
    pub(super) fn body(self, moved: &Arc<Moved>) -> Outgoing {
        Outgoing::Chunks { chunks: self.chunks, left: None, moved: Arc::clone(moved) }
    }
}
