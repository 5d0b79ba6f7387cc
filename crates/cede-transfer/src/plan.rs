//! One download as a state machine without I/O: told what happened and what time it is, it says what to do next.
//!
//! # Why not a loop that downloads
//! The hard part of a download is what to do when answers contradict each other, and a loop that also awaits sockets can be tested only as often as a socket can be
//! made to fail. Here time and answers are arguments, so thousands of hostile servers run in a second (`plan/tests.rs`), and the shell has nothing to decide.
//!
//! # The conversation
//! [`poll_action`](Plan::poll_action) is asked after each event, and when the time that it named has come. An [`Ask`] is answered with
//! [`handle_head`](Plan::handle_head), [`handle_data`](Plan::handle_data) for each chunk, and one of [`handle_end`](Plan::handle_end) and
//! [`handle_failure`](Plan::handle_failure). Events of an ask that the plan has given up are ignored, and answered with "stop".
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
mod backoff;
mod ramp;

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use crate::exit::Exit;
use crate::extents::Extents;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::units;
pub(crate) use answers::refusal;
use backoff::Backoff;
use ramp::Ramp;

/// How often a download begins anew because the file changed, before that is the failure.
pub const RESTARTS: u32 = 4;

/// The user's wishes for one download.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Tries without progress after the first.
    pub retries: u32,
    /// The shortest and the longest wait before a try.
    pub wait: Range<Duration>,
    /// The longest `Retry-After` that is obeyed to the end.
    pub retry_after_cap: Duration,
    /// The longest time without progress, over all tries.
    pub give_up: Duration,
    /// The longest silence within an answer, or before it.
    pub stall: Duration,
    /// Fewer bytes than this in so much time end a try.
    pub min_speed: Option<(u64, Duration)>,
    /// The most connections for one file.
    pub segments: usize,
    /// Whether to begin with all of them, instead of adding while that helps.
    pub eager: bool,
    /// The smallest piece that is worth a connection.
    pub min_split: u64,
    /// Whether a file that changed at the server is fetched anew.
    pub restart: bool,
    /// How many bytes are compared where nothing proves that two answers belong together.
    pub overlap: u64,
    /// What a try has to bring to count as progress, unless it was for less.
    pub progress: u64,
    /// Whether a checksum decides at the end, so that mirrors may be mixed.
    pub has_sum: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            retries: 5,
            wait: Duration::from_millis(500)..Duration::from_secs(30),
            retry_after_cap: Duration::from_secs(300),
            give_up: Duration::from_secs(600),
            stall: Duration::from_secs(30),
            min_speed: None,
            segments: 16,
            eager: false,
            min_split: 1 << 20,
            restart: true,
            overlap: 64 * 1024,
            progress: 64 * 1024,
            has_sum: false,
        }
    }
}

/// Names one ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

/// A request to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Its name in all that follows.
    pub id: Id,
    /// Which of the mirrors to ask.
    pub source: usize,
    /// The `Range`: first byte, and the byte after the last, or to the end. `None`: no such header.
    pub range: Option<(u64, Option<u64>)>,
    /// The `If-Range`.
    pub if_range: Option<String>,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send this.
    Ask(Ask),
    /// Break this off; nothing that it says matters any more.
    Cancel(Id),
    /// Wait until everything that was kept is on disk, drop it, and say [`Plan::handle_restarted`]. The reason is for the user.
    Restart(&'static str),
    /// Nothing before this time, unless something happens.
    Wait(Option<Duration>),
    /// All bytes are there.
    Done,
    /// It cannot be done.
    Failed(Failure),
}

/// Whether an answer's body is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Read it.
    Take,
    /// Drop it.
    Stop,
}

/// What to do with a part of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which bytes of the chunk.
    pub chunk: Range<usize>,
    /// Where they belong in the file.
    pub at: u64,
    /// Compare them with what is there, instead of keeping them; a difference is told with [`Plan::handle_mismatch`].
    pub compare: bool,
}

/// What became of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Taken {
    /// What is wanted of it, in order. A piece to compare comes alone.
    pub pieces: Vec<Piece>,
    /// How many bytes of the chunk this is about. The rest is to be handed in again, when these have been dealt with.
    pub used: usize,
    /// Whether to read on.
    pub more: bool,
}

/// How bad a failed try is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Trying again will not help.
    Fatal,
    /// It may work the next time.
    Passing,
    /// The server has too much to do; it may have said when to come again.
    Busy(Option<Duration>),
    /// This machine is short of something; it is not the server's fault, and does not count.
    Local,
}

/// What is known about ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ranges {
    Unknown,
    Work,
    Ignored,
}

/// An ask that is on its way.
#[derive(Debug)]
struct Flight {
    id: Id,
    source: usize,
    asked: Option<(u64, Option<u64>)>,
    if_range: Option<asks::Proof>,
    /// Up to here, bytes are compared.
    compare_until: u64,
    /// The next byte, and where to stop.
    pos: u64,
    end: Option<u64>,
    receiving: bool,
    began: Duration,
    /// When it was sent, or something came last; `None` while it waits for a connection.
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
    /// Answers whose range was not the one asked for.
    lies: u32,
    sources: Vec<Source>,
    flights: Vec<Flight>,
    cancels: VecDeque<Id>,
    ramp: Ramp,
    backoff: Backoff,
    restarts: u32,
    high_water: u64,
    received: u64,
    asked: u64,
    /// Asks since the last progress, however they ended: the backstop of I4.
    fruitless: u64,
    pinned: bool,
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
            lies: 0,
            sources: (0..sources.max(1)).map(|_| Source::default()).collect(),
            flights: Vec::new(),
            cancels: VecDeque::new(),
            ramp,
            backoff,
            restarts: 0,
            high_water: 0,
            received: 0,
            asked: 0,
            fruitless: 0,
            pinned: false,
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
        let remaining = self.total.map_or(0, |total| total.saturating_sub(self.have.len()));
        let receiving = self.flights.iter().filter(|flight| flight.receiving).count();
        self.ramp.update(now, self.received, self.flights.len(), receiving, remaining);
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

    /// The request has left. Until then, no silence is counted: it may wait for a connection.
    pub fn handle_sent(&mut self, now: Duration, id: Id) {
        if let Some(index) = self.flight(id) {
            self.flights[index].heard = Some(now);
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
        flight.heard = Some(now);
        flight.passed += count as u64;
        self.received += count as u64;
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

    /// Everything was dropped, as [`Action::Restart`] asked.
    pub fn handle_restarted(&mut self) {
        assert!(matches!(self.stage, Stage::Restarting(_)), "nobody asked for it");
        self.stage = Stage::Running;
        self.have.clear();
    }

    /// Bytes have left for where nobody can call them back: from now on a changed file is a failure.
    pub fn pin(&mut self) {
        self.pinned = true;
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

    fn is_complete(&self) -> bool {
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
                failure("the file changed on the server during the download").help("without --no-restart the new version is fetched from the start"),
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

    fn end_slow_flights(&mut self, now: Duration) {
        let mut index = 0;
        while let Some(flight) = self.flights.get_mut(index) {
            let silent = flight.heard.is_some_and(|heard| now.saturating_sub(heard) >= self.rules.stall);
            let slow = self.rules.min_speed.is_some_and(|(bytes, time)| {
                let over = flight.receiving && now.saturating_sub(flight.pace.0) >= time;
                let slow = over && flight.passed - flight.pace.1 < bytes.saturating_mul(time.as_millis() as u64) / 1000;
                if over {
                    flight.pace = (now, flight.passed);
                }
                slow
            });
            if !silent && !slow {
                index += 1;
                continue;
            }
            let (id, answered) = (flight.id, flight.receiving);
            self.cancels.push_back(id);
            let failure = if silent { self.silence(answered) } else { self.too_slow() };
            self.fail_flight(now, index, failure, Trouble::Passing);
            if !matches!(self.stage, Stage::Running) {
                return;
            }
        }
    }

    /// The next time at which something happens by itself.
    fn deadline(&self, now: Duration) -> Option<Duration> {
        let silent = self.flights.iter().filter_map(|flight| Some(flight.heard? + self.rules.stall));
        let paced = self.rules.min_speed.map(|(_, time)| time).into_iter();
        let slow = paced.flat_map(|time| self.flights.iter().filter(|flight| flight.receiving).map(move |flight| flight.pace.0 + time));
        let start = self.backoff.not_before().filter(|at| *at > now);
        silent.chain(slow).chain(self.ramp.deadline()).chain(start).min().map(|at| at.max(now))
    }

    fn silence(&self, answered: bool) -> Failure {
        let patience = self.rules.stall.as_secs_f64();
        let what = if answered {
            format!("after {} the server sent nothing for {patience} s", units::bytes(self.have.len()))
        } else {
            format!("the server accepted the connection but did not answer for {patience} s")
        };
        Failure::new(Exit::TimedOut, what).help("--stall-timeout SECONDS waits longer")
    }

    fn too_slow(&self) -> Failure {
        let (bytes, time) = self.rules.min_speed.unwrap_or_default();
        let what = format!("fewer than {} came for {} s", units::rate(bytes as f64), time.as_secs_f64());
        Failure::new(Exit::TimedOut, what).help("--min-speed accepts less")
    }

    fn short(&self) -> Failure {
        let received = self.have.len();
        let what = match self.total {
            Some(total) => format!("the file ended early: {received} of {total} bytes came"),
            None => format!("the file ended early, after {received} bytes"),
        };
        Failure::new(Exit::Network, what)
    }
}

#[cfg(test)]
mod tests;
