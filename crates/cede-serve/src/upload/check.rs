//! Checksums that a client tells.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// What the bytes have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    algorithm: &'static str,
    digest: Vec<u8>,
}

/// The algorithms of the checksum extension of tus.
pub(super) const TUS: &str = "sha1,sha256,md5";

/// Sums of some bytes: those that somebody wants to know.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
}

impl Sums {
    pub(super) fn of(expected: &[Expected]) -> Self {
        let wants = |name: &str| expected.iter().any(|expected| expected.algorithm == name);
        Self {
            md5: wants("md5").then(Md5::new),
            sha1: wants("sha1").then(Sha1::new),
            sha256: wants("sha256").then(Sha256::new),
            sha512: wants("sha512").then(Sha512::new),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.md5.iter_mut().for_each(|sum| sum.update(bytes));
        self.sha1.iter_mut().for_each(|sum| sum.update(bytes));
        self.sha256.iter_mut().for_each(|sum| sum.update(bytes));
        self.sha512.iter_mut().for_each(|sum| sum.update(bytes));
    }

    /// The first that is not as expected.
    pub(super) fn mismatch(self, expected: &[Expected]) -> Option<&'static str> {
        let Self { md5, sha1, sha256, sha512 } = self;
        let sums = [
            ("md5", md5.map(|sum| sum.finalize().to_vec())),
            ("sha1", sha1.map(|sum| sum.finalize().to_vec())),
            ("sha256", sha256.map(|sum| sum.finalize().to_vec())),
            ("sha512", sha512.map(|sum| sum.finalize().to_vec())),
        ];
        let is = |one: &Expected| sums.iter().any(|(name, sum)| *name == one.algorithm && sum.as_deref() == Some(&one.digest[..]));
        expected.iter().find(|one| !is(one)).map(|one| one.algorithm)
    }
}

/// What the headers of an upload tell about its whole. `Err` names a header that makes no sense.
pub(super) fn of_headers(headers: &HeaderMap) -> Result<Vec<Expected>, &'static str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mut expected = Vec::new();
    for (name, algorithm) in [("content-md5", "md5"), ("x-amz-checksum-sha256", "sha256"), ("x-amz-checksum-sha1", "sha1")] {
        if let Some(value) = text(name) {
            expected.push(Expected { algorithm, digest: STANDARD.decode(value).map_err(|_| algorithm)? });
        }
    }
    for name in ["repr-digest", "content-digest"] {
        for item in text(name).unwrap_or_default().split(',') {
            let Some((key, value)) = item.trim().split_once('=') else { continue };
            let Some(algorithm) = known(&key.replace('-', "")) else { continue };
            let digest = value.strip_prefix(':').and_then(|value| value.strip_suffix(':')).and_then(|value| STANDARD.decode(value).ok());
            expected.push(Expected { algorithm, digest: digest.ok_or(algorithm)? });
        }
    }
    Ok(expected)
}

/// What `Upload-Checksum` tells. `Err`: this is not understood.
pub(super) fn of_tus(value: &str) -> Result<Expected, ()> {
    let (name, digest) = value.split_once(' ').ok_or(())?;
    let algorithm = known(name).ok_or(())?;
    Ok(Expected { algorithm, digest: STANDARD.decode(digest.trim()).map_err(|_| ())? })
}

fn known(name: &str) -> Option<&'static str> {
    ["md5", "sha1", "sha256", "sha512"].into_iter().find(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    //! Sums of "abc", as the standards print them.

    use hyper::HeaderMap;
    use hyper::header::{HeaderName, HeaderValue};

    use super::{Sums, of_headers, of_tus};

    #[test]
    fn headers() {
        let told = [
            ("content-md5", "kAFQmDzST7DWlj99KOF/cg=="),
            ("repr-digest", "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:, unknown=:eA==:"),
        ];
        let headers: HeaderMap =
            told.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        let expected = of_headers(&headers).unwrap();
        assert_eq!(expected.len(), 2);
        for (text, result) in [("abc", None), ("abd", Some("md5"))] {
            let mut sums = Sums::of(&expected);
            text.as_bytes().chunks(2).for_each(|chunk| sums.update(chunk));
            assert_eq!(sums.mismatch(&expected), result);
        }
        assert!(of_headers(&HeaderMap::from_iter([(HeaderName::from_static("content-md5"), HeaderValue::from_static("?"))])).is_err());
    }

    #[test]
    fn tus() {
        let expected = [of_tus("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=").unwrap()];
        let mut sums = Sums::of(&expected);
        sums.update(b"abc");
        assert_eq!(sums.mismatch(&expected), None);
        assert!(of_tus("crc32 AAAA").is_err() && of_tus("sha1").is_err());
    }
}
