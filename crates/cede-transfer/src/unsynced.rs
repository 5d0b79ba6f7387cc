//! Where small files were filed that nobody waited for: the system writes them to the disk when it likes, and a power cut before that leaves names without content.
//!
//! To wait for each of many costs more than to fetch it. To wait once at the end, for everything on the device ([`Disk::settle`](crate::disk::Disk::settle)), costs about as much as
//! for one, and makes it true for all of them: when a run says that it is done, its files survive. That also waits for what others have written there, which can be much; so a
//! [`FEW`] are waited for one by one.
//!
//! Filing only notes the directory, which is nearly always the one before; which of them share a device is found out at the end, or, for those after the first
//! [`DIRECTORIES`], at once.
//!
//! Who may write somewhere need not be allowed to read there. What cannot be opened to be waited for is waited for with its device, by way of a directory above it; and if
//! that cannot be opened either, with everything that the system has mounted: then nobody tells of errors. What has been put in a file's place meanwhile is let be.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::disk::Disk;
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::sink::lock;

/// So many directories are remembered; of further ones, only the devices.
const DIRECTORIES: usize = 1024;

/// So many files are waited for one by one.
const FEW: usize = 8;

/// The directories.
#[derive(Debug, Default)]
pub(crate) struct Unsynced(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The first ones, and one more.
    files: Vec<PathBuf>,
    count: usize,
    last: Option<PathBuf>,
    dirs: HashSet<PathBuf>,
    devices: Devices,
}

impl Unsynced {
    /// A small file was filed here.
    pub(crate) fn note(&self, file: &Path) {
        let dir = dir_of(file);
        let mut state = lock(&self.0);
        state.count += 1;
        if state.files.len() <= FEW {
            state.files.push(file.to_owned());
        }
        if state.last.as_deref() == Some(dir) {
            return;
        }
        state.last = Some(dir.to_owned());
        if state.dirs.len() < DIRECTORIES {
            state.dirs.insert(dir.to_owned());
        } else if !state.dirs.contains(dir) {
            state.devices.add(dir);
        }
    }

    /// How many were filed and not waited for.
    pub(crate) fn count(&self) -> usize {
        lock(&self.0).count
    }

    /// Waits until what was filed so far is on the disk, also if some of it cannot be; blocks.
    ///
    /// # Errors
    /// The disk did not take it; the first one.
    pub(crate) fn settle(&self, disk: &dyn Disk) -> Result<(), Failure> {
        let State { files, dirs, mut devices, .. } = std::mem::take(&mut *lock(&self.0));
        let mut told = Ok(());
        let mut tell = |path: &Path, result: io::Result<()>| {
            if told.is_ok() {
                told = result.map_err(|error| failed(path, &error));
            }
        };
        if files.len() > FEW {
            dirs.iter().for_each(|dir| devices.add(dir));
        } else {
            for path in &files {
                match file(path) {
                    Found::Open(file) => tell(path, disk.sync(&file)),
                    Found::Shut => devices.add(dir_of(path)),
                    Found::Gone => {}
                    Found::Broken(error) => tell(path, Err(error)),
                }
            }
            for path in &dirs {
                match directory(path) {
                    Found::Open(dir) => tell(path, disk.sync_dir(&dir)),
                    Found::Shut => devices.add(path),
                    Found::Gone => {}
                    Found::Broken(error) => tell(path, Err(error)),
                }
            }
        }
        for (path, dir) in devices.open.values() {
            tell(path, disk.settle(dir));
        }
        if devices.is_any_shut {
            rustix::fs::sync();
        }
        told
    }
}

/// Devices that are waited for, each by a directory on it.
#[derive(Debug, Default)]
struct Devices {
    open: HashMap<u64, (PathBuf, File)>,
    /// There are others, of which no directory can be opened.
    is_any_shut: bool,
}

impl Devices {
    /// The device of this directory.
    fn add(&mut self, path: &Path) {
        let device = match path.metadata() {
            Ok(metadata) => metadata.dev(),
            Err(error) => {
                self.is_any_shut |= !is_gone(&error);
                return;
            }
        };
        if self.open.contains_key(&device) {
            return;
        }
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let dirs = path.ancestors().filter_map(|path| if let Found::Open(dir) = directory(path) { Some((path, dir)) } else { None });
        match dirs.into_iter().find(|(_, dir)| dir.metadata().is_ok_and(|metadata| metadata.dev() == device)) {
            Some((path, dir)) => drop(self.open.insert(device, (path.to_owned(), dir))),
            None => self.is_any_shut = true,
        }
    }
}

/// What is under a name.
enum Found {
    Open(File),
    /// It may not be opened.
    Shut,
    /// Somebody has removed it, or put something else there, and does not want what was in it.
    Gone,
    Broken(io::Error),
}

fn directory(path: &Path) -> Found {
    opened(path, File::options().read(true), OFlags::DIRECTORY)
}

/// Nothing else is opened than a regular file: a named pipe has somebody at its other end, and some devices do things when they are opened.
fn file(path: &Path) -> Found {
    match path.symlink_metadata() {
        Ok(metadata) if !metadata.is_file() => return Found::Gone,
        Ok(_) => {}
        Err(error) => return Found::from(error),
    }
    let found = match opened(path, File::options().read(true), OFlags::NOFOLLOW) {
        Found::Shut => opened(path, File::options().write(true), OFlags::NOFOLLOW),
        found => found,
    };
    match found {
        Found::Open(file) if !file.metadata().is_ok_and(|metadata| metadata.is_file()) => Found::Gone,
        found => found,
    }
}

/// Waits for nobody, whatever is there by now.
fn opened(path: &Path, options: &mut std::fs::OpenOptions, flags: OFlags) -> Found {
    let flags = (flags | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    options.custom_flags(flags).open(path).map_or_else(Found::from, Found::Open)
}

impl From<io::Error> for Found {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            _ if is_gone(&error) => Self::Gone,
            // The latter of what another program has a lease of.
            io::ErrorKind::PermissionDenied | io::ErrorKind::WouldBlock => Self::Shut,
            _ => Self::Broken(error),
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO))
}

/// The directory of a file.
fn dir_of(file: &Path) -> &Path {
    file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let what = format!("small files may not be on the disk, {} among them: {error}", printable(&path.to_string_lossy()));
    Failure::new(Exit::Files, what).help("see what the system says about the disk, and download them again")
}

#[cfg(test)]
mod tests {
    //! Who is waited for, and how often.

    use std::fs::File;
    use std::io;
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

    use super::{DIRECTORIES, FEW, Unsynced};
    use crate::disk::Disk;
    use crate::exit::Exit;
    use crate::scratch::Scratch;

    /// Counts files and devices that are waited for, and may fail.
    #[derive(Debug, Default)]
    struct Counting {
        files: AtomicUsize,
        devices: AtomicUsize,
        dirs: AtomicUsize,
        fails: bool,
        dirs_fail: bool,
    }

    impl Counting {
        fn count(&self, what: &AtomicUsize) -> io::Result<()> {
            what.fetch_add(1, Ordering::Relaxed);
            if self.fails { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
        }

        fn counted(&self) -> (usize, usize) {
            (self.files.load(Ordering::Relaxed), self.devices.load(Ordering::Relaxed))
        }
    }

    impl Disk for Counting {
        fn sync(&self, _: &File) -> io::Result<()> {
            self.count(&self.files)
        }

        fn settle(&self, _: &File) -> io::Result<()> {
            self.count(&self.devices)
        }

        fn sync_dir(&self, _: &File) -> io::Result<()> {
            self.dirs.fetch_add(1, Ordering::Relaxed);
            if self.dirs_fail { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
        }
    }

    impl Scratch {
        /// With a directory in it.
        fn nested(name: &str) -> Self {
            let scratch = Self::new(name);
            std::fs::create_dir(scratch.0.join("below")).unwrap();
            scratch
        }

        /// Files so many, in two directories.
        fn fill(&self, unsynced: &Unsynced, count: usize) {
            for n in 0..count {
                let path = self.0.join(if n % 2 == 0 { "below" } else { "" }).join(n.to_string());
                std::fs::write(&path, "x").unwrap();
                unsynced.note(&path);
            }
        }
    }

    #[test]
    fn a_few_are_waited_for_one_by_one_and_many_together_and_nothing_twice() {
        let place = Scratch::nested("count");
        for (count, expected) in [(0, (0, 0)), (1, (1, 0)), (FEW, (FEW, 0)), (FEW + 1, (0, 1)), (100, (0, 1))] {
            let (unsynced, disk) = (Unsynced::default(), Counting::default());
            place.fill(&unsynced, count);
            unsynced.settle(&disk).unwrap();
            unsynced.settle(&disk).unwrap();
            assert_eq!(disk.counted(), expected, "{count}");
            place.fill(&unsynced, 1);
            unsynced.settle(&disk).unwrap();
            assert_eq!(disk.counted(), (expected.0 + 1, expected.1), "{count}");
        }
    }

    #[test]
    fn what_is_gone_is_not_missed() {
        let (unsynced, disk) = (Unsynced::default(), Counting::default());
        (0..100).for_each(|n| unsynced.note(Path::new(&format!("/nowhere/to/be/found/{n}"))));
        unsynced.settle(&disk).unwrap();
        unsynced.note(Path::new("/nowhere"));
        unsynced.settle(&disk).unwrap();
        assert_eq!(disk.counted(), (0, 0));
    }

    #[test]
    fn a_disk_that_did_not_take_it_is_told() {
        let place = Scratch::nested("fails");
        for count in [1, 100] {
            let (unsynced, disk) = (Unsynced::default(), Counting { fails: true, ..Counting::default() });
            place.fill(&unsynced, count);
            let failure = unsynced.settle(&disk).unwrap_err();
            assert!(failure.exit() == Exit::Files && failure.to_string().contains("small files may not be on the disk"), "{failure}");
        }
    }

    #[test]
    fn an_error_is_told_and_the_others_are_waited_for() {
        let place = Scratch::nested("both");
        let (unsynced, disk) = (Unsynced::default(), Counting { fails: true, ..Counting::default() });
        place.fill(&unsynced, 3);
        unsynced.settle(&disk).unwrap_err();
        assert_eq!((disk.counted(), disk.dirs.load(Ordering::Relaxed)), ((3, 0), 2));
        let disk = Counting { dirs_fail: true, ..Counting::default() };
        place.fill(&unsynced, 3);
        unsynced.settle(&disk).unwrap_err();
        assert_eq!((disk.counted(), disk.dirs.load(Ordering::Relaxed)), ((3, 0), 2));
    }

    #[test]
    fn nobody_waits_for_what_was_put_in_a_files_place() {
        let place = Scratch::nested("pipe");
        let (unsynced, disk) = (Unsynced::default(), Counting::default());
        for name in ["pipe", "link", "below"] {
            unsynced.note(&place.0.join(name));
        }
        mknodat(CWD, place.0.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::os::unix::fs::symlink("pipe", place.0.join("link")).unwrap();
        unsynced.settle(&disk).unwrap();
        assert_eq!(disk.counted(), (0, 0));
    }

    #[test]
    fn the_devices_of_many_directories_are_known() {
        let place = Scratch::nested("many");
        let (unsynced, disk) = (Unsynced::default(), Counting { fails: true, ..Counting::default() });
        (0..DIRECTORIES).for_each(|n| unsynced.note(Path::new(&format!("/nowhere/to/be/found/{n}/file"))));
        place.fill(&unsynced, 4);
        unsynced.settle(&disk).unwrap_err();
        assert_eq!(disk.counted(), (0, 1));
    }

    /// Without the rights of a system's administrator, if the tests have them.
    fn as_anybody(test: impl FnOnce() + Send) {
        std::thread::scope(|scope| {
            let one = scope.spawn(|| {
                let none = CapabilitySet::empty();
                set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none }).unwrap();
                test();
            });
            one.join().unwrap();
        });
    }

    #[test]
    fn what_may_be_written_and_not_read_is_waited_for() {
        use std::fs::{Permissions, set_permissions};
        use std::os::unix::fs::PermissionsExt;

        as_anybody(|| {
            let place = Scratch::nested("shut");
            let mode = |path: &Path, mode| set_permissions(path, Permissions::from_mode(mode)).unwrap();
            let waited = |file_mode, dir_mode| {
                let (unsynced, disk) = (Unsynced::default(), Counting::default());
                place.fill(&unsynced, 1);
                mode(&place.0.join("below/0"), file_mode);
                mode(&place.0.join("below"), dir_mode);
                let settled = unsynced.settle(&disk);
                mode(&place.0.join("below"), 0o700);
                mode(&place.0.join("below/0"), 0o600);
                settled.unwrap();
                (disk.counted(), disk.dirs.load(Ordering::Relaxed))
            };
            assert_eq!(waited(0o200, 0o700), ((1, 0), 1));
            assert_eq!(waited(0o600, 0o300), ((1, 1), 0));
            assert_eq!(waited(0o000, 0o700), ((0, 1), 1));
            // Nobody can even look.
            assert_eq!(waited(0o600, 0o000), ((0, 1), 0));
        });
    }
}
