//! In which directories no earlier run has left anything, so that nobody has to look for each file.
//!
//! Before a download begins, it looks for the `.part` of an earlier run. For a list of small files that look is a twentieth of all the work, and where the disk is a
//! network's, a round trip for each file. So when a second file goes to a directory, that is listed, once: if nothing in it is called like a `.part`, then nothing
//! is looked for there any more. A directory with more than [`MOST`] names is not read to its end, but asked for each name, as before.
//!
//! # What may have changed since
//! This run's own `.part`s are claimed in this run ([`Claims`](crate::destination::Claims)), and so nobody looks for them. Another process may leave one
//! later. Nothing goes wrong then: a large file finds it when its place is opened, after the first answer instead of before the first request, and goes on with it
//! all the same. A small one gets its name by a link, which replaces nothing, and the `.part` stays.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::name::SUFFIX;
use crate::sink::lock;

/// So many names of a directory are read; a millisecond's worth.
const MOST: usize = 1024;
/// So many directories are remembered.
const DIRECTORIES: usize = 1024;

/// What is known about directories.
#[derive(Debug, Default)]
pub(crate) struct Directories(Mutex<HashMap<PathBuf, Known>>);

/// What is known about one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// One file goes there.
    Once,
    /// Somebody lists it, or it has a `.part` or too many names.
    Unsure,
    Bare,
}

/// What to do about a file that goes to a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing: there is no `.part`.
    Needless,
    /// Look for its own `.part`.
    One,
    /// The same, and then [`list`](Directories::list) the directory.
    All,
}

impl Directories {
    /// A file goes to this directory.
    pub(crate) fn ask(&self, dir: &Path) -> Look {
        let mut known = lock(&self.0);
        match known.get_mut(dir) {
            Some(Known::Bare) => Look::Needless,
            Some(Known::Unsure) => Look::One,
            Some(known) => {
                *known = Known::Unsure;
                Look::All
            }
            None => {
                // A list may name a million.
                if known.len() >= DIRECTORIES {
                    known.clear();
                }
                known.insert(dir.to_owned(), Known::Once);
                Look::One
            }
        }
    }

    /// Lists it; blocks.
    pub(crate) fn list(&self, dir: &Path) {
        if is_bare(dir).unwrap_or(false)
            && let Some(known) = lock(&self.0).get_mut(dir)
        {
            *known = Known::Bare;
        }
    }
}

/// Whether there is no `.part` in a directory, or no directory yet.
fn is_bare(dir: &Path) -> io::Result<bool> {
    let names = match std::fs::read_dir(if dir.as_os_str().is_empty() { Path::new(".") } else { dir }) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        names => names?,
    };
    for (number, name) in names.enumerate() {
        if number >= MOST || is_part(&name?.file_name()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Some file systems do not tell small letters from large ones.
fn is_part(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.len() >= SUFFIX.len() && name[name.len() - SUFFIX.len()..].eq_ignore_ascii_case(SUFFIX.as_bytes())
}

#[cfg(test)]
mod tests {
    //! What is looked for, and what is not.

    use std::fs;
    use std::path::Path;

    use crate::scratch::Scratch;

    use super::{DIRECTORIES, Directories, Look, MOST};

    /// What the third file of a directory does.
    fn third(dir: &Path) -> Look {
        let directories = Directories::default();
        assert_eq!([directories.ask(dir), directories.ask(dir)], [Look::One, Look::All]);
        assert_eq!(directories.ask(dir), Look::One, "nobody waits for the list, or reads it twice");
        directories.list(dir);
        directories.ask(dir)
    }

    #[test]
    fn where_nothing_is_left_nobody_looks() {
        let scratch = Scratch::new("nothing");
        fs::write(scratch.0.join("part"), "").unwrap();
        assert_eq!(third(&scratch.0), Look::Needless);
        assert_eq!(third(&scratch.0.join("new")), Look::Needless);
    }

    #[test]
    fn where_anything_is_left_or_nobody_knows_each_file_looks() {
        let scratch = Scratch::new("something");
        fs::write(scratch.0.join("x.PART"), "").unwrap();
        assert_eq!(third(&scratch.0), Look::One);
        assert_eq!(third(&scratch.0.join("x.PART")), Look::One, "it is no directory");
        let many = Scratch::new("many");
        (0..=MOST).for_each(|number| fs::write(many.0.join(number.to_string()), "").unwrap());
        assert_eq!(third(&many.0), Look::One);
    }

    #[test]
    fn a_million_directories_are_not_remembered() {
        let directories = Directories::default();
        for number in 0..DIRECTORIES * 3 {
            directories.ask(Path::new(&number.to_string()));
        }
        assert!(directories.0.lock().unwrap().len() <= DIRECTORIES);
    }
}
