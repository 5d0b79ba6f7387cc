//! Downloads that are unpacked while they come, into a directory that appears only when everything in it is right.
//!
//! ```text
//! download (in order, checksum) ─► pipe: a bounded channel ─► a thread: unpack ─► place ─► `.DIR.cede-PID`, at the end renamed to DIR
//! ```
//! What the stream is, its first bytes say: gzip, zstd, xz or bzip2 around a tar archive or around one file; a bare tar archive; or a zip archive, which is kept
//! until it is whole, because its table of contents is at the end.
//!
//! The thread is one of its own and not of the blocking pool: the pool also runs the writers that feed it, and a pool full of readers that wait for writers would
//! wait for ever.
//!
//! - X1: the directory gets its name only after the download is complete, its checksum (if one is known) is right, and everything was unpacked without a complaint.
//! - X2: nothing is written outside: see [`place`].
//! - X3: no more is unpacked than [`Limits`] allow, counted while it comes; what an archive says about its sizes is not believed.

pub mod place;
mod unpack;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

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
    /// Downloads an archive and unpacks it into `dir`, which must not exist, or be empty. The job's output is not looked at.
    ///
    /// # Errors
    /// Why there is no directory. Nothing of it is left then.
    ///
    /// # Cancel safety
    /// Dropping the future leaves a directory with a name of ours that a thread may still be writing to for a moment; to have it removed, use the [`Stop`].
    pub async fn extract(
        &self,
        mut job: Job,
        dir: &Path,
        limits: Limits,
        watch: Arc<dyn Watch>,
        stop: Stop,
    ) -> Result<Complete, Unfinished> {
        let hidden = begin(dir)?;
        let hint = crate::name::from_url(&job.url).unwrap_or_else(|| crate::name::FALLBACK.to_owned());
        let (sender, receiver) = sync_channel(WAITING);
        job.output = Output::Pipe(Pipe::new(Feed(sender)));
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
        let finish = move || finish(downloaded, unpacked, &hidden, &target);
        cede::task::spawn_blocking(finish).await.expect("file operations report errors and do not panic")
    }
}

/// Makes the directory that nobody is to see yet.
fn begin(dir: &Path) -> Result<PathBuf, Failure> {
    let shown = printable(&dir.to_string_lossy());
    let name = dir.file_name().ok_or_else(|| Failure::new(Exit::Usage, format!("{shown} is not the name of a directory")))?;
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if std::fs::symlink_metadata(dir).is_ok() && !std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none()) {
        return Err(Failure::new(Exit::Exists, format!("{shown} exists")).help("choose a directory that does not, or that is empty"));
    }
    std::fs::create_dir_all(parent).map_err(|error| Failure::of_file("create the directory", parent, &error))?;
    let hidden = parent.join(format!(".{}.cede-{}", name.to_string_lossy(), std::process::id()));
    std::fs::create_dir(&hidden).map_err(|error| Failure::of_file("create the directory", &hidden, &error))?;
    Ok(hidden)
}

/// X1.
fn finish(
    downloaded: Result<Complete, Unfinished>,
    unpacked: Result<Extracted, Failure>,
    hidden: &Path,
    dir: &Path,
) -> Result<Complete, Unfinished> {
    let end = match (downloaded, unpacked) {
        // A user who stops, and a server that fails, end the stream; what unpacking says about that is of no interest.
        (Err(Unfinished { cause: Cause::Stopped(exit), .. }), _) => Err(Cause::Stopped(exit)),
        (Err(Unfinished { cause: Cause::Failed(failure), .. }), Err(unpacking)) => {
            Err(Cause::Failed(if failure.exit() == Exit::Files { unpacking } else { failure }))
        }
        (Err(unfinished), Ok(_)) => Err(unfinished.cause),
        (Ok(_), Err(failure)) => Err(Cause::Failed(failure)),
        (Ok(complete), Ok(extracted)) => match std::fs::rename(hidden, dir) {
            Ok(()) => Ok((complete, extracted)),
            Err(error) => Err(Cause::Failed(Failure::of_file("rename what was unpacked to", dir, &error))),
        },
    };
    match end {
        Ok((complete, extracted)) => {
            let (files, size) = (extracted.files, units::bytes(extracted.bytes));
            let check = if complete.remark.is_empty() { String::new() } else { format!("{}; ", complete.remark) };
            let remark = format!("{check}{files} files ({size}) unpacked into {}", printable(&dir.to_string_lossy()));
            Ok(Complete { path: Some(dir.to_owned()), kept: false, remark })
        }
        Err(cause) => {
            drop(std::fs::remove_dir_all(hidden));
            Err(Unfinished { cause, kept: Some("nothing was unpacked".to_owned()) })
        }
    }
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
