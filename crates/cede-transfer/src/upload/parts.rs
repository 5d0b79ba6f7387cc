//! An upload in parts, as S3 has them, as a state machine without I/O.
//!
//! ```text
//! Begin ─► Part(1), Part(2), … several at a time ─► Complete ─► Done
//!   ▲         ▲                                        │ the answer is lost, and the upload is gone
//!   │         List (after a crash, or a doubt) ────────┤ likewise, if an earlier run asked for the object
//!   │                                                  ▼
//!   └─────────── lost ────────────────────────────── Check: is the object what these parts make?
//! ```
//!
//! # Invariants
//! - I1: a part that the store has confirmed is not sent again, and none is on its way twice.
//! - I2: `Complete` is asked only when each part is confirmed, and lists them all.
//! - I3: `Done` only after a `Complete` that was confirmed, or a `Check` that found the object.
//! - I4: without progress the number of asks is bounded by the retries, over all parts; an upload that the store has lost is begun anew at most
//!   [`ANEW`] times, and a store that has other parts than it has confirmed is asked about them as often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::plan::ANEW;
use crate::failure::Failure;
use crate::plan::backoff::Backoff;
use crate::plan::{Rules, Trouble};

/// What to ask next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A new upload.
    Begin,
    /// Which parts there are.
    List,
    /// Send this part; the first is 1.
    Part(u16),
    /// Make an object of the parts.
    Complete,
    /// Whether the object is what the parts make.
    Check,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ask this, beside what is on its way.
    Ask(Ask),
    /// Nothing before this time, or before something happens.
    Wait(Option<Duration>),
    /// The store has the object.
    Done,
    /// It cannot be done.
    Failed(Failure),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Beginning,
    Listing,
    Sending,
    Completing,
    Checking,
    Done,
}

/// The machine.
#[derive(Debug)]
pub struct Parts {
    width: usize,
    /// How many parts there are; unknown until a pipe ends.
    count: Option<u16>,
    /// Whether a part can be read again after the upload was lost.
    again: bool,
    stage: Stage,
    /// An ask of the stage is on its way.
    asked: bool,
    /// An earlier run has asked for the object, and may have got it.
    may_be_made: bool,
    next: u16,
    redo: BTreeSet<u16>,
    flying: BTreeSet<u16>,
    tags: BTreeMap<u16, String>,
    backoff: Backoff,
    cap: Duration,
    losses: u32,
    /// How often the store had other parts than it had confirmed.
    doubts: u32,
    failure: Option<Failure>,
    /// The latest failure that is followed by another try, until somebody asks.
    retried: Option<Failure>,
}

impl Parts {
    /// A machine for so many parts, so many at a time. `known`: an earlier run has begun the upload.
    pub fn new(rules: &Rules, count: Option<u16>, width: usize, known: bool, seed: u64) -> Self {
        Self {
            width: width.max(1),
            count,
            again: count.is_some(),
            stage: if known { Stage::Listing } else { Stage::Beginning },
            asked: false,
            may_be_made: false,
            next: 1,
            redo: BTreeSet::new(),
            flying: BTreeSet::new(),
            tags: BTreeMap::new(),
            backoff: Backoff::new(rules.wait.clone(), rules.retries, rules.give_up, seed),
            cap: rules.retry_after_cap,
            losses: 0,
            doubts: 0,
            failure: None,
            retried: None,
        }
    }

    /// An earlier run has asked for the object and not heard of it: if the upload is gone, that may be why.
    pub fn handle_may_be_made(&mut self) {
        self.may_be_made = true;
    }

    /// The latest failure that there will be another try after, and the wait; each is told once.
    pub fn take_retry(&mut self, now: Duration) -> Option<(Failure, Duration)> {
        let failure = self.retried.take().filter(|_| self.failure.is_none())?;
        Some((failure, self.backoff.not_before().map_or(Duration::ZERO, |at| at.saturating_sub(now))))
    }

    /// The tags of the parts that the store has, in order.
    pub fn tags(&self) -> impl Iterator<Item = (u16, &str)> + Clone {
        self.tags.iter().map(|(number, tag)| (*number, tag.as_str()))
    }

    /// What to do at this time.
    pub fn poll_action(&mut self, now: Duration) -> Action {
        if let Some(failure) = &self.failure {
            return Action::Failed(failure.clone());
        }
        if self.stage == Stage::Sending && self.count.is_some_and(|count| self.tags.len() == usize::from(count)) {
            self.stage = Stage::Completing;
        }
        if let Some(at) = self.backoff.not_before().filter(|at| *at > now && self.stage != Stage::Done) {
            return Action::Wait(Some(at));
        }
        let ask = match self.stage {
            Stage::Done => return Action::Done,
            Stage::Sending => return self.part(),
            Stage::Beginning => Ask::Begin,
            Stage::Listing => Ask::List,
            Stage::Completing => Ask::Complete,
            Stage::Checking => Ask::Check,
        };
        if std::mem::replace(&mut self.asked, true) { Action::Wait(None) } else { Action::Ask(ask) }
    }

    fn part(&mut self) -> Action {
        if self.flying.len() >= self.width {
            return Action::Wait(None);
        }
        let number = match self.redo.pop_first() {
            Some(number) => number,
            None => {
                while self.tags.contains_key(&self.next) {
                    self.next += 1;
                }
                if self.count.is_some_and(|count| self.next > count) {
                    return Action::Wait(None);
                }
                self.next += 1;
                self.next - 1
            }
        };
        self.flying.insert(number);
        Action::Ask(Ask::Part(number))
    }

    /// The upload has begun.
    pub fn handle_begun(&mut self) {
        self.advance(Stage::Sending);
    }

    /// These parts are there, with these tags.
    pub fn handle_listed(&mut self, parts: impl IntoIterator<Item = (u16, String)>) {
        let count = self.count.unwrap_or(u16::MAX);
        self.tags.extend(parts.into_iter().filter(|(number, _)| (1..=count).contains(number)));
        self.advance(Stage::Sending);
    }

    /// The store has confirmed a part.
    pub fn handle_part(&mut self, number: u16, tag: String) {
        if self.flying.remove(&number) {
            self.tags.insert(number, tag);
            self.backoff.progress();
        }
    }

    /// There are no more parts than this: a pipe has ended. A part beyond it that was asked for is not on its way.
    pub fn handle_end(&mut self, count: u16) {
        self.count = Some(count);
        self.flying.retain(|number| *number <= count);
    }

    /// The store has made the object.
    pub fn handle_completed(&mut self) {
        self.advance(Stage::Done);
    }

    /// The object is what the parts make, or not.
    pub fn handle_checked(&mut self, is_it: bool, failure: Failure) {
        if is_it { self.advance(Stage::Done) } else { self.lose(failure) }
    }

    /// The store does not know the upload. Returns whether that may be because it has become the object, which is looked at next.
    pub fn handle_lost(&mut self, ask: Ask, failure: Failure) -> bool {
        if ask == Ask::Complete || ask == Ask::List && std::mem::take(&mut self.may_be_made) {
            // It may be gone because it was completed, and only the answer was lost.
            self.advance(Stage::Checking);
            return true;
        }
        if !matches!(ask, Ask::Part(number) if !self.flying.contains(&number)) {
            self.lose(failure);
        }
        false
    }

    /// The store says that what it has confirmed is not what it has: it is asked what that is, and what is missing is sent again.
    pub fn handle_doubt(&mut self, now: Duration, failure: Failure) {
        self.retried = Some(failure.clone());
        self.doubts += 1;
        if self.doubts > ANEW || !self.again || !self.backoff.failed(now, None) {
            self.failure = Some(failure.help("the store has other parts than it has confirmed; --restart uploads all of them anew"));
            return;
        }
        self.tags.clear();
        self.redo.clear();
        self.next = 1;
        self.stage = Stage::Listing;
        self.asked = false;
    }

    fn lose(&mut self, failure: Failure) {
        self.losses += 1;
        if self.losses > ANEW || !self.again {
            self.failure = Some(failure.help("the store has lost the upload"));
            return;
        }
        self.tags.clear();
        self.flying.clear();
        self.redo.clear();
        self.next = 1;
        self.stage = Stage::Beginning;
        self.asked = false;
    }

    /// The upload was paused: the time until now is not one without progress.
    pub fn handle_resumed(&mut self) {
        self.backoff.restart_clock();
    }

    /// The ask did not work.
    pub fn handle_setback(&mut self, now: Duration, ask: Ask, failure: Failure, trouble: Trouble) {
        match ask {
            Ask::Part(number) => {
                if !self.flying.remove(&number) {
                    return;
                }
                self.redo.insert(number);
            }
            _ => self.asked = false,
        }
        self.retried = Some(failure.clone());
        let after = match trouble {
            Trouble::Fatal => {
                self.failure = Some(failure);
                return;
            }
            Trouble::Local => return self.backoff.pause(now),
            Trouble::Busy(after) => after,
            Trouble::Passing => None,
        };
        if !self.backoff.failed(now, after.map(|after| after.min(self.cap))) {
            self.failure = Some(failure.help(self.backoff.tried()));
        }
    }

    fn advance(&mut self, stage: Stage) {
        self.stage = stage;
        self.asked = false;
        self.backoff.progress();
    }
}

#[cfg(test)]
mod tests;
