//! The head of an answer, reduced to what the plan decides by.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use hyper::header::{self, HeaderMap};

use crate::identity::{Identity, retry_after};

/// What a `Content-Range` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// There is none.
    Absent,
    /// There is one that makes no sense.
    Broken,
    /// These bytes of so many, if the server knows.
    Bytes(Range<u64>, Option<u64>),
    /// None could be sent; there are so many.
    Unsatisfied(u64),
}

/// Status and the headers that matter.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The number of bytes in the body, if it is told.
    pub length: Option<u64>,
    /// Where the body belongs.
    pub range: ContentRange,
    /// What version it is of.
    pub identity: Identity,
    /// When to come again.
    pub retry_after: Option<Duration>,
    /// Whether `Accept-Ranges` allows ranges, if it is there.
    pub accepts_ranges: Option<bool>,
}

impl Head {
    /// Reads the head; `now` is for a `Retry-After` that is a date.
    pub fn of(status: u16, headers: &HeaderMap, now: SystemTime) -> Self {
        let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok()).map(str::trim);
        let length = text(header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let range = match headers.get(header::CONTENT_RANGE) {
            None => ContentRange::Absent,
            Some(value) => value.to_str().ok().and_then(parse_range).unwrap_or(ContentRange::Broken),
        };
        let total = match (status, &range) {
            (206, ContentRange::Bytes(_, total)) => *total,
            (206, _) => None,
            (416, ContentRange::Unsatisfied(total)) => Some(*total),
            _ => length,
        };
        let accepts = text(header::ACCEPT_RANGES).map(|units| units.eq_ignore_ascii_case("bytes"));
        Self {
            status,
            length,
            range,
            identity: Identity::of(headers, total),
            retry_after: retry_after(headers, now),
            accepts_ranges: accepts,
        }
    }
}

fn parse_range(text: &str) -> Option<ContentRange> {
    let (unit, rest) = text.trim().split_once(' ')?;
    let (range, total) = rest.trim().split_once('/')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    if range == "*" {
        return Some(ContentRange::Unsatisfied(number(total)?));
    }
    let (first, last) = range.split_once('-')?;
    let (first, end) = (number(first)?, number(last)?.checked_add(1)?);
    let total = if total == "*" { None } else { Some(number(total)?) };
    (first < end && total.is_none_or(|total| end <= total)).then_some(ContentRange::Bytes(first..end, total))
}

#[cfg(test)]
mod tests {
    //! Ranges, right and wrong.

    use super::{ContentRange, parse_range};

    #[test]
    fn content_ranges() {
        assert_eq!(parse_range("bytes 0-9/10"), Some(ContentRange::Bytes(0..10, Some(10))));
        assert_eq!(parse_range("Bytes 5-9/*"), Some(ContentRange::Bytes(5..10, None)));
        assert_eq!(parse_range("bytes */10"), Some(ContentRange::Unsatisfied(10)));
        for wrong in [
            "",
            "bytes",
            "bytes 0-10/10",
            "bytes 9-5/10",
            "bytes */*",
            "lines 0-9/10",
            "bytes -1/10",
            "bytes 0-18446744073709551615/*",
            "bytes +1-2/3",
        ] {
            assert_eq!(parse_range(wrong), None, "{wrong}");
        }
    }
}
