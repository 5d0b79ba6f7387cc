//! Archives, honest and hostile, made in memory.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use super::unpack::unpack;
use super::{Arrived, Extracted, FREE, Limits};
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
