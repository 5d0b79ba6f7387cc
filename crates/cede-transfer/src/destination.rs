//! The place of a download on disk: `NAME.part` while it grows, `NAME` from one moment to the next when it is complete.
//!
//! Everything here blocks, and so runs on the blocking pool.
//!
//! - I1: under the final name there is never an incomplete file: the data is on disk before the rename.
//! - I2: a file that exists is replaced only when the user asked for it, and then only by a rename; the check is part of the rename, not before it.
//! - I3: two transfers never write to one path: within a run by [`Claims`], which hold each target and each `.part`; between processes by a lock on the `.part`.
//! - I4: a `.part` is emptied only while its lock is held, its name still leads to it, and it is either empty already or marked as an unfinished download of
//!   ours ([`mark`]). Without the second, a process that finishes (and renames) between our opening and our locking would have its finished file emptied by us;
//!   without the third, a complete file of the user that happens to be called `NAME.part` would.
//! - I5: no link is followed: neither to write the `.part` nor to replace the target.
//! - I6: a `.part` is renamed or removed only after a look whether its name still leads to the open file. What somebody put there instead is theirs.

mod claims;
mod mark;
mod whole;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, OFlags, flock};

use crate::disk::{Disk, is_local};
use crate::exit::Exit;
use crate::extents::Extents;
use crate::failure::{Failure, printable};
use crate::journal::{self, Journal};
use crate::name;
use crate::pace::Device;
pub(crate) use claims::Claims;
pub(crate) use whole::{Whole, create as create_whole};

/// The numbers that `--if-exists=rename` tries.
const NUMBERS: std::ops::RangeInclusive<u32> = 1..=9999;

/// What happens when the target exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// It stays, and the download fails.
    Error,
    /// It stays, and the download counts as done.
    Skip,
    /// It is replaced when the new one is complete.
    Overwrite,
    /// The new one gets a numbered name beside it.
    Rename,
}

/// What of an earlier run may be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Earlier<'a> {
    /// Nothing.
    Nothing,
    /// What came from this URL.
    Of(&'a str),
    /// What came from any URL, this one among them; the server has to prove that it is the same file.
    Any(&'a str),
}

/// What became of the wish to write a file.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each download, taken apart at once")]
pub(crate) enum Opened {
    /// With the journal, if an earlier run left a part of the same download.
    Ready(Destination, Option<Journal>),
    /// It exists, and the user wants that to be good enough.
    Skip(PathBuf),
}

/// An open and locked `.part`. Dropping it leaves the file where it is.
#[derive(Debug)]
pub(crate) struct Destination {
    target: PathBuf,
    part: PathBuf,
    file: Arc<File>,
    device: Device,
    is_local: bool,
    overwrite: bool,
    /// The journal, if there is one to write on.
    journal: Option<File>,
    /// Whether there is one at all; it may be another URL's.
    has_file: bool,
    disk: Arc<dyn Disk>,
    /// A sync failed: the system has forgotten which bytes it could not write, so that none can be claimed any more.
    unsure: bool,
}

/// Opens `dir/name.part` for writing, and creates the directory if need be. What an earlier run left there may stay.
pub(crate) fn open(
    dir: &Path,
    name: &str,
    if_exists: IfExists,
    claims: &Claims,
    earlier: Earlier<'_>,
    disk: &Arc<dyn Disk>,
) -> Result<Opened, Failure> {
    if !dir.as_os_str().is_empty() {
        create_directory(dir)?;
    }
    let names = std::iter::once(name.to_owned()).chain(NUMBERS.filter(|_| if_exists == IfExists::Rename).map(|n| name::numbered(name, n)));
    for name in names {
        let rename = if_exists == IfExists::Rename;
        let target = dir.join(&name);
        let part = dir.join(format!("{name}{}", name::SUFFIX));
        let Some(target_claim) = claims.take(&target) else {
            if rename {
                continue;
            }
            return Err(taken(&target));
        };
        let overwrite = match (fs::symlink_metadata(&target).ok(), if_exists) {
            (None, _) => false,
            (Some(_), IfExists::Rename) => continue,
            (Some(found), IfExists::Overwrite) if found.is_file() || found.is_symlink() => true,
            (Some(_), IfExists::Overwrite) => return Err(not_a_file(&target)),
            (Some(found), IfExists::Error) if found.is_dir() => return Err(not_a_file(&target)),
            (Some(_), IfExists::Error) => return Err(exists(&target)),
            (Some(_), IfExists::Skip) if mark::is_set_at(&target) => return Err(unfinished(&target)),
            (Some(_), IfExists::Skip) => {
                target_claim.keep();
                return Ok(Opened::Skip(target));
            }
        };
        let Some(part_claim) = claims.take(&part) else {
            if rename {
                continue;
            }
            return Err(taken(&part));
        };
        let Some((file, journal)) = open_part(&part, earlier)? else {
            if rename {
                continue;
            }
            return Err(foreign(&part));
        };
        target_claim.keep();
        part_claim.keep();
        let (journal, file_of_journal) = journal.unzip();
        let has_file = journal.is_some();
        return Ok(Opened::Ready(
            Destination {
                target,
                part,
                device: file.metadata().map_or(0, |metadata| metadata.dev()),
                is_local: is_local(&file),
                file: Arc::new(file),
                overwrite,
                journal: file_of_journal.flatten(),
                has_file,
                disk: Arc::clone(disk),
                unsure: false,
            },
            journal,
        ));
    }
    Err(Failure::new(Exit::Exists, format!("{} and {} numbered names after it exist", shown(&dir.join(name)), NUMBERS.end())))
}

fn create_directory(dir: &Path) -> Result<(), Failure> {
    fs::create_dir_all(dir).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::new(Exit::Files, format!("{} is not a directory", shown(dir))).help("choose another with --dir")
        }
        _ => Failure::of_file("create the directory", dir, &error),
    })
}

/// A `.part`, and what is known about it.
type Part = (File, Option<(Journal, Option<File>)>);

/// Opens and locks a `.part`, and empties it unless its journal is about what is wanted. `None`: there is a file of that name which is not ours (I4).
fn open_part(part: &Path, earlier: Earlier<'_>) -> Result<Option<Part>, Failure> {
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            // NONBLOCK matters only for what is not a file: opening a named pipe would wait for a reader.
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(part)
            .map_err(|error| Failure::of_file("create", part, &error))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(not_a_file(part));
        }
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error == rustix::io::Errno::WOULDBLOCK {
                return Err(Failure::new(Exit::Exists, format!("another process writes to {}", shown(part)))
                    .help("wait for it, or choose another name"));
            }
            // Some network file systems have no locks; then only I3's first half holds.
            if error != rustix::io::Errno::NOLCK && error != rustix::io::Errno::OPNOTSUPP {
                return Err(Failure::of_file("lock", part, &error.into()));
            }
        }
        if !leads_to(part, &file).map_err(|error| Failure::of_file("open", part, &error))? {
            continue;
        }
        let empty = file.metadata().map_err(|error| Failure::of_file("open", part, &error))?.len() == 0;
        let left = if empty { None } else { left_by_earlier_run(part, &file, earlier) };
        // A journal that names this very file proves as much as the mark.
        if !empty && left.is_none() && !mark::is_set(&file) {
            return Ok(None);
        }
        mark::set(&file);
        if left.is_some() {
            return Ok(Some((file, left)));
        }
        if empty {
            // A crash just after a rename leaves the journal of what is complete now. Small files have none, and need no look.
            if earlier != Earlier::Nothing {
                forget_journal(part);
            }
            return Ok(Some((file, None)));
        }
        forget_journal(part);
        file.set_len(0).map_err(|error| Failure::of_file("empty", part, &error))?;
        return Ok(Some((file, None)));
    }
}

/// The journal beside a `.part`.
pub fn journal_of(part: &Path) -> PathBuf {
    let mut path = part.as_os_str().to_owned();
    path.push(name::JOURNAL);
    path.into()
}

/// Reads the journal, and believes it only if it is about this very file and what is wanted. The lock on the `.part` is the lock on both. A journal that names
/// another URL is not written on; a new one takes its place with the first claim.
fn left_by_earlier_run(part: &Path, file: &File, earlier: Earlier<'_>) -> Option<(Journal, Option<File>)> {
    let (Earlier::Of(url) | Earlier::Any(url)) = earlier else { return None };
    let mut journal_file =
        OpenOptions::new().read(true).write(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(journal_of(part)).ok()?;
    let mut bytes = Vec::new();
    journal_file.read_to_end(&mut bytes).ok()?;
    let journal = journal::read(&bytes)?;
    let metadata = file.metadata().ok()?;
    let same_url = journal.subject.url == url;
    let about_this = journal.subject.file == (metadata.dev(), metadata.ino()) && (same_url || matches!(earlier, Earlier::Any(_)));
    if !about_this || journal.extents.end() > metadata.len() || journal.extents.is_empty() {
        return None;
    }
    journal_file.set_len(journal.valid).ok()?;
    journal_file.seek(io::SeekFrom::End(0)).ok()?;
    Some((journal, same_url.then_some(journal_file)))
}

/// Removes what a download that was passed on left under this name, unless another process is at it, or it is not ours (I4, I6).
pub(crate) fn forget(dir: &Path, name: &str) {
    let part = dir.join(format!("{name}{}", name::SUFFIX));
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(&part) {
        Ok(file) => file,
        // It went first in an earlier try.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return forget_journal_if_it_is_one(&part),
        Err(_) => return,
    };
    let is_held = flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(rustix::io::Errno::WOULDBLOCK);
    if !is_held && leads_to(&part, &file).unwrap_or(false) && is_ours(&part, &file) {
        forget_journal(&part);
        drop(fs::remove_file(part));
    }
}

/// Whether an open `.part` is ours: by its mark, by a journal that names this very file, or because nothing could be marked here, and the name is one of ours alone.
fn is_ours(part: &Path, file: &File) -> bool {
    let is_named = || {
        let journal = journal::read(&fs::read(journal_of(part)).ok()?)?;
        let metadata = file.metadata().ok()?;
        Some(journal.subject.file == (metadata.dev(), metadata.ino()))
    };
    file.metadata().is_ok_and(|metadata| metadata.is_file())
        && (mark::is_set(file) || mark::is_impossible(file) || is_named().unwrap_or(false))
}

fn forget_journal_if_it_is_one(part: &Path) {
    let is_one = fs::symlink_metadata(journal_of(part)).is_ok_and(|metadata| metadata.is_file())
        && fs::read(journal_of(part)).is_ok_and(|bytes| journal::read(&bytes).is_some());
    if is_one {
        forget_journal(part);
    }
}

fn forget_journal(part: &Path) {
    drop(fs::remove_file(journal_of(part)));
}

impl Destination {
    /// The file to write to.
    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// What it is on.
    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// Whether that is a disk of this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.is_local
    }

    /// Device and inode, by which a journal names the `.part`.
    pub(crate) fn identity(&self) -> io::Result<(u64, u64)> {
        let metadata = self.file.metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }

    /// Begins a journal anew.
    pub(crate) fn begin_journal(&mut self, subject: &journal::Subject) -> io::Result<()> {
        let path = journal_of(&self.part);
        forget_journal(&self.part);
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        self.disk.append(&file, &journal::begin(subject))?;
        self.journal = Some(file);
        self.has_file = true;
        Ok(())
    }

    /// Syncs what was written, and then says so (J1 of [`journal`]). `None`: there is no journal.
    pub(crate) fn claim(&mut self, extents: &Extents, hash: Option<&journal::Hash>) -> io::Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        if self.unsure {
            return Ok(());
        }
        // Set before anything can fail: a second sync would succeed, because the system reports each loss once.
        self.unsure = true;
        self.disk.sync(&self.file)?;
        let hash = hash.filter(|hash| extents.contains(0..hash.at)).map(journal::hash);
        self.disk.append(journal, &[journal::claim(extents.iter()), hash.unwrap_or_default()].concat())?;
        self.disk.sync(journal)?;
        self.unsure = false;
        Ok(())
    }

    /// Drops the journal: what is there is not what it should be.
    pub(crate) fn disown(&mut self) {
        self.forget();
    }

    /// Removes the journal; returns whether there was one.
    fn forget(&mut self) -> bool {
        self.journal = None;
        let had = std::mem::take(&mut self.has_file);
        if had {
            forget_journal(&self.part);
        }
        had
    }

    /// Whether there is a journal.
    pub(crate) fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// Empties the `.part`, and forgets what the journal said of it.
    pub(crate) fn start_over(&mut self) -> io::Result<()> {
        // The claims go before the bytes, on disk too.
        if self.forget() {
            sync_directory(&self.part);
        }
        self.disk.empty(&self.file)?;
        // What was lost is not missed any more.
        self.unsure = false;
        Ok(())
    }

    /// What the file is on.
    pub(crate) fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    pub(crate) fn part(&self) -> &Path {
        &self.part
    }

    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Puts the complete file under its name (I1, I2, I6). Without `sync`, that is true for a crash of the process, but not for one of the machine.
    pub(crate) fn commit(self, sync: bool) -> Result<PathBuf, Failure> {
        if self.unsure {
            let what = format!("{} may not be on disk as it was written", shown(&self.part));
            return Err(Failure::new(Exit::Files, what).help("see what the system says about the disk, and download again"));
        }
        if sync {
            self.disk.sync(&self.file).map_err(|error| Failure::of_file("write", &self.part, &error))?;
        }
        if !leads_to(&self.part, &self.file).map_err(|error| Failure::of_file("find", &self.part, &error))? {
            return Err(Failure::new(Exit::Files, format!("{} was moved or replaced during the download", shown(&self.part)))
                .help("see what else writes to this directory, and download again"));
        }
        // Before the rename: a complete file must not pass for an unfinished one, even if its own name ends in `.part`.
        mark::clear(&self.file);
        self.disk.rename(&self.part, &self.target, self.overwrite).map_err(|error| {
            mark::set(&self.file);
            match error.kind() {
                io::ErrorKind::AlreadyExists => exists(&self.target).help(format!("the download is complete in {}", shown(&self.part))),
                _ => Failure::of_file("rename the complete download to", &self.target, &error),
            }
        })?;
        if self.has_file {
            forget_journal(&self.part);
        }
        if !sync {
            return Ok(self.target);
        }
        // The file is complete either way; this only makes the name survive a power cut.
        sync_directory(&self.target);
        Ok(self.target)
    }

    /// Removes the `.part` and its journal.
    pub(crate) fn discard(mut self) {
        self.forget();
        if leads_to(&self.part, &self.file).unwrap_or(false) {
            drop(fs::remove_file(&self.part));
        }
    }

    /// Leaves the `.part` on disk, or removes it when nothing is in it. Returns its path if it stayed.
    pub(crate) fn keep(self) -> io::Result<Option<PathBuf>> {
        self.disk.sync(&self.file)?;
        if !leads_to(&self.part, &self.file)? {
            return Err(io::Error::other("it was moved or replaced during the download"));
        }
        let size = self.file.metadata()?.len();
        if size == 0 {
            forget_journal(&self.part);
            fs::remove_file(&self.part)?;
            return Ok(None);
        }
        Ok(Some(self.part))
    }
}

/// Opens a file that is there already, to check it. A link is followed: whoever reads the name reads what it leads to.
pub(crate) fn open_existing(path: &Path) -> Result<File, Failure> {
    let could_not_read = |error: io::Error| Failure::new(Exit::Files, format!("could not read {}: {error}", shown(path)));
    // NONBLOCK as above; for a file it changes nothing.
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path).map_err(could_not_read)?;
    if !file.metadata().map_err(could_not_read)?.is_file() {
        let what = if path.is_dir() { "is a directory" } else { "is not a file" };
        return Err(Failure::new(Exit::Files, format!("{} {what}", shown(path))));
    }
    Ok(file)
}

/// Whether the path still names the open file (I4, I6).
pub(crate) fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn sync_directory(of: &Path) {
    let dir = of.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    drop(File::open(dir).and_then(|dir| dir.sync_all()));
}

fn exists(target: &Path) -> Failure {
    Failure::new(Exit::Exists, format!("{} exists", shown(target)))
        .help("--force overwrites it, --if-exists=rename gives a numbered name, --if-exists=skip is content with it")
}

fn taken(path: &Path) -> Failure {
    Failure::new(Exit::Exists, format!("another URL of this run writes to {}", shown(path)))
        .help("--if-exists=rename gives the second a number, --dir and --output give one of them another place")
}

fn foreign(part: &Path) -> Failure {
    Failure::new(Exit::Exists, format!("{} exists and is not an unfinished download of this program", shown(part)))
        .help("it would be overwritten: move or remove it, or choose another name with --output or --if-exists=rename")
}

fn unfinished(target: &Path) -> Failure {
    Failure::new(Exit::Exists, format!("{} exists, but it is the unfinished download of another file", shown(target)))
        .help("finish that first, or --force overwrites it")
}

fn not_a_file(target: &Path) -> Failure {
    if target.is_dir() {
        let failure = Failure::new(Exit::Files, format!("{} is a directory", shown(target)));
        return failure.help(format!("--dir {} puts the file into it; or choose another name with --output", shown(target)));
    }
    Failure::new(Exit::Files, format!("{} exists and is not a file", shown(target))).help("choose another name")
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

#[cfg(test)]
mod tests;
