//! Disks that are full, that fail, and that lose power. After each, the next run on a good disk completes the file, and what the failed one claimed is true.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use cede::sync::Notify;
use cede_transfer::Exit;
use cede_transfer::disk::{Disk, System};
use cede_transfer::engine::{Check, Engine, Job, Output, Settings, Silent, Stop};

use crate::case::Case;
use crate::origin::{Fault, Origin, Setup};

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Write,
    Append,
    Sync,
    Reserve,
    Rename,
}

/// Fails once: when it is asked for this the n-th time. A failed sync also loses what it was for, and says so only that once, as systems do.
#[derive(Debug)]
struct Failing {
    act: Act,
    left: AtomicUsize,
    errno: rustix::io::Errno,
    images: Images,
}

impl Failing {
    fn new(act: Act, nth: usize, errno: rustix::io::Errno) -> Self {
        Self { act, left: AtomicUsize::new(nth), errno, images: Images::default() }
    }

    fn check(&self, act: Act) -> io::Result<()> {
        if act == self.act && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            return Err(self.errno.into());
        }
        Ok(())
    }

    /// Whether it failed.
    fn has_failed(&self) -> bool {
        self.left.load(Ordering::Relaxed).cast_signed() <= 0
    }

    /// How often it was asked for that, of this many times.
    fn asked(&self, nth: usize) -> usize {
        nth.wrapping_sub(self.left.load(Ordering::Relaxed))
    }
}

impl Disk for Failing {
    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        self.check(Act::Write)?;
        self.images.of(file, |image| {
            image.doubtful.push((at as usize, at as usize + bytes.len()));
            file.write_all_at(bytes, at)
        })
    }

    fn append(&self, journal: &File, bytes: &[u8]) -> io::Result<()> {
        self.check(Act::Append)?;
        System.append(journal, bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let result = self.check(Act::Sync);
        self.images.of(file, |image| {
            for (start, end) in image.doubtful.drain(..).filter(|_| result.is_err()) {
                file.write_all_at(&vec![0xee; end - start], start as u64)?;
            }
            result
        })
    }

    fn reserve(&self, _: &File, _: u64) -> io::Result<()> {
        self.check(Act::Reserve)
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        self.check(Act::Rename)?;
        System.rename(from, to, replace)
    }
}

/// Hangs in its second write until it is let go.
#[derive(Debug, Default)]
struct Hanging {
    writes: AtomicUsize,
    may_end: Mutex<bool>,
    changed: Condvar,
    /// Told when it hangs.
    hangs: Notify,
}

impl Disk for Hanging {
    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        if self.writes.fetch_add(1, Ordering::Relaxed) > 0 {
            self.hangs.notify_one();
            drop(self.changed.wait_while(self.may_end.lock().unwrap(), |may_end| !*may_end).unwrap());
        }
        System.write_at(file, bytes, at)
    }
}

#[test]
fn whoever_stops_does_not_wait_for_a_disk_that_hangs() {
    let mut case = Case::new("hanging", Setup { size: 3_000_000, ..Setup::default() }, vec![]);
    let disk = Arc::new(Hanging::default());
    let system = std::mem::replace(&mut case.settings.disk, Arc::clone(&disk) as _);
    let (engine, job, hung) = (Engine::new(case.settings.clone()), case.job("/file"), Arc::clone(&disk));
    let (told, heard) = mpsc::channel();
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let thread = std::thread::spawn(move || {
        let unfinished = runtime.block_on(async {
            let (stop, stopped) = cede::sync::watch::channel(None);
            let download = engine.download(job, Arc::new(Silent), Stop::new(stopped));
            let (ended, ()) = cede::join!(download, async {
                hung.hangs.notified().await;
                stop.send(Some(Exit::Interrupted)).unwrap();
            });
            ended.unwrap_err()
        });
        told.send(unfinished).unwrap();
    });
    let unfinished = heard.recv_timeout(Duration::from_secs(60));
    *disk.may_end.lock().unwrap() = true;
    disk.changed.notify_all();
    thread.join().unwrap();
    let (said, exit) = unfinished.expect("it waits for the disk").told(&case.job("/file").url);
    assert!(exit == Exit::Interrupted && said.contains("was not waited for"), "{said}");
    assert!(!case.names().contains(&"file".to_owned()));
    // Whatever was claimed is true.
    case.settings.disk = system;
    case.right(0);
}

/// A case on a disk that fails, and its journal is written whenever it can be.
fn on(name: &str, setup: Setup, script: Vec<Fault>, disk: impl Disk + 'static) -> Case {
    let mut case = Case::new(name, setup, script);
    case.settings.disk = Arc::new(disk);
    case.settings.claim_every = Duration::ZERO;
    case
}

/// The download fails like this, and works on a good disk. Returns how many bytes the second run took.
#[track_caller]
fn fails_once(name: &str, act: Act, nth: usize, errno: rustix::io::Errno, exit: Exit, said: &str) -> u64 {
    let setup = Setup { size: if act == Act::Reserve { 16 << 20 } else { 3_000_000 }, ..Setup::default() };
    // There is a claim of what comes before the gate, because nothing else comes.
    let script = if act == Act::Append { vec![Fault::Gate(1_000_000)] } else { vec![] };
    let mut case = on(name, setup, script, Failing::new(act, nth, errno));
    case.fails(exit, said);
    case.origin.open();
    if act == Act::Reserve {
        assert!(case.names().is_empty(), "{:?}", case.names());
    }
    let sent = case.origin.sent();
    // With it goes the last handle on the file, and so the lock.
    case.settings.disk = Arc::new(System);
    case.right(0);
    case.origin.sent() - sent
}

#[test]
fn no_room_at_the_start_in_the_middle_and_for_the_name() {
    use rustix::io::Errno;
    fails_once("disk-room", Act::Reserve, 1, Errno::NOSPC, Exit::DiskFull, "could not reserve the room for");
    for errno in [Errno::NOSPC, Errno::DQUOT] {
        for nth in [1, 3] {
            fails_once("disk-room", Act::Write, nth, errno, Exit::DiskFull, "could not write");
        }
    }
    fails_once("disk-room", Act::Append, 1, Errno::NOSPC, Exit::DiskFull, "could not write the journal of");
    let again = fails_once("disk-room", Act::Rename, 1, Errno::NOSPC, Exit::DiskFull, "could not rename the complete download");
    assert!(again <= 3_000_000, "{again}");
}

#[test]
fn writes_that_fail() {
    use rustix::io::Errno;
    for (errno, exit) in [(Errno::IO, Exit::Files), (Errno::STALE, Exit::Files), (Errno::FBIG, Exit::DiskFull), (Errno::ROFS, Exit::Files)]
    {
        for nth in [1, 4] {
            fails_once("disk-writes", Act::Write, nth, errno, exit, "could not write");
        }
    }
    fails_once("disk-writes", Act::Append, 2, Errno::IO, Exit::Files, "could not write the journal of");
}

#[test]
fn syncs_that_fail_are_not_tried_again_and_claim_nothing() {
    // The first is of the data for the first claim, the second of the journal; later ones are of either, or of the complete file.
    for nth in 1..=6 {
        let mut case = Case::new("disk-sync", Setup::default(), vec![Fault::Gate(1_000_000)]);
        let disk = Arc::new(Failing::new(Act::Sync, nth, rustix::io::Errno::IO));
        case.settings.disk = Arc::clone(&disk) as _;
        case.settings.claim_every = Duration::ZERO;
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| {
                // There is one claim, at least of the first million bytes, because nothing else comes before it.
                let deadline = Instant::now() + Duration::from_secs(60);
                while disk.asked(nth) < nth.min(2) && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(1));
                }
                case.origin.open();
            });
            case.run()
        });
        // With few claims, there may be no later one.
        assert!(disk.has_failed() || nth > 2, "nothing was asked to fail");
        assert_eq!(ended.exit, if disk.has_failed() { Exit::Files } else { Exit::Done }, "{}", ended.said);
        case.settings.disk = Arc::new(System);
        case.right(0);
    }
}

/// What a file would be after a power cut.
#[derive(Debug)]
struct Image {
    file: File,
    synced: Vec<u8>,
    /// What was written since, and may be there or not.
    doubtful: Vec<(usize, usize)>,
}

impl Image {
    fn now(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.file.metadata().unwrap().len() as usize];
        self.file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    /// Makes the file what the power cut leaves: of the doubtful blocks some are there, some are as they were, some are empty.
    fn cut(&self, random: &mut u64) {
        let (now, mut left) = (self.now(), self.synced.clone());
        for (start, end) in &self.doubtful {
            // A journal is smaller than a block, and parts of it can be missing all the same: the length may be written before the data.
            let block = if now.len() < 65_536 { 16 } else { 4096 };
            for at in (*start..*end).step_by(block) {
                *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let end = (at + block).min(*end).min(now.len());
                let kind = *random >> 61;
                if kind < 4 || at >= end {
                    continue;
                }
                if left.len() < end {
                    left.resize(end, 0);
                }
                if kind > 5 {
                    left[at..end].copy_from_slice(&now[at..end]);
                }
            }
        }
        self.file.set_len(0).unwrap();
        self.file.write_all_at(&left, 0).unwrap();
    }
}

/// Opens a file once more: for reading too, and without a share in its lock.
fn again(file: &File) -> File {
    File::options().read(true).write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap()
}

/// The images of all files, by device and inode.
#[derive(Debug, Default)]
struct Images(Mutex<HashMap<(u64, u64), Image>>);

impl Images {
    /// What is done to a file is done to its image at the same time.
    fn of<T>(&self, file: &File, act: impl FnOnce(&mut Image) -> io::Result<T>) -> io::Result<T> {
        let metadata = file.metadata()?;
        let mut images = self.0.lock().unwrap();
        let new = || Image { file: again(file), synced: Vec::new(), doubtful: Vec::new() };
        act(images.entry((metadata.dev(), metadata.ino())).or_insert_with(new))
    }
}

/// A disk whose power goes after so many acts: nothing works from then on.
#[derive(Debug)]
struct Power {
    left: Mutex<usize>,
    images: Images,
}

impl Power {
    fn new(acts: usize) -> Self {
        Self { left: Mutex::new(acts), images: Images::default() }
    }

    fn act<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut left = self.left.lock().unwrap();
        *left = left.checked_sub(1).ok_or(rustix::io::Errno::IO)?;
        // While it is locked: an act has happened before the cut, or not at all.
        act()
    }

    fn has_gone(&self) -> bool {
        *self.left.lock().unwrap() == 0
    }

    /// The files become what the cut leaves, and nobody holds them any more.
    fn cut(&self, mut random: u64) {
        self.images.0.lock().unwrap().drain().for_each(|(_, image)| image.cut(&mut random));
    }
}

impl Disk for Power {
    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        self.act(|| {
            self.images.of(file, |image| {
                image.doubtful.push((at as usize, at as usize + bytes.len()));
                file.write_all_at(bytes, at)
            })
        })
    }

    fn append(&self, journal: &File, bytes: &[u8]) -> io::Result<()> {
        self.act(|| {
            let at = journal.metadata()?.len() as usize;
            self.images.of(journal, |image| {
                image.doubtful.push((at, at + bytes.len()));
                System.append(journal, bytes)
            })
        })
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.act(|| {
            self.images.of(file, |image| {
                image.synced = image.now();
                image.doubtful.clear();
                Ok(())
            })
        })
    }

    fn empty(&self, file: &File) -> io::Result<()> {
        self.act(|| {
            // It may come back.
            self.images.of(file, |_| file.set_len(0))
        })
    }

    fn reserve(&self, _: &File, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        self.act(|| System.rename(from, to, replace))
    }
}

/// Cuts the power after the n-th act, for each n until the download is through with fewer.
fn power_cuts(name: &str, script: &[Fault], version: u64) {
    for acts in 0.. {
        let power = Arc::new(Power::new(acts));
        let mut case = Case::new(name, Setup { size: 2_000_000, ..Setup::default() }, script.to_vec());
        case.settings.disk = power.clone();
        case.settings.claim_every = Duration::ZERO;
        let ended = case.run();
        if !power.has_gone() {
            assert_eq!(ended.exit, Exit::Done, "{}", ended.said);
            assert!(acts > 8, "hardly anything could be cut");
            return;
        }
        power.cut(acts as u64);
        // The name appears only when everything behind it is on disk.
        if let Ok(file) = std::fs::read(case.dir.join("file")) {
            assert!(file == case.origin.content(case.origin.version()), "after {acts} acts");
        }
        case.settings.disk = Arc::new(System);
        // After a cut, what the first script had left to do is not waited for.
        while case.origin.version() < version {
            case.origin.change();
        }
        case.right(version);
    }
}

#[test]
fn after_a_power_cut_at_any_moment_what_is_claimed_is_true() {
    power_cuts("power", &[], 0);
}

#[test]
fn so_it_is_where_the_file_changed() {
    power_cuts("power-change", &[Fault::CloseAndChange(1_200_000)], 1);
}

/// Counts what reaches the disk.
#[derive(Debug, Default)]
struct Counting {
    written: AtomicUsize,
    /// How much was written when each record was appended; the first is the journal's beginning.
    records: Mutex<Vec<usize>>,
    syncs: AtomicUsize,
    /// How often everything on a device was waited for.
    settled: AtomicUsize,
}

impl Disk for Counting {
    fn settle(&self, dir: &File) -> io::Result<()> {
        self.settled.fetch_add(1, Ordering::Relaxed);
        System.settle(dir)
    }

    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        System.write_at(file, bytes, at)?;
        self.written.fetch_add(bytes.len(), Ordering::Relaxed);
        Ok(())
    }

    fn append(&self, journal: &File, bytes: &[u8]) -> io::Result<()> {
        self.records.lock().unwrap().push(self.written.load(Ordering::Relaxed));
        System.append(journal, bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        System.sync(file)
    }
}

#[test]
fn claims_are_written_once_a_second_at_most() {
    let disk = Arc::new(Counting::default());
    let mut case = Case::new("disk-often", Setup { size: 6_000_000, speed: Some(3_000_000), ..Setup::default() }, vec![]);
    case.settings.disk = Arc::clone(&disk) as _;
    let start = Instant::now();
    case.right(0);
    // Each claim syncs the file and the journal; the complete file is synced once more. On a slow machine it takes longer, and there may be more.
    let most = start.elapsed().as_secs() as usize;
    assert!(disk.records.lock().unwrap().len() <= most + 1, "{disk:?} in {most} s");
    assert!(disk.syncs.load(Ordering::Relaxed) <= 2 * most + 1, "{disk:?} in {most} s");
}

#[test]
fn claims_are_written_after_so_many_bytes_however_soon_they_came() {
    const EACH: usize = 32 << 20;
    const CAME: usize = 38 << 20;
    let disk = Arc::new(Counting::default());
    let mut case = Case::new("disk-much", Setup { size: 40 << 20, ..Setup::default() }, vec![Fault::Gate(CAME)]);
    case.settings.disk = Arc::clone(&disk) as _;
    // No clock asks for one.
    case.settings.claim_every = Duration::from_secs(3600);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let deadline = Instant::now() + Duration::from_secs(120);
            while disk.records.lock().unwrap().len() < 2 && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            case.origin.open();
        });
        case.right(0);
    });
    let records = disk.records.lock().unwrap().clone();
    assert!(records.len() == 2 && (EACH..=CAME).contains(&records[1]), "{records:?}");
}

#[test]
fn small_files_are_waited_for_together_and_a_few_one_by_one() {
    for (size, count, expected) in [(0, 3, (3, 0)), (900_000, 3, (3, 0)), (1, 20, (0, 1)), (256 * 1024, 20, (0, 1)), (900_000, 20, (0, 1))]
    {
        let origin = Origin::start(Setup { size, ..Setup::default() }, vec![]);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("disk-settle-{size}-{count}"));
        drop(std::fs::remove_dir_all(&dir));
        let disk = Arc::new(Counting::default());
        let engine = Engine::new(Settings { disk: Arc::clone(&disk) as _, ..Settings::default() });
        let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let counted = || (disk.syncs.load(Ordering::Relaxed), disk.settled.load(Ordering::Relaxed));
        runtime.block_on(async {
            for number in 0..count {
                let output = Output::Named { dir: dir.clone(), name: number.to_string() };
                let job = Job { url: origin.url("/file").parse().unwrap(), mirrors: Vec::new(), output, check: Check::Size };
                engine.download(job, Arc::new(Silent), Stop::never()).await.unwrap();
            }
            assert_eq!(counted(), (0, 0), "{size}");
            engine.settle().await.unwrap();
            engine.settle().await.unwrap();
        });
        assert_eq!(counted(), expected, "{count} of {size}");
    }
}
