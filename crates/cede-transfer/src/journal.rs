//! What survives a crash: an append-only file beside the `.part` that says which of its bytes are true, and of what version.
//!
//! # Format
//! A line of text that names the format, then records: length of the payload (`u32`, little-endian), CRC-32 of kind and payload, kind, payload. The first record
//! is the [`Subject`]; each later one lists extents that have reached the disk since. There are no updates in place, so a crash can only cut the end off, or leave
//! garbage there (file systems may extend a file before they write its data): reading stops at the first record that is not whole and right. A claim that is
//! lost costs some bytes; a claim that is false would cost the file.
//!
//! - J1: a record that claims bytes is written only after they were synced.
//! - J2: whatever prefix of a journal is read, everything in it is true.
//! - J3: the subject names the `.part` by device and inode, so that a journal cannot speak for a file that was put in its place.
//!
//! A third kind of record is the state of the running checksum after so many bytes from the beginning, all of which were claimed before (so J1 holds for it too). The next run reads these bytes again while it
//! fetches the rest, and sees by the state at once, and not only at the end, when they are not what they were. It does not go on from the state: a checksum that calls a file right has read all of it. Kinds
//! that are not known are skipped.

use std::ops::Range;

use crate::extents::Extents;
use crate::identity::Identity;
use crate::sum::Algorithm;

/// What every journal begins with.
pub const MAGIC: &[u8] = b"cede download journal 1\n";

const SUBJECT: u8 = 1;
const EXTENTS: u8 = 2;
const HASH: u8 = 3;
/// Longer records are garbage.
const LONGEST: usize = 1 << 20;

/// What a journal is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The URL that the user gave.
    pub url: String,
    /// The mirrors that the user gave.
    pub mirrors: Vec<String>,
    /// The version.
    pub identity: Identity,
    /// The checksum that the file has to have, as `ALG:HEX`.
    pub sum: Option<String>,
    /// Device and inode of the `.part`.
    pub file: (u64, u64),
}

/// A checksum in the making, after `at` bytes from the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hash {
    /// Of which kind.
    pub algorithm: Algorithm,
    /// How many bytes are in it.
    pub at: u64,
    /// As [`Hasher::state`](crate::sum::Hasher::state) gives it.
    pub state: Vec<u8>,
}

/// What a journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// What it is about.
    pub subject: Subject,
    /// Which bytes are on disk.
    pub extents: Extents,
    /// The latest state of the running checksum.
    pub hash: Option<Hash>,
    /// How many bytes of the journal were understood; the rest is to be cut off before anything is appended.
    pub valid: u64,
}

/// The beginning of a journal.
pub fn begin(subject: &Subject) -> Vec<u8> {
    let mut payload = Writer(Vec::new());
    payload.text(&subject.url);
    payload.number(subject.mirrors.len() as u64);
    subject.mirrors.iter().for_each(|mirror| payload.text(mirror));
    let identity = &subject.identity;
    payload.maybe(identity.tag.as_deref());
    payload.maybe(identity.modified.as_deref());
    payload.number(u64::from(identity.settled) | u64::from(identity.page) << 1);
    payload.number(identity.total.map_or(u64::MAX, |total| total));
    payload.maybe(identity.coding.as_deref());
    payload.maybe(subject.sum.as_deref());
    payload.number(subject.file.0);
    payload.number(subject.file.1);
    let mut bytes = MAGIC.to_vec();
    bytes.extend(record(SUBJECT, &payload.0));
    bytes
}

/// A record that claims the extents.
pub fn claim(extents: impl Iterator<Item = Range<u64>>) -> Vec<u8> {
    let mut payload = Writer(Vec::new());
    for extent in extents {
        payload.number(extent.start);
        payload.number(extent.end);
    }
    record(EXTENTS, &payload.0)
}

/// A record of the running checksum; every byte in it has to be claimed before.
pub fn hash(hash: &Hash) -> Vec<u8> {
    let mut payload = Writer(Vec::new());
    payload.text(hash.algorithm.name());
    payload.number(hash.at);
    payload.0.extend(&hash.state);
    record(HASH, &payload.0)
}

/// Reads as much as is true (J2). `None`: not even the subject is.
pub fn read(bytes: &[u8]) -> Option<Journal> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mut journal = Journal { subject: subject(next(&mut rest).filter(|(kind, _)| *kind == SUBJECT)?.1)?, ..Journal::default() };
    loop {
        journal.valid = (bytes.len() - rest.len()) as u64;
        let Some((kind, payload)) = next(&mut rest) else { return Some(journal) };
        if kind == HASH {
            journal.hash = running(payload).filter(|hash| journal.extents.contains(0..hash.at)).or(journal.hash);
        }
        if kind != EXTENTS {
            continue;
        }
        let mut numbers = Reader(payload);
        while let (Some(start), Some(end)) = (numbers.number(), numbers.number()) {
            if start < end && journal.subject.identity.total.is_none_or(|total| end <= total) {
                journal.extents.insert(start..end);
            }
        }
    }
}

fn running(payload: &[u8]) -> Option<Hash> {
    let mut reader = Reader(payload);
    let (algorithm, at) = (reader.text()?.parse().ok()?, reader.number()?);
    Some(Hash { algorithm, at, state: reader.0.to_vec() })
}

fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 9);
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(checksum(kind, payload).to_le_bytes());
    bytes.push(kind);
    bytes.extend(payload);
    bytes
}

/// The next whole and right record.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (length, after) = rest.split_first_chunk()?;
    let (sum, after) = after.split_first_chunk()?;
    let (kind, after) = after.split_first()?;
    let length = u32::from_le_bytes(*length) as usize;
    let payload = after.get(..length).filter(|_| length <= LONGEST)?;
    if checksum(*kind, payload) != u32::from_le_bytes(*sum) {
        return None;
    }
    *rest = &after[length..];
    Some((*kind, payload))
}

fn checksum(kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(&(payload.len() as u32).to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn subject(payload: &[u8]) -> Option<Subject> {
    let mut reader = Reader(payload);
    let url = reader.text()?;
    let count = reader.number()?;
    let mirrors = (0..count).map(|_| reader.text()).collect::<Option<_>>()?;
    let (tag, modified) = (reader.maybe()?, reader.maybe()?);
    let flags = reader.number()?;
    let total = Some(reader.number()?).filter(|total| *total < u64::MAX);
    let coding = reader.maybe()?;
    let identity = Identity { tag, modified, settled: flags & 1 != 0, page: flags & 2 != 0, total, coding };
    Some(Subject { url, mirrors, identity, sum: reader.maybe()?, file: (reader.number()?, reader.number()?) })
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn maybe(&mut self) -> Option<Option<String>> {
        let there = self.number()? != 0;
        let text = self.text()?;
        Some(there.then_some(text))
    }
}

#[cfg(test)]
mod tests;
