//! What is needed to go on with an upload after a crash: where it goes, what it is called there, and which version of which file it is of.
//!
//! How far it is is not written down: only the server knows, and it is asked. So a journal is written once, when the server has given the upload a name, and
//! removed when it is complete. It is a few lines of text, `name=value` with everything strange escaped, and a CRC-32 of them; a journal that is torn or damaged is none, and
//! costs no more than an upload that begins anew. Its lock is the upload's: two processes never feed one.
//!
//! One thing comes later: before a store is asked to make the object, the tag that this will have is written behind the rest, with a CRC-32 of everything. So whoever finds
//! that the store does not know the upload any more can tell whether that is because it became the object. A torn addition is none, and leaves the rest as it was.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use sha2::{Digest, Sha256};

use super::local::Facts;
use crate::units::hex;

const MAGIC: &str = "cede upload journal 1";
/// How the files are called.
const SUFFIX: &str = ".upload";

/// What a journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// The URL that the user gave.
    pub url: String,
    /// The file.
    pub source: PathBuf,
    /// Which version of it.
    pub facts: Facts,
    /// What the upload is called at the server: a URL (tus), or an id (S3).
    pub remote: String,
    /// The size of its parts (S3), or 0.
    pub part: u64,
    /// Whether nothing that is there may be replaced.
    pub only_new: bool,
    /// Whether the server is told checksums.
    pub check: bool,
    /// Where the store is (S3).
    pub place: Option<Place>,
    /// The tag that the object has if it was made (S3), once that was asked for.
    pub object: Option<String>,
}

/// Where a store is, without whatever is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The service.
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// Whether the bucket is in the path instead of the host name.
    pub path_style: bool,
    /// Whether requests are signed, so that a login is needed.
    pub signed: bool,
    /// A short hash of whose login that is, where that is no login for an hour.
    pub login: Option<String>,
}

impl Place {
    fn write(&self) -> String {
        let escaped = |text: &str| percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string();
        let login = self.login.as_ref().map(|login| format!(" {login}")).unwrap_or_default();
        format!("{} {} {} {}{login}", escaped(&self.endpoint), escaped(&self.region), u8::from(self.path_style), u8::from(self.signed))
    }

    fn read(text: &str) -> Option<Self> {
        let (endpoint, region, path_style, signed, login) = match text.split(' ').collect::<Vec<_>>()[..] {
            [endpoint, region, path_style, signed] => (endpoint, region, path_style, signed, None),
            [endpoint, region, path_style, signed, login] => (endpoint, region, path_style, signed, Some(login.to_owned())),
            _ => return None,
        };
        let plain = |text: &str| String::from_utf8(percent_decode_str(text).collect()).ok();
        Some(Self { endpoint: plain(endpoint)?, region: plain(region)?, path_style: path_style == "1", signed: signed == "1", login })
    }

    /// A short hash of the name of a login, by which it is known again.
    pub fn hash_of(key: &str) -> String {
        hex(&Sha256::digest(key)[..4])
    }

    /// Whether this is another service than that.
    pub(super) fn is_elsewhere(&self, other: &Self) -> bool {
        (&self.endpoint, self.path_style) != (&other.endpoint, other.path_style)
    }
}

impl Journal {
    /// The text of it.
    pub fn write(&self) -> String {
        let escaped = |bytes: &[u8]| percent_encode(bytes, NON_ALPHANUMERIC).to_string();
        let Facts { size, modified: (seconds, nanoseconds), inode } = self.facts;
        let text = format!(
            "{MAGIC}\nurl={}\nsource={}\nfacts={size} {seconds} {nanoseconds} {inode}\nremote={}\npart={}\n",
            escaped(self.url.as_bytes()),
            escaped(self.source.as_os_str().as_bytes()),
            escaped(self.remote.as_bytes()),
            self.part
        );
        // Earlier versions neither wrote these lines nor miss them.
        let only_new = if self.only_new { "only-new=1\n" } else { "" };
        let place = self.place.as_ref().map(|place| format!("place={}\n", place.write())).unwrap_or_default();
        let check = if self.check { "check=1\n" } else { "" };
        let text = sealed(format!("{text}{only_new}{check}{place}"));
        match &self.object {
            Some(object) => sealed(format!("{text}object={}\n", escaped(object.as_bytes()))),
            None => text,
        }
    }

    /// Reads one. `None`: it is damaged.
    pub fn read(text: &str) -> Option<Self> {
        let end = text.find("\ncrc=")? + "\ncrc=00000000\n".len();
        let mut journal = Self::read_first(text.get(..end)?)?;
        journal.object = unsealed(text)
            .and_then(|rest| rest.get(end..)?.strip_prefix("object=")?.strip_suffix('\n'))
            .and_then(|object| String::from_utf8(percent_decode_str(object).collect()).ok());
        Some(journal)
    }

    fn read_first(text: &str) -> Option<Self> {
        let mut lines = unsealed(text)?.strip_prefix(MAGIC)?.strip_prefix('\n')?.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
        let bytes = |text: String| percent_decode_str(&text).collect::<Vec<u8>>();
        let url = String::from_utf8(bytes(field("url")?)).ok()?;
        let source = PathBuf::from(std::ffi::OsString::from_vec(bytes(field("source")?)));
        let facts = field("facts")?;
        let mut numbers = facts.split(' ');
        let facts = Facts {
            size: numbers.next()?.parse().ok()?,
            modified: (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?),
            inode: numbers.next()?.parse().ok()?,
        };
        let remote = String::from_utf8(bytes(field("remote")?)).ok()?;
        let part = field("part")?.parse().ok()?;
        let rest: Vec<&str> = lines.collect();
        let place = rest.iter().find_map(|line| Place::read(line.strip_prefix("place=")?));
        let (only_new, check) = (rest.contains(&"only-new=1"), rest.contains(&"check=1"));
        Some(Self { url, source, facts, remote, part, only_new, check, place, object: None })
    }
}

/// The text, and its sum.
fn sealed(text: String) -> String {
    format!("{text}crc={:08x}\n", crc32fast::hash(text.as_bytes()))
}

/// The text without the last sum, if that is right.
fn unsealed(text: &str) -> Option<&str> {
    let (rest, crc) = text.strip_suffix('\n')?.rsplit_once("crc=")?;
    (u32::from_str_radix(crc, 16).ok()? == crc32fast::hash(rest.as_bytes())).then_some(rest)
}

/// The journals in a directory, except damaged ones. Blocks.
///
/// # Errors
/// The directory cannot be read; that there is none is no error.
pub fn journals(dir: &Path) -> io::Result<Vec<Journal>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.flatten().map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with(SUFFIX));
    Ok(paths.filter_map(|path| Journal::read(&std::fs::read_to_string(path).ok()?)).collect())
}

/// A journal on disk, locked.
#[derive(Debug)]
pub(super) struct Kept {
    file: File,
    path: PathBuf,
    pub(super) journal: Option<Journal>,
    /// What is not gone on with, because the user does not want it. Until this is `None`, the file stays.
    pub(super) dropped: Option<Journal>,
}

/// Why there is no journal.
#[derive(Debug)]
pub(super) enum Refused {
    /// Another process has it.
    Busy,
    Io(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Kept {
    /// Opens the journal of an upload, or begins one. Blocks.
    pub(super) fn open(dir: &Path, source: &Path, url: &str) -> Result<Self, Refused> {
        std::fs::create_dir_all(dir)?;
        let mut hash = Sha256::new();
        hash.update(source.as_os_str().as_bytes());
        hash.update([0]);
        hash.update(url.as_bytes());
        let path = dir.join(format!("{}{SUFFIX}", hex(&hash.finalize()[..12])));
        // It says where files go, and that may be a secret.
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR).map_err(io::Error::from)?);
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| Refused::Busy)?;
        let mut text = String::new();
        // What is not even text is damaged.
        let journal = file.read_to_string(&mut text).ok().and_then(|_| Journal::read(&text));
        let journal = journal.filter(|journal| journal.url == url && journal.source == source);
        Ok(Self { file, path, journal, dropped: None })
    }

    /// Writes it, durably. If that fails there is none, not even the one before. Blocks.
    pub(super) fn write(&mut self, journal: Journal) -> io::Result<()> {
        self.journal = None;
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(journal.write().as_bytes())?;
        self.file.sync_all()?;
        self.journal = Some(journal);
        Ok(())
    }

    /// Writes what has changed in it, durably. Whenever the process is killed, it is as before or as it is to be: what is left behind its sum is none of it. Blocks.
    pub(super) fn rewrite(&mut self, journal: Journal) -> io::Result<()> {
        let text = journal.write();
        self.file.write_all_at(text.as_bytes(), 0)?;
        self.file.set_len(text.len() as u64)?;
        self.file.sync_all()?;
        self.journal = Some(journal);
        Ok(())
    }

    /// Adds the tag that the object will have, durably. If that fails, it is as before. Blocks.
    pub(super) fn add_object(&mut self, object: String) -> io::Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.object = None;
        let before = journal.write().len();
        let text = Journal { object: Some(object.clone()), ..journal.clone() }.write();
        // What an earlier try left may be torn.
        self.file.set_len(before as u64)?;
        self.file.seek(io::SeekFrom::End(0))?;
        self.file.write_all(&text.as_bytes()[before..])?;
        self.file.sync_all()?;
        journal.object = Some(object);
        Ok(())
    }

    /// The upload is complete, or is not to be gone on with.
    pub(super) fn remove(&self) {
        drop(std::fs::remove_file(&self.path));
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.journal.is_none() && self.dropped.is_none() {
            self.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    //! It comes back, or not at all.

    use proptest::prelude::*;

    use super::{Facts, Journal, Kept, Place};

    fn journal() -> Journal {
        let facts = Facts { size: 7, modified: (-3, 999), inode: 4 };
        Journal {
            url: "https://h/a b?c=d\n".to_owned(),
            source: "/tmp/ü=\n%".into(),
            facts,
            remote: "x=y".to_owned(),
            part: 8 << 20,
            only_new: true,
            check: true,
            place: Some(Place {
                endpoint: "http://h:9000/\n".to_owned(),
                region: "r 1".to_owned(),
                path_style: true,
                signed: true,
                login: Some(Place::hash_of("key")),
            }),
            object: None,
        }
    }

    #[test]
    fn those_of_earlier_versions_are_read() {
        let old = Journal { only_new: false, check: false, place: None, ..journal() };
        let text = old.write();
        assert!(text.lines().count() == 7 && Journal::read(&text) == Some(old), "{text}");
        let place = journal().place.map(|place| Place { login: None, ..place });
        let old = Journal { check: false, place, ..journal() };
        assert_eq!(Journal::read(&old.write()), Some(old));
    }

    #[test]
    fn what_is_added_later_comes_back_too_and_torn_it_is_not_there() {
        let (journal, object) = (journal(), "\"ab-2\"\ncrc=".to_owned());
        let full = Journal { object: Some(object), ..journal.clone() };
        let (text, first) = (full.write(), journal.write().len());
        assert_eq!(Journal::read(&text), Some(full));
        for end in first..text.len() {
            assert_eq!(Journal::read(&text[..end]).as_ref(), Some(&journal), "{end}");
        }
    }

    #[test]
    fn on_disk_it_is_added_as_often_as_need_be() {
        let dir = std::env::temp_dir().join(format!("cede-upload-journal-{}", std::process::id()));
        let Journal { source, url, .. } = journal();
        let mut kept = Kept::open(&dir, &source, &url).unwrap();
        kept.write(journal()).unwrap();
        for object in ["first", "second, which is longer", "3"] {
            kept.add_object(object.to_owned()).unwrap();
            let read = super::journals(&dir).unwrap();
            assert_eq!(read, [Journal { object: Some(object.to_owned()), ..journal() }]);
        }
        kept.journal = None;
        drop(kept);
        assert_eq!(super::journals(&dir).unwrap(), []);
        std::fs::remove_dir_all(dir).unwrap();
    }

    proptest! {
        #[test]
        fn a_damaged_one_is_none(at in 0_usize..300, byte: u8) {
            let text = journal().write();
            prop_assert_eq!(Journal::read(&text), Some(journal()));
            let mut bytes = text.clone().into_bytes();
            let at = at % bytes.len();
            prop_assume!(bytes[at] != byte);
            // The case of a digit of the sum does not matter.
            prop_assume!(!bytes[at].eq_ignore_ascii_case(&byte));
            bytes[at] = byte;
            if let Ok(damaged) = String::from_utf8(bytes) {
                prop_assert_eq!(Journal::read(&damaged), None);
            }
            prop_assert_eq!(Journal::read(&text[..at]), None);
        }
    }
}
