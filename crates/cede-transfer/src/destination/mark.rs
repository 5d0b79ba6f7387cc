//! How an unfinished download of ours is told from any other file that is called `NAME.part`: by an extended attribute.
//!
//! The name alone proves nothing, for a server may offer `x.part` as a file of its own. Nothing in the content can prove it either, because the content is the
//! server's. So a `.part` carries the attribute from its creation to just before its rename. Where the file system has no attributes, no file is known to be
//! ours, and none is emptied: the user is told to remove it.

use std::fs::File;
use std::path::Path;

use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr, lgetxattr};
use rustix::io::Errno;

const NAME: &str = "user.cede.part";

/// Marks the file as ours. Without attributes it stays unmarked, which costs convenience only.
pub(super) fn set(file: &File) {
    let _ = fsetxattr(file, NAME, b"1", XattrFlags::empty());
}

/// Takes the mark off a file that is complete.
pub(super) fn clear(file: &File) {
    let _ = fremovexattr(file, NAME);
}

/// Whether the file is certainly ours.
pub(super) fn is_set(file: &File) -> bool {
    fgetxattr(file, NAME, &mut [0_u8; 1]).is_ok()
}

/// Whether the file system has no marks.
pub(super) fn is_impossible(file: &File) -> bool {
    matches!(fgetxattr(file, NAME, &mut [0_u8; 1]), Err(Errno::OPNOTSUPP | Errno::NOSYS))
}

/// Whether the path names an unfinished download of ours. No link is followed.
pub(super) fn is_set_at(path: &Path) -> bool {
    lgetxattr(path, NAME, &mut [0_u8; 1]).is_ok()
}
