//! How often a supervisor may restart.

use std::collections::VecDeque;
use std::time::Duration;

use cede::time::Instant;

/// At most `restarts` within any time of `within`. (I7 of the crate)
#[derive(Debug)]
pub(super) struct Intensity {
    pub(super) restarts: usize,
    pub(super) within: Duration,
    /// The last restarts, at most `restarts` of them.
    history: VecDeque<Instant>,
}

impl Intensity {
    pub(super) fn new(restarts: usize, within: Duration) -> Self {
        Self { restarts, within, history: VecDeque::new() }
    }

    /// Counts a restart, if it is allowed.
    pub(super) fn allow(&mut self, now: Instant) -> bool {
        while self.history.front().is_some_and(|first| now.saturating_duration_since(*first) > self.within) {
            self.history.pop_front();
        }
        let allowed = self.history.len() < self.restarts;
        if allowed {
            self.history.push_back(now);
        }
        allowed
    }

    pub(super) fn forget(&mut self) {
        self.history.clear();
    }
}
