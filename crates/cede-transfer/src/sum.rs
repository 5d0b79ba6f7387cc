//! Checksums: their names, their values, and where servers tell them.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use sha2::Digest;
use sha2::digest::common::hazmat::SerializableState;

use crate::units;

/// A way to make a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA-1; against damage, not against attackers.
    Sha1,
    /// MD5; against damage, not against attackers.
    Md5,
    /// BLAKE3.
    Blake3,
}

/// A checksum: `sha256:9f86d0…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    /// How it was made.
    pub algorithm: Algorithm,
    /// What came out.
    pub value: Vec<u8>,
}

/// A checksum in the making.
#[derive(Clone, Debug)]
pub enum Hasher {
    /// SHA-256.
    Sha256(sha2::Sha256),
    /// SHA-512.
    Sha512(sha2::Sha512),
    /// SHA-1.
    Sha1(sha1::Sha1),
    /// MD5.
    Md5(md5::Md5),
    /// BLAKE3.
    Blake3(Box<blake3::Hasher>),
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sha256, Self::Sha512, Self::Sha1, Self::Md5, Self::Blake3];

    /// As it is written before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
            Self::Blake3 => "blake3",
        }
    }

    /// As people write it in sentences.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
            Self::Sha1 => "SHA-1",
            Self::Md5 => "MD5",
            Self::Blake3 => "BLAKE3",
        }
    }

    fn size(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 32,
            Self::Sha512 => 64,
            Self::Sha1 => 20,
            Self::Md5 => 16,
        }
    }

    /// Begins a checksum.
    pub fn hasher(self) -> Hasher {
        match self {
            Self::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
            Self::Sha512 => Hasher::Sha512(sha2::Sha512::new()),
            Self::Sha1 => Hasher::Sha1(sha1::Sha1::new()),
            Self::Md5 => Hasher::Md5(md5::Md5::new()),
            Self::Blake3 => Hasher::Blake3(Box::default()),
        }
    }
}

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Blake3(hasher) => {
                hasher.update(bytes);
            }
        }
    }

    /// What another process needs to go on with it. `None`: BLAKE3's is a tree that its library does not hand out.
    pub fn state(&self) -> Option<Vec<u8>> {
        match self {
            Self::Sha256(hasher) => Some(hasher.serialize().to_vec()),
            Self::Sha512(hasher) => Some(hasher.serialize().to_vec()),
            Self::Sha1(hasher) => Some(hasher.serialize().to_vec()),
            Self::Md5(hasher) => Some(hasher.serialize().to_vec()),
            Self::Blake3(_) => None,
        }
    }

    /// The checksum of all bytes.
    pub fn finish(self) -> Sum {
        let (algorithm, value) = match self {
            Self::Sha256(hasher) => (Algorithm::Sha256, hasher.finalize().to_vec()),
            Self::Sha512(hasher) => (Algorithm::Sha512, hasher.finalize().to_vec()),
            Self::Sha1(hasher) => (Algorithm::Sha1, hasher.finalize().to_vec()),
            Self::Md5(hasher) => (Algorithm::Md5, hasher.finalize().to_vec()),
            Self::Blake3(hasher) => (Algorithm::Blake3, hasher.finalize().as_bytes().to_vec()),
        };
        Sum { algorithm, value }
    }
}

impl Sum {
    /// Only the digits.
    pub fn hex(&self) -> String {
        units::hex(&self.value)
    }

    fn of_base64(algorithm: Algorithm, text: &str) -> Option<Self> {
        let value = STANDARD.decode(text.trim()).ok()?;
        (value.len() == algorithm.size()).then_some(Self { algorithm, value })
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl FromStr for Algorithm {
    type Err = String;

    /// In either case; `sha-256` is as good as `sha256`.
    fn from_str(name: &str) -> Result<Self, String> {
        let plain = name.to_ascii_lowercase().replace('-', "");
        let known = Self::ALL.into_iter().find(|algorithm| algorithm.name() == plain);
        known.ok_or_else(|| format!("{name} is not a checksum that is known: sha256, sha512, sha1, md5, blake3"))
    }
}

impl FromStr for Sum {
    type Err = String;

    /// `ALG:HEX`, in either case; `sha-256` is as good as `sha256`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, digits) = text.split_once([':', '=']).ok_or("a checksum is written ALGORITHM:HEX, as in sha256:9f86d0…")?;
        let algorithm: Algorithm = name.parse()?;
        let value = units::unhex(digits).filter(|value| value.len() == algorithm.size());
        let value = value.ok_or_else(|| format!("the {} of a file has {} hexadecimal digits", algorithm.title(), algorithm.size() * 2))?;
        Ok(Self { algorithm, value })
    }
}

/// The checksum of the whole file that an answer tells. Of several, the strongest.
pub fn told_by(status: u16, headers: &HeaderMap) -> Option<Sum> {
    let mut found = Vec::new();
    let values = |name: &str| headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    for item in values("repr-digest").split(',') {
        let Some((name, value)) = item.trim().split_once('=') else { continue };
        let value = value.trim_matches(':');
        match name.trim().to_ascii_lowercase().as_str() {
            "sha-256" => found.push(Sum::of_base64(Algorithm::Sha256, value)),
            "sha-512" => found.push(Sum::of_base64(Algorithm::Sha512, value)),
            _ => {}
        }
    }
    found.push(Sum::of_base64(Algorithm::Sha256, &values("x-amz-checksum-sha256")));
    for item in values("x-goog-hash").split(',') {
        found.push(item.trim().strip_prefix("md5=").and_then(|value| Sum::of_base64(Algorithm::Md5, value)));
    }
    // Of a part it would be the part's.
    if status == 200 {
        found.push(Sum::of_base64(Algorithm::Md5, &values("content-md5")));
    }
    found.into_iter().flatten().min_by_key(|sum| Algorithm::ALL.iter().position(|known| *known == sum.algorithm))
}

/// The checksum for `name` in a file of `sha256sum`, or in one that holds nothing else.
pub fn in_list(text: &str, name: &str) -> Option<Sum> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let digits = |line: &str| format!("sha256:{}", line.split_whitespace().next().unwrap_or_default()).parse().ok();
    let named = lines().find(|line| line.split_whitespace().nth(1).is_some_and(|known| known.trim_start_matches(['*', '.', '/']) == name));
    named.or_else(|| lines().next().filter(|_| lines().count() == 1)).and_then(digits)
}

#[cfg(test)]
mod tests {
    //! Spellings, and the usual test vectors.

    use hyper::HeaderMap;

    use super::{Algorithm, Sum, in_list, told_by};

    const HELLO: &str = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

    #[test]
    fn known_values() {
        let of = |algorithm: Algorithm| {
            let mut hasher = algorithm.hasher();
            hasher.update(b"hello ");
            hasher.update(b"world");
            hasher.finish().to_string()
        };
        assert_eq!(of(Algorithm::Sha256), format!("sha256:{HELLO}"));
        assert_eq!(of(Algorithm::Sha1), "sha1:2aae6c35c94fcfb415dbe95f408b9ce91ee846ed");
        assert_eq!(of(Algorithm::Md5), "md5:5eb63bbbe01eeed093cb22bb8f5acdc3");
        assert_eq!(of(Algorithm::Blake3), "blake3:d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24");
        assert!(of(Algorithm::Sha512).starts_with("sha512:309ecc489c12d6eb4cc40f50c902f2b4"));
    }

    #[test]
    fn a_state_is_of_all_bytes_so_far() {
        for algorithm in Algorithm::ALL {
            let state = |bytes: &[u8]| {
                let mut hasher = algorithm.hasher();
                bytes.iter().for_each(|&byte| hasher.update(&[byte]));
                hasher.state()
            };
            assert_eq!(state(&[7; 1000]).is_some(), algorithm != Algorithm::Blake3);
            assert_eq!(state(&[7; 1000]), state(&[7; 1000]));
            let mut other = [7; 1000];
            other[3] = 8;
            assert!(state(&other).is_none_or(|other| Some(other) != state(&[7; 1000])));
        }
    }

    #[test]
    fn spellings() {
        let sum: Sum = format!("SHA-256:{}", HELLO.to_uppercase()).parse().unwrap();
        assert_eq!(sum.to_string(), format!("sha256:{HELLO}"));
        for wrong in ["", "sha256", "sha256:12", "crc32:12345678", "md5:zz"] {
            assert!(wrong.parse::<Sum>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers() {
        let told = |status, lines: &[(&'static str, &'static str)]| {
            let headers: HeaderMap = lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            told_by(status, &headers).map(|sum| sum.to_string())
        };
        let sha = ("repr-digest", "md5=:x:, sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:");
        let md5 = ("content-md5", "XrY7u+Ae7tCTyyK7j1rNww==");
        assert_eq!(told(206, &[sha, md5]), Some(format!("sha256:{HELLO}")));
        assert_eq!(told(200, &[md5]).as_deref(), Some("md5:5eb63bbbe01eeed093cb22bb8f5acdc3"));
        assert_eq!(told(206, &[md5]), None);
        assert_eq!(
            told(206, &[("x-goog-hash", "crc32c=AAAAAA==,md5=XrY7u+Ae7tCTyyK7j1rNww==")]).as_deref(),
            Some("md5:5eb63bbbe01eeed093cb22bb8f5acdc3")
        );
    }

    #[test]
    fn lists() {
        let sum = Some(format!("sha256:{HELLO}").parse().unwrap());
        assert_eq!(in_list(HELLO, "f"), sum);
        let list = format!("{}  other\n{HELLO} *f\n", HELLO.replace('b', "c"));
        assert_eq!(in_list(&list, "f"), sum);
        assert_eq!(in_list(&list, "g"), None);
        assert_eq!(in_list("<html>", "f"), None);
    }
}
