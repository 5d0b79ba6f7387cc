//! What is in a directory, in a few numbers: so that a directory can be told from the same one after somebody changed it.
//!
//! Names, kinds, sizes and times of change are looked at, and no content: whoever writes to a file changes its time.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// See the module's description. The order in which the system lists entries does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    /// The sum of the entries' checksums.
    pub(super) sums: u64,
}

impl Inventory {
    /// Of all that is below `root`. Blocks.
    pub(super) fn of(root: &Path) -> io::Result<Self> {
        let mut inventory = Self::default();
        let mut directories = vec![root.to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory)? {
                let path = entry?.path();
                let metadata = fs::symlink_metadata(&path)?;
                inventory.add(path.strip_prefix(root).unwrap_or(&path), &metadata);
                if metadata.is_dir() {
                    directories.push(path);
                }
            }
        }
        Ok(inventory)
    }

    fn add(&mut self, name: &Path, metadata: &fs::Metadata) {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(name.as_os_str().as_bytes());
        hasher.update(&metadata.mode().to_le_bytes());
        // The size and the time of a directory are the file system's affair; what was put into it or taken out is seen anyway.
        if !metadata.is_dir() {
            self.bytes += metadata.len();
            [metadata.len().cast_signed(), metadata.mtime(), metadata.mtime_nsec()]
                .iter()
                .for_each(|number| hasher.update(&number.to_le_bytes()));
        }
        self.entries += 1;
        self.sums = self.sums.wrapping_add(hasher.finalize().into());
    }
}
