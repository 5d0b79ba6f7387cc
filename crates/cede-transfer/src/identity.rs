//! Which version of a resource some bytes belong to, and how sure one can be that two answers are about the same version.
//!
//! Bytes of two answers may stand in one file only if both answers are of one version. What servers say about that is of very different worth:
//!
//! | what both answers say | worth |
//! |---|---|
//! | the same strong `ETag` | proof, by definition |
//! | the same `Last-Modified`, at least a minute before the server's `Date` | proof (RFC 9110, 8.8.2.2: the file cannot have changed twice in the second that the date names) |
//! | the same weak `ETag`, a younger date, or only the same size | a hint; bytes have to be compared too |
//! | a different tag, date, size or content coding | another version |
//!
//! Some servers make a new tag for each answer (tokens, several machines behind one name). That is recognized only after three different tags with one proven date
//! and one size; from then on tags are ignored. Before, a new tag is a new version, because most often it is.

use std::time::{Duration, SystemTime};

use hyper::header::{self, HeaderMap};

/// How much older than the answer a date must be to prove anything.
const SETTLED: Duration = Duration::from_secs(60);

/// What a web page's type begins with.
const PAGE: &str = "text/html";

/// What an answer says about the version that it is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The `ETag`, as sent, weak ones with their `W/`.
    pub tag: Option<String>,
    /// The `Last-Modified`, as sent.
    pub modified: Option<String>,
    /// Whether `modified` is old enough to prove something.
    pub settled: bool,
    /// The size of the whole resource.
    pub total: Option<u64>,
    /// A `Content-Encoding` other than `identity`.
    pub coding: Option<String>,
    /// Whether the content is said to be a web page.
    pub page: bool,
}

/// How two answers belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// They are of one version.
    Proven,
    /// Nothing speaks against it.
    Likely,
    /// They are of two versions.
    Different,
    /// Only the tags differ; size and proven date are the same.
    OnlyTag,
}

impl Identity {
    /// Reads the validators; the total comes from elsewhere, because it depends on the status.
    pub fn of(headers: &HeaderMap, total: Option<u64>) -> Self {
        let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok()).map(str::trim);
        let date = |text: Option<&str>| text.and_then(|text| httpdate::parse_http_date(text).ok());
        let (modified, now) = (text(header::LAST_MODIFIED), date(text(header::DATE)));
        let modified_at = date(modified);
        let settled = match (modified_at, now) {
            (Some(modified), Some(now)) => now.duration_since(modified).is_ok_and(|age| age >= SETTLED),
            _ => false,
        };
        let is_page = |kind: &str| kind.get(..PAGE.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(PAGE));
        let coding = text(header::CONTENT_ENCODING).filter(|coding| !coding.eq_ignore_ascii_case("identity") && !coding.is_empty());
        Self {
            tag: text(header::ETAG).filter(|tag| is_tag(tag)).map(str::to_owned),
            modified: modified.filter(|_| modified_at.is_some()).map(str::to_owned),
            settled,
            total,
            coding: coding.map(str::to_owned),
            page: text(header::CONTENT_TYPE).is_some_and(is_page),
        }
    }

    /// The tag, if it proves identity byte for byte.
    pub fn strong_tag(&self) -> Option<&str> {
        self.tag.as_deref().filter(|tag| !tag.starts_with("W/"))
    }

    /// The date, if it proves identity.
    pub fn proven_date(&self) -> Option<&str> {
        self.modified.as_deref().filter(|_| self.settled)
    }

    /// Whether another answer could be proven to be of this version.
    pub fn is_provable(&self, ignore_tags: bool) -> bool {
        (!ignore_tags && self.strong_tag().is_some()) || self.proven_date().is_some()
    }

    /// How the answer with `other` belongs to this one.
    pub fn compare(&self, other: &Self, ignore_tags: bool) -> Sameness {
        let differ = |a: &Option<String>, b: &Option<String>| a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| a != b);
        if self.coding != other.coding || self.total.zip(other.total).is_some_and(|(a, b)| a != b) {
            return Sameness::Different;
        }
        let same_date = self.proven_date().is_some() && self.proven_date() == other.proven_date();
        if !ignore_tags && differ(&self.tag, &other.tag) {
            return if same_date && self.total.is_some() && self.total == other.total { Sameness::OnlyTag } else { Sameness::Different };
        }
        if differ(&self.modified, &other.modified) {
            return Sameness::Different;
        }
        if same_date || (!ignore_tags && self.strong_tag().is_some() && self.strong_tag() == other.strong_tag()) {
            return Sameness::Proven;
        }
        Sameness::Likely
    }
}

fn is_tag(tag: &str) -> bool {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"')
}

/// Reads `Retry-After`: seconds, or a date.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    //! What proves what.

    use std::time::{Duration, SystemTime};

    use hyper::header::{HeaderMap, HeaderName, HeaderValue};

    use super::{Identity, Sameness, retry_after};

    const OLD: &str = "Last-Modified: Tue, 01 Jan 2030 10:00:00 GMT";
    const NOW: &str = "Date: Tue, 01 Jan 2030 12:00:00 GMT";

    fn headers(lines: &[&str]) -> HeaderMap {
        let pair = |line: &&str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        };
        lines.iter().map(pair).collect()
    }

    fn identity(lines: &[&str]) -> Identity {
        Identity::of(&headers(lines), Some(10))
    }

    #[test]
    fn proofs_and_hints() {
        let compare = |a: &[&str], b: &[&str]| identity(a).compare(&identity(b), false);
        assert_eq!(compare(&["ETag: \"a\""], &["ETag: \"a\""]), Sameness::Proven);
        assert_eq!(compare(&["ETag: W/\"a\""], &["ETag: W/\"a\""]), Sameness::Likely);
        assert_eq!(compare(&["ETag: W/\"a\"", OLD, NOW], &["ETag: W/\"a\"", OLD, NOW]), Sameness::Proven);
        assert_eq!(compare(&["ETag: \"a\""], &["ETag: \"b\""]), Sameness::Different);
        assert_eq!(compare(&["ETag: \"a\"", OLD, NOW], &["ETag: \"b\"", OLD, NOW]), Sameness::OnlyTag);
        assert_eq!(compare(&[OLD, NOW], &[OLD, NOW]), Sameness::Proven);
        assert_eq!(compare(&[OLD], &[OLD]), Sameness::Likely);
        let young = ["Last-Modified: Tue, 01 Jan 2030 11:59:30 GMT", NOW];
        assert_eq!(compare(&young, &young), Sameness::Likely);
        assert_eq!(compare(&young, &[OLD, NOW]), Sameness::Different);
        assert_eq!(compare(&["ETag: \"a\""], &["ETag: \"a\"", "Content-Encoding: gzip"]), Sameness::Different);
        assert_eq!(compare(&["ETag: \"a\""], &[]), Sameness::Likely);
        assert_eq!(compare(&["ETag: unquoted"], &["ETag: other"]), Sameness::Likely);
        let mut longer = identity(&["ETag: \"a\""]);
        longer.total = Some(11);
        assert_eq!(identity(&["ETag: \"a\""]).compare(&longer, false), Sameness::Different);
        assert_eq!(identity(&["ETag: \"a\"", OLD, NOW]).compare(&identity(&["ETag: \"b\"", OLD, NOW]), true), Sameness::Proven);
    }

    #[test]
    fn when_to_come_again() {
        let now = httpdate::parse_http_date("Tue, 01 Jan 2030 12:00:00 GMT").unwrap();
        let after = |text: &str| retry_after(&headers(&[&format!("Retry-After: {text}")]), now);
        assert_eq!(after("2"), Some(Duration::from_secs(2)));
        assert_eq!(after("Tue, 01 Jan 2030 12:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(after("Tue, 01 Jan 2030 11:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!([after("soon"), after("-1"), after("")], [None; 3]);
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }
}
