//! Mending a file in place: finds the pieces that are not what the manifest says, and fetches only those.
//!
//! ```text
//! open_locked ─► scan (all processors) ─► mend (fetch: ranges, sources in turn) ─► cut to size, sync ─► prove
//! ```
//! The file keeps its name and its inode. A copy beside it that is renamed at the end would be safer against a crash in the middle, but would need the room twice
//! and write all of it for the sake of one piece; and a crash costs nothing here, because only what was wrong is ever written over.
//!
//! - I1: a byte is written only where a piece was found wrong, and only after the whole new piece was found right. So the file never gets worse.
//! - I2: everything is done under a lock on the file, the same that guards a `.part`; jobs that outlive a cancelled repair hold it until they have ended.
//! - I3: success means that afterwards, read from the file, all mended pieces and the checksum of the whole are right.
//! - I4: the number of requests is bounded: each brings a piece, proves one wrong at its source, or counts as a try.

mod fetch;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cede::task::spawn_blocking;
use rustix::fs::{FlockOperation, OFlags, flock};
use url::Url;

use crate::destination::leads_to;
use crate::engine::{Cause, Engine, Stop, Unfinished, Watch};
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::manifest::{Manifest, Pieces};
use crate::sum::Sum;
pub(crate) use fetch::Mender;

/// How much of a piece is read at a time.
const READ: usize = 256 * 1024;
/// So many numbers of pieces are listed in a message.
const LISTED: usize = 12;

/// One repair.
#[derive(Clone, Debug)]
pub struct Order {
    /// The file.
    pub path: PathBuf,
    /// What it has to be.
    pub manifest: Arc<Manifest>,
    /// Where it can be had, the best first.
    pub sources: Vec<Url>,
}

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// How many pieces the file has.
    pub pieces: usize,
    /// Those that were wrong, in the order in which they were mended.
    pub mended: Vec<Mended>,
    /// How many bytes there were after the end.
    pub cut: u64,
}

/// A piece that was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// Its number, from 0.
    pub index: usize,
    /// Its place.
    pub range: Range<u64>,
    /// Where the right bytes came from.
    pub from: Url,
}

/// What is wrong with a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// How many pieces it should have.
    pub pieces: usize,
    /// Those that are wrong or missing.
    pub bad: Vec<usize>,
    /// Its size, and the one that it should have, if they differ.
    pub size: Option<(u64, u64)>,
    /// The checksum of the whole, and the one that it should have, if they differ.
    pub sum: Option<(Sum, Sum)>,
}

impl Damage {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.bad.is_empty() && self.size.is_none() && self.sum.is_none()
    }
}

impl Engine {
    /// Mends a file in place.
    ///
    /// # Errors
    /// Why it is still not right. What was mended until then stays.
    ///
    /// # Cancel safety
    /// Dropping the future leaves a file that is no worse than before; the same call goes on.
    pub async fn repair(&self, order: Order, watch: Arc<dyn Watch>, mut stop: Stop) -> Result<Repaired, Unfinished> {
        let end = cede::select! {
            biased;
            exit = stop.requested() => Err(Cause::Stopped(exit)),
            end = repair(self, &order, &*watch) => end.map_err(Cause::Failed),
        };
        end.map_err(|cause| Unfinished { cause, kept: Some("what was mended stays; the same command goes on".to_owned()) })
    }
}

/// Compares a file with its manifest.
///
/// # Errors
/// The file cannot be read.
///
/// # Cancel safety
/// Dropping the future loses nothing.
pub async fn examine(path: &Path, manifest: &Arc<Manifest>) -> Result<Damage, Failure> {
    let could_not = |error: io::Error| Failure::of_file("read", path, &error);
    let opened = path.to_owned();
    let file = blocking(move || crate::destination::open_existing(&opened)).await?;
    let file = Arc::new(file);
    let there = file.metadata().map_err(could_not)?.len();
    let bad = scan(&file, manifest).await.map_err(could_not)?;
    let size = manifest.size.filter(|size| *size != there).map(|size| (there, size));
    let sum = match manifest.sum() {
        // What is known to be wrong need not be read twice.
        Some(expected) if bad.is_empty() && size.is_none() => {
            let sum = whole(&file, expected).await.map_err(could_not)?;
            (sum != *expected).then(|| (sum, expected.clone()))
        }
        _ => None,
    };
    Ok(Damage { pieces: manifest.pieces.as_ref().map_or(0, Pieces::count), bad, size, sum })
}

async fn repair(engine: &Engine, order: &Order, watch: &dyn Watch) -> Result<Repaired, Failure> {
    let (path, manifest) = (&order.path, &order.manifest);
    let name = printable(&path.to_string_lossy());
    let Some(pieces) = &manifest.pieces else {
        let failure =
            Failure::new(Exit::Usage, "the manifest has no checksums of pieces, so that it cannot be known which bytes are wrong");
        return Err(failure.help("cede verify compares the whole; cede get --force downloads it anew"));
    };
    let could_not = |error: io::Error| Failure::of_file("read", path, &error);
    let opened = path.clone();
    let file = blocking(move || open_locked(&opened)).await?;
    watch.verifying();
    let bad = scan(&file, manifest).await.map_err(could_not)?;
    let there = file.metadata().map_err(could_not)?.len();
    let wanted: u64 = bad.iter().map(|index| pieces.range(*index)).map(|range| range.end - range.start).sum();
    watch.named(&name, Some(wanted));
    if !bad.is_empty() && order.sources.is_empty() {
        let failure =
            Failure::new(Exit::Checksum, format!("{}, and it is not known where the file can be had", wrong_pieces(&bad, pieces)));
        return Err(failure.help("give its URL after the file's name"));
    }
    let mut mender = Mender::new(&engine.0, &file, manifest, watch);
    mender.mend(bad, &order.sources).await?;
    let mended = mender.into_mended();
    watch.verifying();
    let (cut, size, end) = (there.saturating_sub(pieces.size), pieces.size, Arc::clone(&file));
    let synced = blocking(move || {
        if cut > 0 {
            end.set_len(size)?;
        }
        end.sync_data()
    });
    synced.await.map_err(|error| Failure::of_file("write", path, &error))?;
    prove(&file, manifest).await?;
    if !leads_to(path, &file).map_err(could_not)? {
        return Err(Failure::new(Exit::Files, format!("{name} was moved or replaced during the repair")));
    }
    Ok(Repaired { pieces: pieces.count(), mended, cut })
}

/// Opens a file to write in it, and locks it (I2). No link is followed: in place means in this file.
fn open_locked(path: &Path) -> Result<Arc<File>, Failure> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = File::options().read(true).write(true).custom_flags(flags).open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::new(Exit::Files, format!("there is no {}", printable(&path.to_string_lossy()))).help("cede get downloads it")
        }
        _ => Failure::of_file("open", path, &error),
    })?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err(Failure::new(Exit::Files, format!("{} is not a file", printable(&path.to_string_lossy()))));
    }
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let failure = Failure::new(Exit::Exists, format!("another process writes to {}", printable(&path.to_string_lossy())));
            Err(failure.help("wait for it"))
        }
        // Some network file systems have no locks.
        Err(rustix::io::Errno::NOLCK | rustix::io::Errno::OPNOTSUPP) | Ok(()) => Ok(Arc::new(file)),
        Err(error) => Err(Failure::of_file("lock", path, &error.into())),
    }
}

/// The pieces that are not right, in order, found on all processors.
pub(crate) async fn scan(file: &Arc<File>, manifest: &Arc<Manifest>) -> io::Result<Vec<usize>> {
    let Some(pieces) = &manifest.pieces else { return Ok(Vec::new()) };
    let count = pieces.count();
    let next = Arc::new(AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(count);
    let jobs: Vec<_> = (0..threads)
        .map(|_| {
            let (file, manifest, next) = (Arc::clone(file), Arc::clone(manifest), Arc::clone(&next));
            cede::compute::spawn(move |work| {
                let Some(pieces) = &manifest.pieces else { return Ok(Vec::new()) };
                let (mut bad, mut buffer) = (Vec::new(), vec![0; READ]);
                loop {
                    work.check().map_err(io::Error::other)?;
                    // Only who takes which piece depends on this number, so no ordering is needed.
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return Ok::<_, io::Error>(bad);
                    }
                    if !is_right_on_disk(&file, pieces, index, &mut buffer)? {
                        bad.push(index);
                    }
                }
            })
        })
        .collect();
    let mut bad = Vec::new();
    for job in jobs {
        bad.extend(job.await.map_err(io::Error::other)??);
    }
    bad.sort_unstable();
    Ok(bad)
}

fn is_right_on_disk(file: &File, pieces: &Pieces, index: usize, buffer: &mut [u8]) -> io::Result<bool> {
    let mut hasher = pieces.algorithm.hasher();
    let Range { mut start, end } = pieces.range(index);
    while start < end {
        let room = buffer.len().min(usize::try_from(end - start).unwrap_or(usize::MAX));
        match file.read_at(&mut buffer[..room], start) {
            Ok(0) => return Ok(false),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                start += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(pieces.values.get(index).is_some_and(|value| *value == hasher.finish().value))
}

/// The checksum of the whole, from the file.
async fn whole(file: &Arc<File>, expected: &Sum) -> io::Result<Sum> {
    let (file, algorithm) = (Arc::clone(file), expected.algorithm);
    let job = cede::compute::spawn(move |work| {
        let (mut hasher, mut buffer, mut at) = (algorithm.hasher(), vec![0; READ], 0);
        loop {
            work.check().map_err(io::Error::other)?;
            match file.read_at(&mut buffer, at) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    at += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    });
    job.await.map_err(io::Error::other)?
}

/// Reads the file again: all of it has to be right now (I3). With a checksum of the whole that is one reading; without, or if that is wrong, the pieces are read.
pub(crate) async fn prove(file: &Arc<File>, manifest: &Arc<Manifest>) -> Result<(), Failure> {
    let could_not = |error: io::Error| Failure::new(Exit::Files, format!("what was written could not be read again: {error}"));
    let mut contradiction = None;
    if let Some(expected) = manifest.sum() {
        let sum = whole(file, expected).await.map_err(could_not)?;
        if sum == *expected {
            return Ok(());
        }
        contradiction = Some(differs(&sum, expected).help("all pieces are right, so the manifest contradicts itself"));
    }
    let bad = scan(file, manifest).await.map_err(could_not)?;
    match (&manifest.pieces, contradiction) {
        (Some(pieces), _) if !bad.is_empty() => {
            let what = format!("{} after they were mended; the disk does not keep what it is given", wrong_pieces(&bad, pieces));
            Err(Failure::new(Exit::Files, what))
        }
        (_, Some(contradiction)) => Err(contradiction),
        _ => Ok(()),
    }
}

/// The whole is not what it should be.
pub(crate) fn differs(sum: &Sum, expected: &Sum) -> Failure {
    let what = format!("the {} is {}, not {}", expected.algorithm.title(), sum.hex(), expected.hex());
    Failure::new(Exit::Checksum, what).help("the file is damaged, or not the one that the sum is for")
}

/// `pieces 3, 7 of 12 are wrong`.
fn wrong_pieces(bad: &[usize], pieces: &Pieces) -> String {
    format!("{} of {} pieces are wrong ({})", bad.len(), pieces.count(), listed(bad))
}

/// Numbers for a message, runs as `3-7`, not too many.
pub fn listed(numbers: &[usize]) -> String {
    let runs: Vec<&[usize]> = numbers.chunk_by(|a, b| a + 1 == *b).collect();
    let mut words: Vec<String> = Vec::new();
    for run in runs.iter().take(LISTED) {
        match run {
            [one] => words.push(one.to_string()),
            [first, .., last] => words.push(format!("{first}-{last}")),
            [] => {}
        }
    }
    if runs.len() > LISTED {
        words.push("…".to_owned());
    }
    words.join(", ")
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(job).await.expect("file operations report errors and do not panic")
}
