//! Fixed by reference values, independent by domain, fair by counting.

use std::{format, vec, vec::Vec};

use super::{Choice, Choices, Domain, Record, Replay, Seeded, pcg};

fn draws(source: &mut impl Choices, domain: Domain, count: usize) -> Vec<u32> {
    (0..count).map(|_| source.choose(domain, u32::MAX)).collect()
}

/// What the reference implementations print: `pcg32-demo` (state 42, stream 54), and SplitMix64 from state 0.
#[test]
fn the_generators_are_the_published_ones() {
    let mut pcg = pcg::Pcg32::new(42, 54);
    let first: Vec<u32> = (0..6).map(|_| pcg.next()).collect();
    assert_eq!(first, [0xa15c_02b7, 0x7b47_f409, 0xba1d_3330, 0x83d2_f293, 0xbfa4_784b, 0xcbed_606e]);
    let first: Vec<u64> = (0..3).map(|index| pcg::mix(0, index)).collect();
    assert_eq!(first, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
}

#[test]
fn one_seed_one_stream() {
    for domain in Domain::ALL {
        assert_eq!(draws(&mut Seeded::new(9), domain, 100), draws(&mut Seeded::new(9), domain, 100));
        assert_ne!(draws(&mut Seeded::new(9), domain, 100), draws(&mut Seeded::new(10), domain, 100));
    }
    assert_eq!(Seeded::new(9).seed(), 9);
}

#[test]
fn numbers_of_domains_are_their_places() {
    for (place, domain) in Domain::ALL.into_iter().enumerate() {
        assert_eq!(domain as usize, place);
    }
}

#[test]
fn domains_do_not_disturb_each_other() {
    for domain in Domain::ALL {
        let alone = draws(&mut Seeded::new(3), domain, 100);
        let mut mixed = Seeded::new(3);
        let among_others: Vec<u32> = (0..100)
            .map(|round| {
                for other in Domain::ALL.into_iter().filter(|&other| other != domain) {
                    for _ in 0..round % 3 {
                        mixed.choose(other, 6);
                    }
                }
                mixed.choose(domain, u32::MAX)
            })
            .collect();
        assert_eq!(alone, among_others);
    }
}

#[test]
fn domains_and_parts_differ() {
    let mut all: Vec<Vec<u32>> = Vec::new();
    for part in 0..50 {
        for domain in Domain::ALL {
            all.push(draws(&mut Seeded::part(0, part), domain, 4));
        }
    }
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn one_alternative_is_no_decision() {
    let mut source = Seeded::new(5);
    assert_eq!(source.choose(Domain::Net, 1), 0);
    assert_eq!(draws(&mut source, Domain::Net, 10), draws(&mut Seeded::new(5), Domain::Net, 10));
    let mut written = 0;
    Record::new(Seeded::new(5), |_| written += 1).choose(Domain::Net, 1);
    assert_eq!(written, 0);
}

#[test]
#[should_panic(expected = "no alternatives")]
fn no_alternative_panics() {
    Seeded::new(0).choose(Domain::Net, 0);
}

/// Each answer within 5 standard deviations of its share. For 3·2^30 answers, a remainder would favour the lowest third of them, and a product
/// without rejection each third one.
#[test]
fn answers_are_equally_likely() {
    const DRAWS: u32 = 60_000;
    const LARGE: u32 = 3 << 30;
    type Case = (u32, u32, fn(u32) -> u32);
    let cases: [Case; 6] = [(2, 2, |a| a), (3, 3, |a| a), (7, 7, |a| a), (100, 100, |a| a), (LARGE, 3, |a| a >> 30), (LARGE, 3, |a| a % 3)];
    for (n, buckets, bucket) in cases {
        let mut source = Seeded::new(11);
        let mut counts = vec![0u32; buckets as usize];
        for _ in 0..DRAWS {
            let answer = source.choose(Domain::Schedule, n);
            assert!(answer < n);
            counts[bucket(answer) as usize] += 1;
        }
        let share = f64::from(DRAWS) / f64::from(buckets);
        for count in counts {
            assert!((f64::from(count) - share).powi(2) < 25.0 * share, "{n}: {count} instead of {share}");
        }
    }
}

/// A program whose questions depend on the answers.
fn program(source: &mut impl Choices) -> Vec<u32> {
    let mut answers = vec![1];
    for round in 0..200 {
        let last = *answers.last().unwrap();
        answers.push(source.choose(Domain::ALL[last as usize % 6], last % 9 + round % 4 + 1));
    }
    answers
}

#[test]
fn a_replay_equals_its_record() {
    let mut taken = Vec::new();
    let recorded = program(&mut Record::new(Seeded::new(77), |choice| taken.push(choice)));
    assert_eq!(recorded, program(&mut Seeded::new(77)));
    let mut replay = Replay::new(&taken);
    assert_eq!(program(&mut replay), recorded);
    assert_eq!((replay.diverged(), replay.rest()), (None, &[][..]));
}

#[test]
fn a_replay_that_diverges_says_where_and_goes_on_with_zeros() {
    let choice = |domain, answer| Choice { domain, n: 4, answer };
    let taken = [choice(Domain::Net, 3), choice(Domain::Fault, 2), choice(Domain::Net, 1)];
    let mut replay = Replay::new(&taken);
    assert_eq!(replay.choose(Domain::Net, 4), 3);
    assert_eq!(replay.choose(Domain::Net, 4), 0);
    assert_eq!(replay.diverged(), Some(1));
    assert_eq!(replay.choose(Domain::Fault, 4), 0);
    assert_eq!(replay.rest(), &taken[1..]);

    let mut longer = Replay::new(&taken[..1]);
    longer.choose(Domain::Net, 4);
    assert_eq!(longer.diverged(), None);
    assert_eq!(longer.choose(Domain::Net, 4), 0);
    assert_eq!(longer.diverged(), Some(1));
}

#[test]
fn debug_shows_the_source() {
    assert!(format!("{:?}", Record::new(Seeded::new(4), |_| ())).starts_with("Record { source: Seeded { seed: 4"));
}
