//! Packing text on the way, for those who understand it.

use std::fmt;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::HeaderMap;
use hyper::header::ACCEPT_ENCODING;

/// Smaller answers are not worth it.
pub(crate) const LEAST: u64 = 512;
/// Fast, because it happens each time.
const ZSTD_LEVEL: i32 = 3;

/// A way to pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Zstd,
}

impl Coding {
    /// The best that the client accepts.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let accepted: Vec<String> = lines.flat_map(|line| line.split(',')).filter_map(wanted).collect();
        let has = |name: &str| accepted.iter().any(|known| known == name);
        if has("zstd") {
            return Some(Self::Zstd);
        }
        (has("gzip") || has("x-gzip")).then_some(Self::Gzip)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The name, unless its weight is 0.
fn wanted(item: &str) -> Option<String> {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
    (weight > 0.0).then_some(name)
}

/// Something being packed.
pub(crate) enum Packer {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "Packer::Gzip",
            Self::Zstd(_) => "Packer::Zstd",
        })
    }
}

impl Packer {
    pub(crate) fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Coding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
        })
    }

    /// Packs more, and takes what came out; that may be nothing yet.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(packer) => packer.write_all(bytes).map(|()| std::mem::take(packer.get_mut())),
            Self::Zstd(packer) => packer.write_all(bytes).map(|()| std::mem::take(packer.get_mut())),
        }
    }

    /// The rest.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(packer) => packer.finish(),
            Self::Zstd(packer) => packer.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    //! What clients say, and that it comes out as it went in.

    use std::io::Read;

    use hyper::HeaderMap;
    use hyper::header::ACCEPT_ENCODING;

    use super::{Coding, Packer};

    #[test]
    fn accepted() {
        let accepted = |value: &str| Coding::accepted(&HeaderMap::from_iter([(ACCEPT_ENCODING, value.parse().unwrap())]));
        assert_eq!(accepted("gzip, deflate, br"), Some(Coding::Gzip));
        assert_eq!(accepted("GZIP;q=0.5, zstd"), Some(Coding::Zstd));
        assert_eq!(accepted("gzip;q=0, identity"), None);
        assert_eq!(Coding::accepted(&HeaderMap::new()), None);
    }

    #[test]
    fn there_and_back() {
        let text = "all work and no play ".repeat(5000);
        for coding in [Coding::Gzip, Coding::Zstd] {
            let mut packer = Packer::new(coding).unwrap();
            let mut packed = Vec::new();
            for chunk in text.as_bytes().chunks(777) {
                packed.extend(packer.push(chunk).unwrap());
            }
            packed.extend(packer.finish().unwrap());
            let mut back = String::new();
            match coding {
                Coding::Gzip => flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut back).unwrap(),
                Coding::Zstd => zstd::stream::read::Decoder::new(&packed[..]).unwrap().read_to_string(&mut back).unwrap(),
            };
            assert!(back == text && packed.len() * 20 < text.len());
        }
    }
}
