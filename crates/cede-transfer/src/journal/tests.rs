//! Cut anywhere, or followed by garbage, or with a byte flipped: what is read is true.

use proptest::prelude::*;

use super::{Hash, Journal, Subject, begin, claim, hash, read};
use crate::extents::Extents;
use crate::identity::Identity;
use crate::sum::Algorithm;

fn subject() -> impl Strategy<Value = Subject> {
    let text = || prop::option::of("[ -~äß]{0,20}");
    (
        text(),
        text(),
        any::<bool>(),
        prop::option::of(1000_u64..2000),
        text(),
        prop::collection::vec("[a-z]{0,9}", 0..3),
        (any::<u64>(), any::<u64>()),
    )
        .prop_map(|(tag, modified, settled, total, sum, mirrors, file)| Subject {
            url: "http://example.com/ä".to_owned(),
            mirrors,
            identity: Identity { tag, modified, settled, total, coding: None, page: !settled },
            sum,
            file,
        })
}

fn claims() -> impl Strategy<Value = Vec<Vec<(u64, u64)>>> {
    prop::collection::vec(prop::collection::vec((0_u64..900, 1_u64..100), 0..4), 0..8)
}

proptest! {
    #[test]
    fn a_prefix_of_it_is_true(subject in subject(), claims in claims(), cut in 0.0_f64..=1.0, garbage in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = begin(&subject);
        let mut ends = vec![(bytes.len(), Extents::default())];
        let mut so_far = Extents::default();
        for record in &claims {
            let ranges = || record.iter().map(|(start, length)| *start..start + length);
            bytes.extend(claim(ranges()));
            ranges().for_each(|range| so_far.insert(range));
            ends.push((bytes.len(), so_far.clone()));
        }
        let whole = read(&bytes).unwrap();
        prop_assert_eq!(&whole, &Journal { subject: subject.clone(), extents: so_far, hash: None, valid: bytes.len() as u64 });

        let cut = (bytes.len() as f64 * cut) as usize;
        let mut torn = bytes[..cut].to_vec();
        torn.extend(&garbage);
        // Garbage may happen to be what was cut off.
        let same = torn.iter().zip(&bytes).take_while(|(a, b)| a == b).count();
        let known = ends.iter().rev().find(|(end, _)| *end <= same);
        let got = read(&torn);
        prop_assert_eq!(got.is_some(), known.is_some());
        if let (Some(got), Some((end, extents))) = (got, known) {
            prop_assert_eq!(got, Journal { subject, extents: extents.clone(), hash: None, valid: *end as u64 });
        }
    }

    #[test]
    fn a_flipped_bit_ends_it(subject in subject(), claims in claims(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = begin(&subject);
        claims.iter().for_each(|record| bytes.extend(claim(record.iter().map(|(start, length)| *start..start + length))));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Some(journal) = read(&bytes) {
            prop_assert!(journal.valid <= at as u64);
            prop_assert_eq!(journal.subject, subject);
        }
    }

    #[test]
    fn noise_is_not_a_journal(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(read(&noise), None);
    }
}

#[test]
fn a_checksum_is_believed_as_far_as_its_bytes_are_claimed() {
    let sum = |at: u64| Hash { algorithm: Algorithm::Sha256, at, state: vec![at as u8; 9] };
    let claimed = |range| claim(std::iter::once(range));
    let of = |records: &[Vec<u8>]| {
        let bytes = [&[begin(&Subject::default())], records].concat().concat();
        let journal = read(&bytes).unwrap();
        assert_eq!(journal.valid, bytes.len() as u64);
        journal
    };
    assert_eq!(of(&[claimed(0..10), hash(&sum(10))]).hash, Some(sum(10)));
    assert_eq!(of(&[claimed(0..10), hash(&sum(10)), claimed(10..30), hash(&sum(20))]).hash, Some(sum(20)));
    for unclaimed in [claimed(0..9), claimed(1..20)] {
        assert_eq!(of(&[unclaimed, hash(&sum(10))]).hash, None);
    }
    // What a later version may write is no reason to forget what comes after it.
    let mut unknown = claimed(5..6);
    unknown[8] = 77;
    let right = super::checksum(77, &unknown[9..]);
    unknown[4..8].copy_from_slice(&right.to_le_bytes());
    let journal = of(&[claimed(0..10), unknown, claimed(10..12)]);
    assert_eq!(journal.extents.len(), 12);
}
