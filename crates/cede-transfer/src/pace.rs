//! Whether a disk is quick enough to be asked by a task itself.
//!
//! What touches a disk may block, and so belongs on the blocking pool. But most disks answer from memory at most times, and then a small file takes less time than it
//! takes to hand it to another thread, to wake that, and to be woken by it. So whoever files measures, and [`Paces`] remembers: after [`ENOUGH`] quick files in a row,
//! the task that has the bytes files them itself. One slow file, and the pool is back for as many. A file there is made and given its name,
//! which a network file system asks its server for, so that one seldom gets there; and a disk whose cache is full is found out by one file. If that takes long, the runtime's monitor gives the other tasks of the thread to another.
//!
//! Each device has a pace of its own: that the local disk is quick says nothing about the share that is mounted below it. Which device a directory is on, the system
//! has to be asked, which is a file operation too; so it is asked on the pool, once for each directory.
//!
//! A large file is written on another thread while more is received, which is the faster way as long as there are processors that have nothing else to do. Where each
//! of them has a worker, and there are more connections than workers that receive large files, there are none: a thread that writes takes its turn from one that receives, and where the system wakes it beside
//! its waker, both take turns on one processor while the other has nothing to do. There, whoever receives writes, too, if [`Writes`] says that the disk is quick.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sink::lock;

/// After so many quick files in a row, a disk is trusted.
const ENOUGH: u32 = 64;
/// A quick file takes no longer.
const QUICK: Duration = Duration::from_micros(200);
/// A slow file takes longer. Between the two everything stays as it is: a processor that was taken away for a turn looks like that.
const SLOW: Duration = Duration::from_millis(5);
/// So many directories are remembered; a list may name a million, and then the system is asked again.
const DIRECTORIES: usize = 1024;

/// The name that the system gives a device.
pub(crate) type Device = u64;

/// What is known about all disks.
#[derive(Debug, Default)]
pub(crate) struct Paces {
    devices: HashMap<Device, Pace>,
    directories: HashMap<PathBuf, Device>,
}

/// What is known about one.
#[derive(Debug, Default)]
struct Pace {
    /// Quick calls in a row.
    quick: u32,
}

impl Paces {
    /// Whether the disk behind a directory is asked best by whoever has a question.
    pub(crate) fn is_quick(&self, dir: &Path) -> bool {
        self.quick_device(dir).is_some()
    }

    /// The device behind a directory, if it is quick.
    pub(crate) fn quick_device(&self, dir: &Path) -> Option<Device> {
        self.device(dir).filter(|device| self.devices.get(device).is_some_and(Pace::is_quick))
    }

    /// The device that a directory is on, if it is known.
    pub(crate) fn device(&self, dir: &Path) -> Option<Device> {
        self.directories.get(dir).copied()
    }

    /// What a file in this directory took.
    pub(crate) fn learn(&mut self, dir: &Path, device: Device, took: Duration) {
        if self.device(dir) != Some(device) {
            if self.directories.len() >= DIRECTORIES {
                self.directories.clear();
            }
            self.directories.insert(dir.to_owned(), device);
        }
        self.learn_of(device, took);
    }

    /// What a file on this device took.
    pub(crate) fn learn_of(&mut self, device: Device, took: Duration) {
        self.devices.entry(device).or_default().learn(took);
    }
}

/// As much of a large file counts as a small one.
const SHARE: usize = 128 * 1024;
/// A slow share takes longer: then a disk takes less than some hundred megabytes per second from all together, and it is the disk that is waited for.
const SLOW_SHARE: Duration = Duration::from_millis(1);

/// What is known about writing large files, for the whole process: the disks are the same for all.
#[derive(Debug)]
pub(crate) struct Writes(Mutex<BTreeMap<Device, Known>>);

/// What is known about one of them.
#[derive(Debug, Default)]
struct Known {
    pace: Pace,
    /// When the tasks began that write by themselves now. A disk that hangs does not tell how long it takes, but that it has not ended is seen here.
    under_way: Vec<Instant>,
}

impl Known {
    fn is_quick(&self) -> bool {
        self.pace.is_quick() && self.under_way.iter().all(|start| start.elapsed() <= SLOW)
    }
}

/// A task writes by itself, until this is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay<'a> {
    writes: &'a Writes,
    device: Device,
    start: Instant,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut devices = lock(&self.writes.0);
        let Some(known) = devices.get_mut(&self.device) else { return };
        // Those that began at the same moment are as good as each other.
        if let Some(at) = known.under_way.iter().position(|start| *start == self.start) {
            known.under_way.swap_remove(at);
        }
    }
}

impl Writes {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Whether writes to this device end at once.
    #[cfg(test)]
    pub(crate) fn is_quick(&self, device: Device) -> bool {
        lock(&self.0).get(&device).is_some_and(Known::is_quick)
    }

    /// Lets a task write by itself, if writes to this device end at once, and less than `most` tasks do so.
    pub(crate) fn begin(&self, device: Device, most: usize) -> Option<UnderWay<'_>> {
        let mut devices = lock(&self.0);
        let known = devices.get_mut(&device).filter(|known| known.under_way.len() < most && known.is_quick())?;
        let start = Instant::now();
        known.under_way.push(start);
        Some(UnderWay { writes: self, device, start })
    }

    /// Whether any task writes by itself now.
    pub(crate) fn are_under_way(&self) -> bool {
        lock(&self.0).values().any(|known| !known.under_way.is_empty())
    }

    /// What writing so many bytes took.
    pub(crate) fn learn(&self, device: Device, size: usize, took: Duration) {
        let shares = u32::try_from(size.div_ceil(SHARE)).unwrap_or(u32::MAX).max(1);
        lock(&self.0).entry(device).or_default().pace.judge(took / shares, SLOW_SHARE);
    }
}

/// The device that a directory is on; blocks. `None`: there is no such directory yet.
pub(crate) fn device_of(dir: &Path) -> Option<Device> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    std::fs::metadata(dir).ok().map(|metadata| metadata.dev())
}

impl Pace {
    fn learn(&mut self, took: Duration) {
        self.judge(took, SLOW);
    }

    fn judge(&mut self, took: Duration, slow: Duration) {
        self.quick = match took {
            quick if quick <= QUICK => self.quick.saturating_add(1),
            took if took > slow => 0,
            _ => self.quick,
        };
    }

    fn is_quick(&self) -> bool {
        self.quick >= ENOUGH
    }
}

#[cfg(test)]
pub(crate) mod tests {
    //! How trust is earned and lost, and whose it is.

    use std::path::Path;
    use std::time::Duration;

    use super::{DIRECTORIES, Device, ENOUGH, Paces, QUICK, SHARE, SLOW, SLOW_SHARE, Writes, device_of};

    /// A disk that has earned it already.
    pub(crate) fn earn(paces: &mut Paces, dir: &Path) {
        (0..ENOUGH).for_each(|_| paces.learn(dir, device_of(dir).unwrap(), QUICK));
    }

    #[test]
    fn many_quick_files_earn_it_and_one_slow_file_loses_it() {
        let mut paces = Paces::default();
        let dir = Path::new("d");
        let learn = |paces: &mut Paces, took| paces.learn(dir, 1, took);
        (1..ENOUGH).for_each(|_| learn(&mut paces, QUICK));
        // Neither quick nor slow.
        learn(&mut paces, QUICK * 2);
        assert!(!paces.is_quick(dir));
        learn(&mut paces, Duration::ZERO);
        assert!(paces.is_quick(dir));
        learn(&mut paces, QUICK * 2);
        assert!(paces.is_quick(dir));
        learn(&mut paces, SLOW * 2);
        assert!(!paces.is_quick(dir));
        (1..ENOUGH).for_each(|_| learn(&mut paces, QUICK));
        assert!(!paces.is_quick(dir));
    }

    #[test]
    fn large_files_are_judged_by_their_shares() {
        let writes = Writes::new();
        (0..ENOUGH).for_each(|_| writes.learn(1, 4 * SHARE, QUICK * 4));
        assert!(writes.is_quick(1) && !writes.is_quick(2));
        writes.learn(1, 4 * SHARE, SLOW_SHARE * 3);
        assert!(writes.is_quick(1), "not slow for so much");
        writes.learn(1, SHARE, SLOW_SHARE * 3);
        assert!(!writes.is_quick(1));
        // However little it was.
        writes.learn(2, 0, Duration::ZERO);
    }

    #[test]
    fn a_write_that_does_not_end_is_seen_before_it_ends() {
        let writes = Writes::new();
        assert!(writes.begin(1, 2).is_none());
        (0..ENOUGH).for_each(|_| writes.learn(1, 0, QUICK));
        let one = writes.begin(1, 1).unwrap();
        assert!(writes.begin(1, 1).is_none() && writes.are_under_way(), "as many as may are under way");
        std::thread::sleep(SLOW * 2);
        assert!(writes.begin(1, 9).is_none() && !writes.is_quick(1), "it takes too long");
        drop(one);
        assert!(!writes.are_under_way() && writes.begin(1, 1).is_some());
    }

    #[test]
    fn a_quick_disk_says_nothing_about_another() {
        let mut paces = Paces::default();
        let (local, share, other) = (Path::new("local"), Path::new("share"), Path::new("local/other"));
        (0..ENOUGH).for_each(|_| paces.learn(local, 1, QUICK));
        paces.learn(share, 2, QUICK);
        assert!(paces.is_quick(local) && !paces.is_quick(share) && !paces.is_quick(other));
        // Another directory of the same disk has to be known, and no more.
        paces.learn(other, 1, QUICK);
        assert!(paces.is_quick(other));
        // Nor does a slow one take anything from it.
        paces.learn(share, 2, SLOW * 2);
        assert!(paces.is_quick(local));
        // What is slow anywhere on a disk is slow everywhere on it.
        paces.learn(other, 1, SLOW * 2);
        assert!(!paces.is_quick(local));
    }

    #[test]
    fn a_directory_that_is_on_another_device_now_is_another_one() {
        let mut paces = Paces::default();
        let dir = Path::new("d");
        (0..ENOUGH).for_each(|_| paces.learn(dir, 1, QUICK));
        paces.learn(dir, 2, QUICK);
        assert!(!paces.is_quick(dir));
    }

    #[test]
    fn a_million_directories_are_not_remembered() {
        let mut paces = Paces::default();
        for n in 0..DIRECTORIES * 3 {
            paces.learn(Path::new(&n.to_string()), n as Device % 3, QUICK);
        }
        assert!(paces.directories.len() <= DIRECTORIES);
        assert!(paces.is_quick(Path::new(&(DIRECTORIES * 3 - 1).to_string())));
    }
}
