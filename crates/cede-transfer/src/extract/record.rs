//! What is written down between unpacking and cleaning up: that the directory with this identity is the whole of this archive.
//!
//! The directory gets its name by one rename, and then the archive goes. Who is killed between the two leaves both, and without this file nobody could tell the
//! directory from one that was there before: the next run would refuse, and the archive stay for ever. A rename keeps a directory's inode, so that can be written down
//! beforehand.
//!
//! - R1: a record is written before the rename and removed after everything else, so it is there as long as there is something to clean up.
//! - R2: it speaks only of a directory with its very device, inode and time of birth (inodes are used again; where a file system knows no time of birth, there is no record), and only as long as what is in it
//!   is as it was. If that is not so, it says nothing.
//! - R3: it is written when the system has written all that it speaks of, so that it does not outlive that in a power cut.
//! - R4: a file that does not begin like a record is somebody else's: it is neither written to nor removed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use rustix::fs::OFlags;

use super::inventory::Inventory;

/// No URL and no remark is longer.
const LENGTH_MAX: u64 = 1 << 20;
const MAGIC: &str = "cede extracted 2";

/// Which directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Birth {
    device: u64,
    inode: u64,
    nanos: u128,
}

impl Birth {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let born = metadata.created()?.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino(), nanos: born.as_nanos() })
    }
}

/// What was unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) dir: Birth,
    pub(super) tree: Inventory,
    pub(super) url: String,
    /// The checksum that was asked for, and was right.
    pub(super) sum: Option<String>,
    /// What was said, or would have been.
    pub(super) remark: String,
}

/// Where the record of a directory is.
pub(super) fn place_of(parent: &Path, name: &str) -> PathBuf {
    parent.join(format!(".{name}.cede-extracted"))
}

impl Record {
    fn text(&self) -> String {
        let escaped = |text: &str| percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string();
        let Birth { device, inode, nanos } = self.dir;
        let Inventory { entries, bytes, sums } = self.tree;
        let (url, sum, remark) = (escaped(&self.url), escaped(self.sum.as_deref().unwrap_or_default()), escaped(&self.remark));
        let text = format!("{MAGIC}\ndir={device} {inode} {nanos}\ntree={entries} {bytes} {sums}\nurl={url}\nsum={sum}\nremark={remark}\n");
        format!("{text}crc={:08x}\n", crc32fast::hash(text.as_bytes()))
    }

    fn parse(text: &str) -> Option<Self> {
        let (rest, crc) = text.strip_suffix('\n')?.rsplit_once("crc=")?;
        if u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(rest.as_bytes()) {
            return None;
        }
        let mut lines = rest.strip_prefix(MAGIC)?.strip_prefix('\n')?.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix('=');
        let mut numbers = field("dir")?.split(' ');
        let dir =
            Birth { device: numbers.next()?.parse().ok()?, inode: numbers.next()?.parse().ok()?, nanos: numbers.next()?.parse().ok()? };
        let mut numbers = field("tree")?.split(' ');
        let tree =
            Inventory { entries: numbers.next()?.parse().ok()?, bytes: numbers.next()?.parse().ok()?, sums: numbers.next()?.parse().ok()? };
        let mut word = |name: &str| percent_decode_str(field(name)?).decode_utf8().ok().map(|text| text.into_owned());
        let (url, sum, remark) = (word("url")?, word("sum")?, word("remark")?);
        Some(Self { dir, tree, url, sum: (!sum.is_empty()).then_some(sum), remark })
    }

    /// Writes it; fails if there is somebody else's file. Blocks.
    pub(super) fn write(&self, place: &Path) -> io::Result<()> {
        remove(place);
        let mut file = File::options().write(true).create_new(true).open(place)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()
    }

    /// Reads one. `None`: there is none, or it is damaged, which says as little. Blocks.
    pub(super) fn read(place: &Path) -> Option<Self> {
        Self::parse(&io::read_to_string(open(place)?.take(LENGTH_MAX)).ok()?)
    }
}

fn open(place: &Path) -> Option<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(place).ok()?;
    file.metadata().is_ok_and(|metadata| metadata.is_file()).then_some(file)
}

/// Removes a record, whole or torn (R4). Blocks.
pub(super) fn remove(place: &Path) {
    let mut start = Vec::new();
    let is_read = open(place).is_some_and(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start).is_ok());
    if is_read && MAGIC.as_bytes().starts_with(&start) {
        drop(std::fs::remove_file(place));
    }
}

#[cfg(test)]
mod tests {
    //! It comes back, or not at all.

    use super::{Birth, Inventory, Record, remove};

    #[test]
    fn a_damaged_one_is_none() {
        let dir = Birth { device: 1, inode: u64::MAX, nanos: 3 };
        let tree = Inventory { entries: 3, bytes: 4, sums: u64::MAX };
        let record = Record { dir, tree, url: "http://h/a b\n=".to_owned(), sum: None, remark: "3 files, ü".to_owned() };
        let text = record.text();
        assert_eq!(Record::parse(&text), Some(record.clone()));
        let with_sum = Record { sum: Some("sha256:00".to_owned()), ..record };
        assert_eq!(Record::parse(&with_sum.text()), Some(with_sum));
        for at in 0..text.len() {
            assert_eq!(Record::parse(&text[..at]), None, "{at}");
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            // The case of a digit of the sum does not matter, and one bit does not change it.
            assert_eq!(Record::parse(&String::from_utf8(bytes).unwrap()), None, "{at}");
        }
    }

    #[test]
    fn what_is_somebody_elses_stays() {
        let dir = std::env::temp_dir().join(format!("cede-record-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let place = dir.join("record");
        let record = Record {
            dir: Birth { device: 1, inode: 2, nanos: 3 },
            tree: Inventory::default(),
            url: String::new(),
            sum: None,
            remark: String::new(),
        };
        std::fs::write(&place, "my notes").unwrap();
        remove(&place);
        record.write(&place).unwrap_err();
        assert_eq!(std::fs::read(&place).unwrap(), b"my notes");
        std::fs::write(&place, "cede extr").unwrap();
        record.write(&place).unwrap();
        assert_eq!(Record::read(&place), Some(record));
        remove(&place);
        assert!(!place.exists());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
