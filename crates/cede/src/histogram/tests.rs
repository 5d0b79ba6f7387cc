//! Buckets, quantiles and sums.

use std::time::Duration;

use super::{BUCKETS, Histogram, begin_of, bucket_of};
use crate::record::Scale;

#[test]
fn buckets_follow_each_other_without_gaps() {
    for bucket in 0..BUCKETS {
        assert_eq!(bucket_of(begin_of(bucket)), bucket);
        let last = begin_of(bucket + 1) - 1;
        assert_eq!(bucket_of(last), bucket);
        assert!(last - begin_of(bucket) <= begin_of(bucket) / 8, "bucket {bucket} is too wide");
    }
    assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
}

#[test]
fn quantiles_of_a_known_set() {
    let mut histogram = Histogram::new();
    assert_eq!((histogram.quantile(0.5), histogram.count()), (Duration::ZERO, 0));
    (1..=1000).for_each(|micros| histogram.record(Duration::from_micros(micros)));
    for part in [0.001, 0.5, 0.9, 0.99, 0.999] {
        let (exact, found) = (1_000_000.0 * part, histogram.quantile(part).as_nanos() as f64);
        assert!(found >= exact && found <= exact * 1.13, "{part}: {found} is not about {exact}");
    }
    assert_eq!((histogram.quantile(1.0), histogram.max()), (Duration::from_millis(1), Duration::from_millis(1)));
    assert!(histogram.to_string().ends_with("max 1.0ms of 1000"), "{histogram}");
}

#[test]
fn ticks_become_time() {
    let mut counts = vec![0; BUCKETS];
    counts[bucket_of(2_000_000)] = 3;
    let mut histogram = Histogram::new();
    histogram.add(counts.into_iter(), 2_000_001, Scale::NANOS);
    assert_eq!((histogram.count(), histogram.max()), (3, Duration::from_nanos(2_000_001)));
    let middle = histogram.quantile(0.5).as_nanos();
    assert!((1_900_000..2_100_000).contains(&middle), "{middle}");
}

#[test]
fn merging_is_the_same_as_counting_together() {
    let of = |values: &[u64]| {
        let mut histogram = Histogram::new();
        values.iter().for_each(|&nanos| histogram.record(Duration::from_nanos(nanos)));
        histogram
    };
    let (first, second): (Vec<_>, Vec<_>) = (0..1000_u64).map(|n| n * n * n * 97).partition(|n| n % 3 == 0);
    let mut merged = of(&first);
    merged.merge(&of(&second));
    let together = of(&[first, second].concat());
    assert_eq!(merged, together);
    assert_eq!((merged.count(), merged.buckets().map(|(_, count)| count).sum::<u64>()), (1000, 1000));
}
