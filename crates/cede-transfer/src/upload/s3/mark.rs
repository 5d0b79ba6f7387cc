//! What an object is marked with, by which a later run knows it again where the tags of a store say nothing.
//!
//! A mark has to be the same in each version of the program, so what goes into it is said byte by byte.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use url::Url;

use super::super::local::Facts;
use crate::units::hex;

/// The mark of this version of a file at this place: the same whenever it is uploaded.
pub(super) fn of_file(url: &Url, source: &Path, facts: &Facts) -> String {
    let Facts { size, modified: (seconds, nanoseconds), inode } = facts;
    let source = source.as_os_str().as_bytes();
    // Neither a URL nor a path has a zero in it.
    of(url, &[source, &[0], &size.to_le_bytes(), &seconds.to_le_bytes(), &nanoseconds.to_le_bytes(), &inode.to_le_bytes()])
}

/// The mark of what can be uploaded only once, such as what comes from a pipe.
pub(super) fn of_once(url: &Url, seed: u64) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    of(url, &[&seed.to_le_bytes(), &since.as_nanos().to_le_bytes()])
}

fn of(url: &Url, version: &[&[u8]]) -> String {
    let mut sum = Sha256::new();
    sum.update(url.as_str());
    sum.update([0]);
    version.iter().for_each(|bytes| sum.update(bytes));
    hex(&sum.finalize()[..16])
}

#[cfg(test)]
mod tests {
    //! A mark is for ever.

    use std::path::Path;

    use super::{Facts, of_file};

    #[test]
    fn the_same_version_has_the_same_mark_in_every_version_of_the_program() {
        let url = "s3://bucket/a%20b".parse().unwrap();
        let facts = Facts { size: 1, modified: (2, 3), inode: 4 };
        assert_eq!(of_file(&url, Path::new("/dir/a b"), &facts), "92623828e2380a300c8d2e3d3b80ff03");
        assert_ne!(of_file(&url, Path::new("/dir/a b"), &Facts { inode: 5, ..facts }), "92623828e2380a300c8d2e3d3b80ff03");
    }
}
