//! The choice stream: every decision of a simulated run that could have been otherwise is one call of [`Choices::choose`].
//!
//! # What
//! Random runs ([`Seeded`]), recorded runs ([`Record`]) and repeated ones ([`Replay`]) differ in the source of the answers and in nothing else.
//!
//! # Why not one generator
//! If all decisions drew from one stream, removing one fault would shift every later decision, and a failing run could not be made smaller. So
//! each [`Domain`] draws from a stream of its own, keyed by (seed, domain): a decision in one leaves the others as they were.
//!
//! # How
//! A stream is PCG32 (XSH-RR 64/32: O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for Random Number
//! Generation", 2014). State and increment come from SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014)
//! over seed and domain. A number below `n` is drawn by Lemire's multiplication ("Fast Random Integer Generation in an Interval", 2019), which
//! rejects the few draws that would favour some answers. All three are fixed for good: a seed in a bug report must stay true.
//!
//! Nothing here is fit for secrets.

#![forbid(unsafe_code)]

mod pcg;
mod record;

use pcg::Pcg32;
pub use record::{Choice, Record, Replay};

#[cfg(test)]
mod tests;

/// What a decision is about. Decisions of different domains do not disturb each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Domain {
    /// Which task runs next.
    Schedule = 0,
    /// When a timer fires among those of one instant, and how late.
    Timer = 1,
    /// Latency, loss and order of messages.
    Net = 2,
    /// Whether, where and how something fails.
    Fault = 3,
    /// Which branch of a `select!` is asked first.
    Select = 4,
    /// The program's own randomness.
    User = 5,
}

impl Domain {
    /// All domains, each at the place of its number. A new one goes to the end: numbers are part of what a seed means.
    pub const ALL: [Domain; 6] = [Domain::Schedule, Domain::Timer, Domain::Net, Domain::Fault, Domain::Select, Domain::User];
}

/// A source of decisions.
pub trait Choices {
    /// One of the numbers below `n`. With `n` of 1 there is nothing to decide, and the source stays as it was.
    ///
    /// # Panics
    /// When `n` is 0.
    #[track_caller]
    fn choose(&mut self, domain: Domain, n: u32) -> u32;
}

impl<C: Choices + ?Sized> Choices for &mut C {
    #[inline]
    #[track_caller]
    fn choose(&mut self, domain: Domain, n: u32) -> u32 {
        (**self).choose(domain, n)
    }
}

/// Whether `n` alternatives need a decision.
#[inline]
#[track_caller]
fn is_open(n: u32) -> bool {
    assert!(n > 0, "a choice among no alternatives; pass at least 1");
    n > 1
}

/// Decisions that follow from a seed.
///
/// ```
/// use cede_core::choice::{Choices, Domain, Seeded};
///
/// let mut a = Seeded::new(7);
/// let mut b = Seeded::new(7);
/// a.choose(Domain::Net, 1000); // Disturbs no other domain.
/// assert_eq!(a.choose(Domain::Schedule, 1000), b.choose(Domain::Schedule, 1000));
/// ```
#[derive(Clone, Debug)]
pub struct Seeded {
    seed: u64,
    streams: [Pcg32; Domain::ALL.len()],
}

impl Seeded {
    /// The decisions of `seed`.
    #[inline]
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, streams: core::array::from_fn(|domain| Pcg32::keyed(seed, domain as u64)) }
    }

    /// The decisions of `seed` for one part of a run, as one node of a network or one life of it, which no other part disturbs.
    #[inline]
    #[must_use]
    pub fn part(seed: u64, part: u64) -> Self {
        Self::new(pcg::mix(seed, part))
    }

    /// What all of this follows from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }
}

impl Choices for Seeded {
    #[inline]
    #[track_caller]
    fn choose(&mut self, domain: Domain, n: u32) -> u32 {
        if is_open(n) { self.streams[domain as usize].below(n) } else { 0 }
    }
}
