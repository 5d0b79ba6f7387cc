//! The `Range` header: pure.

use std::ops::Range;

/// What of a file is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: no range was asked for, or the header makes no sense, or asks for more than the whole.
    Whole,
    /// These, in the order in which they were asked for; at least one.
    Parts(Vec<Range<u64>>),
    /// Something that is not there.
    Nothing,
}

/// More parts than this are an attack, or a client that should ask for the whole.
const MOST: usize = 64;

/// Reads the header for a file of this size.
pub(crate) fn parse(value: &str, size: u64) -> Wanted {
    let Some(list) = value.trim().strip_prefix("bytes=") else { return Wanted::Whole };
    let mut parts = Vec::new();
    for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        match part(text, size) {
            Ok(part) => parts.extend(part),
            Err(()) => return Wanted::Whole,
        }
    }
    let sum: u64 = parts.iter().map(|part: &Range<u64>| part.end - part.start).fold(0, u64::saturating_add);
    match parts.len() {
        0 if list.trim().is_empty() => Wanted::Whole,
        0 => Wanted::Nothing,
        count if count > MOST || sum > size => Wanted::Whole,
        _ => Wanted::Parts(parts),
    }
}

/// One range, or none if it is past the end.
fn part(text: &str, size: u64) -> Result<Option<Range<u64>>, ()> {
    let (first, last) = text.split_once('-').ok_or(())?;
    let (start, end) = match (number(first)?, number(last)?) {
        (None, None) => return Err(()),
        (None, Some(count)) => (size.saturating_sub(count), size),
        (Some(start), None) => (start, size),
        (Some(start), Some(last)) if start <= last => (start, last.saturating_add(1).min(size)),
        (Some(_), Some(_)) => return Err(()),
    };
    Ok((start < end).then_some(start..end))
}

fn number(text: &str) -> Result<Option<u64>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(());
    }
    // What does not fit is past any end.
    Ok(Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    //! The forms, and what is not one.

    use proptest::prelude::*;

    use super::{Wanted, parse};

    #[test]
    fn forms() {
        let parts = |value: &str| match parse(value, 100) {
            Wanted::Parts(parts) => parts.iter().map(|part| (part.start, part.end)).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(parts("bytes=0-"), [(0, 100)]);
        assert_eq!(parts("bytes=10-19, -5"), [(10, 20), (95, 100)]);
        assert_eq!(parts("bytes=90-1000"), [(90, 100)]);
        assert_eq!(parts("bytes=-1000"), [(0, 100)]);
        assert_eq!(parts("bytes=200-, 5-5"), [(5, 6)]);
        assert_eq!(parts("bytes=0-99999999999999999999999"), [(0, 100)]);
    }

    #[test]
    fn others() {
        assert!(
            ["", "items=0-1", "bytes=", "bytes=5-2", "bytes=a-b", "bytes=-", "bytes=1", "bytes=0-,0-", "bytes=+1-2"]
                .iter()
                .all(|value| parse(value, 100) == Wanted::Whole)
        );
        assert!(["bytes=100-", "bytes=-0", "bytes=500-600"].iter().all(|value| parse(value, 100) == Wanted::Nothing));
        assert_eq!(parse("bytes=0-", 0), Wanted::Nothing);
        let many = format!("bytes={}", vec!["0-0"; 65].join(","));
        assert_eq!(parse(&many, 100), Wanted::Whole);
    }

    proptest! {
        #[test]
        fn parts_are_within(value in "bytes=[0-9,\\- ]{0,30}", size in 0_u64..1000) {
            if let Wanted::Parts(parts) = parse(&value, size) {
                prop_assert!(!parts.is_empty() && parts.iter().all(|part| part.start < part.end && part.end <= size));
            }
        }
    }
}
