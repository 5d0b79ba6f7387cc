//! One download as a state machine without I/O: told what happened and what time it is, it says what to do next.
//!
//! # Why not a loop that downloads
//! The hard part of a download is what to do when answers contradict each other, and a loop that also awaits sockets can be tested only as often as a socket can be
//! made to fail. Here time and answers are arguments, so thousands of hostile servers run in a second (`plan/tests.rs`), and the shell has nothing to decide.
//!
//! # The conversation
//! [`poll_action`](Plan::poll_action) is asked after each event, and when the time that it named has come. An [`Ask`] is answered with
//! [`handle_head`](Plan::handle_head), [`handle_data`](Plan::handle_data) for each chunk, and one of [`handle_end`](Plan::handle_end) and
//! [`handle_failure`](Plan::handle_failure). [`handle_listening`](Plan::handle_listening) and [`handle_starved`](Plan::handle_starved) tell whose fault the time between chunks is; without
//! them a file gets one connection. Events of an ask that the plan has given up are ignored, and answered with "stop".
//!
//! ```text
//! poll_action ─► Ask(id, range, If-Range) ─► handle_head ─► Take ─► handle_data… ─► handle_end
//!             ├► Cancel(id)                       └───────► Stop
//!             ├► Restart: drop all bytes ─► handle_restarted
//!             ├► Wait(until)
//!             └► Done, or Failed(why)
//! ```
//!
//! # Invariants
//! - I1: bytes are kept of one version only: an answer is taken when it is *proven* to be of the same version as the bytes that are there, when nothing is there, or
//!   when it begins with bytes that are compared with those that are there. Everything else is refused, or everything that is there is dropped (`Restart`).
//! - I2: between `Restart` and `handle_restarted` no byte is taken.
//! - I3: a byte that is there is not kept again, and no two flights ask for the same byte, except for the compared overlap and for answers without ranges.
//! - I4: without progress the number of asks is bounded by `retries`, and with it by the size: a try counts as progress when it brought a piece of 64 KiB, or all
//!   that it was for, of bytes that had never been there. Restarts are bounded by [`RESTARTS`].
//! - I5: `Done` only if the total is known and all bytes are there.

mod answers;
mod asks;
pub(crate) mod backoff;
mod links;
mod pause;
mod ramp;
mod watchdog;
mod words;

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use crate::exit::Exit;
use crate::extents::Extents;
use crate::failure::Failure;
use crate::identity::Identity;
pub(crate) use answers::refusal;
use backoff::Backoff;
use links::Line;
use ramp::Ramp;
pub use words::{Action, Ask, Id, Piece, Rules, Taken, Trouble, Verdict};

/// How often a download begins anew because the file changed, before that is the failure.
pub const RESTARTS: u32 = 4;

/// What is known about ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ranges {
    Unknown,
    Work,
    Ignored,
}

/// What is known of an ask that is on its way; whoever drives the plan lets the flight itself fly.
#[derive(Debug)]
struct Track {
    id: Id,
    source: usize,
    asked: Option<(u64, Option<u64>)>,
    if_range: Option<asks::Proof>,
    /// Up to here, bytes are compared.
    compare_until: u64,
    /// The next byte, and where to stop.
    pos: u64,
    end: Option<u64>,
    /// How far its answer goes, whatever was split off since.
    reach: Option<u64>,
    receiving: bool,
    /// Since when somebody listens for more; `None` while what came last is being dealt with.
    listening: Option<Duration>,
    /// Since when nothing comes on its line at all, where others may be on that, too; as it was told last.
    line: Line,
    /// Since when what came last is being dealt with, if somebody tells when that ends.
    busy: Option<Duration>,
    began: Duration,
    /// When it was sent, or something came last, or somebody began to listen; `None` while it waits for a connection, and while what came is being dealt with.
    heard: Option<Duration>,
    /// Bytes that had never been there.
    gained: u64,
    /// How many bytes it was for.
    wanted: u64,
    /// Since when how many bytes, for the minimum speed.
    pace: (Duration, u64),
    passed: u64,
}

#[derive(Debug)]
enum Stage {
    Running,
    Restarting(&'static str),
    Done,
    Failed(Failure),
}

/// One of the places where the file is.
#[derive(Debug, Default)]
struct Source {
    failures: u32,
    banned: bool,
    answered: bool,
}

/// The state of one download.
#[derive(Debug)]
pub struct Plan {
    rules: Rules,
    stage: Stage,
    have: Extents,
    identity: Option<Identity>,
    /// Whose words the identity is.
    authority: usize,
    total: Option<u64>,
    /// Whether the total is from a `Content-Range` and not merely from a `Content-Length`.
    firm: bool,
    ranges: Ranges,
    refused: asks::Refused,
    /// Answers may lack validators, so asks begin with an overlap.
    compare: bool,
    tags: Vec<String>,
    ignore_tags: bool,
    /// How often the server forbade what it had allowed before.
    forbidden: u32,
    /// Answers whose range was not the one asked for.
    lies: u32,
    sources: Vec<Source>,
    flights: Vec<Track>,
    cancels: VecDeque<Id>,
    ramp: Ramp,
    backoff: Backoff,
    restarts: u32,
    high_water: u64,
    received: u64,
    consumed: u64,
    asked: u64,
    /// Asks since the last progress, however they ended: the backstop of I4.
    fruitless: u64,
    pinned: bool,
    /// The latest failure that is to be tried again, and whose it was, until somebody asks.
    retried: Option<(usize, Failure)>,
}

impl Plan {
    /// A download of which nothing is there, from one of `sources` mirrors. The seed decides the jitter.
    pub fn new(rules: Rules, sources: usize, seed: u64) -> Self {
        let ramp = Ramp::new(rules.segments.max(1), rules.eager);
        let backoff = Backoff::new(rules.wait.clone(), rules.retries, rules.give_up, seed);
        Self {
            rules,
            stage: Stage::Running,
            have: Extents::default(),
            identity: None,
            authority: 0,
            total: None,
            firm: false,
            ranges: Ranges::Unknown,
            refused: asks::Refused::default(),
            compare: false,
            tags: Vec::new(),
            ignore_tags: false,
            forbidden: 0,
            lies: 0,
            sources: (0..sources.max(1)).map(|_| Source::default()).collect(),
            flights: Vec::new(),
            cancels: VecDeque::new(),
            ramp,
            backoff,
            restarts: 0,
            high_water: 0,
            received: 0,
            consumed: 0,
            asked: 0,
            fruitless: 0,
            pinned: false,
            retried: None,
        }
    }

    /// A download of which some bytes are there, all of this version.
    pub fn resumed(rules: Rules, sources: usize, seed: u64, identity: Identity, have: Extents) -> Self {
        let mut plan = Self::new(rules, sources, seed);
        plan.total = identity.total;
        plan.firm = identity.total.is_some();
        plan.tags.extend(identity.tag.clone());
        plan.identity = Some(identity);
        plan.high_water = have.len();
        plan.have = have;
        plan
    }

    /// What to do at `now`.
    pub fn poll_action(&mut self, now: Duration) -> Action {
        if matches!(self.stage, Stage::Running) {
            self.end_slow_flights(now);
            if self.is_complete() {
                self.stage = Stage::Done;
                self.cancel_all();
            }
        }
        if let Some(id) = self.cancels.pop_front() {
            return Action::Cancel(id);
        }
        match &self.stage {
            Stage::Running => {}
            Stage::Restarting(why) => return Action::Restart(why),
            Stage::Done => return Action::Done,
            Stage::Failed(failure) => return Action::Failed(failure.clone()),
        }
        self.look_at_links(now);
        match self.next_ask(now) {
            Some(ask) => Action::Ask(ask),
            None if !matches!(self.stage, Stage::Running) => self.poll_action(now),
            None => match self.deadline(now) {
                None if self.flights.is_empty() => {
                    self.fail(Failure::new(Exit::CannotResume, "the server's answers leave no way to get the rest of the file"));
                    self.poll_action(now)
                }
                deadline => Action::Wait(deadline),
            },
        }
    }

    /// The request has left; until then, no silence is counted, because it may wait for a connection. Also: the answer was not read on for a while, which is no
    /// silence of the server's.
    pub fn handle_sent(&mut self, now: Duration, id: Id) {
        if let Some(index) = self.flight(id) {
            let flight = &mut self.flights[index];
            flight.heard = Some(now);
            flight.pace = (now, flight.passed);
        }
    }

    /// Some of it is there after all: the name, and with it what an earlier run left, was known only after the first answer.
    pub fn resume(&mut self, identity: Identity, have: Extents) {
        self.cancel_all();
        self.total = identity.total;
        self.firm = identity.total.is_some();
        self.identity = Some(identity);
        self.high_water = have.len();
        self.have = have;
    }

    /// A chunk of a body has come.
    pub fn handle_data(&mut self, now: Duration, id: Id, count: usize) -> Taken {
        let Some(index) = self.flight(id) else { return Taken { pieces: Vec::new(), used: count, more: false } };
        let flight = &mut self.flights[index];
        // Until somebody listens again, silence is not the server's: the disk may be slow.
        (flight.heard, flight.busy) = if flight.listening.take().is_some() { (None, Some(now)) } else { (Some(now), flight.busy) };
        flight.passed += count as u64;
        self.received += count as u64;
        let quiet = flight.line.take_quiet();
        self.ramp.hear(now, quiet);
        let base = flight.pos;
        let stop = (base + count as u64).min(flight.end.unwrap_or(u64::MAX));
        let within = |from: u64, to: u64| (from - base) as usize..(to - base) as usize;
        let compared = flight.compare_until.clamp(base, stop.max(base));
        if compared > base {
            // What follows may be kept only when these have turned out to be the same (I1).
            flight.passed -= count as u64 - (compared - base);
            self.received -= count as u64 - (compared - base);
            flight.pos = compared;
            let piece = Piece { chunk: within(base, compared), at: base, compare: true };
            return Taken { used: piece.chunk.end, pieces: vec![piece], more: true };
        }
        let kept = |gap: Range<u64>| Piece { chunk: within(gap.start, gap.end), at: gap.start, compare: false };
        let pieces = self.have.missing(base..stop).map(kept).collect();
        if base < stop {
            self.have.insert(base..stop);
        }
        flight.pos = stop.max(base);
        let fresh = self.have.len().saturating_sub(self.high_water);
        self.high_water += fresh;
        flight.gained += fresh;
        if fresh > 0 {
            self.sources[flight.source].failures = 0;
        }
        let more = flight.end.is_none_or(|end| flight.pos < end);
        if !more {
            self.settle(index);
        }
        Taken { pieces, used: count, more }
    }

    /// A body has ended as it should.
    pub fn handle_end(&mut self, now: Duration, id: Id) {
        let Some(index) = self.flight(id) else { return };
        let flight = &self.flights[index];
        match flight.end {
            // Nothing told the length, so the end tells it.
            None if flight.pos >= self.have.end() => {
                self.total = Some(flight.pos);
                if let Some(identity) = &mut self.identity {
                    identity.total = self.total;
                }
                self.settle(index);
            }
            // An answer that brings only what is there already is a failed try, or it would be repeated at once.
            Some(end) if flight.pos >= end && (flight.gained > 0 || self.is_complete()) => self.settle(index),
            Some(_) | None => {
                let failure = self.short();
                self.fail_flight(now, index, failure, Trouble::Passing);
            }
        }
    }

    /// A try has failed: no connection, no answer, or a body that broke.
    pub fn handle_failure(&mut self, now: Duration, id: Id, failure: Failure, trouble: Trouble) {
        if let Some(index) = self.flight(id) {
            self.fail_flight(now, index, failure, trouble);
        }
    }

    /// A body broke before its end; how is for the user.
    pub fn handle_cut(&mut self, now: Duration, id: Id) {
        if let Some(index) = self.flight(id) {
            let failure = self.short();
            self.fail_flight(now, index, failure, Trouble::Passing);
        }
    }

    /// Bytes that were to be compared differ (I1).
    pub fn handle_mismatch(&mut self, _now: Duration, id: Id) {
        if self.flight(id).is_some() {
            self.change("the bytes that are there are not those of the server");
        }
    }

    /// What an earlier run left is not what it was.
    pub fn handle_damage(&mut self) {
        self.change("what an earlier run left was changed since");
    }

    /// Everything was dropped, as [`Action::Restart`] asked.
    pub fn handle_restarted(&mut self) {
        assert!(matches!(self.stage, Stage::Restarting(_)), "nobody asked for it");
        self.stage = Stage::Running;
        self.have.clear();
    }

    /// Bytes are about to leave for where nobody can call them back: from now on a changed file is a failure.
    pub fn pin(&mut self) {
        self.pinned = true;
    }

    /// Everything before `at` was consumed; the window moves.
    pub fn handle_consumed(&mut self, at: u64) {
        self.consumed = at;
    }

    /// Whether an answer should not be read on for now, because it is too far ahead of the consumer.
    pub fn is_ahead(&self, id: Id) -> bool {
        self.flight(id).is_some_and(|index| self.flights[index].pos > self.window_end())
    }

    fn window_end(&self) -> u64 {
        self.rules.window.map_or(u64::MAX, |window| self.consumed.saturating_add(window))
    }

    /// What is known about the version, once there has been an answer.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The size, if it is known.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Which bytes are there, or at least accepted.
    pub fn have(&self) -> &Extents {
        &self.have
    }

    /// Whether a later run could go on from what is there.
    pub fn is_resumable(&self) -> bool {
        self.total.is_some() && self.ranges == Ranges::Work
    }

    /// Whether what is there was found to be the server's by an answer of this run. What an earlier run left may not be, until then.
    pub fn is_vouched_for(&self) -> bool {
        self.is_complete() || self.sources.iter().any(|source| source.answered)
    }

    /// Whether the source ever answered. One that refuses before that is most likely not there at all.
    pub fn has_answered(&self, source: usize) -> bool {
        self.sources[source].answered
    }

    /// How many asks there were.
    pub fn asks(&self) -> u64 {
        self.asked
    }

    /// How many connections there would be if there were work for them.
    pub fn width(&self) -> usize {
        self.ramp.limit()
    }

    /// How many asks are on their way.
    pub fn flights(&self) -> usize {
        self.flights.len()
    }

    /// What the user should know about the server.
    pub fn remark(&self) -> Option<&'static str> {
        self.ignore_tags.then_some("the server's ETags are different each time; size and date were compared instead")
    }

    /// Whether all bytes are there.
    pub(crate) fn is_complete(&self) -> bool {
        self.total.is_some_and(|total| self.have.contains(0..total) && self.have.end() <= total)
    }

    fn flight(&self, id: Id) -> Option<usize> {
        self.flights.iter().position(|flight| flight.id == id)
    }

    /// The flight has brought what it was for.
    fn settle(&mut self, index: usize) {
        let flight = self.flights.swap_remove(index);
        if flight.gained > 0 {
            self.progress();
        }
    }

    fn progress(&mut self) {
        self.backoff.progress();
        self.fruitless = 0;
    }

    fn cancel_all(&mut self) {
        self.cancels.extend(self.flights.drain(..).map(|flight| flight.id));
    }

    fn fail(&mut self, failure: Failure) {
        self.cancel_all();
        self.stage = Stage::Failed(failure);
    }

    fn fail_flight(&mut self, now: Duration, index: usize, failure: Failure, trouble: Trouble) {
        let flight = self.flights.swap_remove(index);
        if !matches!(trouble, Trouble::Fatal) {
            self.retried = Some((flight.source, failure.clone()));
        }
        // Whoever it was split off from is still on the way there: no new request is needed.
        if let Some(before) = self.flights.iter_mut().find(|other| other.receiving && other.end == Some(flight.pos)) {
            let reach = before.reach.unwrap_or(0).min(flight.end.unwrap_or(u64::MAX));
            before.end = before.end.max(Some(reach));
        }
        if flight.gained >= self.rules.progress.min(flight.wanted).max(1) {
            self.progress();
            if !matches!(trouble, Trouble::Busy(_) | Trouble::Fatal) {
                return;
            }
        }
        let others = self.flights.iter().filter(|flight| flight.receiving).count();
        match trouble {
            Trouble::Local => self.backoff.pause(now),
            Trouble::Fatal => self.ban(flight.source, failure),
            // The others show that the server works, only not for so many at once.
            _ if others > 0 => {
                self.ramp.trouble(now, others);
                self.backoff.pause(now);
            }
            Trouble::Passing | Trouble::Busy(_) => {
                let after = if let Trouble::Busy(after) = trouble { after } else { None };
                self.ramp.trouble(now, 1);
                if !self.backoff.failed(now, after.map(|after| after.min(self.rules.retry_after_cap))) {
                    let tries = self.backoff.tries();
                    let failure = if tries > 1 { failure.help(format!("{tries} tries in a row brought nothing new")) } else { failure };
                    return self.ban(flight.source, failure);
                }
                self.sources[flight.source].failures += 1;
            }
        }
    }

    /// The source is no use; without another one, neither is the download.
    fn ban(&mut self, source: usize, failure: Failure) {
        self.sources[source].banned = true;
        self.retried = None;
        if self.sources.iter().all(|source| source.banned) {
            self.fail(failure);
        } else {
            self.backoff.progress();
        }
    }

    /// The file is another one than before.
    fn change(&mut self, why: &'static str) {
        let failure = |what: &str| Failure::new(Exit::Changed, format!("{what}: {why}"));
        if self.pinned {
            return self.fail(failure("the file changed on the server after a part of it was passed on"));
        }
        if !self.rules.restart {
            return self.fail(
                failure("the file changed on the server during the download")
                    .help("without --no-restart the new version is fetched from the start"),
            );
        }
        self.restarts += 1;
        if self.restarts > RESTARTS {
            return self.fail(failure("the file changes on the server again and again").help("try again when it has settled"));
        }
        self.high_water = 0;
        self.ranges = Ranges::Unknown;
        self.refused = asks::Refused::default();
        self.compare = false;
        self.start_over(why);
    }

    /// Drops everything; what was learned about the server stays.
    fn start_over(&mut self, why: &'static str) {
        if self.pinned {
            return self.fail(Failure::new(Exit::CannotResume, format!("the download cannot go on where it broke: {why}")));
        }
        self.cancel_all();
        self.identity = None;
        self.total = None;
        self.firm = false;
        self.stage = Stage::Restarting(why);
    }
}

#[cfg(test)]
mod tests;
