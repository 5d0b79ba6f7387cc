//! What a stream is, and what is in it.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::place::{Place, broken, scratch};
use super::{Arrived, Extracted, Limits};
use crate::exit::Exit;
use crate::failure::{Failure, printable};

/// A block of a tar archive, by which it is known.
const BLOCK: usize = 512;
/// A target of a link is not longer.
const LONGEST_TARGET: u64 = 4096;
/// All headers of one tar entry, with its long names and attributes, are not longer.
const HEADERS: u64 = 1 << 20;
/// What the decoder of xz may take.
const XZ_MEMORY: u64 = 512 << 20;

/// Unpacks a stream into an empty directory, and reads it to its end.
pub(super) fn unpack(arrived: Arrived, root: &Path, hint: &str, limits: Limits) -> Result<Extracted, Failure> {
    let mut place = Place::new(root, limits, Arc::clone(&arrived.count));
    let mut raw = BufReader::with_capacity(256 * 1024, Full(arrived));
    let magic = peek(&mut raw, 6)?;
    let is = |mark: &[u8]| magic.starts_with(mark);
    if is(b"PK\x03\x04") || is(b"PK\x05\x06") {
        unzip(&mut raw, root, &mut place)?;
    } else if is(&[0x1f, 0x8b]) {
        packed(flate2::bufread::MultiGzDecoder::new(&mut raw), hint, &[".gz", ".tgz"], &mut place)?;
    } else if is(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = zstd::stream::read::Decoder::with_buffer(&mut raw).map_err(|error| broken(&error))?;
        packed(decoder, hint, &[".zst", ".tzst"], &mut place)?;
    } else if is(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED);
        let stream = stream.map_err(|error| broken(&error.into()))?;
        packed(liblzma::bufread::XzDecoder::new_stream(&mut raw, stream), hint, &[".xz", ".txz"], &mut place)?;
    } else if is(b"BZh") {
        packed(bzip2::bufread::MultiBzDecoder::new(&mut raw), hint, &[".bz2", ".tbz2"], &mut place)?;
    } else {
        let block = peek(&mut raw, BLOCK)?;
        if !is_tar(&block) {
            let what = "this is no archive that is known: tar, zip, gzip, zstd, xz, bzip2";
            return Err(Failure::new(Exit::Files, what).help("download it without --extract to look at it"));
        }
        untar(&mut raw, &mut place)?;
    }
    // The download counts as passed on only when all of it was read.
    io::copy(&mut raw, &mut io::sink()).map_err(|error| broken(&error))?;
    Ok(place.extracted())
}

/// The first bytes, which stay where they are. Fewer, if there are no more.
fn peek(reader: &mut BufReader<impl Read>, count: usize) -> Result<Vec<u8>, Failure> {
    let found = reader.fill_buf().map_err(|error| broken(&error))?;
    Ok(found[..found.len().min(count)].to_vec())
}

/// Whether the block is a header of a tar archive: its checksum is that of its bytes.
fn is_tar(block: &[u8]) -> bool {
    let Some(digits) = block.get(148..156).filter(|_| block.len() == BLOCK) else { return false };
    let text = String::from_utf8_lossy(digits);
    let stated = u64::from_str_radix(text.trim_matches([' ', '\0']), 8);
    let sum: u64 = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) }).sum();
    stated == Ok(sum)
}

/// What is in a packed stream: a tar archive, or one file.
fn packed(decoder: impl Read, hint: &str, endings: &[&str], place: &mut Place) -> Result<(), Failure> {
    let mut plain = BufReader::with_capacity(256 * 1024, Full(decoder));
    let block = peek(&mut plain, BLOCK)?;
    // Two blocks of zeros are an archive of nothing.
    let is_empty_tar = hint.contains(".tar") && block.len() == BLOCK && block.iter().all(|byte| *byte == 0);
    if is_tar(&block) || is_empty_tar {
        untar(&mut plain, place)?;
    } else {
        let name = endings.iter().find_map(|ending| hint.strip_suffix(ending)).filter(|name| !name.is_empty()).unwrap_or("content");
        place.file(Path::new(name), false, &mut plain)?;
    }
    // To the end, so that its checksum is compared, with a limit on what comes after an archive: padding.
    let mut rest = plain.take(super::FREE);
    let count = io::copy(&mut rest, &mut io::sink()).map_err(|error| broken(&error))?;
    if count == super::FREE { Err(Failure::new(Exit::Files, "the archive is followed by something else")) } else { Ok(()) }
}

/// Fills as much of a buffer as there is, so that a block is seen at once.
struct Full<R>(R);

impl<R: Read> Read for Full<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut count = 0;
        while count < buffer.len().min(BLOCK) {
            match self.0.read(&mut buffer[count..]) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }
}

/// Ends when more is read than is allowed at the moment: names and headers are kept in memory by who reads them, so they must not be long.
struct Meter<'a, R> {
    reader: R,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Meter<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.left.get()).unwrap_or(usize::MAX));
        if room == 0 && !buffer.is_empty() {
            return Err(io::Error::other("an entry's name and attributes are too long"));
        }
        let count = self.reader.read(&mut buffer[..room])?;
        self.left.set(self.left.get().saturating_sub(count as u64));
        Ok(count)
    }
}

fn untar(reader: &mut impl Read, place: &mut Place) -> Result<(), Failure> {
    use tar::EntryType;
    let left = Cell::new(HEADERS);
    let mut archive = tar::Archive::new(Meter { reader, left: &left });
    let mut entries = archive.entries().map_err(|error| broken(&error))?;
    loop {
        left.set(HEADERS);
        let Some(entry) = entries.next() else { return Ok(()) };
        let entry = entry.map_err(|error| broken(&error))?;
        // What is in a file is counted where it is written.
        left.set(u64::MAX);
        let name = entry.path().map_err(|error| broken(&error))?.into_owned();
        let kind = entry.header().entry_type();
        let target = || -> Result<PathBuf, Failure> {
            let target = entry.link_name().map_err(|error| broken(&error))?;
            target.map(std::borrow::Cow::into_owned).ok_or_else(|| Failure::new(Exit::Files, "a link in the archive leads nowhere"))
        };
        match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                // Old archives know no other mark of a directory.
                if name.as_os_str().as_encoded_bytes().ends_with(b"/") {
                    place.directory(&name)?;
                    continue;
                }
                let runs = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
                place.file(&name, runs, entry)?;
            }
            EntryType::Directory => place.directory(&name)?,
            EntryType::Symlink => place.link(&name, &target()?)?,
            EntryType::Link => place.hard_link(&name, &target()?)?,
            EntryType::XGlobalHeader | EntryType::XHeader | EntryType::GNULongName | EntryType::GNULongLink => {}
            _ => {
                let what = format!("{} is a device or something else that is no file", printable(&name.to_string_lossy()));
                return Err(Failure::new(Exit::Files, what).help("nothing of this archive is unpacked"));
            }
        }
    }
}

/// A zip archive has its table at the end, so it is kept until it is whole.
fn unzip(reader: &mut impl Read, root: &Path, place: &mut Place) -> Result<(), Failure> {
    let mut file = scratch(root)?;
    io::copy(reader, &mut file).map_err(|error| Failure::of_file("write", root, &error))?;
    file.rewind().map_err(|error| Failure::of_file("read", root, &error))?;
    let wrong = |error: zip::result::ZipError| broken(&io::Error::other(error));
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(wrong)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(wrong)?;
        let text = entry.name().map_err(wrong)?.into_owned();
        let name = PathBuf::from(&text);
        if text.contains(['\\', '\0']) {
            let what = format!("an entry is called {}", printable(&text));
            return Err(Failure::new(Exit::Files, what).help("nothing of this archive is unpacked"));
        }
        if entry.is_dir() {
            place.directory(&name)?;
        } else if entry.is_symlink() {
            let mut target = String::new();
            let read = (&mut entry).take(LONGEST_TARGET).read_to_string(&mut target);
            read.map_err(|error| broken(&error))?;
            place.link(&name, Path::new(&target))?;
        } else {
            let runs = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
            place.file(&name, runs, &mut entry)?;
        }
    }
    Ok(())
}
