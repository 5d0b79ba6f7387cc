//! What is done to the files of downloads, in one place, so that a test can be the disk: one that is full, that fails, or that loses power.
//!
//! Only what a disk can get wrong after a file is open goes through here. Names, locks and marks stay with the destination.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::fs::{CWD, FallocateFlags, RenameFlags, StatFs, fallocate, fstatfs, renameat_with};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// A disk. All of it blocks. What is not overridden is done as the system does it.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Writes bytes of a download to their place.
    ///
    /// # Errors
    /// Those of the system.
    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    /// Writes to the end of a journal.
    ///
    /// # Errors
    /// Those of the system.
    fn append(&self, mut journal: &File, bytes: &[u8]) -> io::Result<()> {
        journal.write_all(bytes)
    }

    /// Returns when what was written to this file would survive a power cut. After an error, nobody knows what would, also not a second try.
    ///
    /// # Errors
    /// Those of the system.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Returns when everything that was written to the device of this directory, by whomever, would survive a power cut.
    ///
    /// # Errors
    /// Those of the system.
    fn settle(&self, dir: &File) -> io::Result<()> {
        Ok(rustix::fs::syncfs(dir)?)
    }

    /// Returns when the names in this directory would survive a power cut, as far as its file system can promise that.
    ///
    /// # Errors
    /// Those of the system.
    fn sync_dir(&self, dir: &File) -> io::Result<()> {
        match dir.sync_all() {
            Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::INVAL | Errno::OPNOTSUPP)) => Ok(()),
            result => result,
        }
    }

    /// Empties a file.
    ///
    /// # Errors
    /// Those of the system.
    fn empty(&self, file: &File) -> io::Result<()> {
        file.set_len(0)
    }

    /// Makes sure that there is room for so many bytes. In a file system that is in memory it is only looked for: reserving would make the system get and clear all
    /// of it beforehand, which takes as long as the writing, and while nothing can be written.
    ///
    /// # Errors
    /// Those of the system; not every file system can.
    fn reserve(&self, file: &File, size: u64) -> io::Result<()> {
        // The system looks at the process's limit only when something is written.
        if getrlimit(Resource::Fsize).current.is_some_and(|limit| size > limit) {
            return Err(Errno::FBIG.into());
        }
        match fstatfs(file) {
            Ok(system) if system.f_type == TMPFS => has_room(file, size, &system),
            _ => Ok(fallocate(file, FallocateFlags::KEEP_SIZE, 0, size)?),
        }
    }

    /// Gives a file another name; unless `replace`, one that nothing has.
    ///
    /// # Errors
    /// Those of the system, among them that the name is taken.
    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        if replace {
            return fs::rename(from, to);
        }
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                // A file system without the flag: check first, which leaves a short moment for somebody else to create the file.
                if fs::symlink_metadata(to).is_ok() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                fs::rename(from, to)
            }
            result => result.map_err(io::Error::from),
        }
    }
}

/// How the system calls file systems that are on this machine's own disks, or in its memory: ext2 to 4, XFS, Btrfs, F2FS, bcachefs, ZFS, overlays, and the one in memory.
const LOCAL: [u64; 8] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0xca45_1a4e, 0x2fc1_2fc1, 0x794c_7630, 0x0102_1994];

/// Whether a file is on a file system that no network and no other program stands behind, as far as is known; blocks.
pub(crate) fn is_local(file: &File) -> bool {
    // The numbers have 32 bits, with a sign on some machines.
    fstatfs(file).is_ok_and(|system| LOCAL.contains(&(system.f_type as u64 & 0xffff_ffff)))
}

/// How the system calls a file system that is in memory.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;

fn has_room(file: &File, size: u64, system: &StatFs) -> io::Result<()> {
    let has = file.metadata()?.blocks() * 512;
    let free = system.f_bavail * u64::try_from(system.f_bsize).unwrap_or(1);
    // One without a limit says that it has no blocks at all.
    if system.f_blocks > 0 && size.saturating_sub(has) > free { Err(Errno::NOSPC.into()) } else { Ok(()) }
}

/// The system's.
///
/// ```
/// use cede_transfer::disk::System;
/// use cede_transfer::engine::Settings;
/// let settings = Settings { disk: std::sync::Arc::new(System), ..Settings::default() };
/// # drop(settings);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Disk for System {}
