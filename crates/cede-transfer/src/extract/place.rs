//! Where the entries of an archive are written, and why none of them gets out.
//!
//! An archive is made by a stranger: its names are absolute or climb with `..`, its links lead outside so that the next entry is written through them, its entries
//! come twice so that the second replaces what the first was checked as. None of that is mended here: an archive that does it is refused whole, since whoever made
//! it meant harm or something that cannot be had.
//!
//! - P1: a name has only plain parts; all directories on its way are real ones within the root, never links.
//! - P2: nothing is replaced: each name comes once (directories may come again).
//! - P3: a symbolic link's target is relative, with `..` only at its beginning and no more of them than there are directories above the link. Since those are real
//!   ones (P1), it begins within the root, and goes on downwards or through other such links: so it ends within.
//! - P4: permissions of others, set-user bits and owners are not taken over; only whether a file can be run.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Extracted, FREE, Limits};
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::sink::lock;
use crate::units;

/// The root of what is unpacked, and the count of it.
#[derive(Debug)]
pub struct Place {
    root: PathBuf,
    limits: Limits,
    extracted: Extracted,
    entries: u64,
    /// How many bytes of the archive came so far.
    arrived: Arc<Mutex<u64>>,
}

impl Place {
    /// An empty directory.
    pub fn new(root: &Path, limits: Limits, arrived: Arc<Mutex<u64>>) -> Self {
        Self { root: root.to_owned(), limits, extracted: Extracted::default(), entries: 0, arrived }
    }

    /// What was written.
    pub fn extracted(&self) -> Extracted {
        self.extracted
    }

    /// Writes a file.
    ///
    /// # Errors
    /// The name is not allowed or was there before; a limit is reached; reading or writing failed.
    pub fn file(&mut self, name: &Path, runs: bool, mut content: impl Read) -> Result<(), Failure> {
        let path = self.path_for(name)?;
        let mode = if runs { 0o777 } else { 0o666 };
        let created = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        let mut file = created.map_err(|error| refused(name, &error))?;
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken(&error)),
            };
            self.spend(count as u64)?;
            file.write_all(&buffer[..count]).map_err(|error| Failure::of_file("write", &path, &error))?;
        }
        self.extracted.files += 1;
        Ok(())
    }

    /// Makes a directory, unless it is there.
    ///
    /// # Errors
    /// As for files.
    pub fn directory(&mut self, name: &Path) -> Result<(), Failure> {
        if name.components().all(|part| part == Component::CurDir) {
            return Ok(());
        }
        let path = self.path_for(name)?;
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_directory(&path) => Ok(()),
            result => result.map_err(|error| refused(name, &error)),
        }
    }

    /// Makes a symbolic link (P3).
    ///
    /// # Errors
    /// As for files, and if it could lead outside.
    pub fn link(&mut self, name: &Path, target: &Path) -> Result<(), Failure> {
        let depth = parts(name)?.len().saturating_sub(1);
        let mut climbs = 0;
        let mut descends = false;
        for part in target.components() {
            match part {
                Component::ParentDir if !descends => climbs += 1,
                Component::Normal(_) => descends = true,
                Component::CurDir => {}
                _ => climbs = usize::MAX,
            }
            if climbs > depth {
                let what = format!("the link {} leads outside: {}", shown(name), shown(target));
                return Err(hostile(what));
            }
        }
        let path = self.path_for(name)?;
        std::os::unix::fs::symlink(target, path).map_err(|error| refused(name, &error))?;
        self.extracted.files += 1;
        Ok(())
    }

    /// Gives a file that is there another name.
    ///
    /// # Errors
    /// As for files, and if there is no such file.
    pub fn hard_link(&mut self, name: &Path, target: &Path) -> Result<(), Failure> {
        let from = self.walk(&parts(target)?)?;
        if !fs::symlink_metadata(&from).is_ok_and(|found| found.is_file()) {
            return Err(hostile(format!("the link {} is to {}, which is not a file before it", shown(name), shown(target))));
        }
        let path = self.path_for(name)?;
        fs::hard_link(from, path).map_err(|error| refused(name, &error))?;
        self.extracted.files += 1;
        Ok(())
    }

    /// Counts what came out (X3 of [`super`]).
    fn spend(&mut self, count: u64) -> Result<(), Failure> {
        self.extracted.bytes += count;
        let (out, limits) = (self.extracted.bytes, &self.limits);
        if out > limits.bytes {
            let what = format!("more than {} come out of the archive", units::bytes(limits.bytes));
            return Err(Failure::new(Exit::Files, what).help("--max-extracted SIZE allows more"));
        }
        let arrived = *lock(&self.arrived);
        if out > FREE && out / limits.ratio.max(1) > arrived {
            let what =
                format!("{} come out of {} of the archive, more than {} to 1", units::bytes(out), units::bytes(arrived), limits.ratio);
            return Err(
                Failure::new(Exit::Files, what).help("this looks like an archive that is to fill the disk; --max-ratio N allows more")
            );
        }
        Ok(())
    }

    /// The path for a new entry; the directories above it are made.
    fn path_for(&mut self, name: &Path) -> Result<PathBuf, Failure> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(Failure::new(Exit::Files, format!("more than {} entries in the archive", self.limits.entries)));
        }
        let parts = parts(name)?;
        self.walk(&parts)
    }

    /// Goes down, over real directories only (P1).
    fn walk(&self, parts: &[&std::ffi::OsStr]) -> Result<PathBuf, Failure> {
        let mut path = self.root.clone();
        for (at, part) in parts.iter().enumerate() {
            path.push(part);
            if at + 1 == parts.len() || is_directory(&path) {
                continue;
            }
            fs::create_dir(&path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => hostile(format!("an entry goes through {}, which is not a directory", shown(&path))),
                _ => Failure::of_file("create the directory", &path, &error),
            })?;
        }
        Ok(path)
    }
}

/// The parts of a name, all of them plain.
fn parts(name: &Path) -> Result<Vec<&std::ffi::OsStr>, Failure> {
    let mut parts = Vec::new();
    for part in name.components() {
        match part {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            _ => return Err(hostile(format!("an entry is called {}", shown(name)))),
        }
    }
    if parts.is_empty() { Err(hostile("an entry has no name".to_owned())) } else { Ok(parts) }
}

fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// The archive wants what no honest one wants.
fn hostile(what: String) -> Failure {
    Failure::new(Exit::Files, what).help("nothing of this archive is unpacked; download it without --extract to look at it")
}

fn refused(name: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::AlreadyExists => hostile(format!("{} is in the archive twice", shown(name))),
        _ => Failure::of_file("create", name, error),
    }
}

/// The archive cannot be read on.
pub(super) fn broken(error: &io::Error) -> Failure {
    Failure::new(Exit::Files, format!("the archive is damaged or not complete: {}", printable(&error.to_string())))
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// A file for what has to be whole before it can be read; it has no name.
pub(super) fn scratch(root: &Path) -> Result<File, Failure> {
    let path = root.join(".cede-archive");
    let opened = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
    let file = opened.map_err(|error| Failure::of_file("create", &path, &error))?;
    fs::remove_file(&path).map_err(|error| Failure::of_file("remove", &path, &error))?;
    Ok(file)
}
