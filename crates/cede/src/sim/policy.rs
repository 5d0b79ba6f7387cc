//! Which of several runnable tasks is next.

use std::collections::HashMap;

use cede_core::choice::{Choices, Domain, Seeded};

/// A way to choose among runnable tasks.
///
/// ```
/// use cede::sim::{Policy, Sim};
///
/// let report = Sim::new(7).policy(Policy::Pct { depth: 3 }).run(cede::task::yield_now()).unwrap();
/// assert_eq!(report.policy, Policy::Pct { depth: 3 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// In the order in which they became runnable, as in production.
    Fifo,
    /// Each with the same probability.
    Random,
    /// Each task has a random priority and the highest runs; at `depth - 1` random moments the running one falls to the bottom.
    Pct {
        /// The number of ordering constraints that a bug may need to be found well.
        depth: u32,
    },
}

/// Runs are assumed to be about this long when the moments of change are drawn.
const ASSUMED_STEPS: u32 = 500;
/// Whoever has the highest priority so often in a row falls to the bottom: a task that wakes itself until another one has done something would else run for ever.
const IN_A_ROW_MAX: u32 = 200;

impl Policy {
    /// Draws a policy: mostly uniform choice or PCT of depth 2 to 4, now and then the production order.
    #[inline]
    #[must_use]
    pub fn draw(choices: &mut Seeded) -> Self {
        match choices.choose(Domain::Schedule, 20) {
            0..=1 => Policy::Fifo,
            2..=10 => Policy::Random,
            _ => Policy::Pct { depth: 2 + choices.choose(Domain::Schedule, 3) },
        }
    }
}

/// A policy at work.
#[derive(Debug)]
pub(crate) struct Chooser {
    policy: Policy,
    choices: Seeded,
    step: u32,
    /// For PCT: priorities of those seen, and the steps at which the highest falls.
    priorities: HashMap<u64, u64>,
    changes: Vec<u32>,
    /// Falls from here downwards, so that who fell last is lowest.
    bottom: u64,
    /// Who was chosen last, and how often in a row before that.
    last: Option<u64>,
    in_a_row: u32,
}

impl Chooser {
    #[inline]
    pub(crate) fn new(policy: Policy, mut choices: Seeded) -> Self {
        let changes = match policy {
            Policy::Pct { depth } => (1..depth).map(|_| choices.choose(Domain::Schedule, ASSUMED_STEPS)).collect(),
            _ => Vec::new(),
        };
        Self { policy, choices, step: 0, priorities: HashMap::new(), changes, bottom: 1 << 32, last: None, in_a_row: 0 }
    }

    /// The place of the next one among `count` candidates, whose numbers `id` tells.
    #[inline]
    pub(crate) fn choose(&mut self, count: usize, id: impl Fn(usize) -> u64) -> usize {
        self.step += 1;
        match self.policy {
            Policy::Fifo => 0,
            Policy::Random => self.choices.choose(Domain::Schedule, count as u32) as usize,
            Policy::Pct { .. } => self.highest(count, id),
        }
    }

    #[inline]
    fn highest(&mut self, count: usize, id: impl Fn(usize) -> u64) -> usize {
        let mut best = (0, 0);
        for place in 0..count {
            let choices = &mut self.choices;
            let priority =
                *self.priorities.entry(id(place)).or_insert_with(|| (1 << 32) + u64::from(choices.choose(Domain::Schedule, u32::MAX)));
            if priority >= best.0 {
                best = (priority, place);
            }
        }
        let chosen = id(best.1);
        self.in_a_row = if self.last == Some(chosen) { self.in_a_row + 1 } else { 0 };
        self.last = Some(chosen);
        if self.changes.contains(&self.step) || self.in_a_row >= IN_A_ROW_MAX {
            self.in_a_row = 0;
            self.bottom -= 1;
            self.priorities.insert(chosen, self.bottom);
        }
        best.1
    }

    /// One of `n` alternatives, by the seed but not by the policy.
    #[inline]
    pub(crate) fn draw(&mut self, n: u32) -> u32 {
        self.choices.choose(Domain::Schedule, n)
    }
}
