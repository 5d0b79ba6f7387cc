//! Archives, honest and hostile, made in memory.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use std::sync::Arc;

use super::record::place_of;
use super::unpack::unpack;
use super::{Arrived, Begun, Extracted, FREE, Hidden, Limits, Wanted, archive_of, begin};
use crate::destination::{Claims, Earlier, IfExists, Opened, forget, open};
use crate::disk::{Disk, System};
use crate::engine::{Cause, Check, Complete, Engine, Job, Output, Settings, Silent, Stop, Unfinished};
use crate::exit::Exit;
use crate::failure::Failure;

fn root(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("cede-extract-{}-{name}", std::process::id()));
    drop(std::fs::remove_dir_all(&path));
    std::fs::create_dir_all(path.join("in")).unwrap();
    path
}

/// Unpacks bytes that come in small chunks.
fn run(root: &Path, hint: &str, bytes: &[u8], limits: Limits) -> Result<Extracted, Failure> {
    let (sender, receiver) = sync_channel(1);
    std::thread::scope(|scope| {
        // The receiver goes with the unpacking, so that this ends in any case.
        scope.spawn(move || bytes.chunks(1000).try_for_each(|chunk| sender.send(chunk.to_vec())));
        unpack(Arrived::new(receiver), &root.join("in"), hint, limits)
    })
}

/// A tar archive: kind, name, target or content.
fn tar(entries: &[(u8, &str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, text) in entries {
        let mut header = tar::Header::new_gnu();
        let is_link = matches!(kind, b'1' | b'2');
        header.set_entry_type(tar::EntryType::new(*kind));
        header.set_mode(if name.ends_with("run") { 0o4755 } else { 0o644 });
        header.set_size(if is_link { 0 } else { text.len() as u64 });
        // The builder would refuse what is to be tested, so the fields are written as they are.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if is_link {
            header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        header.set_cksum();
        builder.append(&header, if is_link { &b""[..] } else { text.as_bytes() }).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn packed(bytes: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    let mut xz = Vec::new();
    liblzma::read::XzEncoder::new(bytes, 1).read_to_end(&mut xz).unwrap();
    let mut bz2 = Vec::new();
    bzip2::read::BzEncoder::new(bytes, bzip2::Compression::fast()).read_to_end(&mut bz2).unwrap();
    [("gz", gzip(bytes)), ("zst", zstd::encode_all(bytes, 1).unwrap()), ("xz", xz), ("bz2", bz2)]
}

fn read(root: &Path, name: &str) -> String {
    std::fs::read_to_string(root.join("in").join(name)).unwrap()
}

#[test]
fn archives_in_every_packing() {
    let long = "content ".repeat(10_000);
    let archive = tar(&[
        (b'5', "d/", ""),
        (b'0', "d/a", &long),
        (b'0', "b", ""),
        (b'0', "e/f/run", "x"),
        (b'2', "e/l", "../d/a"),
        (b'1', "h", "d/a"),
    ]);
    let mut all = packed(&archive).to_vec();
    all.push(("none", archive));
    for (packing, bytes) in all {
        let root = root(&format!("packing-{packing}"));
        let extracted = run(&root, &format!("x.tar.{packing}"), &bytes, Limits::default()).unwrap();
        assert_eq!(extracted, Extracted { files: 5, bytes: long.len() as u64 + 1 }, "{packing}");
        assert_eq!((read(&root, "d/a"), read(&root, "e/l"), read(&root, "h")), (long.clone(), long.clone(), long.clone()));
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(root.join("in/e/f/run")).unwrap().permissions());
        assert_eq!(mode & 0o4100, 0o100, "it can be run, and not as somebody else");
        std::fs::remove_dir_all(root).unwrap();
    }
}

#[test]
fn single_files_and_their_damage() {
    let text = "only one file\n".repeat(5000);
    for (packing, bytes) in packed(text.as_bytes()) {
        let root = root(&format!("single-{packing}"));
        assert_eq!(run(&root, &format!("notes.txt.{packing}"), &bytes, Limits::default()).unwrap().files, 1);
        assert_eq!(read(&root, "notes.txt"), text);
        std::fs::remove_file(root.join("in/notes.txt")).unwrap();
        let cut = run(&root, &format!("x.{packing}"), &bytes[..bytes.len() - 5], Limits::default()).unwrap_err();
        assert!(cut.to_string().contains("damaged or not complete"), "{packing}: {cut}");
        std::fs::remove_dir_all(root).unwrap();
    }
}

#[test]
fn hostile_archives() {
    type Case = (&'static str, &'static [(u8, &'static str, &'static str)], &'static str);
    let cases: [Case; 13] = [
        ("climbs", &[(b'0', "../x", "x")], "an entry is called ../x"),
        ("climbs-later", &[(b'0', "a/../../x", "x")], "is called"),
        ("absolute", &[(b'0', "/tmp/x", "x")], "is called /tmp/x"),
        ("twice", &[(b'0', "x", "1"), (b'0', "./x", "2")], "in the archive twice"),
        ("link-out", &[(b'2', "l", "..")], "leads outside"),
        ("link-absolute", &[(b'2', "l", "/etc")], "leads outside"),
        ("link-climbs-later", &[(b'2', "d/l", "e/../../x")], "leads outside"),
        ("through-link", &[(b'5', "d/", ""), (b'2', "l", "d"), (b'0', "l/x", "x")], "goes through"),
        ("over-link", &[(b'2', "l", "d"), (b'0', "l", "x")], "twice"),
        ("hard-link-out", &[(b'1', "h", "../outside")], "is called ../outside"),
        ("hard-link-to-link", &[(b'2', "l", "x"), (b'1', "h", "l")], "not a file before it"),
        ("device", &[(b'3', "null", "")], "a device"),
        ("through-file", &[(b'0', "f", "x"), (b'0', "f/x", "x")], "goes through"),
    ];
    for (name, entries, why) in cases {
        let root = root(name);
        std::fs::write(root.join("outside"), "safe").unwrap();
        let failure = run(&root, "x.tar", &tar(entries), Limits::default()).expect_err(name);
        assert!(failure.to_string().contains(why), "{name}: {failure}");
        let mut left: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["in", "outside"], "{name}");
        assert_eq!(std::fs::read(root.join("outside")).unwrap(), b"safe");
        std::fs::remove_dir_all(root).unwrap();
    }
}

#[test]
fn bombs() {
    let root = root("bombs");
    let zeros = gzip(&vec![0; FREE as usize + (1 << 20)]);
    let failure = run(&root, "bomb.gz", &zeros, Limits::default()).unwrap_err();
    assert!(failure.to_string().contains("more than 250 to 1"), "{failure}");
    std::fs::remove_file(root.join("in/bomb")).unwrap();
    let patient = Limits { ratio: 2000, ..Limits::default() };
    assert_eq!(run(&root, "bomb.gz", &zeros, patient).unwrap().bytes, FREE + (1 << 20));
    let little = Limits { bytes: 1000, ..Limits::default() };
    let failure = run(&root, "more.gz", &zeros, little).unwrap_err();
    assert!(failure.to_string().contains("more than 1000 B") || failure.to_string().contains("more than 1.0 KiB"), "{failure}");
    let few = Limits { entries: 2, ..Limits::default() };
    let failure = run(&root, "x.tar", &tar(&[(b'0', "1", ""), (b'0', "2", ""), (b'0', "3", "")]), few).unwrap_err();
    assert_eq!((failure.exit(), failure.to_string().contains("more than 2 entries")), (Exit::Files, true));
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn names_without_end() {
    let root = root("long-name");
    let archive = |length| tar(&[(b'L', "././@LongLink", &"n".repeat(length)), (b'0', "x", "content")]);
    let failure = run(&root, "x.tar.gz", &gzip(&archive(8 << 20)), Limits::default()).unwrap_err();
    assert!(failure.to_string().contains("name and attributes are too long"), "{failure}");
    assert_eq!(run(&root, "x.tar.gz", &gzip(&archive(200)), Limits::default()).unwrap().files, 1);
    assert_eq!(read(&root, &"n".repeat(200)), "content");
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn zip_archives() {
    let make = |names: &[&str]| {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for name in names {
            let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            writer.start_file(*name, options).unwrap();
            writer.write_all(b"content").unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    let root = root("zip");
    let bytes = make(&["a", "d/b"]);
    assert_eq!(run(&root, "x.zip", &bytes, Limits::default()).unwrap(), Extracted { files: 2, bytes: 14 });
    assert_eq!((read(&root, "d/b"), std::fs::read_dir(root.join("in")).unwrap().count()), ("content".to_owned(), 2));
    for (name, why) in [("../x", "is called ../x"), ("/x", "is called /x"), ("c\\..\\x", "is called")] {
        let failure = run(&root, "x.zip", &make(&[name]), Limits::default()).expect_err(name);
        assert!(failure.to_string().contains(why), "{name}: {failure}");
    }
    let failure = run(&root, "x.zip", &bytes[..bytes.len() - 10], Limits::default()).unwrap_err();
    assert!(failure.to_string().contains("damaged or not complete"), "{failure}");
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 1);
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn what_is_no_archive() {
    let root = root("none");
    for bytes in [&b"<html>not here</html>"[..], b"", &[7; 2000]] {
        let failure = run(&root, "x.tar.gz", bytes, Limits::default()).unwrap_err();
        assert!(failure.to_string().contains("no archive that is known"), "{failure}");
    }
    std::fs::remove_dir_all(root).unwrap();
}

/// A run that is killed at some point of its end: what it leaves, and what the next one makes of it.
struct Killed {
    root: PathBuf,
    hidden: Hidden,
}

impl Killed {
    /// Everything is unpacked, and the archive is there.
    fn after_unpacking(name: &str) -> Self {
        let root = root(name);
        std::fs::remove_dir(root.join("in")).unwrap();
        let wanted = Wanted::of(&job(&root));
        let Begun::Now(hidden) = begin(&root.join("out"), &wanted).unwrap() else { panic!("nothing was there") };
        std::fs::write(hidden.path.join("x"), "x").unwrap();
        let disk: Arc<dyn Disk> = Arc::new(System);
        let place = open(&root, &archive_of("out"), IfExists::Error, &Claims::default(), Earlier::Nothing, &disk).unwrap();
        let Opened::Ready(place, _) = place else { panic!("{place:?}") };
        disk.write_at(&place.file(), b"archive", 0).unwrap();
        Self { root, hidden }
    }

    fn publish(self) -> Self {
        let remark = self.hidden.publish(&self.root.join("out"), "1 file (1 B) unpacked".to_owned(), &Wanted::of(&job(&self.root)));
        assert_eq!(remark.unwrap(), "1 file (1 B) unpacked");
        self
    }

    /// The process is gone; the same command again.
    fn again(self, job: Job) -> (PathBuf, Result<Complete, Unfinished>) {
        let Self { root, hidden } = self;
        drop(hidden);
        let dir = root.join("out");
        let end = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let mut settings = Settings::default();
            settings.rules.retries = 0;
            Engine::new(settings).extract(job, &dir, Limits::default(), Arc::new(Silent), Stop::never()).await
        });
        (root, end)
    }
}

/// An archive at a place that nobody serves: whoever asks for it fails.
fn job(root: &Path) -> Job {
    let output = Output::Named { dir: root.to_owned(), name: "unused".to_owned() };
    Job { url: "http://127.0.0.1:1/a.tar".parse().unwrap(), mirrors: Vec::new(), output, check: Check::Size }
}

fn names(root: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_run_that_was_killed_after_the_rename_is_done_by_the_next_without_a_request() {
    for archive_is_gone in [false, true] {
        let killed = Killed::after_unpacking("killed-after").publish();
        if archive_is_gone {
            forget(&killed.root, &archive_of("out"));
        }
        let job = job(&killed.root);
        let (root, end) = killed.again(job);
        let complete = end.unwrap();
        assert!(complete.kept && complete.remark.contains("1 file (1 B) unpacked, by an earlier run"), "{complete:?}");
        assert_eq!(names(&root), ["out"]);
        assert_eq!(std::fs::read(root.join("out/x")).unwrap(), b"x");
    }
}

#[test]
fn a_run_that_was_killed_before_the_rename_is_not_done() {
    let killed = Killed::after_unpacking("killed-before");
    // As it is just before.
    let written = killed.hidden.publish(&killed.root.join("out"), String::new(), &Wanted::of(&job(&killed.root)));
    std::fs::rename(killed.root.join("out"), &killed.hidden.path).unwrap();
    assert!(written.is_ok() && place_of(&killed.root, "out").exists());
    let job = job(&killed.root);
    let (root, end) = killed.again(job);
    // It has to ask, and nobody answers.
    assert!(matches!(end.unwrap_err().cause, Cause::Failed(failure) if failure.exit() == Exit::Network));
    assert!(!root.join("out").exists() && !place_of(&root, "out").exists());
}

#[test]
fn another_archive_or_another_checksum_is_not_done_by_it() {
    for is_other_url in [true, false] {
        let killed = Killed::after_unpacking("killed-other").publish();
        let mut job = job(&killed.root);
        if is_other_url {
            job.url.set_path("/other.tar");
        } else {
            job.check = Check::Sum(format!("sha256:{}", "0".repeat(64)).parse().unwrap());
        }
        let (root, end) = killed.again(job);
        assert!(matches!(end.unwrap_err().cause, Cause::Failed(failure) if failure.exit() == Exit::Exists));
        // But what was left is gone.
        assert_eq!(names(&root), ["out"]);
    }
}

#[test]
fn a_record_of_another_directory_says_nothing() {
    let killed = Killed::after_unpacking("killed-record").publish();
    std::fs::rename(killed.root.join("out"), killed.root.join("moved")).unwrap();
    std::fs::create_dir(killed.root.join("out")).unwrap();
    std::fs::write(killed.root.join("out/mine"), "mine").unwrap();
    let job = job(&killed.root);
    let (root, end) = killed.again(job);
    assert!(matches!(end.unwrap_err().cause, Cause::Failed(failure) if failure.exit() == Exit::Exists));
    assert_eq!(std::fs::read(root.join("out/mine")).unwrap(), b"mine");
}

#[test]
fn while_the_other_run_cleans_up_nobody_else_does() {
    let killed = Killed::after_unpacking("killed-not").publish();
    let wanted = Wanted::of(&job(&killed.root));
    let refused = begin(&killed.root.join("out"), &wanted).unwrap_err();
    assert!(refused.to_string().contains("another process unpacks into"), "{refused}");
    assert_eq!(names(&killed.root).len(), 3);
}

#[test]
fn a_file_that_is_not_ours_stays() {
    let killed = Killed::after_unpacking("killed-foreign").publish();
    let part = killed.root.join(format!("{}.part", archive_of("out")));
    std::fs::remove_file(&part).unwrap();
    std::fs::write(&part, "mine").unwrap();
    let can_be_marked = rustix::fs::setxattr(&part, "user.cede.test", b"", rustix::fs::XattrFlags::empty()).is_ok();
    let job = job(&killed.root);
    let (_, end) = killed.again(job);
    assert!(end.is_ok());
    assert_eq!(std::fs::read(&part).is_ok(), can_be_marked);
}

#[test]
fn a_directory_that_was_changed_since_is_not_what_was_asked_for() {
    let changes: [fn(&Path); 4] = [
        |out| std::fs::remove_file(out.join("x")).unwrap(),
        |out| std::fs::write(out.join("x"), "").unwrap(),
        |out| std::fs::write(out.join("y"), "y").unwrap(),
        |out| std::fs::rename(out.join("x"), out.join("y")).unwrap(),
    ];
    for change in changes {
        let killed = Killed::after_unpacking("killed-changed").publish();
        change(&killed.root.join("out"));
        let job = job(&killed.root);
        let (root, end) = killed.again(job);
        // It exists; or it is empty, and the archive is asked for anew.
        assert!(matches!(end.unwrap_err().cause, Cause::Failed(failure) if matches!(failure.exit(), Exit::Exists | Exit::Network)));
        assert_eq!(names(&root), ["out"]);
    }
}
