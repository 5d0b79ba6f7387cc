//! The directory that is served, held open; nothing outside of it is ever opened.
//!
//! The kernel resolves paths beneath it (`openat2` with `RESOLVE_BENEATH`): a symbolic link may lead anywhere below the root, but one that leads out, or is absolute, fails
//! even if it is swapped in while the path is being walked. Where the kernel does not have that (before 5.6, or in some sandboxes), no link is followed at all.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// The root.
#[derive(Debug)]
pub(crate) struct Root {
    dir: OwnedFd,
    path: PathBuf,
}

const MODE: u32 = 0o666;
const DIR_MODE: u32 = 0o777;

impl Root {
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let dir = rustix::fs::openat(CWD, &path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { dir, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file or directory for reading. Blocks.
    pub(crate) fn open(&self, path: &Path) -> io::Result<(File, Metadata)> {
        // A named pipe would wait for somebody to write.
        let file = File::from(self.beneath(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC)?);
        let metadata = file.metadata()?;
        Ok((file, metadata))
    }

    /// Opens a directory, and makes it and those above it if need be. Blocks.
    pub(crate) fn make_dir(&self, path: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match self.beneath(path, flags) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            known => return known,
        }
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let above = self.make_dir(above)?;
        match rustix::fs::mkdirat(&above, path.file_name().unwrap_or_default(), Mode::from_raw_mode(DIR_MODE)) {
            Ok(()) | Err(Errno::EXIST) => self.beneath(path, flags),
            Err(error) => Err(error.into()),
        }
    }

    fn beneath(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        match rustix::fs::openat2(&self.dir, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS) {
            Err(Errno::NOSYS | Errno::PERM) => self.step_by_step(path, flags),
            other => Ok(other?),
        }
    }

    fn step_by_step(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let mut dir = rustix::fs::openat(&self.dir, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let mut parts = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        let Some(mut name) = parts.next() else { return Ok(dir) };
        for next in parts {
            let step = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            dir = rustix::fs::openat(&dir, name, step, Mode::empty())?;
            name = next;
        }
        Ok(rustix::fs::openat(&dir, name, flags | OFlags::NOFOLLOW, Mode::empty())?)
    }
}

/// A new file in a directory; it must not exist yet.
pub(crate) fn create(dir: impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(MODE))?))
}

#[cfg(test)]
mod tests {
    //! Links that lead out, with and without the kernel's help.

    use std::os::unix::fs::symlink;
    use std::path::Path;

    use rustix::fs::OFlags;

    use super::Root;

    #[test]
    fn links_do_not_lead_out() {
        let dir = std::env::temp_dir().join(format!("cede-root-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&dir));
        std::fs::create_dir_all(dir.join("root/sub")).unwrap();
        std::fs::write(dir.join("secret"), "s").unwrap();
        std::fs::write(dir.join("root/sub/file"), "f").unwrap();
        symlink("../secret", dir.join("root/out")).unwrap();
        symlink("/", dir.join("root/absolute")).unwrap();
        symlink("sub/file", dir.join("root/in")).unwrap();
        let root = Root::new(&dir.join("root")).unwrap();
        for bad in ["out", "absolute/etc/passwd", "../secret"] {
            assert!(root.open(Path::new(bad)).is_err(), "{bad}");
            assert!(bad.starts_with("..") || root.step_by_step(Path::new(bad), OFlags::RDONLY).is_err(), "{bad}");
        }
        assert_eq!(root.open(Path::new("in")).unwrap().1.len(), 1);
        assert!(root.step_by_step(Path::new("in"), OFlags::RDONLY).is_err());
        assert!(root.step_by_step(Path::new("sub/file"), OFlags::RDONLY).is_ok());
        root.make_dir(Path::new("a/b/c")).unwrap();
        assert!(dir.join("root/a/b/c").is_dir());
        assert!(root.make_dir(Path::new("absolute/tmp/x")).is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
