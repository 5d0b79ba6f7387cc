//! Files and directories.
//!
//! The kernel cannot say when a file is ready, so operations run on the blocking pool; small reads of what is cached are done at once. An operation that has begun is
//! finished even if its future is dropped. To do many small things, [`spawn_blocking`](crate::task::spawn_blocking) once is faster than this module many times.

mod contents;
mod dir_builder;
mod file;
mod file_times;
mod open_options;
mod paths;
mod read_dir;

pub use contents::{read, read_to_string, write};
pub use dir_builder::DirBuilder;
pub use file::File;
pub use file_times::FileTimes;
pub use open_options::OpenOptions;
pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read_link, remove_dir, remove_dir_all, remove_file, rename,
    set_permissions, symlink, symlink_metadata, try_exists,
};
pub use read_dir::{DirEntry, ReadDir, read_dir};
