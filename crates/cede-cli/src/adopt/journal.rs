//! What the files of a project were like, kept beside them for as long as they are being changed.
//!
//! A run that fails puts them back itself. One that is killed leaves its journal behind, and the next run puts them back first. So the order is: the journal is on the
//! disk before the first change, and is removed after the last. The manifest gets its new content in one step, so that Cargo can always read it; the lock file is written by
//! Cargo. Whoever has the journal open holds a lock on it, which ends with the process: a journal that is not locked is one that was left behind.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::patch;
use crate::sum::beside;

/// The manifest of a project and its lock file.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) manifest: PathBuf,
    pub(super) lock: PathBuf,
}

/// See the module's description.
pub(super) struct Journal {
    files: Files,
    before: Content,
    /// Where it is kept, unless nobody may write there.
    kept: Option<(File, PathBuf)>,
}

/// What is in the files.
#[derive(PartialEq)]
struct Content {
    manifest: String,
    lock: Option<String>,
}

impl Journal {
    /// Begins a journal, and says what an earlier run had left and was put right.
    ///
    /// # Errors
    /// If another run is at work, or files cannot be read or written. To write nothing is no error for who `only_looks`.
    pub(super) fn begin(files: &Files, only_looks: bool) -> Result<(Self, Option<String>), String> {
        let place = files.manifest.with_file_name(".cede-adopt");
        let opened = open(&place);
        let unwritable =
            matches!(&opened, Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem));
        if only_looks && unwritable {
            return Ok((Self { files: files.clone(), before: Content::of(files)?, kept: None }, None));
        }
        let mut journal = opened.map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => format!("{}: another `cede adopt` is at work", place.display()),
            _ => format!("{}: {error}", place.display()),
        })?;
        let mut text = String::new();
        // What cannot be read was cut short, before anything was changed.
        let earlier = journal.read_to_string(&mut text).ok().and_then(|_| Content::parse(&text));
        let mended = earlier.map(|earlier| earlier.put_right(files)).transpose()?;
        let before = Content::of(files)?;
        let written =
            journal.set_len(0).and_then(|()| rewound(&journal).write_all(before.to_json().as_bytes())).and_then(|()| journal.sync_all());
        written.map_err(|error| format!("{}: {error}", place.display()))?;
        Ok((Self { files: files.clone(), before, kept: Some((journal, place)) }, mended))
    }

    /// Puts the files back. If that fails, the journal stays for the next run.
    pub(super) fn restore(&self) -> Result<(), String> {
        self.before.restore(&self.files)
    }

    /// Nothing is to be put back any more.
    pub(super) fn end(self) {
        if let Some((_file, place)) = self.kept {
            // If it stays, the next run finds it, and whoever reads its message can remove it.
            let _gone = fs::remove_file(place);
        }
    }
}

/// Opens the journal, if nobody else has it open.
fn open(place: &Path) -> std::io::Result<File> {
    loop {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(place)?;
        file.try_lock()?;
        // Whoever had it may have removed it just now.
        if file.metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

fn rewound(mut file: &File) -> &File {
    use std::io::Seek;
    // A file can be rewound; if not, what is written does not parse, and was cut short for whoever reads it.
    let _begin = file.rewind();
    file
}

impl Content {
    fn of(files: &Files) -> Result<Self, String> {
        let lock = match fs::read_to_string(&files.lock) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            read => Some(read.map_err(|error| format!("{}: {error}", files.lock.display()))?),
        };
        Ok(Self { manifest: read(&files.manifest)?, lock })
    }

    fn to_json(&self) -> String {
        json!({ "manifest": self.manifest, "lock": self.lock }).to_string()
    }

    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        Some(Self { manifest: value["manifest"].as_str()?.to_owned(), lock: value["lock"].as_str().map(str::to_owned) })
    }

    /// Puts the files back after another run was cut short, unless somebody has changed the manifest since. Says what was done.
    fn put_right(&self, files: &Files) -> Result<String, String> {
        let bare = |text: &str| patch::remove(text).map_or(text.to_owned(), |removed| removed.text).trim_end().to_owned();
        let name = files.manifest.display();
        if bare(&read(&files.manifest)?) != bare(&self.manifest) {
            return Ok(format!("an earlier `cede adopt` was cut short; {name} has been changed since, so it stays as it is"));
        }
        self.restore(files)?;
        Ok(format!("an earlier `cede adopt` was cut short; {name} and Cargo.lock are again as they were before it"))
    }

    fn restore(&self, files: &Files) -> Result<(), String> {
        if read(&files.manifest).as_ref() != Ok(&self.manifest) {
            write(&files.manifest, &self.manifest)?;
        }
        let done = match &self.lock {
            Some(text) if fs::read_to_string(&files.lock).as_ref().ok() == Some(text) => Ok(()),
            Some(text) => return write(&files.lock, text),
            None => fs::remove_file(&files.lock).or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }),
        };
        done.map_err(|error| format!("{} could not be put back: {error}", files.lock.display()))
    }
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Gives a file a new content in one step; it keeps its permissions, and what links to it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    let replace = || {
        let path =
            path.canonicalize().or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(path.to_owned()) } else { Err(error) })?;
        let new = beside(&path, ".cede-new");
        let mut file = File::create(&new)?;
        if let Ok(metadata) = fs::metadata(&path) {
            file.set_permissions(metadata.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    replace().map_err(|error: std::io::Error| format!("{}: {error}", path.display()))
}
