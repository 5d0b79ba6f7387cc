//! Where a download is put: decided when its name is known, which may be before the first answer or only with it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cede::task::spawn_blocking;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE};
use rustix::fs::{Mode, OFlags};

use super::Transfer;
use crate::bare::Look;
use crate::destination::{self, Destination, Earlier, Opened, journal_of};
use crate::engine::{Cause, Check, Complete, NameFrom, Output, Resume, Unfinished};
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::journal::Journal;
use crate::name;
use crate::plan::{Id, Trouble};
use crate::request::Answer;
use crate::sink::{Sink, lock};
use crate::sum::{self, Sum};

/// A file of at most this size stays in memory until it is whole.
const SMALL: u64 = 256 * 1024;
/// From this size on, the room is reserved beforehand, so that a full disk is known at once.
const RESERVE: u64 = 16 << 20;
/// What the type of a Metalink begins with.
const METALINK: &[u8] = b"application/metalink4+xml";

impl Transfer {
    /// Goes on with what an earlier run left, if the name is known before anything is asked.
    pub(super) async fn find_earlier_part(&self) -> Result<(), Unfinished> {
        let (dir, name) = match &self.job.output {
            Output::Named { dir, name } | Output::Kept { dir, name, .. } => (dir.clone(), name.clone()),
            Output::In { dir, from: NameFrom::Auto | NameFrom::Url } => match name::from_url(&self.job.url) {
                Some(name) => (dir.clone(), name),
                None => return Ok(()),
            },
            Output::In { .. } | Output::Stdout | Output::Pipe(_) => return Ok(()),
        };
        let left = match self.shared.directories.ask(&dir) {
            Look::Needless => Left::Nothing,
            // Where the disk is quick, it costs two microseconds.
            Look::One if self.shared.desk.is_quick(&dir) => Left::of(&dir, &name),
            look => {
                let (shared, dir, name) = (Arc::clone(&self.shared), dir.clone(), name.clone());
                let job = move || {
                    let left = Left::of(&dir, &name);
                    if look == Look::All {
                        shared.directories.list(&dir);
                    }
                    left
                };
                blocking(job).await
            }
        };
        match left {
            Left::Nothing => lock(&self.told).bare = Some(name),
            Left::Journal if self.shared.settings.resume != Resume::Never => self.go_on_with(dir, name).await?,
            Left::Journal | Left::File => {}
        }
        Ok(())
    }

    async fn go_on_with(&self, dir: PathBuf, name: String) -> Result<(), Unfinished> {
        if let Some((destination, journal)) = self.open(dir, name).await? {
            let journal = journal.unwrap_or_default();
            if !journal.extents.is_empty() {
                self.plan().resume(journal.subject.identity.clone(), journal.extents.clone());
                self.watch.have(journal.extents.len());
                self.watch.resumed(journal.extents.len());
                *lock(&self.hashed) = journal.hash;
            }
            self.named(&destination, journal.subject.identity.total);
            self.put_sink(Sink::on_disk(destination, journal.extents));
        }
        Ok(())
    }

    /// The sink for the bytes of an answer that the plan takes. `None`: the answer is not wanted any more.
    pub(super) async fn sink_for(&self, id: Id, answer: &Answer) -> Option<Arc<Sink>> {
        if let Some(sink) = self.sink() {
            return Some(sink);
        }
        self.listen(answer);
        if self.is_to_be_followed(answer) {
            let failure = Failure::of_metalink();
            self.plan().handle_failure(self.now(), id, failure.clone(), Trouble::Fatal);
            self.end_early(Err(failure.into()));
            return None;
        }
        let total = self.plan().total();
        match self.make_sink(total).await {
            Ok(Some((sink, None))) => Some(self.put_sink(sink)),
            // An earlier run left a part under the name that only this answer told.
            Ok(Some((sink, Some(journal)))) => {
                self.watch.resumed(journal.extents.len());
                *lock(&self.hashed) = journal.hash;
                self.plan().resume(journal.subject.identity, journal.extents);
                self.put_sink(sink);
                None
            }
            Ok(None) => None,
            Err(unfinished) => {
                if let Cause::Failed(failure) = &unfinished.cause {
                    self.plan().handle_failure(self.now(), id, failure.clone(), Trouble::Fatal);
                }
                self.end_early(Err(unfinished));
                None
            }
        }
    }

    async fn make_sink(&self, total: Option<u64>) -> Result<Option<(Sink, Option<Journal>)>, Unfinished> {
        let (dir, name) = match &self.job.output {
            Output::Stdout | Output::Pipe(_) => {
                let name = if self.job.output == Output::Stdout { "-".to_owned() } else { printable(&self.name()) };
                self.watch.named(&name, total);
                let file = spawn_blocking(spool).await.map_err(std::io::Error::other).and_then(|file| file);
                let file = file.map_err(|error| Failure::of_file("create a file in", &std::env::temp_dir(), &error))?;
                return Ok(Some((Sink::spool(file), None)));
            }
            Output::Named { dir, name } | Output::Kept { dir, name, .. } => (dir.clone(), name.clone()),
            Output::In { dir, .. } => (dir.clone(), self.name()),
        };
        // Pieces are mended on disk, and a pipe is fed from there.
        let needs_file = matches!(&self.job.check, Check::Manifest(manifest) if manifest.pieces.is_some());
        let needs_file = needs_file || matches!(self.job.output, Output::Kept { .. });
        if total.is_some_and(|total| total <= SMALL) && !needs_file {
            self.watch.named(&printable(&name), total);
            return Ok(Some((Sink::in_memory(), None)));
        }
        let Some((destination, journal)) = self.open(dir, name).await? else { return Ok(None) };
        self.named(&destination, total);
        if let Some(total) = total.filter(|total| *total >= RESERVE)
            && let Err(failure) = self.reserve(&destination, total).await
        {
            // Nothing is in it, or what an earlier run left.
            let kept = blocking(move || destination.keep()).await;
            drop(kept);
            return Err(failure.into());
        }
        let extents = journal.as_ref().map(|journal| journal.extents.clone()).unwrap_or_default();
        Ok(Some((Sink::on_disk(destination, extents), journal)))
    }

    /// Opens the place. `None`: what is there is good enough, and the download has ended.
    pub(super) async fn open(&self, dir: PathBuf, name: String) -> Result<Option<(Destination, Option<Journal>)>, Unfinished> {
        let (if_exists, claims) = (self.shared.settings.if_exists, self.shared.claims.clone());
        let (url, resume, disk) = (self.job.url.to_string(), self.shared.settings.resume, Arc::clone(&self.shared.settings.disk));
        let open = move || {
            let earlier = match resume {
                Resume::Never => Earlier::Nothing,
                Resume::SameUrl => Earlier::Of(&url),
                Resume::AnyUrl => Earlier::Any(&url),
            };
            destination::open(&dir, &name, if_exists, &claims, earlier, &disk)
        };
        let opened = blocking(open).await?;
        match opened {
            Opened::Ready(destination, journal) => Ok(Some((destination, journal))),
            Opened::Skip(path) => {
                let end = self.keep_existing(path).await.map_err(Unfinished::from);
                self.end_early(end);
                Ok(None)
            }
        }
    }

    /// Is content with a file that exists, if it is the one that the checksum is for.
    pub(super) async fn keep_existing(&self, path: PathBuf) -> Result<Complete, Failure> {
        let mut remark = "it exists and was left alone".to_owned();
        if let Some(expected) = self.job.check.expected() {
            self.watch.verifying();
            let (read, algorithm) = (path.clone(), expected.algorithm);
            let sum = blocking(move || sum_of(&read, algorithm)).await?;
            if sum != *expected {
                let what = format!("{} exists, but its {} is {}, not {}", shown(&path), algorithm.title(), sum.hex(), expected.hex());
                let failure = Failure::new(Exit::Checksum, what);
                return Err(failure.help("--force replaces it; if it should stay, check that the sum is the right one"));
            }
            remark = format!("it exists, {} right", spelled(expected));
        }
        Ok(Complete { remark: format!("{}: {remark}", shown(&path)), path: Some(path), kept: true })
    }

    /// What an answer tells besides its bytes.
    pub(super) fn listen(&self, answer: &Answer) {
        let mut told = lock(&self.told);
        if let Output::In { from, .. } = &self.job.output {
            told.name = self.choose_name(*from, answer);
        }
        if self.job.check == Check::Auto {
            told.sum = sum::told_by(answer.status, &answer.headers);
        }
        if let Some(coding) = answer.headers.get(CONTENT_ENCODING).map(|value| String::from_utf8_lossy(value.as_bytes()))
            && !coding.eq_ignore_ascii_case("identity")
        {
            told.packing = format!("left as the server packed it ({})", printable(&coding));
        }
    }

    /// Whether the answer is a Metalink, by what the server says or by its name, and the user did not ask for that very file.
    fn is_to_be_followed(&self, answer: &Answer) -> bool {
        if !self.shared.settings.metalinks
            || !matches!(self.job.output, Output::In { .. })
            || !matches!(self.job.check, Check::Size | Check::Auto)
        {
            return false;
        }
        let kind = answer.headers.get(CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes());
        let is_said = kind.get(..METALINK.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(METALINK));
        let ends_like_one = |name: &[u8]| {
            let is_end = |end: &str| name.len() >= end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes());
            [".meta4", ".metalink"].into_iter().any(is_end)
        };
        is_said || ends_like_one(self.name().as_bytes())
    }

    /// The name in the user's directory.
    pub(super) fn name(&self) -> String {
        let told = lock(&self.told).name.clone();
        if told.is_empty() { name::from_url(&self.job.url).unwrap_or_else(|| name::FALLBACK.to_owned()) } else { told }
    }

    fn choose_name(&self, from: NameFrom, answer: &Answer) -> String {
        let header = || name::from_content_disposition(answer.headers.get(CONTENT_DISPOSITION)?.as_bytes());
        let given = &self.job.url;
        let chosen = match from {
            NameFrom::Auto => header().or_else(|| name::from_url(given)).or_else(|| name::from_url(&answer.url)),
            NameFrom::Url => name::from_url(given),
            NameFrom::FinalUrl => name::from_url(&answer.url),
        };
        chosen.unwrap_or_else(|| name::FALLBACK.to_owned())
    }

    fn named(&self, destination: &Destination, total: Option<u64>) {
        if let Output::Kept { .. } = self.job.output {
            let name = name::from_url(&self.job.url).unwrap_or_else(|| name::FALLBACK.to_owned());
            return self.watch.named(&printable(&name), total);
        }
        let name = destination.target().file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.watch.named(&printable(&name), total);
        lock(&self.told).name = name;
    }

    async fn reserve(&self, destination: &Destination, total: u64) -> Result<(), Failure> {
        let (file, part, disk) = (destination.file(), destination.part().to_owned(), destination.disk());
        let no_room = |error: &std::io::Error| {
            use rustix::io::Errno;
            Errno::from_io_error(error).is_some_and(|errno| [Errno::NOSPC, Errno::DQUOT, Errno::FBIG].contains(&errno))
        };
        blocking(move || match disk.reserve(&file, total) {
            Err(error) if no_room(&error) => Err(Failure::of_file("reserve the room for", &part, &error)),
            // Not every file system can.
            _ => Ok(()),
        })
        .await
    }

    pub(super) fn file_failure(&self, verb: &str, error: &std::io::Error) -> Failure {
        let place = self.sink().and_then(|sink| sink.destination());
        let path = place.and_then(|place| lock(&place).as_ref().map(|destination| destination.part().to_owned()));
        Failure::of_file(verb, &path.unwrap_or_else(|| PathBuf::from(&lock(&self.told).name)), error)
    }

    /// The disk is at fault, and with it the whole download.
    pub(super) fn fail_on_file(&self, verb: &str, error: &std::io::Error) {
        let failure = self.file_failure(verb, error);
        self.end_early(Err(failure.into()));
    }
}

/// What an earlier run may have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// There is nothing of that name, not even somebody else's.
    Nothing,
    /// There is a file of that name.
    File,
    /// And a journal beside it.
    Journal,
}

impl Left {
    /// Looks; blocks.
    fn of(dir: &Path, name: &str) -> Self {
        let part = dir.join(format!("{name}{}", name::SUFFIX));
        match std::fs::symlink_metadata(&part) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::Nothing,
            _ if journal_of(&part).exists() => Self::Journal,
            _ => Self::File,
        }
    }
}

/// A file without a name, for what waits for the pipe.
fn spool() -> std::io::Result<File> {
    let dir = std::env::temp_dir();
    match rustix::fs::open(&dir, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(File::from(file)),
        Err(_) => {
            let path = dir.join(format!("cede-spool-{}-{:x}", std::process::id(), std::ptr::from_ref(&dir).addr()));
            let file = File::options().read(true).write(true).create_new(true).open(&path)?;
            std::fs::remove_file(path)?;
            Ok(file)
        }
    }
}

/// The checksum of a file that is there already.
pub fn sum_of(path: &Path, algorithm: sum::Algorithm) -> Result<Sum, Failure> {
    let mut file = destination::open_existing(path)?;
    let mut hasher = algorithm.hasher();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut file, &mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::of_file("read", path, &error)),
        }
    }
}

/// `sha-256`, as messages have it.
pub(super) fn spelled(sum: &Sum) -> String {
    sum.algorithm.title().to_ascii_lowercase()
}

pub(super) async fn blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(job).await.expect("file operations report errors and do not panic")
}

pub(super) fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}
