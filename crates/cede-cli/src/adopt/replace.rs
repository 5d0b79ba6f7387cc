//! Files get a new content in one step: whoever reads them sees the old one or the new one, also if this program is killed.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::sum::beside;

/// The text of a file.
pub(super) fn read(path: &Path) -> std::result::Result<String, String> {
    fs::read_to_string(path).map_err(|error| named(path, &error))
}

/// Gives a file a new content; it keeps its permissions, and what links to it.
pub(super) fn write(path: &Path, text: &str) -> std::result::Result<(), String> {
    replace(path, text).map_err(|error| named(path, &error))
}

/// Takes away what a run that was killed may have left beside a file.
pub(super) fn tidy(path: &Path) -> std::result::Result<(), String> {
    real(path).and_then(|path| remove(&unfinished(&path))).map_err(|error| named(path, &error))
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Puts on the disk which files are in a folder.
pub(super) fn sync_folder_of(path: &Path) {
    // Some file systems cannot do it; they keep their own order.
    let _synced = path.parent().map(|folder| File::open(folder).and_then(|folder| folder.sync_all()));
}

fn replace(path: &Path, text: &str) -> Result<()> {
    let path = real(path)?;
    let new = unfinished(&path);
    // A file that was left behind may be one that cannot be written.
    remove(&new)?;
    let permissions = fs::metadata(&path).ok().map(|metadata| metadata.permissions());
    let mode = if permissions.is_some() { 0o600 } else { 0o666 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    let written = file.write_all(text.as_bytes());
    let allowed = written.and_then(|()| permissions.map_or(Ok(()), |permissions| file.set_permissions(permissions)));
    let replaced = allowed.and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, &path));
    if replaced.is_err() {
        // The first error is the one to tell.
        let _gone = remove(&new);
    }
    sync_folder_of(&path);
    replaced
}

/// The file itself, behind links.
fn real(path: &Path) -> Result<PathBuf> {
    path.canonicalize().or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(path.to_owned()) } else { Err(error) })
}

fn unfinished(path: &Path) -> PathBuf {
    beside(path, ".cede-new")
}

fn named(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
