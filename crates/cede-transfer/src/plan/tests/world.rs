//! A server that answers by script, a network that delivers in any order, and a clock that jumps.

use std::time::Duration;

use crate::exit::Exit;
use crate::extents::Extents;
use crate::failure::Failure;
use crate::head::{ContentRange, Head};
use crate::identity::Identity;
use crate::plan::{Action, Ask, Id, Plan, Rules, Trouble, Verdict};

pub(super) const SIZE: usize = 12_000;
/// What networks answer that want a login first.
const PAGE: &[u8] = b"<p>log in";
const CHUNK: usize = 900;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    Strong,
    Weak,
    None,
    EachTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dates {
    Old,
    Young,
    None,
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) tags: Tags,
    pub(super) dates: Dates,
    pub(super) ranges: bool,
    /// Whether `If-Range` is understood; otherwise it makes every answer a whole one.
    pub(super) if_range: bool,
    pub(super) length: bool,
    /// Whether versions have one size.
    pub(super) same_size: bool,
    /// More connections than this are answered with 503.
    pub(super) most: Option<usize>,
    /// Whether chunks take a while.
    pub(super) slow: bool,
    pub(super) retry_after: Option<Duration>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            tags: Tags::Strong,
            dates: Dates::Old,
            ranges: true,
            if_range: true,
            length: true,
            same_size: true,
            most: None,
            slow: false,
            retry_after: None,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Fault {
    None,
    /// The connection breaks after so many bytes.
    Cut(usize),
    /// The body ends after so many bytes as if that were all.
    EndsEarly(usize),
    Stalls(usize),
    NoAnswer,
    Refused,
    Status(u16),
    /// The range is ignored.
    Whole,
    /// A web page.
    Page,
    /// The range begins elsewhere.
    Shifted(u64),
    ShortRange(usize),
    OverLong,
    Multipart,
    UnknownTotal,
    NoValidators,
    Packed,
    WrongTotal,
    /// The file is replaced before the answer.
    Changes,
    /// The file is replaced after the answer, which breaks.
    ChangesAndCuts(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Clean,
    Breaks,
    Hangs,
}

struct Reply {
    id: Id,
    body: Vec<u8>,
    sent: usize,
    ending: Ending,
}

pub(super) struct World {
    server: Server,
    faults: std::vec::IntoIter<Fault>,
    version: usize,
    random: u64,
    file: Vec<Option<u8>>,
    replies: Vec<Reply>,
    now: Duration,
    requests: u64,
    kept: u64,
    waited: Duration,
    pinning: bool,
    /// Somebody consumes what is there without a gap.
    reading: bool,
    consumed: u64,
    farthest_ahead: u64,
    /// The server has an empty file, and says so with this status.
    empty: Option<u16>,
}

#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) failure: Option<Failure>,
    /// The version that the file is, packed versions counted from 1,000.
    pub(super) version: Option<usize>,
    pub(super) requests: u64,
    pub(super) kept: u64,
    pub(super) waited: Duration,
    /// The farthest that a byte was ahead of the reader, where other flights than the first could bring it.
    pub(super) farthest_ahead: u64,
}

impl Outcome {
    pub(super) fn exit(&self) -> Option<Exit> {
        self.failure.as_ref().map(Failure::exit)
    }
}

/// As many requests as the worst server gets: each piece of 64 KiB may take all tries, and each restart begins anew. Half as many again for answers that teach something.
pub(super) fn request_bound(rules: &Rules) -> u64 {
    let pieces = SIZE as u64 / rules.progress + 3;
    pieces * (u64::from(rules.retries) + 1) * u64::from(super::super::RESTARTS + 1) * 2
}

/// Every byte differs between versions, and between a version and its packed form.
fn content(version: usize, size: usize) -> Vec<u8> {
    (0..size as u64).map(|at| ((at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).wrapping_add(version as u8)).collect()
}

/// The head of the first answer of an honest server.
pub(super) fn head(size: u64) -> Head {
    head_of(size, 0, None)
}

/// The head of an honest server's answer to a range.
pub(super) fn head_of(size: u64, start: u64, end: Option<u64>) -> Head {
    let identity = Identity { tag: Some("\"a\"".to_owned()), total: Some(size), ..Identity::default() };
    let end = end.unwrap_or(size).min(size);
    Head {
        status: 206,
        length: Some(end - start),
        range: ContentRange::Bytes(start..end, Some(size)),
        identity,
        retry_after: None,
        accepts_ranges: None,
    }
}

impl World {
    pub(super) fn new(server: Server, faults: Vec<Fault>, seed: u64) -> Self {
        Self {
            server,
            faults: faults.into_iter(),
            version: 0,
            random: seed,
            file: Vec::new(),
            replies: Vec::new(),
            now: Duration::ZERO,
            requests: 0,
            kept: 0,
            waited: Duration::ZERO,
            pinning: false,
            reading: false,
            consumed: 0,
            farthest_ahead: 0,
            empty: None,
        }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { empty: Some(status), ..Self::new(Server::default(), vec![], 1) }
    }

    pub(super) fn pinning(self) -> Self {
        Self { pinning: true, ..self }
    }

    pub(super) fn reading_along(self) -> Self {
        Self { reading: true, ..self }
    }

    /// What a crash leaves: the extents, of the present version.
    pub(super) fn crash(&mut self, have: &Extents) -> Identity {
        let content = content(self.version, self.size());
        for range in have.iter() {
            self.keep(range.start, &content[range.start as usize..range.end as usize]);
        }
        self.kept = 0;
        self.identity(Some(self.size() as u64))
    }

    pub(super) fn change(&mut self) {
        self.version += 1;
    }

    fn size(&self) -> usize {
        if self.server.same_size { SIZE } else { SIZE + self.version * 10 }
    }

    fn draw(&mut self, below: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % below
    }

    pub(super) fn run(mut self, mut plan: Plan) -> Outcome {
        let mut steps = 0;
        let failure = loop {
            steps += 1;
            assert!(steps < 100_000, "it never ends");
            match plan.poll_action(self.now) {
                Action::Ask(ask) => self.answer(&mut plan, &ask),
                Action::Cancel(id) => self.replies.retain(|reply| reply.id != id),
                Action::Restart(_) => {
                    assert!(self.replies.is_empty(), "a restart with answers on their way");
                    self.file.clear();
                    plan.handle_restarted();
                }
                Action::Wait(until) => self.wait(&mut plan, until),
                Action::Done => break None,
                Action::Failed(failure) => break Some(failure),
            }
        };
        assert!(self.replies.is_empty(), "answers are left");
        let version = failure.is_none().then(|| self.which()).flatten();
        Outcome { failure, version, requests: self.requests, kept: self.kept, waited: self.waited, farthest_ahead: self.farthest_ahead }
    }

    fn which(&self) -> Option<usize> {
        let file: Option<Vec<u8>> = self.file.iter().copied().collect();
        let file = file?;
        if file == PAGE {
            return Some(usize::MAX);
        }
        let is = |version: &usize| {
            let size = if self.server.same_size { SIZE } else { SIZE + (version % 100) * 10 };
            file == content(*version, size)
        };
        (0..=self.version).chain((0..=self.version).map(|version| version + 100)).find(is)
    }

    /// Delivers something, or lets time pass if there is nothing to deliver.
    fn wait(&mut self, plan: &mut Plan, until: Option<Duration>) {
        let live: Vec<usize> = (0..self.replies.len())
            .filter(|&index| {
                let reply = &self.replies[index];
                reply.sent < reply.body.len() || reply.ending != Ending::Hangs
            })
            .collect();
        if live.is_empty() {
            let until = until.expect("nothing is on its way, and nothing is waited for");
            if self.replies.is_empty() {
                self.waited += until - self.now;
            }
            self.now = until;
            return;
        }
        if self.server.slow {
            self.now += Duration::from_millis(300 / live.len() as u64);
        }
        let index = live[self.draw(live.len())];
        let size = self.draw(CHUNK) + 1;
        let reply = &mut self.replies[index];
        let id = reply.id;
        if reply.sent == reply.body.len() {
            let ending = self.replies.swap_remove(index).ending;
            match ending {
                Ending::Clean => plan.handle_end(self.now, id),
                _ => plan.handle_cut(self.now, id),
            }
            return;
        }
        let from = reply.sent;
        let to = (from + size).min(reply.body.len());
        reply.sent = to;
        let mut chunk = reply.body[from..to].to_vec();
        while !chunk.is_empty() && self.replies.iter().any(|reply| reply.id == id) {
            let used = self.deliver(plan, id, &chunk);
            chunk.drain(..used);
        }
    }

    /// Hands in a chunk; returns how much of it is dealt with.
    fn deliver(&mut self, plan: &mut Plan, id: Id, chunk: &[u8]) -> usize {
        let taken = plan.handle_data(self.now, id, chunk.len());
        if self.reading {
            let there = plan.have();
            self.farthest_ahead = self.farthest_ahead.max(there.end() - self.consumed.min(there.end()));
            self.consumed = there.frontier();
            plan.handle_consumed(self.consumed);
        }
        for piece in taken.pieces {
            let bytes = &chunk[piece.chunk.clone()];
            if !piece.compare {
                self.keep(piece.at, bytes);
                if self.pinning {
                    plan.pin();
                }
                continue;
            }
            let there = &self.file[piece.at as usize..piece.at as usize + bytes.len()];
            if !there.iter().zip(bytes).all(|(there, new)| there.expect("what is compared is there") == *new) {
                plan.handle_mismatch(self.now, id);
                self.replies.retain(|reply| reply.id != id);
                return chunk.len();
            }
        }
        if !taken.more {
            self.replies.retain(|reply| reply.id != id);
        }
        taken.used
    }

    fn keep(&mut self, at: u64, bytes: &[u8]) {
        let at = at as usize;
        if self.file.len() < at + bytes.len() {
            self.file.resize(at + bytes.len(), None);
        }
        for (place, byte) in self.file[at..].iter_mut().zip(bytes) {
            assert!(place.is_none(), "a byte was kept twice");
            *place = Some(*byte);
        }
        self.kept += bytes.len() as u64;
    }

    fn identity(&mut self, total: Option<u64>) -> Identity {
        let tag = match self.server.tags {
            Tags::Strong => Some(format!("\"v{}\"", self.version)),
            Tags::Weak => Some(format!("W/\"v{}\"", self.version)),
            Tags::EachTime => Some(format!("\"{}\"", self.draw(1 << 30))),
            Tags::None => None,
        };
        let modified = (self.server.dates != Dates::None).then(|| format!("date {}", self.version));
        Identity { tag, modified, settled: self.server.dates == Dates::Old, total, ..Identity::default() }
    }

    fn answer(&mut self, plan: &mut Plan, ask: &Ask) {
        self.requests += 1;
        plan.handle_sent(self.now, ask.id);
        if let Some(status) = self.empty {
            let range = if status == 206 { ContentRange::Unsatisfied(0) } else { ContentRange::Absent };
            let status = if status == 206 { 416 } else { status };
            let identity = self.identity(Some(0));
            let head = Head { status, length: Some(0), range, identity, retry_after: None, accepts_ranges: None };
            assert_eq!(plan.handle_head(self.now, ask.id, &head), Verdict::Stop);
            return;
        }
        let mut fault = self.faults.next().unwrap_or(Fault::None);
        if self.server.most.is_some_and(|most| self.replies.len() >= most) {
            fault = Fault::Status(503);
        }
        let refused = |what: &str| Failure::new(Exit::Network, what);
        match fault {
            Fault::NoAnswer => self.replies.push(Reply { id: ask.id, body: Vec::new(), sent: 0, ending: Ending::Hangs }),
            Fault::Refused => {
                let trouble = if plan.has_answered(ask.source) { Trouble::Passing } else { Trouble::Fatal };
                plan.handle_failure(self.now, ask.id, refused("connection refused"), trouble);
            }
            fault => {
                if matches!(fault, Fault::Changes) {
                    self.version += 1;
                }
                let (head, mut body) = self.reply(ask, &fault);
                let ending = match fault {
                    Fault::Cut(at) | Fault::ChangesAndCuts(at) => {
                        body.truncate(at);
                        Ending::Breaks
                    }
                    Fault::EndsEarly(at) => {
                        body.truncate(at);
                        if head.length.is_some() { Ending::Clean } else { Ending::Breaks }
                    }
                    Fault::Stalls(at) => {
                        body.truncate(at);
                        Ending::Hangs
                    }
                    _ => Ending::Clean,
                };
                if matches!(fault, Fault::ChangesAndCuts(_)) {
                    self.version += 1;
                }
                if plan.handle_head(self.now, ask.id, &head) == Verdict::Take {
                    self.replies.push(Reply { id: ask.id, body, sent: 0, ending });
                }
            }
        }
    }

    /// What the server sends: the head, and the body if nothing breaks it.
    fn reply(&mut self, ask: &Ask, fault: &Fault) -> (Head, Vec<u8>) {
        let size = self.size();
        let mut whole = content(self.version, size);
        let mut identity = self.identity(None);
        match fault {
            Fault::Status(status) => {
                let range = ContentRange::Absent;
                return (
                    Head { status: *status, length: Some(5), range, identity, retry_after: self.server.retry_after, accepts_ranges: None },
                    b"error".to_vec(),
                );
            }
            Fault::Page => {
                identity = Identity { page: true, total: Some(9), ..Identity::default() };
                return (
                    Head { status: 200, length: Some(9), range: ContentRange::Absent, identity, retry_after: None, accepts_ranges: None },
                    PAGE.to_vec(),
                );
            }
            Fault::Packed => {
                whole = content(self.version + 100, size);
                identity.coding = Some("gzip".to_owned());
            }
            Fault::NoValidators => identity = Identity::default(),
            _ => {}
        }
        let matches = ask.if_range.as_ref().is_none_or(|value| {
            self.server.if_range && (Some(value) == identity.tag.as_ref() || Some(value) == identity.modified.as_ref())
        });
        let range = ask.range.filter(|_| self.server.ranges && matches && !matches!(fault, Fault::Whole));
        let Some((start, end)) = range else {
            let length = self.server.length.then_some(size as u64);
            identity.total = length;
            return (Head { status: 200, length, range: ContentRange::Absent, identity, retry_after: None, accepts_ranges: None }, whole);
        };
        if start >= size as u64 {
            identity.total = Some(size as u64);
            return (
                Head {
                    status: 416,
                    length: None,
                    range: ContentRange::Unsatisfied(size as u64),
                    identity,
                    retry_after: None,
                    accepts_ranges: None,
                },
                vec![],
            );
        }
        let mut start = start;
        let mut end = end.map_or(size as u64, |end| end.min(size as u64));
        let mut total = Some(size as u64);
        match fault {
            Fault::Shifted(by) => start = (start + by).min(end - 1),
            Fault::ShortRange(most) => end = end.min(start + *most as u64),
            Fault::OverLong => end = size as u64,
            Fault::UnknownTotal => total = None,
            Fault::WrongTotal => total = Some(size as u64 + 5),
            _ => {}
        }
        identity.total = total;
        let body = whole[start as usize..end as usize].to_vec();
        let range = if matches!(fault, Fault::Multipart) { ContentRange::Absent } else { ContentRange::Bytes(start..end, total) };
        (Head { status: 206, length: Some(end - start), range, identity, retry_after: None, accepts_ranges: None }, body)
    }
}
