//! Operations on paths. Each does what the function of the same name in [`std::fs`] does, on the blocking pool.

use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use crate::io::pooled;

/// The absolute path of a file, without symbolic links.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `realpath(3)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    pooled::run(move || std::fs::canonicalize(path)).await
}

/// The metadata of a file, or of what a symbolic link points to.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `stat(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref().to_owned();
    pooled::run(move || std::fs::metadata(path)).await
}

/// The metadata of a file, or of a symbolic link itself.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `lstat(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref().to_owned();
    pooled::run(move || std::fs::symlink_metadata(path)).await
}

/// Whether there is something at a path. A broken symbolic link is nothing.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `stat(2)` but `ENOENT`.
///
/// # Panics
/// Outside of a runtime.
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    let path = path.as_ref().to_owned();
    pooled::run(move || path.try_exists()).await
}

/// Where a symbolic link points to.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `readlink(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    pooled::run(move || std::fs::read_link(path)).await
}

/// Makes a directory. Its parent must exist.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `mkdir(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    pooled::run(move || std::fs::create_dir(path)).await
}

/// Makes a directory, and all its parents that are missing.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `mkdir(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    pooled::run(move || std::fs::create_dir_all(path)).await
}

/// Removes an empty directory.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `rmdir(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    pooled::run(move || std::fs::remove_dir(path)).await
}

/// Removes a directory and everything in it. Does not follow symbolic links.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `rmdir(2)` and `unlink(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    pooled::run(move || std::fs::remove_dir_all(path)).await
}

/// Removes a file. Who has it open keeps it.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `unlink(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    pooled::run(move || std::fs::remove_file(path)).await
}

/// Makes another name for a file.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `link(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    pooled::run(move || std::fs::hard_link(original, link)).await
}

/// Makes a symbolic link to `original`, which need not exist.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `symlink(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    pooled::run(move || std::os::unix::fs::symlink(original, link)).await
}

/// Renames a file or directory. Replaces a file that has the new name.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `rename(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    pooled::run(move || std::fs::rename(from, to)).await
}

/// Copies the content and the permissions of a file, over another if there is one; returns how many bytes.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `open(2)` and `copy_file_range(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    pooled::run(move || std::fs::copy(from, to)).await
}

/// Changes who may use a file.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `chmod(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    pooled::run(move || std::fs::set_permissions(path, permissions)).await
}
