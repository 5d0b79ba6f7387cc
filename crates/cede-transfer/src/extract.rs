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
//! - X4: two processes never unpack into one directory: each holds a lock on the hidden one, which is the same file under its final name. What a crash left there is
//!   removed by the next run.
//! - X5: a crash between the rename and the end of the archive costs nothing: the next run finds what was written down before ([`record`]), cleans up, and is done, if nobody has changed the directory since.
//! - X6: before the directory gets its name, the system has written what is in it; before the archive goes, the name. So a power cut leaves a directory that is whole, or an archive.

mod inventory;
pub mod place;
mod record;
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
use inventory::Inventory;
use record::{Birth, Record};

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
        let (place, wanted) = (dir.to_owned(), Wanted::of(&job));
        let wish = wanted.clone();
        let begun = cede::task::spawn_blocking(move || begin(&place, &wish)).await.expect("file operations report errors and do not panic");
        let Hidden { path: hidden, archive, lock } = match begun? {
            Begun::Now(hidden) => hidden,
            Begun::Earlier(complete) => return Ok(complete),
        };
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
            let end = finish(downloaded, unpacked, &Hidden { path: hidden, archive, lock }, &target, &wanted);
            // With it goes the lock.
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

/// What is to be unpacked, so that an earlier run can be told from another matter.
#[derive(Clone, Debug)]
struct Wanted {
    url: String,
    sum: Option<String>,
}

impl Wanted {
    fn of(job: &Job) -> Self {
        Self { url: job.url.to_string(), sum: job.check.expected().map(ToString::to_string) }
    }

    /// Whether somebody who wants this has it by what is recorded.
    fn is_in(&self, record: &Record) -> bool {
        self.url == record.url && (self.sum.is_none() || self.sum == record.sum)
    }
}

/// What became of the wish to unpack.
#[derive(Debug)]
enum Begun {
    Now(Hidden),
    /// An earlier run did it, and was killed before it could clean up.
    Earlier(Complete),
}

/// Cleans up after a run that was killed between the rename and its end (X5). Returns its record, if the directory is what that speaks of.
fn end_of_earlier(dir: &Path, parent: &Path, name: &str) -> Result<Option<Record>, Failure> {
    let place = record::place_of(parent, name);
    let Some(record) = Record::read(&place) else { return Ok(None) };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(there) = rustix::fs::open(dir, flags, Mode::empty()).map(File::from) else { return Ok(None) };
    if Birth::of(&there).ok() != Some(record.dir) {
        return Ok(None);
    }
    // It may be just about to clean up itself.
    if flock(&there, FlockOperation::NonBlockingLockExclusive) == Err(rustix::io::Errno::WOULDBLOCK) {
        return Err(busy(dir));
    }
    // What was done with the directory since is the user's affair; but then it is not what was asked for.
    let is_whole = Inventory::of(dir).is_ok_and(|tree| tree == record.tree);
    forget(parent, &archive_of(name));
    record::remove(&place);
    Ok(is_whole.then_some(record))
}

fn busy(dir: &Path) -> Failure {
    Failure::new(Exit::Exists, format!("another process unpacks into {}", printable(&dir.to_string_lossy())))
        .help("wait for it, or choose another directory")
}

/// Makes the directory that nobody is to see yet.
fn begin(dir: &Path, wanted: &Wanted) -> Result<Begun, Failure> {
    let shown = printable(&dir.to_string_lossy());
    let name = dir.file_name().ok_or_else(|| Failure::new(Exit::Usage, format!("{shown} is not the name of a directory")))?;
    let name = name.to_str().ok_or_else(|| Failure::new(Exit::Usage, format!("{shown} must be UTF-8")))?;
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Some(record) = end_of_earlier(dir, parent, name)?.filter(|record| wanted.is_in(record)) {
        let remark = format!("{shown}: {}, by an earlier run that was cut off after that", record.remark);
        return Ok(Begun::Earlier(Complete { path: Some(dir.to_owned()), kept: true, remark }));
    }
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
            return Err(busy(dir));
        }
        if !leads_to(&path, &lock).map_err(could_not)? {
            continue;
        }
        let is_empty = std::fs::read_dir(&path).map_err(could_not)?.next().is_none();
        if is_empty {
            // Under the lock, a record is nobody's.
            record::remove(&record::place_of(parent, name));
            return Ok(Begun::Now(Hidden { path, archive, lock }));
        }
        // What a crash left. The lock is on what goes, so that whoever has it looks again.
        std::fs::remove_dir_all(&path).map_err(|error| Failure::of_file("remove", &path, &error))?;
    }
}

/// X1.
fn finish(
    downloaded: Result<Complete, Unfinished>,
    unpacked: Result<Extracted, Failure>,
    hidden: &Hidden,
    dir: &Path,
    wanted: &Wanted,
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
        (Ok(complete), Ok(extracted)) => hidden.publish(dir, said(&complete, extracted), wanted).map_err(Cause::Failed),
    };
    let (parent, archive) = &hidden.archive;
    if left.is_none() {
        forget(parent, archive);
    }
    match end {
        Ok(remark) => {
            // R1: it goes last.
            record::remove(&hidden.record());
            let remark = format!("{remark} into {}", printable(&dir.to_string_lossy()));
            Ok(Complete { path: Some(dir.to_owned()), kept: false, remark })
        }
        Err(cause) => {
            drop(std::fs::remove_dir_all(&hidden.path));
            let left = left.map(|left| format!("; {left}")).unwrap_or_default();
            Err(Unfinished { cause, kept: Some(format!("nothing was unpacked{left}")) })
        }
    }
}

/// What came out of the archive, and how that was checked.
fn said(complete: &Complete, extracted: Extracted) -> String {
    let check = if complete.remark.is_empty() { String::new() } else { format!("{}; ", complete.remark) };
    let files = if extracted.files == 1 { "1 file".to_owned() } else { format!("{} files", extracted.files) };
    format!("{check}{files} ({}) unpacked", units::bytes(extracted.bytes))
}

impl Hidden {
    /// Where it is written down that this is the whole of an archive.
    fn record(&self) -> PathBuf {
        let (parent, archive) = &self.archive;
        record::place_of(parent, directory_of(archive).expect("it is made of the name of a directory"))
    }

    /// Gives the directory its name, after it was written down what that will mean (R1). Returns what there is to say.
    fn publish(&self, dir: &Path, remark: String, wanted: &Wanted) -> Result<String, Failure> {
        // X6. One call for all of it, which costs less than one for each file.
        rustix::fs::syncfs(&self.lock).map_err(|error| Failure::of_file("write what was unpacked to", dir, &error.into()))?;
        let written = Birth::of(&self.lock).and_then(|birth| {
            let Wanted { url, sum } = wanted.clone();
            Record { dir: birth, tree: Inventory::of(&self.path)?, url, sum, remark: remark.clone() }.write(&self.record())
        });
        if written.is_err() {
            // Then a crash in the next moment would leave the archive, and nothing worse.
            record::remove(&self.record());
        }
        std::fs::rename(&self.path, dir).map_err(|error| {
            record::remove(&self.record());
            Failure::of_file("rename what was unpacked to", dir, &error)
        })?;
        // If that fails, a power cut may leave the record and the archive under a directory that has its hidden name: the next run begins again.
        drop(File::open(&self.archive.0).and_then(|parent| parent.sync_all()));
        Ok(remark)
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
