//! Conditional requests, in the order that RFC 9110 (13.2.2) gives: pure.
//!
//! The tag of a file is made of its size, its modification time in nanoseconds and its inode, and is called strong. That is as true as the file system's clock is
//! fine: two writes in place within one of its ticks (a few milliseconds), of the same size, would share a tag. Files that are replaced by a rename never do.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use hyper::HeaderMap;
use hyper::header::{self, HeaderName};

/// What a version of a file is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    pub(crate) tag: Option<String>,
    /// To the second.
    pub(crate) modified: Option<SystemTime>,
}

/// What the conditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    NotModified,
    Failed,
}

impl Validators {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let tag = format!("\"{:x}-{:x}{:08x}-{:x}\"", metadata.len(), metadata.mtime(), metadata.mtime_nsec(), metadata.ino());
        let seconds = u64::try_from(metadata.mtime()).unwrap_or(0);
        Self { tag: Some(tag), modified: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)) }
    }
}

/// Judges a request for something that has these validators, or that does not exist.
pub(crate) fn judge(is_read: bool, headers: &HeaderMap, there: Option<&Validators>) -> Verdict {
    let tag = there.and_then(|there| there.tag.as_deref());
    let modified = there.and_then(|there| there.modified);
    if let Some(list) = text(headers, header::IF_MATCH) {
        let matched = if list == "*" { there.is_some() } else { tags(&list).any(|one| is_strong(one) && tag == Some(one)) };
        if !matched {
            return Verdict::Failed;
        }
    } else if let (Some(date), Some(modified)) = (date(headers, header::IF_UNMODIFIED_SINCE), modified)
        && modified > date
    {
        return Verdict::Failed;
    }
    if let Some(list) = text(headers, header::IF_NONE_MATCH) {
        let matched = if list == "*" { there.is_some() } else { tag.is_some_and(|tag| tags(&list).any(|one| opaque(one) == opaque(tag))) };
        return match (matched, is_read) {
            (false, _) => Verdict::Go,
            (true, true) => Verdict::NotModified,
            (true, false) => Verdict::Failed,
        };
    }
    match (date(headers, header::IF_MODIFIED_SINCE), modified) {
        (Some(date), Some(modified)) if is_read && modified <= date => Verdict::NotModified,
        _ => Verdict::Go,
    }
}

/// Whether a `Range` counts, as far as `If-Range` is concerned.
pub(crate) fn allows_range(headers: &HeaderMap, there: &Validators) -> bool {
    let Some(value) = text(headers, header::IF_RANGE) else { return true };
    if value.starts_with('"') || value.starts_with("W/") {
        return is_strong(&value) && there.tag.as_deref() == Some(value.as_str());
    }
    httpdate::parse_http_date(&value).is_ok_and(|date| there.modified == Some(date))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(",").trim().to_owned())
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

/// The tags of a list; a comma may be within one.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', ',', '\t']);
        let open = rest.find('"')?;
        let close = open + 1 + rest[open + 1..].find('"')?;
        let tag = &rest[..=close];
        rest = &rest[close + 1..];
        Some(tag)
    })
}

fn is_strong(tag: &str) -> bool {
    tag.starts_with('"')
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    //! The table of the standard.

    use std::time::{Duration, SystemTime};

    use hyper::HeaderMap;
    use hyper::header::{HeaderName, HeaderValue};

    use super::{Validators, Verdict, allows_range, judge};

    const BEFORE: &str = "Mon, 01 Jan 2024 09:00:00 GMT";
    const THEN: &str = "Mon, 01 Jan 2024 10:00:00 GMT";

    fn there() -> Validators {
        Validators { tag: Some("\"a,b\"".to_owned()), modified: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_103_200)) }
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let parse = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        pairs.iter().map(parse).collect()
    }

    #[test]
    fn the_table() {
        let cases = [
            (true, vec![], Verdict::Go),
            (true, vec![("if-none-match", "\"x\", W/\"a,b\"")], Verdict::NotModified),
            (false, vec![("if-none-match", "\"a,b\"")], Verdict::Failed),
            (true, vec![("if-none-match", "\"x\""), ("if-modified-since", THEN)], Verdict::Go),
            (true, vec![("if-modified-since", THEN)], Verdict::NotModified),
            (true, vec![("if-modified-since", BEFORE)], Verdict::Go),
            (false, vec![("if-modified-since", THEN)], Verdict::Go),
            (true, vec![("if-match", "\"a,b\"")], Verdict::Go),
            (true, vec![("if-match", "W/\"a,b\"")], Verdict::Failed),
            (true, vec![("if-match", "*")], Verdict::Go),
            (true, vec![("if-unmodified-since", BEFORE)], Verdict::Failed),
            (true, vec![("if-unmodified-since", THEN)], Verdict::Go),
            (true, vec![("if-unmodified-since", "nonsense")], Verdict::Go),
        ];
        for (is_read, pairs, expected) in cases {
            assert_eq!(judge(is_read, &headers(&pairs), Some(&there())), expected, "{pairs:?}");
        }
        assert_eq!(judge(false, &headers(&[("if-none-match", "*")]), None), Verdict::Go);
        assert_eq!(judge(false, &headers(&[("if-none-match", "*")]), Some(&there())), Verdict::Failed);
        assert_eq!(judge(false, &headers(&[("if-match", "*")]), None), Verdict::Failed);
    }

    #[test]
    fn if_range() {
        let allowed = |value: &str| allows_range(&headers(&[("if-range", value)]), &there());
        assert!(allowed("\"a,b\"") && allowed(THEN));
        assert!(!allowed("W/\"a,b\"") && !allowed("\"c\"") && !allowed(BEFORE) && !allowed("nonsense"));
    }
}
