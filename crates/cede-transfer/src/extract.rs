//! Downloads that are unpacked while they come, into a directory that appears only when everything in it is right.
//!
//! ```text
//! download (in order, checksum) ─► pipe: a bounded channel ─► a thread: unpack ─► place ─► `.DIR.cede-unpacked`, at the end renamed to DIR
//!     └─► `.DIR.cede-archive.part` and its journal, until then
//! ```
//! The state of an unpacker cannot be written down, but the archive can be kept: after a crash it is unpacked from its beginning, from the disk, while the rest of
//! it is fetched. That costs the room of the archive until the end.
//!
//! What the stream is, its first bytes say: gzip, zstd, xz or bzip2 around a tar archive or around one file; a bare tar archive; or a zip archive, which is kept
//! until it is whole, because its table of contents is at the end.
//!
//! The thread is one of its own and not of the blocking pool: the pool also runs the writers that feed it, and a pool full of readers that wait for writers would
//! wait for ever.
//!
//! - X1: the directory gets its name only after the download is complete, its checksum (if one is known) is right, and everything was unpacked without a complaint.
//! - X2: nothing is written outside: see [`place`].
//! - X3: no more is unpacked than [`Limits`] allow, counted while it comes; what an archive says about its sizes is not believed.
//! - X4: two processes never unpack into one directory: each holds a lock on the hidden one. What a crash left there is removed by the next run.

pub mod place;
mod unpack;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};

use crate::destination::{forget, leads_to};
use crate::engine::{Cause, Complete, Engine, Job, Output, Pipe, Stop, Unfinished, Watch};
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::units;

/// So many chunks may wait between download and unpacking.
const WAITING: usize = 64;

/// How much may come out of an archive.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes in all.
    pub bytes: u64,
    /// Bytes for each byte of the archive, once more than [`FREE`] came out.
    pub ratio: u64,
    /// Files, directories and links.
    pub entries: u64,
}

/// So much may come out of any archive, however small.
pub const FREE: u64 = 64 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 40, ratio: 250, entries: 2_000_000 }
    }
}

/// What came out of an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Files and links.
    pub files: u64,
    /// Bytes in all.
    pub bytes: u64,
}

impl Engine {
    /// Downloads an archive and unpacks it into `dir`, which must not exist, or be empty. The job's output is not looked at. What an earlier run
    /// had brought of the archive is gone on with.
    ///
    /// # Errors
    /// Why there is no directory. Nothing of it is left then, but perhaps the beginning of the archive, for another try.
    ///
    /// # Cancel safety
    /// Dropping the future leaves a directory with a name of ours that a thread may still be writing to for a moment, and that the next run removes; to have it
    /// removed at once, use the [`Stop`].
    pub async fn extract(
        &self,
        mut job: Job,
        dir: &Path,
        limits: Limits,
        watch: Arc<dyn Watch>,
        stop: Stop,
    ) -> Result<Complete, Unfinished> {
        let place = dir.to_owned();
        let begun = cede::task::spawn_blocking(move || begin(&place)).await.expect("file operations report errors and do not panic");
        let Hidden { path: hidden, archive, lock } = begun?;
        let hint = crate::name::from_url(&job.url).unwrap_or_else(|| crate::name::FALLBACK.to_owned());
        let (sender, receiver) = sync_channel(WAITING);
        let (parent, name) = archive.clone();
        job.output = Output::Kept { pipe: Pipe::new(Feed(sender)), dir: parent, name };
        let (told, end) = cede::sync::oneshot::channel();
        let place = hidden.clone();
        let work = move || {
            // Whoever waits may have gone.
            drop(told.send(unpack::unpack(Arrived::new(receiver), &place, &hint, limits)));
        };
        let thread = std::thread::Builder::new().name("cede-extract".to_owned()).spawn(work);
        thread.map_err(|error| Failure::new(Exit::Failed, format!("no thread to unpack with: {error}")))?;
        // The download drops its end of the channel with its job.
        let downloaded = self.download(job, watch, stop).await;
        let unpacked = end
            .await
            .unwrap_or_else(|_| Err(Failure::new(Exit::Failed, "unpacking ended without a result; this is a fault of the program")));
        let target = dir.to_owned();
        let finish = move || {
            let end = finish(downloaded, unpacked, &hidden, &target, &archive);
            drop(lock);
            end
        };
        cede::task::spawn_blocking(finish).await.expect("file operations report errors and do not panic")
    }
}

/// The directory that nobody is to see yet, and the place of the archive.
#[derive(Debug)]
struct Hidden {
    path: PathBuf,
    /// Directory and name.
    archive: (PathBuf, String),
    /// X4; the system gives it back when the process ends, however that happens.
    lock: File,
}

/// What the archive is called beside the directory `name` until that is there.
fn archive_of(name: &str) -> String {
    format!(".{name}{ARCHIVE}")
}

/// The end of the name of an archive that is being unpacked.
const ARCHIVE: &str = ".cede-archive";

/// The directory that an archive of this name was to be unpacked into, if it is one that [`extract`](Engine::extract) keeps.
pub fn directory_of(archive: &str) -> Option<&str> {
    archive.strip_prefix('.')?.strip_suffix(ARCHIVE).filter(|name| !name.is_empty())
}

/// Makes the directory that nobody is to see yet.
fn begin(dir: &Path) -> Result<Hidden, Failure> {
    let shown = printable(&dir.to_string_lossy());
    let name = dir.file_name().ok_or_else(|| Failure::new(Exit::Usage, format!("{shown} is not the name of a directory")))?;
    let name = name.to_str().ok_or_else(|| Failure::new(Exit::Usage, format!("{shown} must be UTF-8")))?;
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if std::fs::symlink_metadata(dir).is_ok() && !std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none()) {
        return Err(Failure::new(Exit::Exists, format!("{shown} exists")).help("choose a directory that does not, or that is empty"));
    }
    std::fs::create_dir_all(parent).map_err(|error| Failure::of_file("create the directory", parent, &error))?;
    let path = parent.join(format!(".{name}.cede-unpacked"));
    let could_not = |error: io::Error| Failure::of_file("create the directory", &path, &error);
    let archive = (parent.to_owned(), archive_of(name));
    loop {
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(could_not(error)),
            _ => {}
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(lock) => File::from(lock),
            // Whoever had it has just ended.
            Err(rustix::io::Errno::NOENT) => continue,
            Err(error) => return Err(could_not(error.into())),
        };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive) == Err(rustix::io::Errno::WOULDBLOCK) {
            return Err(Failure::new(Exit::Exists, format!("another process unpacks into {shown}"))
                .help("wait for it, or choose another directory"));
        }
        if !leads_to(&path, &lock).map_err(could_not)? {
            continue;
        }
        let is_empty = std::fs::read_dir(&path).map_err(could_not)?.next().is_none();
        if is_empty {
            return Ok(Hidden { path, archive, lock });
        }
        // What a crash left. The lock is on what goes, so that whoever has it looks again.
        std::fs::remove_dir_all(&path).map_err(|error| Failure::of_file("remove", &path, &error))?;
    }
}

/// X1.
fn finish(
    downloaded: Result<Complete, Unfinished>,
    unpacked: Result<Extracted, Failure>,
    hidden: &Path,
    dir: &Path,
    (parent, archive): &(PathBuf, String),
) -> Result<Complete, Unfinished> {
    let mut left = None;
    let end = match (downloaded, unpacked) {
        // A user who stops, and a server that fails, end the stream; what unpacking says about that is of no interest.
        (Err(Unfinished { cause: Cause::Stopped(exit), kept }), _) => {
            left = kept;
            Err(Cause::Stopped(exit))
        }
        (Err(Unfinished { cause: Cause::Failed(failure), kept }), Err(unpacking)) => {
            let by_unpacking = failure.is_of_reader();
            left = kept.filter(|_| !by_unpacking || lacks_room(&unpacking));
            Err(Cause::Failed(if by_unpacking { unpacking } else { failure }))
        }
        (Err(unfinished), Ok(_)) => {
            left = unfinished.kept;
            Err(unfinished.cause)
        }
        (Ok(_), Err(failure)) => {
            left = lacks_room(&failure).then(|| "the archive is kept, and the same command unpacks it".to_owned());
            Err(Cause::Failed(failure))
        }
        (Ok(complete), Ok(extracted)) => match std::fs::rename(hidden, dir) {
            Ok(()) => Ok((complete, extracted)),
            Err(error) => Err(Cause::Failed(Failure::of_file("rename what was unpacked to", dir, &error))),
        },
    };
    if left.is_none() {
        forget(parent, archive);
    }
    match end {
        Ok((complete, extracted)) => {
            let (files, size) = (extracted.files, units::bytes(extracted.bytes));
            let check = if complete.remark.is_empty() { String::new() } else { format!("{}; ", complete.remark) };
            let remark = format!("{check}{files} files ({size}) unpacked into {}", printable(&dir.to_string_lossy()));
            Ok(Complete { path: Some(dir.to_owned()), kept: false, remark })
        }
        Err(cause) => {
            drop(std::fs::remove_dir_all(hidden));
            let left = left.map(|left| format!("; {left}")).unwrap_or_default();
            Err(Unfinished { cause, kept: Some(format!("nothing was unpacked{left}")) })
        }
    }
}

/// Whether the archive may well be unpacked when there is more room.
fn lacks_room(failure: &Failure) -> bool {
    failure.exit() == Exit::DiskFull
}

/// The download's end of the channel.
#[derive(Debug)]
struct Feed(SyncSender<Vec<u8>>);

impl Write for Feed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Unpacking has ended, and says why by itself.
        self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The other end, which counts what came.
#[derive(Debug)]
struct Arrived {
    receiver: Receiver<Vec<u8>>,
    chunk: io::Cursor<Vec<u8>>,
    count: Arc<Mutex<u64>>,
}

impl Arrived {
    fn new(receiver: Receiver<Vec<u8>>) -> Self {
        Self { receiver, chunk: io::Cursor::default(), count: Arc::default() }
    }
}

impl Read for Arrived {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.chunk.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.receiver.recv() {
                Ok(chunk) => {
                    *crate::sink::lock(&self.count) += chunk.len() as u64;
                    self.chunk = io::Cursor::new(chunk);
                }
                Err(_) => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests;
