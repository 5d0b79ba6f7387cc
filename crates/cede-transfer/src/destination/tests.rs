//! Files that exist, files that are taken, and files of other processes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Claims, Destination, IfExists, Opened};
use crate::disk::{Disk, System};
use crate::exit::Exit;
use crate::scratch::Scratch;

fn system() -> Arc<dyn Disk> {
    Arc::new(System)
}

fn open(dir: &Path, name: &str, if_exists: IfExists, claims: &Claims) -> Result<Opened, super::Failure> {
    super::open(dir, name, if_exists, claims, super::Earlier::Of("http://h/"), &system())
}

impl Scratch {
    fn open(&self, name: &str, if_exists: IfExists) -> Result<Opened, super::Failure> {
        open(&self.0, name, if_exists, &Claims::default())
    }

    fn ready(&self, name: &str, if_exists: IfExists) -> Destination {
        match self.open(name, if_exists).unwrap() {
            Opened::Ready(destination, None) => destination,
            Opened::Ready(..) => panic!("nobody left anything"),
            Opened::Skip(path) => panic!("{} was skipped", path.display()),
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }
}

fn write(destination: &Destination, text: &str) {
    destination.file().as_ref().write_all(text.as_bytes()).unwrap();
}

fn exit(result: Result<Opened, super::Failure>) -> Exit {
    result.unwrap_err().exit()
}

#[test]
fn the_name_appears_with_the_whole_file() {
    let scratch = Scratch::new("appears");
    let destination = scratch.ready("f", IfExists::Error);
    write(&destination, "data");
    assert_eq!(scratch.names(), ["f.part"]);
    destination.commit(true).unwrap();
    assert_eq!(scratch.names(), ["f"]);
    assert_eq!(scratch.text("f"), "data");
}

#[test]
fn an_old_part_starts_over() {
    let scratch = Scratch::new("old-part");
    let interrupted = scratch.ready("f", IfExists::Error);
    write(&interrupted, "old and long");
    interrupted.keep().unwrap();
    let destination = scratch.ready("f", IfExists::Error);
    write(&destination, "new");
    destination.commit(true).unwrap();
    assert_eq!(scratch.text("f"), "new");
}

#[test]
fn keep_leaves_the_part_unless_it_is_empty() {
    let scratch = Scratch::new("keep");
    let destination = scratch.ready("f", IfExists::Error);
    assert_eq!(destination.keep().unwrap(), None);
    assert!(scratch.names().is_empty());
    let destination = scratch.ready("f", IfExists::Error);
    write(&destination, "abc");
    assert_eq!(destination.keep().unwrap(), Some(scratch.0.join("f.part")));
    assert_eq!(scratch.names(), ["f.part"]);
}

#[test]
fn a_file_that_exists() {
    let scratch = Scratch::new("exists");
    fs::write(scratch.0.join("f.txt"), "mine").unwrap();
    assert_eq!(exit(scratch.open("f.txt", IfExists::Error)), Exit::Exists);
    assert!(matches!(scratch.open("f.txt", IfExists::Skip).unwrap(), Opened::Skip(_)));
    assert_eq!(scratch.names(), ["f.txt"]);

    let renamed = scratch.ready("f.txt", IfExists::Rename);
    write(&renamed, "second");
    renamed.commit(true).unwrap();
    assert_eq!((scratch.text("f.txt").as_str(), scratch.text("f.1.txt").as_str()), ("mine", "second"));

    let over = scratch.ready("f.txt", IfExists::Overwrite);
    write(&over, "third");
    assert_eq!(scratch.text("f.txt"), "mine");
    over.commit(true).unwrap();
    assert_eq!(scratch.text("f.txt"), "third");
}

#[test]
fn a_file_that_appears_meanwhile_is_not_replaced() {
    let scratch = Scratch::new("meanwhile");
    let destination = scratch.ready("f", IfExists::Error);
    write(&destination, "download");
    fs::write(scratch.0.join("f"), "somebody else's").unwrap();
    assert_eq!(destination.commit(true).unwrap_err().exit(), Exit::Exists);
    assert_eq!(scratch.text("f"), "somebody else's");
    assert_eq!(scratch.text("f.part"), "download");
}

#[test]
fn only_files_are_overwritten() {
    let scratch = Scratch::new("only-files");
    fs::create_dir(scratch.0.join("d")).unwrap();
    assert_eq!(exit(scratch.open("d", IfExists::Overwrite)), Exit::Files);
    assert_eq!(exit(open(Path::new("/dev"), "null", IfExists::Overwrite, &Claims::default())), Exit::Files);
}

#[test]
fn a_named_pipe_is_not_waited_for() {
    let scratch = Scratch::new("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, scratch.0.join("f.part"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    assert_eq!(exit(scratch.open("f", IfExists::Error)), Exit::Files);
    // With a reader it could be opened, and still is no file.
    let _reader = fs::OpenOptions::new().read(true).write(true).open(scratch.0.join("f.part")).unwrap();
    assert_eq!(exit(scratch.open("f", IfExists::Error)), Exit::Files);
}

#[test]
fn links_are_not_followed() {
    let scratch = Scratch::new("links");
    fs::write(scratch.0.join("victim"), "precious").unwrap();
    std::os::unix::fs::symlink("victim", scratch.0.join("a.part")).unwrap();
    assert_eq!(exit(scratch.open("a", IfExists::Error)), Exit::Files);
    std::os::unix::fs::symlink("nowhere", scratch.0.join("b")).unwrap();
    assert_eq!(exit(scratch.open("b", IfExists::Error)), Exit::Exists);
    std::os::unix::fs::symlink("victim", scratch.0.join("c")).unwrap();
    let destination = scratch.ready("c", IfExists::Overwrite);
    write(&destination, "new");
    destination.commit(true).unwrap();
    assert_eq!((scratch.text("victim").as_str(), scratch.text("c").as_str()), ("precious", "new"));
}

#[test]
fn one_part_has_one_writer() {
    let scratch = Scratch::new("one-writer");
    let first = scratch.ready("f", IfExists::Error);
    write(&first, "first");
    // Claims are of one run; a second set stands for a second process.
    assert_eq!(exit(scratch.open("f", IfExists::Error)), Exit::Exists);
    first.commit(true).unwrap();
    assert_eq!(scratch.text("f"), "first");
}

#[test]
fn two_urls_of_one_run_do_not_share_a_name() {
    let scratch = Scratch::new("two-urls");
    let claims = Claims::default();
    let _first = open(&scratch.0, "f.txt", IfExists::Rename, &claims).unwrap();
    let second = open(&scratch.0, "f.txt", IfExists::Rename, &claims).unwrap();
    assert!(matches!(second, Opened::Ready(second, None) if second.target().ends_with("f.1.txt")));
    assert_eq!(open(&scratch.0, "f.txt", IfExists::Overwrite, &claims).unwrap_err().exit(), Exit::Exists);
}

#[test]
fn a_part_that_is_not_ours_is_not_emptied() {
    let scratch = Scratch::new("foreign");
    fs::write(scratch.0.join("f.part"), "mine").unwrap();
    for if_exists in [IfExists::Error, IfExists::Skip, IfExists::Overwrite] {
        assert_eq!(exit(scratch.open("f", if_exists)), Exit::Exists);
    }
    let renamed = scratch.ready("f", IfExists::Rename);
    assert!(renamed.target().ends_with("f.1"));
    renamed.keep().unwrap();

    // Neither is a complete download of our own.
    let complete = scratch.ready("g.part", IfExists::Error);
    write(&complete, "whole");
    complete.commit(true).unwrap();
    assert_eq!(exit(scratch.open("g", IfExists::Error)), Exit::Exists);
    assert_eq!((scratch.text("f.part").as_str(), scratch.text("g.part").as_str()), ("mine", "whole"));
}

#[test]
fn a_target_is_nobody_elses_part() {
    let scratch = Scratch::new("target-part");
    for (first, second) in [("x", "x.part"), ("x.part", "x")] {
        let claims = Claims::default();
        let Opened::Ready(held, None) = open(&scratch.0, first, IfExists::Overwrite, &claims).unwrap() else { panic!("nothing to skip") };
        assert_eq!(exit(open(&scratch.0, second, IfExists::Overwrite, &claims)), Exit::Exists, "{second} while {first} is written");
        write(&held, first);
        held.commit(true).unwrap();
        assert_eq!(exit(open(&scratch.0, second, IfExists::Overwrite, &claims)), Exit::Exists, "{second} after {first}");
        assert_eq!((scratch.names(), scratch.text(first)), (vec![first.to_owned()], first.to_owned()));
        fs::remove_file(scratch.0.join(first)).unwrap();
    }
}

#[test]
fn a_refused_transfer_keeps_no_names() {
    let scratch = Scratch::new("refused");
    fs::write(scratch.0.join("x.part"), "mine").unwrap();
    let claims = Claims::default();
    assert_eq!(exit(open(&scratch.0, "x", IfExists::Skip, &claims)), Exit::Exists);
    assert!(matches!(open(&scratch.0, "x.part", IfExists::Skip, &claims).unwrap(), Opened::Skip(_)));
}

#[test]
fn only_the_open_file_is_renamed() {
    let scratch = Scratch::new("replaced");
    for if_exists in [IfExists::Error, IfExists::Overwrite] {
        let destination = scratch.ready("f", if_exists);
        write(&destination, "download");
        fs::write(scratch.0.join("other"), "somebody else's").unwrap();
        fs::rename(scratch.0.join("other"), scratch.0.join("f.part")).unwrap();
        assert_eq!(destination.commit(true).unwrap_err().exit(), Exit::Files);
        assert_eq!((scratch.names(), scratch.text("f.part").as_str()), (vec!["f.part".to_owned()], "somebody else's"));
        fs::remove_file(scratch.0.join("f.part")).unwrap();
    }
    let gone = scratch.ready("f", IfExists::Error);
    fs::remove_file(scratch.0.join("f.part")).unwrap();
    assert_eq!(gone.commit(true).unwrap_err().exit(), Exit::Files);
}

#[test]
fn only_the_open_file_is_removed() {
    let scratch = Scratch::new("kept-other");
    let empty = scratch.ready("f", IfExists::Error);
    fs::write(scratch.0.join("other"), "somebody else's").unwrap();
    fs::rename(scratch.0.join("other"), scratch.0.join("f.part")).unwrap();
    assert!(empty.keep().is_err());
    assert_eq!(scratch.text("f.part"), "somebody else's");
}

#[test]
fn a_download_that_could_not_be_renamed_can_start_over() {
    let scratch = Scratch::new("start-over");
    let destination = scratch.ready("f", IfExists::Error);
    write(&destination, "first");
    fs::write(scratch.0.join("f"), "somebody else's").unwrap();
    assert_eq!(destination.commit(true).unwrap_err().exit(), Exit::Exists);
    let again = scratch.ready("f", IfExists::Overwrite);
    write(&again, "second");
    again.commit(true).unwrap();
    assert_eq!(scratch.text("f"), "second");
}

fn whole(dir: &Path, claims: &Claims) -> Option<PathBuf> {
    match super::create_whole(dir, "f", false, claims, b"new".to_vec()).unwrap() {
        super::Whole::At(path) => Some(path),
        super::Whole::Back(bytes) => {
            assert_eq!(bytes, b"new");
            None
        }
    }
}

/// Whether the file system has files without names; where it has none, all files go the long way.
fn has_unnamed_files(dir: &Path) -> bool {
    use rustix::fs::{Mode, OFlags, open};
    open(dir, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR).is_ok()
}

#[test]
fn a_small_file_comes_whole_and_alone() {
    let scratch = Scratch::new("whole");
    let claims = Claims::default();
    if has_unnamed_files(&scratch.0) {
        assert_eq!(whole(&scratch.0, &claims), Some(scratch.0.join("f")));
        assert_eq!(scratch.names(), ["f"]);
        assert_eq!(fs::read(scratch.0.join("f")).unwrap(), b"new");
        assert!(claims.take(&scratch.0.join("f")).is_none(), "the name stays claimed to the end of the run");
    }
    assert_eq!(whole(&scratch.0, &claims), None);
}

#[test]
fn what_is_there_sends_a_small_file_the_long_way() {
    let scratch = Scratch::new("whole-not");
    let claims = Claims::default();
    assert_eq!(whole(&scratch.0.join("missing"), &claims), None);
    fs::write(scratch.0.join("f.part"), "theirs").unwrap();
    assert_eq!(whole(&scratch.0, &claims), None);
    fs::rename(scratch.0.join("f.part"), scratch.0.join("f")).unwrap();
    assert_eq!(whole(&scratch.0, &claims), None);
    fs::remove_file(scratch.0.join("f")).unwrap();
    std::os::unix::fs::symlink("elsewhere", scratch.0.join("f")).unwrap();
    assert_eq!(whole(&scratch.0, &claims), None);
    assert_eq!(scratch.names(), ["f"]);
    assert!(claims.take(&scratch.0.join("f")).is_some(), "who created nothing claims nothing");
}

/// A disk whose first sync fails.
#[derive(Debug, Default)]
struct Unsure(std::sync::atomic::AtomicBool);

impl Disk for Unsure {
    fn sync(&self, file: &fs::File) -> std::io::Result<()> {
        if self.0.swap(true, std::sync::atomic::Ordering::Relaxed) { System.sync(file) } else { Err(rustix::io::Errno::IO.into()) }
    }
}

#[test]
fn after_a_failed_sync_nothing_is_claimed_and_nothing_gets_its_name() {
    let scratch = Scratch::new("unsure");
    let disk: Arc<dyn Disk> = Arc::new(Unsure::default());
    let opened = super::open(&scratch.0, "f", IfExists::Error, &Claims::default(), super::Earlier::Nothing, &disk).unwrap();
    let Opened::Ready(mut destination, None) = opened else { panic!("nobody left anything") };
    write(&destination, "text");
    destination.begin_journal(&crate::journal::Subject::default()).unwrap();
    let all: crate::extents::Extents = std::iter::once(0..4).collect();
    assert!(destination.claim(&all, None).is_err());
    destination.claim(&all, None).unwrap();
    let journal = fs::read(super::journal_of(destination.part())).unwrap();
    assert!(crate::journal::read(&journal).unwrap().extents.is_empty());
    assert_eq!(destination.commit(true).unwrap_err().exit(), Exit::Files);
    assert!(!scratch.names().contains(&"f".to_owned()));
}
