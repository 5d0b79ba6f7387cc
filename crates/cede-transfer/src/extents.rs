//! Which bytes of a file are there: a set of half-open ranges, sorted, disjoint, and never touching each other.
//!
//! A bitmap of pieces would say less: ranges end where connections broke, and rounding them to pieces would fetch bytes twice. Downloads have few ranges at a
//! time (one for each connection), so a sorted vector beats a tree.
//!
//! - I1: for neighbours `a` and `b` of the vector: `a.start < a.end < b.start < b.end`.

use std::ops::Range;

/// A set of byte positions.
///
/// ```
/// use cede_transfer::extents::Extents;
/// let mut there = Extents::default();
/// there.insert(0..10);
/// there.insert(20..30);
/// assert_eq!(there.missing(5..40).collect::<Vec<_>>(), [10..20, 30..40]);
/// assert_eq!((there.frontier(), there.len()), (10, 20));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extents(Vec<Range<u64>>);

impl Extents {
    /// Adds the range; what was there already stays.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|known| known.end < range.start);
        let last = self.0.partition_point(|known| known.start <= range.end);
        let merged = match self.0.get(first..last) {
            Some([a, .., b]) => a.start.min(range.start)..b.end.max(range.end),
            Some([a]) => a.start.min(range.start)..a.end.max(range.end),
            _ => range,
        };
        self.0.splice(first..last, std::iter::once(merged));
    }

    /// The parts of `within` that are not there, in order.
    pub fn missing(&self, within: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let first = self.0.partition_point(|known| known.end <= within.start);
        let mut known = self.0[first..].iter();
        let mut at = within.start;
        let end = within.end;
        std::iter::from_fn(move || {
            while at < end {
                let Some(next) = known.next() else {
                    let rest = at..end;
                    at = end;
                    return Some(rest);
                };
                let gap = at..next.start.min(end);
                at = at.max(next.end);
                if gap.start < gap.end {
                    return Some(gap);
                }
            }
            None
        })
    }

    /// Whether all of the range is there.
    pub fn contains(&self, range: Range<u64>) -> bool {
        self.missing(range).next().is_none()
    }

    /// How many bytes are there.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|known| known.end - known.start).sum()
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes are there from the beginning on without a gap.
    pub fn frontier(&self) -> u64 {
        self.0.first().filter(|first| first.start == 0).map_or(0, |first| first.end)
    }

    /// How many bytes are there directly before `at`.
    pub fn run_before(&self, at: u64) -> u64 {
        self.0.iter().find(|known| known.start < at && at <= known.end).map_or(0, |known| at - known.start)
    }

    /// The first byte after the last that is there.
    pub fn end(&self) -> u64 {
        self.0.last().map_or(0, |last| last.end)
    }

    /// The ranges, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Range<u64>> {
        self.0.iter().cloned()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl FromIterator<Range<u64>> for Extents {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut extents = Self::default();
        ranges.into_iter().for_each(|range| extents.insert(range));
        extents
    }
}

#[cfg(test)]
mod tests {
    //! Against a plain table of bytes.

    use proptest::prelude::*;

    use super::Extents;

    proptest! {
        #[test]
        fn like_a_table(ranges in prop::collection::vec((0_u64..60, 0_u64..12), 0..20), (from, to) in (0_u64..80, 0_u64..80)) {
            let mut table = [false; 80];
            let mut extents = Extents::default();
            for (start, length) in ranges {
                extents.insert(start..start + length);
                (start..start + length).for_each(|at| table[at as usize] = true);
            }
            let missing: Vec<u64> = extents.missing(from..to).flatten().collect();
            prop_assert_eq!(missing, (from..to).filter(|&at| !table[at as usize]).collect::<Vec<_>>());
            prop_assert_eq!(extents.len(), table.iter().filter(|there| **there).count() as u64);
            prop_assert_eq!(extents.frontier(), table.iter().take_while(|there| **there).count() as u64);
            prop_assert_eq!(extents.run_before(from), table[..from as usize].iter().rev().take_while(|there| **there).count() as u64);
            let known: Vec<_> = extents.iter().collect();
            prop_assert!(known.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
