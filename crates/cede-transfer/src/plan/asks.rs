//! What is asked for next, and with which words.

use std::ops::Range;
use std::time::Duration;

use super::{Ask, Id, Line, Plan, Ranges, Track};
use crate::exit::Exit;
use crate::extents::Extents;
use crate::failure::Failure;

/// What goes into `If-Range`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Tag,
    Date,
}

/// Forms of `If-Range` that the server answers with the whole file although it has not changed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refused {
    pub(super) tag: bool,
    pub(super) date: bool,
}

/// A flight that would end sooner is not split.
const WORTH: f64 = 0.3;
/// One that would take longer than this is split even if the pieces get small, down to this size.
const TAIL: f64 = 3.0;
const TAIL_PIECE: u64 = 64 * 1024;

impl Plan {
    /// The latest failure that there will be another try after, the source that it was of, and the wait; each is told once.
    pub fn take_retry(&mut self, now: Duration) -> Option<(usize, Failure, Duration)> {
        let (source, failure) = self.retried.take()?;
        let wait = self.backoff.not_before().map_or(Duration::ZERO, |at| at.saturating_sub(now));
        Some((source, failure, wait))
    }

    pub(super) fn next_ask(&mut self, now: Duration) -> Option<Ask> {
        if self.backoff.not_before().is_some_and(|at| now < at) {
            return None;
        }
        if self.fruitless > u64::from(self.rules.retries) * 4 + self.rules.segments as u64 * 2 + 16 {
            self.fail(Failure::new(Exit::CannotResume, "the server answers, but what it sends brings the download no further"));
            return None;
        }
        let Some(total) = self.total else { return self.ask_alone(now) };
        if self.ranges == Ranges::Ignored || !self.can_split() {
            return self.ask_alone(now);
        }
        if self.flights.len() >= self.ramp.limit() {
            return None;
        }
        let piece = self.unasked(total).or_else(|| self.split(now))?;
        Some(self.launch(now, Some((piece.start, Some(piece.end))), 0))
    }

    /// Asks for the first gap, when nothing else is on its way.
    fn ask_alone(&mut self, now: Duration) -> Option<Ask> {
        if !self.flights.is_empty() {
            return None;
        }
        let start = self.have.frontier();
        if self.ranges == Ranges::Ignored {
            let provable = self.identity.as_ref().is_some_and(|identity| identity.is_provable(self.ignore_tags));
            if !self.have.is_empty() && !provable {
                self.start_over("the server sends only the whole file");
                return None;
            }
            return Some(self.launch(now, None, 0));
        }
        let end = self.have.missing(start..u64::MAX).next().map(|gap| gap.end).filter(|end| *end < u64::MAX).or(self.total);
        if self.have.is_empty() || self.is_proof_enough() {
            return Some(self.launch(now, Some((start, end.filter(|_| !self.have.is_empty()))), 0));
        }
        let overlap = self.have.run_before(start).min(self.rules.overlap);
        if overlap == 0 {
            // The gap is at the very beginning: nothing before it could be compared.
            self.start_over("nothing shows that the bytes that are there belong to the server's file");
            return None;
        }
        Some(self.launch(now, Some((start - overlap, end)), overlap))
    }

    /// Whether answers prove by their heads that they belong to what is there.
    fn is_proof_enough(&self) -> bool {
        !self.compare && self.identity.as_ref().is_some_and(|identity| identity.is_provable(self.ignore_tags))
    }

    fn can_split(&self) -> bool {
        self.ranges == Ranges::Work && self.is_proof_enough()
    }

    /// The first gap that no flight is for.
    fn unasked(&self, total: u64) -> Option<Range<u64>> {
        let mut covered: Extents = self.have.clone();
        for flight in &self.flights {
            covered.insert(flight.pos..flight.end.unwrap_or(total));
        }
        // Without flights there is nobody who could be too far ahead.
        let limit = if self.flights.is_empty() { u64::MAX } else { self.window_end() };
        covered.missing(0..total).next().filter(|gap| gap.start < limit).map(|gap| gap.start..gap.end.min(limit))
    }

    /// Takes the second half of the flight that has the most before it.
    fn split(&mut self, now: Duration) -> Option<Range<u64>> {
        let limit = self.window_end();
        let left = |flight: &Track| flight.end.map_or(0, |end| end.min(limit).saturating_sub(flight.pos));
        let victim = self.flights.iter_mut().filter(|flight| flight.receiving).max_by_key(|flight| left(flight))?;
        let remaining = left(victim);
        let age = now.saturating_sub(victim.began).as_secs_f64();
        let rate = victim.passed as f64 / age.max(0.001);
        let slow = remaining as f64 > rate * TAIL;
        let least = if slow { self.rules.min_split.min(TAIL_PIECE) } else { self.rules.min_split };
        if remaining < least.max(1) * 2 || (remaining as f64) < rate * WORTH {
            return None;
        }
        let end = victim.end?.min(limit);
        let middle = end - remaining / 2;
        victim.end = Some(middle);
        Some(middle..end)
    }

    fn launch(&mut self, now: Duration, range: Option<(u64, Option<u64>)>, overlap: u64) -> Ask {
        let source = self.choose_source();
        let if_range = range.filter(|_| !self.have.is_empty() && source == self.authority).and_then(|_| self.proof());
        let value = if_range.and_then(|proof| {
            let identity = self.identity.as_ref()?;
            match proof {
                Proof::Tag => identity.strong_tag().map(str::to_owned),
                Proof::Date => identity.proven_date().map(str::to_owned),
            }
        });
        self.asked += 1;
        self.fruitless += 1;
        let id = Id(self.asked);
        let (start, end) = range.unwrap_or((0, None));
        let wanted = end.or(self.total).map_or(u64::MAX, |end| end.saturating_sub(start + overlap));
        self.flights.push(Track {
            id,
            source,
            asked: range,
            if_range,
            compare_until: start + overlap,
            pos: start,
            end,
            reach: None,
            receiving: false,
            listening: None,
            line: Line::default(),
            busy: None,
            began: now,
            heard: None,
            gained: 0,
            wanted,
            pace: (now, 0),
            passed: 0,
        });
        Ask { id, source, range, if_range: value }
    }

    fn proof(&self) -> Option<Proof> {
        let identity = self.identity.as_ref()?;
        if !self.ignore_tags && !self.refused.tag && identity.strong_tag().is_some() {
            return Some(Proof::Tag);
        }
        (!self.refused.date && identity.proven_date().is_some()).then_some(Proof::Date)
    }

    /// With a checksum the mirrors share the work; otherwise they are there one after the other.
    fn choose_source(&self) -> usize {
        let usable = self.sources.iter().enumerate().filter(|(_, source)| !source.banned);
        let busy = |index: usize| self.flights.iter().filter(|flight| flight.source == index).count();
        let chosen = if self.rules.has_sum && self.identity.is_some() {
            usable.min_by_key(|(index, source)| (source.failures, busy(*index), *index))
        } else {
            usable.min_by_key(|(index, source)| (source.failures / 3, *index))
        };
        chosen.map_or(0, |(index, _)| index)
    }
}
