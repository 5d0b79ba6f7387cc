//! What the files of a project were like, kept beside them for as long as they are being changed.
//!
//! A run that fails puts them back itself. One that is killed leaves its journal behind, and the next run puts them back first. So the order is: the journal is on the
//! disk before the first change, and is removed after the last, when it already says that it is done.
//!
//! Others change these files, too. So the journal notes a checksum of all that this program and its Cargo wrote, of the manifest before it is written, of the lock file as
//! soon as Cargo has ended; and only what is noted is replaced. A lock file that was written by a Cargo that outlived this program, or was killed with it, is not noted. It is
//! replaced nevertheless if it says nothing but what Cargo makes of the one before ([`lock::is_made_of`]).
//!
//! Whoever is at work holds a lock on the journal: this program, and each Cargo that it starts, which has it as its input. A journal that is not locked is one that was left
//! behind; one that is a copy, because somebody committed it, belongs to nobody, which its number shows.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::UNIX_EPOCH;

use cede_transfer::units::hex;
use rustix::io::Errno;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::lock;
use super::replace::{self, read, write};

/// The last line of a journal that is not needed any more.
const DONE: &str = "done";
/// What stands for the checksum of a lock file that is not there.
const NONE: &str = "none";

/// The manifest of a project and its lock file.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) manifest: PathBuf,
    pub(super) lock: PathBuf,
}

impl Files {
    /// Where they are.
    pub(super) fn folder(&self) -> &Path {
        self.manifest.parent().unwrap_or(Path::new("."))
    }
}

/// See the module's description.
pub(super) struct Journal {
    files: Files,
    record: Record,
    file: File,
    place: PathBuf,
}

/// What a journal says.
struct Record {
    manifest: String,
    lock: Option<String>,
    /// The checksums of what was written since.
    ours: Vec<String>,
}

/// What has become of the files.
#[derive(PartialEq)]
pub(super) enum Restored {
    /// They are as they were.
    All,
    /// So are they, and the lock file that was replaced, which nobody wrote down, is here.
    AllAndKept(PathBuf),
    /// Somebody else has changed the lock file; the manifest is as it was.
    AllButLock,
    /// Somebody else has changed the manifest.
    Nothing,
}

/// Fails if another run is at work, or was cut short; writes nothing.
pub(super) fn look(files: &Files) -> Result<(), String> {
    let place = place(files);
    let file = match File::open(&place) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(|error| told(&place, &error))?,
    };
    file.try_lock_shared().map_err(|error| told(&place, &error.into()))?;
    match Record::left_in(&file) {
        None => Ok(()),
        Some(_) => {
            Err("an earlier `cede adopt` was cut short; run `cede adopt` or `cede adopt --undo`, which put right what it left".to_owned())
        }
    }
}

impl Journal {
    /// Begins a journal, and says what an earlier run had left and was put right.
    ///
    /// # Errors
    /// If another run is at work, or files cannot be read or written.
    pub(super) fn begin(files: &Files) -> Result<(Self, Option<String>), String> {
        let place = place(files);
        let file = open(&place).map_err(|error| told(&place, &error))?;
        let mended = Record::left_in(&file).map(|left| left.put_right(files)).transpose()?;
        let begun = Record::of(files).and_then(|record| {
            record.begin(&file).map_err(|error| told(&place, &error))?;
            replace::sync_folder_of(&place);
            Ok(record)
        });
        if begun.is_err() {
            // The error is the one to tell.
            let _gone = fs::remove_file(&place);
        }
        Ok((Self { files: files.clone(), record: begun?, file, place }, mended))
    }

    /// For whoever works for this run: as long as they live, no other run begins.
    pub(super) fn held(&self) -> Result<Stdio, String> {
        // They read its end.
        self.file.try_clone().map(Stdio::from).map_err(|error| told(&self.place, &error))
    }

    /// Gives the manifest a new text.
    ///
    /// # Errors
    /// If it is not `old` any more, or cannot be written.
    pub(super) fn write_manifest(&mut self, old: &str, new: &str) -> Result<(), String> {
        self.note(sum(new))?;
        if read(&self.files.manifest)? != old {
            return Err(format!("{} has been changed meanwhile", self.files.manifest.display()));
        }
        write(&self.files.manifest, new)
    }

    /// Notes the lock file as Cargo has left it.
    pub(super) fn note_lock(&mut self) -> Result<(), String> {
        let lock = lock_of(&self.files)?;
        if lock == self.record.lock { Ok(()) } else { self.note(sum_of_lock(lock.as_deref())) }
    }

    /// Removes the lock file.
    pub(super) fn remove_lock(&mut self) -> Result<(), String> {
        self.note(NONE.to_owned())?;
        replace::remove(&self.files.lock).map_err(|error| told(&self.files.lock, &error))
    }

    /// Puts the files back, unless somebody else has changed them. If that fails, the journal stays for the next run.
    pub(super) fn restore(&self) -> Result<Restored, String> {
        // Nobody but our Cargo had the time to choose anything.
        self.record.restore(&self.files, false)
    }

    /// Nothing is to be put back any more.
    pub(super) fn end(mut self) {
        // If it stays, the next run finds it, and whoever reads its message can remove it.
        let _done = self.append(DONE).and_then(|()| fs::remove_file(&self.place));
    }

    fn note(&mut self, sum: String) -> Result<(), String> {
        if !self.record.ours.contains(&sum) {
            self.append(&sum).map_err(|error| told(&self.place, &error))?;
            self.record.ours.push(sum);
        }
        Ok(())
    }

    /// A line of its own, also after one that was cut short.
    fn append(&mut self, line: &str) -> io::Result<()> {
        self.file.write_all(format!("\n{line}").as_bytes())?;
        self.file.sync_all()
    }
}

fn place(files: &Files) -> PathBuf {
    files.manifest.with_file_name(".cede-adopt")
}

fn told(place: &Path, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock => format!("{}: another `cede adopt` is at work, or a Cargo that it has started", place.display()),
        _ if is_without_locks(error) => format!(
            "{}: {error}: this file system keeps no locks (flock), and without them two `cede adopt` could undo each other's work. Write by hand what it would: `tokio = {{ path = … }}` in [patch.crates-io]",
            place.display()
        ),
        _ => format!("{}: {error}", place.display()),
    }
}

/// As some do that are in the network.
fn is_without_locks(error: &io::Error) -> bool {
    let without = [Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOLCK];
    Errno::from_io_error(error).is_some_and(|error| without.contains(&error))
}

/// Opens the journal, if nobody else has it open.
fn open(place: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(place)?;
        hold(&file, place, file.try_lock().map_err(io::Error::from))?;
        // Whoever had it may have removed it just now.
        if file.metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Leaves nothing that was made in vain.
fn hold(file: &File, place: &Path, locked: io::Result<()>) -> io::Result<()> {
    if locked.as_ref().is_err_and(is_without_locks) && file.metadata()?.len() == 0 {
        replace::remove(place)?;
    }
    locked
}

/// What tells a file from its copies. Numbers of files are used again, and those of devices change: so the time of its birth is better, where it is known.
fn number(file: &File) -> io::Result<String> {
    let metadata = file.metadata()?;
    let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let rest = born.map_or(format!("on {}", metadata.dev()), |born| format!("of {}", born.as_nanos()));
    Ok(format!("{} {rest}", metadata.ino()))
}

/// What tells a text from others.
pub(super) fn sum(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn sum_of_lock(text: Option<&str>) -> String {
    text.map_or(NONE.to_owned(), sum)
}

fn lock_of(files: &Files) -> Result<Option<String>, String> {
    match fs::read_to_string(&files.lock) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(|error| told(&files.lock, &error)),
    }
}

impl Record {
    fn of(files: &Files) -> Result<Self, String> {
        Ok(Self { manifest: read(&files.manifest)?, lock: lock_of(files)?, ours: Vec::new() })
    }

    /// What a run that was cut short has left.
    fn left_in(mut file: &File) -> Option<Self> {
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        let mut lines = text.lines();
        // What cannot be parsed was cut short, before anything was changed.
        let value: Value = serde_json::from_str(lines.next()?).ok()?;
        let ours: Vec<String> = lines.map(str::to_owned).collect();
        if value["number"].as_str()? != number(file).ok()? || ours.iter().any(|line| line == DONE) {
            return None;
        }
        Some(Self { manifest: value["manifest"].as_str()?.to_owned(), lock: value["lock"].as_str().map(str::to_owned), ours })
    }

    /// Makes this what the journal says.
    fn begin(&self, mut file: &File) -> io::Result<()> {
        let text = json!({ "number": number(file)?, "manifest": self.manifest, "lock": self.lock }).to_string();
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// Puts the files back after another run was cut short. Says what was done.
    fn put_right(&self, files: &Files) -> Result<String, String> {
        replace::tidy(&files.manifest)?;
        replace::tidy(&files.lock)?;
        let name = files.manifest.display();
        let done = match self.restore(files, true)? {
            Restored::AllAndKept(kept) => {
                format!("{name} and Cargo.lock are again as they were before it; Cargo.lock as it was until now is {}", kept.display())
            }
            Restored::All => format!("{name} and Cargo.lock are again as they were before it"),
            Restored::AllButLock => {
                format!("{name} is again as it was before it; Cargo.lock has been changed since, so it stays as it is")
            }
            Restored::Nothing => format!("{name} has been changed since, so it stays as it is, and Cargo.lock with it"),
        };
        Ok(format!("an earlier `cede adopt` was cut short; {done}"))
    }

    /// A lock file that was not written down is kept beside if `keeps`.
    fn restore(&self, files: &Files, keeps: bool) -> Result<Restored, String> {
        let manifest = read(&files.manifest)?;
        if manifest != self.manifest {
            if !self.ours.contains(&sum(&manifest)) {
                return Ok(Restored::Nothing);
            }
            write(&files.manifest, &self.manifest)?;
        }
        let lock = lock_of(files)?;
        if lock == self.lock {
            return Ok(Restored::All);
        }
        let is_made_of_it = |lock: &str| lock::is_made_of(self.lock.as_deref(), lock);
        let mut kept = None;
        if !self.ours.contains(&sum_of_lock(lock.as_deref())) {
            let Some(lock) = lock.as_deref().filter(|lock| is_made_of_it(lock)) else { return Ok(Restored::AllButLock) };
            kept = keeps.then(|| keep_beside(&files.lock, lock)).transpose()?;
        }
        match &self.lock {
            Some(text) => write(&files.lock, text)?,
            None => replace::remove(&files.lock).map_err(|error| told(&files.lock, &error))?,
        }
        Ok(kept.map_or(Restored::All, Restored::AllAndKept))
    }
}

/// Writes what a file says to a new one beside it.
fn keep_beside(file: &Path, text: &str) -> Result<PathBuf, String> {
    let place = |number| file.with_extension(format!("lock.kept{number}"));
    let free = (1..).map(place).find(|place| !place.exists()).expect("there are more numbers than files");
    write(&free, text)?;
    Ok(free)
}

#[cfg(test)]
mod tests {
    use super::{Errno, hold, told};
    use std::fs::{self, File};

    #[test]
    fn a_file_system_without_locks_is_named_and_left_as_it_was() {
        let place = std::env::temp_dir().join(format!("cede-adopt-{}", std::process::id()));
        for (content, is_left) in [("", false), ("{}", true)] {
            fs::write(&place, content).unwrap();
            let error = hold(&File::open(&place).unwrap(), &place, Err(Errno::NOLCK.into())).unwrap_err();
            assert!(told(&place, &error).contains("keeps no locks"), "{error}");
            assert_eq!(place.exists(), is_left);
        }
        hold(&File::open(&place).unwrap(), &place, Err(Errno::WOULDBLOCK.into())).unwrap_err();
        assert!(place.exists());
        fs::remove_file(place).unwrap();
    }
}
