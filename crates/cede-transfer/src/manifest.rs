//! What a file has to be, piece by piece: read from a list of our own or from a [Metalink](metalink), so that damage can be found and mended without fetching the rest.
//!
//! # The list, `FILE.pieces`
//! Lines of UTF-8. The first names the format; then a key and a value on each, in any order; then an empty line; then the checksum of each piece in hexadecimal:
//! ```text
//! cede pieces 1
//! name image.iso
//! size 10485761
//! piece 1048576
//! algorithm sha256
//! whole sha256:9f86d0…
//! url https://example.com/image.iso
//!
//! 5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9
//! …
//! ```
//! `name`, `whole` and `url` may be missing, `url` may come more than once. Unknown keys are passed over, so that later versions can say more. JSON was the other
//! choice; a million checksums in lines can be made and compared with the tools that every system has.
//!
//! - I1: the pieces cover the size exactly: there are as many checksums as pieces, the last of which may be short. A manifest that says otherwise is refused whole.
//! - I2: a name is one that [`name::safe`] gave back; a manifest comes from strangers.

pub mod metalink;

use std::fmt::Write;
use std::ops::Range;
use std::path::Path;

use url::Url;

use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::name;
use crate::sum::{Algorithm, Sum};
use crate::units;

/// What the list begins with.
pub const MAGIC: &str = "cede pieces 1";
/// The end of the name of a list beside its file.
pub const SUFFIX: &str = ".pieces";
/// A longer manifest is refused: it is read into memory.
pub const LONGEST: u64 = 256 << 20;
/// A larger piece is refused: one is held in memory until it is known to be right.
pub const LARGEST: u64 = 256 << 20;

/// What a file has to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Its name; safe, but with directories below the user's if the manifest has some.
    pub name: Option<String>,
    /// Its size.
    pub size: Option<u64>,
    /// Checksums of the whole, the strongest first.
    pub sums: Vec<Sum>,
    /// Checksums of its pieces.
    pub pieces: Option<Pieces>,
    /// Where it is, the best first.
    pub urls: Vec<Url>,
}

/// The checksums of the pieces of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// The size of the file.
    pub size: u64,
    /// The size of each piece but the last.
    pub piece: u64,
    /// How the checksums were made.
    pub algorithm: Algorithm,
    /// One for each piece.
    pub values: Vec<Vec<u8>>,
}

impl Pieces {
    /// Checks that the numbers belong together (I1).
    ///
    /// # Errors
    /// What does not fit.
    pub fn new(size: u64, piece: u64, algorithm: Algorithm, values: Vec<Vec<u8>>) -> Result<Self, String> {
        if piece == 0 || piece > LARGEST {
            return Err(format!("pieces of {piece} bytes; they have 1 to {LARGEST}"));
        }
        let wanted = size.div_ceil(piece);
        if wanted != values.len() as u64 {
            return Err(format!("{size} bytes are {wanted} pieces of {piece}, but there are {} checksums", values.len()));
        }
        let digits = algorithm.hasher().finish().value.len();
        if let Some(wrong) = values.iter().position(|value| value.len() != digits) {
            return Err(format!("the checksum of piece {wrong} is not a {}", algorithm.title()));
        }
        Ok(Self { size, piece, algorithm, values })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Where a piece is in the file.
    ///
    /// # Panics
    /// If there is no such piece.
    #[track_caller]
    pub fn range(&self, index: usize) -> Range<u64> {
        assert!(index < self.count(), "there are {} pieces, and none of number {index}", self.count());
        let start = index as u64 * self.piece;
        start..self.size.min(start + self.piece)
    }

    /// Whether these are the bytes of the piece.
    pub fn is_right(&self, index: usize, bytes: &[u8]) -> bool {
        let mut hasher = self.algorithm.hasher();
        hasher.update(bytes);
        self.values.get(index).is_some_and(|value| *value == hasher.finish().value)
    }
}

impl Manifest {
    /// Reads a list of pieces.
    ///
    /// # Errors
    /// Which line is wrong, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().enumerate();
        if lines.next().map(|(_, line)| line.trim_end()) != Some(MAGIC) {
            return Err(format!("it does not begin with {MAGIC:?}"));
        }
        let mut manifest = Self::default();
        let (mut piece, mut algorithm) = (None, None);
        for (number, line) in lines.by_ref() {
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let wrong = |why: String| format!("line {}: {why}", number + 1);
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            let count = || value.parse::<u64>().map_err(|_| wrong(format!("{} is not a number", printable(value))));
            match key {
                "name" => manifest.name = safe_path(value),
                "size" => manifest.size = Some(count()?),
                "piece" => piece = Some(count()?),
                "algorithm" => algorithm = Some(value.parse::<Algorithm>().map_err(wrong)?),
                "whole" => manifest.sums.push(value.parse().map_err(wrong)?),
                "url" => manifest.urls.push(web(value).ok_or_else(|| wrong("this is not an http or https URL".to_owned()))?),
                _ => {}
            }
        }
        let values: Vec<_> = lines
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(number, line)| units::unhex(line.trim()).ok_or_else(|| format!("line {}: this is not hexadecimal", number + 1)))
            .collect::<Result<_, _>>()?;
        let size = manifest.size.ok_or("it names no size")?;
        let (piece, algorithm) = (piece.ok_or("it names no size of the pieces")?, algorithm.ok_or("it names no algorithm")?);
        manifest.pieces = Some(Pieces::new(size, piece, algorithm, values)?);
        sort(&mut manifest.sums);
        Ok(manifest)
    }

    /// The list of pieces. `None`: there are none.
    pub fn to_text(&self) -> Option<String> {
        let pieces = self.pieces.as_ref()?;
        let mut text = format!("{MAGIC}\n");
        let mut line = |key: &str, value: &dyn std::fmt::Display| writeln!(text, "{key} {value}").unwrap_or_default();
        self.name.iter().for_each(|name| line("name", name));
        line("size", &pieces.size);
        line("piece", &pieces.piece);
        line("algorithm", &pieces.algorithm.name());
        self.sums.iter().for_each(|sum| line("whole", sum));
        self.urls.iter().for_each(|url| line("url", url));
        text.push('\n');
        for value in &pieces.values {
            text.push_str(&units::hex(value));
            text.push('\n');
        }
        Some(text)
    }

    /// The strongest checksum of the whole.
    pub fn sum(&self) -> Option<&Sum> {
        self.sums.first()
    }

    /// Whether it says anything that a content could contradict.
    pub fn is_proof(&self) -> bool {
        !self.sums.is_empty() || self.pieces.is_some()
    }
}

/// Reads a manifest of either kind; it may be about several files.
///
/// # Errors
/// It cannot be read, or is none.
pub fn load(path: &Path) -> Result<Vec<Manifest>, Failure> {
    let could_not = |error| Failure::of_file("read", path, &error);
    if std::fs::metadata(path).map_err(could_not)?.len() > LONGEST {
        return Err(Failure::new(Exit::Usage, format!("{} is too long for a manifest", printable(&path.to_string_lossy()))));
    }
    let bytes = std::fs::read(path).map_err(could_not)?;
    read(&bytes).map_err(|why| {
        let shown = printable(&path.to_string_lossy());
        Failure::new(Exit::Usage, format!("{shown} is not a manifest: {why}"))
            .help("cede sum --pieces SIZE FILE makes one; Metalink 4 is understood too")
    })
}

/// Reads a manifest of either kind from memory.
///
/// # Errors
/// Why it is none.
pub fn read(bytes: &[u8]) -> Result<Vec<Manifest>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('<') { metalink::parse(text) } else { Manifest::parse(text).map(|manifest| vec![manifest]) }
}

/// The strongest first. The order of [`Algorithm::ALL`] is by use, so it is not enough.
fn sort(sums: &mut [Sum]) {
    let strength = |sum: &Sum| match sum.algorithm {
        Algorithm::Sha256 => 0,
        Algorithm::Blake3 => 1,
        Algorithm::Sha512 => 2,
        Algorithm::Sha1 => 3,
        Algorithm::Md5 => 4,
    };
    sums.sort_by_key(strength);
}

/// A URL that can be downloaded.
fn web(text: &str) -> Option<Url> {
    Url::parse(text.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none())
}

/// A path whose every part is safe (I2). `None`: nothing is left of it.
fn safe_path(path: &str) -> Option<String> {
    let parts: Vec<String> = path.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | "..")).filter_map(name::safe).collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests;
