//! What is written down between unpacking and cleaning up: that the directory with this identity is the whole of this archive.
//!
//! The directory gets its name by one rename, and then the archive goes. Who is killed between the two leaves both, and without this file nobody could tell the
//! directory from one that was there before: the next run would refuse, and the archive stay for ever. A rename keeps a directory's inode, so that can be written down
//! beforehand.
//!
//! - R1: a record is written before the rename and removed after everything else, so it is there as long as there is something to clean up.
//! - R2: it speaks only of a directory with its very device, inode and time of birth; inodes are used again. If that is not the one in place, it says nothing.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use rustix::fs::OFlags;

const MAGIC: &str = "cede extracted 1";

/// Which directory; a missing time of birth is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Birth {
    device: u64,
    inode: u64,
    nanos: u128,
}

impl Birth {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(Self { device: metadata.dev(), inode: metadata.ino(), nanos: born.unwrap_or_default().as_nanos() })
    }
}

/// What was unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) dir: Birth,
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
        let (url, sum, remark) = (escaped(&self.url), escaped(self.sum.as_deref().unwrap_or_default()), escaped(&self.remark));
        let text = format!("{MAGIC}\ndir={device} {inode} {nanos}\nurl={url}\nsum={sum}\nremark={remark}\n");
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
        let mut word = |name: &str| percent_decode_str(field(name)?).decode_utf8().ok().map(|text| text.into_owned());
        let (url, sum, remark) = (word("url")?, word("sum")?, word("remark")?);
        Some(Self { dir, url, sum: (!sum.is_empty()).then_some(sum), remark })
    }

    /// Writes it. Blocks.
    pub(super) fn write(&self, place: &Path) -> io::Result<()> {
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let mut file = File::options().write(true).create(true).truncate(true).custom_flags(flags).open(place)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()
    }

    /// Reads one. `None`: there is none, or it is damaged, which says as little. Blocks.
    pub(super) fn read(place: &Path) -> Option<Self> {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = File::options().read(true).custom_flags(flags).open(place).ok()?;
        Self::parse(&io::read_to_string(file).ok()?)
    }
}

#[cfg(test)]
mod tests {
    //! It comes back, or not at all.

    use super::{Birth, Record};

    #[test]
    fn a_damaged_one_is_none() {
        let dir = Birth { device: 1, inode: u64::MAX, nanos: 3 };
        let record = Record { dir, url: "http://h/a b\n=".to_owned(), sum: None, remark: "3 files, ü".to_owned() };
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
}
