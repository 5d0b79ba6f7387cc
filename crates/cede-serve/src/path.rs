//! From the path of a URL to names below the root, once decoded, never twice.
//!
//! Whatever could lead elsewhere is refused here, before the file system is asked: `..`, a slash or a NUL that was hidden by `%`. Symbolic links are the
//! [`root`](crate::root)'s matter, because only opening can say where they lead.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The directory of uploads that are not complete; it is neither listed nor served.
pub(crate) const PRIVATE: &str = ".cede-upload";

/// What a URL can carry as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A place below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Relative; `.` is the root.
    pub(crate) path: PathBuf,
    /// The URL ends in a slash.
    pub(crate) is_dir: bool,
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It tries to leave the root, or is not a path.
    Bad,
    /// It is not for others.
    Private,
}

/// Decodes the path of a URL.
pub(crate) fn decode(path: &str) -> Result<Place, Refused> {
    let mut place = Place { path: PathBuf::new(), is_dir: path.ends_with('/') };
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let bytes: Vec<u8> = percent_decode_str(part).collect();
        if bytes == b".." || bytes == b"." || bytes.iter().any(|byte| matches!(byte, 0 | b'/')) {
            return Err(Refused::Bad);
        }
        if bytes == PRIVATE.as_bytes() {
            return Err(Refused::Private);
        }
        place.path.push(OsStr::from_bytes(&bytes));
    }
    if place.path.as_os_str().is_empty() {
        place.path.push(".");
    }
    Ok(place)
}

/// A name as a part of a URL.
pub(crate) fn encode(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}

/// The last part of a name that a client sent, if it can be a file's.
pub(crate) fn file_name(text: &str) -> Option<&str> {
    let name = text.rsplit(['/', '\\']).next()?.trim();
    let usable =
        !name.is_empty() && name != "." && name != ".." && name != PRIVATE && name.len() <= 255 && !name.contains(char::is_control);
    usable.then_some(name)
}

#[cfg(test)]
mod tests {
    //! What a hostile client may try.

    use std::path::Path;

    use proptest::prelude::*;

    use super::{Refused, decode, encode, file_name};

    #[test]
    fn nothing_leads_out() {
        for path in ["/..", "/a/../b", "/%2e%2e/x", "/%2E./x", "/a%2f..%2fb", "/a%00b", "/.", "/%2e"] {
            assert_eq!(decode(path), Err(Refused::Bad), "{path}");
        }
        assert_eq!(decode("/x/.cede-upload/y"), Err(Refused::Private));
        assert_eq!(decode("/%2ecede-upload"), Err(Refused::Private));
    }

    #[test]
    fn decoded_once() {
        assert_eq!(decode("/a%20b/%25").unwrap().path, Path::new("a b/%"));
        assert_eq!(decode("//a//").unwrap(), super::Place { path: "a".into(), is_dir: true });
        assert_eq!(decode("/").unwrap().path, Path::new("."));
    }

    #[test]
    fn names_of_clients() {
        let names = ["a.txt", "../../x", "C:\\dir\\y", "..", "", "a\nb", "z/"].map(file_name);
        assert_eq!(names, [Some("a.txt"), Some("x"), Some("y"), None, None, None, None]);
    }

    proptest! {
        #[test]
        fn what_is_decoded_stays_below(path in "(/|%2e|%2f|%5c|\\.|[a-z]|%00|%){0,20}") {
            if let Ok(place) = decode(&path) {
                prop_assert!(place.path.components().all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir)));
            }
        }

        #[test]
        fn encoded_names_come_back(name in "[^/\0]{1,20}") {
            prop_assume!(name != "." && name != "..");
            prop_assert_eq!(decode(&format!("/{}", encode(&name))).unwrap().path, Path::new(&name));
        }
    }
}
