//! What is uploaded: files, which can be read again, and standard input, which cannot.
//!
//! A file is read on the blocking pool, a chunk ahead of the connection. After each reading it is looked at once more: if it has changed since the upload began, what was
//! read never leaves, whichever chunk it is, for parts come in any order. So the server never has a whole file that never was.
//!
//! Each body has a [`Course`]: before a chunk goes, it waits as long as the upload is paused and as the limits on the rate want. That is no silence, and is told to whoever
//! watches for one. Where a limit is set, chunks are small, so that the bytes come evenly.

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

use crate::control::Control;
use crate::engine::Shared;
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::outgoing::{Moved, Outgoing};
use crate::rate::GLANCE;
use crate::slow::Wait;
use crate::tasks;

/// How much is read at once.
const CHUNK: usize = 256 * 1024;
/// The same, where a limit on the rate makes that many seconds of it.
const LEAST: usize = 1024;
/// A limited rate's share of a second that goes at once.
const TENTH: u64 = 10;
/// How often a body that waits for something else than the server says so at least.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// And how often in the time after which silence is too long.
const SIGNS: u32 = 4;
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
            // Looked at first: to open a pipe that nobody writes to would take for ever.
            if !path.metadata()?.is_file() {
                let why = if path.is_dir() {
                    "it is a directory; give the files in it"
                } else {
                    "it is not a regular file; '-' reads from a pipe"
                };
                return Err(io::Error::other(why));
            }
            let file = File::open(&path)?;
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
            if read.is_err() || Facts::of(&file)? != facts {
                // A file that cannot be read to its old end has shrunk, or its disk is broken: either way this upload is over.
                changed.store(true, Ordering::Relaxed);
                return Err(read.err().unwrap_or_else(|| io::Error::other("the file changed")));
            }
            Ok(Bytes::from(bytes))
        });
        job.await.map_err(|error| io::Error::other(error.to_string()))?
    }

    /// Fails if the file is another one than it was.
    pub(super) async fn look(&self) -> Result<(), Failure> {
        let file = Arc::clone(&self.file);
        let facts = cede::task::spawn_blocking(move || Facts::of(&file)).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        match facts {
            Ok(facts) if facts == self.facts => Ok(()),
            Ok(_) => Err(self.has_changed()),
            Err(error) => Err(Failure::of_file("read", &self.path, &error)),
        }
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

/// Whose limits count for a body, and who steers it.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) shared: Arc<Shared>,
    pub(super) host: String,
    pub(super) control: Control,
}

impl Course {
    /// A body that is read while it is sent.
    pub(super) fn body(&self, segments: Vec<Segment>, moved: &Arc<Moved>) -> Outgoing {
        let left = segments.iter().map(Segment::length).sum();
        let (sender, chunks) = mpsc::channel(AHEAD);
        let (course, alive) = (self.clone(), Arc::clone(moved));
        // It ends with the body that it reads for.
        tasks::spawn(async move { course.pump(segments, &sender, &alive).await });
        Outgoing::chunks(chunks, Some(left), moved)
    }

    /// A body of everything that comes from a pipe, which can be sent once.
    pub(super) fn body_of(&self, mut piped: Piped, moved: &Arc<Moved>) -> Outgoing {
        let (sender, chunks) = mpsc::channel(AHEAD);
        let (course, alive) = (self.clone(), Arc::clone(moved));
        // Likewise.
        tasks::spawn(async move {
            let ledger = course.control.ledger();
            let _flying = ledger.fly();
            loop {
                // Whoever writes to the pipe takes the time that he wants.
                let resting = ledger.rest();
                let next = cede::select! {
                    biased;
                    () = sender.closed() => return,
                    next = course.excused(&alive, piped.chunks.recv()) => next,
                };
                drop(resting);
                let Some(chunk) = next else { return };
                if !course.pass_on(chunk, &sender, &alive).await {
                    return;
                }
            }
        });
        Outgoing::chunks(chunks, None, moved)
    }

    /// Sends a chunk when it may go. Returns whether more is wanted.
    async fn pass_on(&self, chunk: io::Result<Bytes>, sender: &mpsc::Sender<io::Result<Bytes>>, moved: &Moved) -> bool {
        let count = chunk.as_ref().map_or(0, Bytes::len);
        let failed = chunk.is_err();
        cede::select! {
            biased;
            () = sender.closed() => return false,
            () = self.pay(count, moved) => {}
        }
        if self.control.ledger().wait(Wait::Bytes, sender.send(chunk)).await.is_err() {
            return false;
        }
        self.control.ledger().came(count);
        !failed
    }

    async fn pump(&self, segments: Vec<Segment>, sender: &mpsc::Sender<io::Result<Bytes>>, moved: &Moved) {
        let ledger = self.control.ledger();
        let _flying = ledger.fly();
        for segment in segments {
            let (mut at, length) = (0, segment.length());
            while at < length {
                let chunk = match &segment {
                    Segment::Text(text) => {
                        let from = usize::try_from(at).unwrap_or(usize::MAX);
                        Ok(text.slice(from..text.len().min(from + self.stride())))
                    }
                    Segment::File(local, from) => {
                        let read = local.read(from + at, self.stride());
                        ledger.wait(Wait::Disk, self.excused(moved, read)).await
                    }
                };
                at += chunk.as_ref().map_or(0, Bytes::len) as u64;
                if !self.pass_on(chunk, sender, moved).await {
                    return;
                }
            }
        }
    }

    /// How often something has to be heard of whoever waits.
    fn sign_of_life(&self) -> Duration {
        (self.shared.settings.rules.stall / SIGNS).min(SIGN_OF_LIFE)
    }

    /// Awaits something that the server has no part in, however long that takes.
    async fn excused<T>(&self, moved: &Moved, wanted: impl Future<Output = T>) -> T {
        let mut wanted = std::pin::pin!(wanted);
        loop {
            cede::select! {
                biased;
                value = &mut wanted => return value,
                () = cede::time::sleep(self.sign_of_life()) => moved.excuse(),
            }
        }
    }

    /// How much is sent at once.
    fn stride(&self) -> usize {
        let limits = [self.shared.throttle.rate(), self.control.limit(), self.shared.settings.rate_per_host];
        let least = limits.into_iter().flatten().min().map_or(CHUNK, |rate| usize::try_from(rate / TENTH).unwrap_or(CHUNK));
        least.clamp(LEAST, CHUNK)
    }

    /// Waits while the upload is paused, and then as long as the user's limits on the rate want. That is no silence.
    ///
    /// # Cancel safety
    /// What was to be sent is paid for even if this is dropped.
    async fn pay(&self, count: usize, moved: &Moved) {
        self.rest(moved).await;
        let (shared, control) = (&self.shared, &self.control);
        let now = || shared.epoch.elapsed();
        let changes = || shared.throttle.changes() + control.throttle().changes();
        let known = changes();
        let (of_all, wait) = shared.charge(&self.host, count);
        let own = control.throttle().take(now(), count);
        let (until, wait) = if own > of_all { (own, Wait::OwnRate) } else { (of_all, wait) };
        let pay = async {
            while now() < until && changes() == known {
                cede::time::sleep(until.saturating_sub(now()).min(GLANCE).min(self.sign_of_life())).await;
                moved.excuse();
            }
        };
        control.ledger().wait(wait, pay).await;
        self.rest(moved).await;
    }

    async fn rest(&self, moved: &Moved) {
        let mut resting = None;
        while self.control.is_paused() {
            resting.get_or_insert_with(|| self.control.ledger().rest());
            drop(cede::time::timeout(self.sign_of_life(), self.control.resumed()).await);
            moved.excuse();
        }
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
}

#[cfg(test)]
mod tests;
