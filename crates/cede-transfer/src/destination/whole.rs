//! A small file that is in memory already, created under its name in one go.
//!
//! The file has no name while it is written, and gets its final one by a link, which fails if somebody else has taken that. So there is nothing to lock, to mark,
//! or to clean up: whoever interrupts this by a kill leaves no file or a whole one. That is a third of the system calls that a `.part` costs. Nobody waits for the disk, which would take
//! longer than all the rest; so a power cut in the next seconds may leave a name without content, unless somebody waits for all of
//! them together ([`Unsynced`](crate::unsynced)).
//!
//! Only the plain case is done here: nothing of that name, no `.part` beside it, a file system that can. For anything else the bytes are given back, and the long
//! way, which knows all the user's wishes, decides and tells.
//!
//! - W1: the name is created by the link alone, so it never replaces anything and never leads to an incomplete file.
//! - W2: when the bytes are given back, nothing was created and nothing is claimed.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use rustix::io::Errno;

use super::Claims;
use crate::failure::Failure;
use crate::name;

/// What became of the bytes.
#[derive(Debug)]
pub(crate) enum Whole {
    /// They are under this name.
    At(PathBuf),
    /// It takes the long way.
    Back(Vec<u8>),
}

/// Creates `dir/name` with these bytes, or nothing. With `is_bare`, the caller has seen that there is no `.part`.
pub(crate) fn create(dir: &Path, name: &str, is_bare: bool, claims: &Claims, bytes: Vec<u8>) -> Result<Whole, Failure> {
    let target = dir.join(name);
    let Some(claim) = claims.take(&target) else { return Ok(Whole::Back(bytes)) };
    // Somebody else's file, or what an earlier run left: the long way tells which.
    if !is_bare && std::fs::symlink_metadata(dir.join(format!("{name}{}", name::SUFFIX))).is_ok() {
        return Ok(Whole::Back(bytes));
    }
    let place = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    let Ok(file) = open(place, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, mode) else { return Ok(Whole::Back(bytes)) };
    let mut file = File::from(file);
    file.write_all(&bytes).map_err(|error| Failure::of_file("write", &target, &error))?;
    if link(&file, &target).is_err() {
        return Ok(Whole::Back(bytes));
    }
    claim.keep();
    Ok(Whole::At(target))
}

/// Gives an open file without a name its name. Kernels before 6.10 want a privilege for the short way, and say that there is no such file; then it goes by the name
/// that the open file has in `/proc`, which the system has to look up.
fn link(file: &File, target: &Path) -> rustix::io::Result<()> {
    match linkat(file, "", CWD, target, AtFlags::EMPTY_PATH) {
        Err(Errno::NOENT | Errno::PERM | Errno::INVAL) => {
            linkat(CWD, format!("/proc/self/fd/{}", file.as_raw_fd()), CWD, target, AtFlags::SYMLINK_FOLLOW)
        }
        result => result,
    }
}
