//! Writing decisions down, and taking them again.

use super::{Choices, Domain, is_open};

/// One decision that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// What it was about.
    pub domain: Domain,
    /// The number of alternatives, at least 2.
    pub n: u32,
    /// Which was taken, below `n`.
    pub answer: u32,
}

/// Another source, each of whose decisions is given to a closure.
///
/// ```
/// use cede_core::choice::{Choices, Domain, Record, Replay, Seeded};
///
/// let mut taken = Vec::new();
/// let mut record = Record::new(Seeded::new(1), |choice| taken.push(choice));
/// let first = record.choose(Domain::Schedule, 10);
/// assert_eq!(Replay::new(&taken).choose(Domain::Schedule, 10), first);
/// ```
pub struct Record<C, W> {
    source: C,
    write: W,
}

impl<C: Choices, W: FnMut(Choice)> Record<C, W> {
    /// Gives each decision of `source` to `write`.
    pub const fn new(source: C, write: W) -> Self {
        Self { source, write }
    }
}

impl<C: Choices, W: FnMut(Choice)> Choices for Record<C, W> {
    #[inline]
    #[track_caller]
    fn choose(&mut self, domain: Domain, n: u32) -> u32 {
        let answer = self.source.choose(domain, n);
        if n > 1 {
            (self.write)(Choice { domain, n, answer });
        }
        answer
    }
}

impl<C: core::fmt::Debug, W> core::fmt::Debug for Record<C, W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Record").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Decisions that were written down.
///
/// When the program asks something else than it did then, or goes on for longer, every further answer is 0. So a run of a shortened or edited
/// record goes on in a defined way, which is what shrinking needs; [`diverged`](Self::diverged) tells a changed program from a replayed one.
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    choices: &'a [Choice],
    position: usize,
    diverged: Option<usize>,
}

impl<'a> Replay<'a> {
    /// Takes `choices` again, in this order.
    #[must_use]
    pub const fn new(choices: &'a [Choice]) -> Self {
        Self { choices, position: 0, diverged: None }
    }

    /// The index of the first recorded decision that was not asked for; one behind the last if the program asked for more than there are.
    #[must_use]
    pub const fn diverged(&self) -> Option<usize> {
        self.diverged
    }

    /// The decisions that were not taken yet.
    #[inline]
    #[must_use]
    pub fn rest(&self) -> &'a [Choice] {
        &self.choices[self.position..]
    }
}

impl Choices for Replay<'_> {
    #[inline]
    #[track_caller]
    fn choose(&mut self, domain: Domain, n: u32) -> u32 {
        if !is_open(n) || self.diverged.is_some() {
            return 0;
        }
        match self.choices.get(self.position) {
            Some(choice) if choice.domain == domain && choice.n == n && choice.answer < n => {
                self.position += 1;
                choice.answer
            }
            _ => {
                self.diverged = Some(self.position);
                0
            }
        }
    }
}
