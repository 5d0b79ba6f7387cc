//! Why a transfer is no faster: where the time of its connections goes, and what that means.
//!
//! Nothing is guessed from rates. Each connection of a transfer is at any time either at work or in one wait, and a ledger adds up how long, per kind of wait.
//! What is judged is a difference of two such accounts ([`Spent`]): [`judge`] is a function of it and of nothing else.
//!
//! The wait for bytes needs a second look: a connection's task may be decrypting, or another program may have the processor. So the connection itself notes how
//! long nothing was there to be read (a meter does); only that is the server's (or the network's) doing, and the rest is this machine's.
//!
//! Whether the server limits each connection shows only when their number changes: [`Judge`] compares windows, and believes it where more connections brought
//! more bytes in proportion.
//!
//! - L1: a connection is in at most one wait at a time, and a wait ends with its guard, also when the future is dropped.
//! - L2: the account includes the waits under way, so that a standstill shows while it lasts.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use cede::time::Instant;

use crate::meter::Meter;
use crate::sink::lock;
use crate::units;

/// What a connection can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For its turn: there are as many connections to the host as there may be.
    Turn,
    /// For the connection, and for the head of the answer.
    Answer,
    /// For bytes.
    Bytes,
    /// For the limit on everything.
    Rate,
    /// For the limit on the host.
    HostRate,
    /// For the transfer's own limit.
    OwnRate,
    /// For whoever reads the output.
    Reader,
    /// For the disk.
    Disk,
    /// For the checksum, after the last byte.
    Sum,
    /// Until the next try.
    Retry,
}

const WAITS: usize = 10;

impl Wait {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; WAITS] = [
        Self::Turn,
        Self::Answer,
        Self::Bytes,
        Self::Rate,
        Self::HostRate,
        Self::OwnRate,
        Self::Reader,
        Self::Disk,
        Self::Sum,
        Self::Retry,
    ];
}

/// Where time went, summed over the connections of one transfer or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    waits: [Duration; WAITS],
    /// All of the connections' time, waiting or not.
    total: Duration,
    /// What of the wait for bytes was not silence on the line.
    busy: Duration,
    bytes: u64,
}

/// What a transfer is limited by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slow {
    /// No bytes come: the server, or the way to it.
    Server,
    /// The same, and each connection gets so many bytes per second: more of them brought more.
    Connection(f64),
    /// The answer to a request is awaited.
    Answer,
    /// There are as many connections to the host as the user allows, or the server.
    Turn,
    /// The user's limit on everything.
    Rate,
    /// The user's limit on the host.
    HostRate,
    /// The user's limit on this transfer.
    OwnRate,
    /// Whoever reads the output.
    Reader,
    /// The disk.
    Disk,
    /// The processor: decryption, copying, other programs.
    Processor,
    /// The checksum is being made.
    Sum,
    /// A try failed, and the next is not due.
    Retry,
}

impl Slow {
    /// A word, for programs; it stays what it is.
    pub fn word(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Connection(_) => "connection",
            Self::Answer => "answer",
            Self::Turn => "turn",
            Self::Rate => "rate",
            Self::HostRate => "host-rate",
            Self::OwnRate => "own-rate",
            Self::Reader => "reader",
            Self::Disk => "disk",
            Self::Processor => "cpu",
            Self::Sum => "checksum",
            Self::Retry => "retry",
        }
    }

    /// A phrase, for people.
    pub fn phrase(self) -> String {
        let phrase = match self {
            Self::Server => "limited by the server",
            Self::Connection(rate) => return format!("limited by the server, {} per connection", units::rate(rate)),
            Self::Answer => "waiting for the server's answer",
            Self::Turn => "limited by --per-host",
            Self::Rate => "limited by --limit-rate",
            Self::HostRate => "limited by --limit-rate-host",
            Self::OwnRate => "limited by its own limit",
            Self::Reader => "limited by who reads the output",
            Self::Disk => "limited by the disk",
            Self::Processor => "limited by the processor",
            Self::Sum => "limited by the checksum",
            Self::Retry => "waiting to try again",
        };
        phrase.to_owned()
    }
}

/// The least share of the time that is a reason.
const SHARE: f64 = 0.4;
/// Of less time than this, nothing is said.
const LEAST: Duration = Duration::from_millis(50);

/// What an account shows. `None`: too little time, or no one cause.
pub fn judge(spent: &Spent) -> Option<Slow> {
    if spent.total < LEAST {
        return None;
    }
    let (slow, time) = spent.times().max_by_key(|(_, time)| *time)?;
    (time.as_secs_f64() >= spent.total.as_secs_f64() * SHARE).then_some(slow)
}

fn slow(wait: Wait) -> Slow {
    match wait {
        Wait::Turn => Slow::Turn,
        Wait::Answer => Slow::Answer,
        Wait::Bytes => Slow::Server,
        Wait::Rate => Slow::Rate,
        Wait::HostRate => Slow::HostRate,
        Wait::OwnRate => Slow::OwnRate,
        Wait::Reader => Slow::Reader,
        Wait::Disk => Slow::Disk,
        Wait::Sum => Slow::Sum,
        Wait::Retry => Slow::Retry,
    }
}

impl Spent {
    /// How long connections were in this wait; of the wait for bytes, only what was silence on the line.
    pub fn waited(&self, wait: Wait) -> Duration {
        let time = self.waits[wait as usize];
        if wait == Wait::Bytes { time.saturating_sub(self.busy) } else { time }
    }

    /// How long connections were at work, or their bytes were.
    pub fn worked(&self) -> Duration {
        self.total.saturating_sub(self.waits.iter().sum()) + self.busy.min(self.waits[Wait::Bytes as usize])
    }

    /// How long each thing limited the transfer, summed over its connections.
    pub fn times(&self) -> impl Iterator<Item = (Slow, Duration)> + use<> {
        Wait::ALL.map(|wait| (slow(wait), self.waited(wait))).into_iter().chain([(Slow::Processor, self.worked())])
    }

    /// The time of all connections together.
    pub fn total(&self) -> Duration {
        self.total
    }

    /// What came.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was added since an earlier account of the same.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        self.with(before, Duration::saturating_sub, u64::saturating_sub)
    }

    /// The same, after as many connections as there were on average since `began` have waited for something else together, such as the disk at the end of a run.
    #[must_use]
    pub fn and_then_waited(mut self, wait: Wait, waited: Duration, began: Duration) -> Self {
        let connections = (self.total.as_secs_f64() / began.as_secs_f64().max(1e-9)).max(1.0);
        let time = Duration::try_from_secs_f64(waited.as_secs_f64() * connections).unwrap_or(waited);
        self.waits[wait as usize] = self.waits[wait as usize].saturating_add(time);
        self.total = self.total.saturating_add(time);
        self
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.with(other, Duration::saturating_add, u64::saturating_add)
    }

    fn with(&self, other: &Self, time: fn(Duration, Duration) -> Duration, bytes: fn(u64, u64) -> u64) -> Self {
        Self {
            waits: std::array::from_fn(|index| time(self.waits[index], other.waits[index])),
            total: time(self.total, other.total),
            busy: time(self.busy, other.busy),
            bytes: bytes(self.bytes, other.bytes),
        }
    }

    /// How long connections were receiving, or kept from it by this side.
    fn receiving(&self) -> Duration {
        let others = [Wait::Turn, Wait::Answer, Wait::Sum, Wait::Retry].map(|wait| self.waits[wait as usize]);
        self.total.saturating_sub(others.iter().sum())
    }
}

/// How long a window is at least.
const WINDOW: Duration = Duration::from_millis(200);
/// How many windows are judged together.
const WINDOWS: usize = 10;
/// From so many times more connections on, a comparison means something.
const MORE: f64 = 1.5;
/// What of the proportional gain has to be there.
const GAIN: f64 = 0.75;

/// Judges one transfer again and again.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    last: Option<(Duration, Spent)>,
    windows: VecDeque<Spent>,
    /// Connections and bytes per second of an earlier window.
    base: Option<(f64, f64)>,
    /// Bytes per second for each connection, if that is what limits.
    cap: Option<f64>,
    verdict: Option<Slow>,
}

impl Judge {
    /// Takes a look at the account as it is at `now`, a time since anything, and says what limits the transfer lately.
    pub fn look(&mut self, now: Duration, spent: Spent) -> Option<Slow> {
        let (then, before) = *self.last.get_or_insert((now, spent));
        let passed = now.saturating_sub(then);
        if passed < WINDOW {
            return self.verdict;
        }
        self.last = Some((now, spent));
        let window = spent.since(&before);
        self.compare(&window, passed);
        if self.windows.len() == WINDOWS {
            self.windows.pop_front();
        }
        self.windows.push_back(window);
        let recent = self.windows.iter().fold(Spent::default(), |sum, window| sum.and(window));
        self.verdict = self.refine(judge(&recent));
        self.verdict
    }

    /// What limited the transfer altogether.
    pub fn overall(&self, spent: &Spent) -> Option<Slow> {
        self.refine(judge(spent))
    }

    fn refine(&self, slow: Option<Slow>) -> Option<Slow> {
        match (slow, self.cap) {
            (Some(Slow::Server), Some(cap)) => Some(Slow::Connection(cap)),
            (slow, _) => slow,
        }
    }

    fn compare(&mut self, window: &Spent, passed: Duration) {
        let connections = window.receiving().as_secs_f64() / passed.as_secs_f64();
        let rate = window.bytes as f64 / passed.as_secs_f64();
        if connections < 0.5 || rate < 1.0 || judge(window) != Some(Slow::Server) {
            return;
        }
        let Some((fewer, slower)) = self.base else {
            self.base = Some((connections, rate));
            return;
        };
        if connections >= fewer * MORE {
            let gain = rate / slower / (connections / fewer);
            self.cap = (gain >= GAIN).then_some(rate / connections);
            self.base = Some((connections, rate));
        } else if connections * MORE <= fewer {
            self.base = Some((connections, rate));
        }
    }
}

/// The account of one transfer.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    spent: Spent,
    waiting: [u32; WAITS],
    flying: u32,
    last: Option<Instant>,
}

impl Book {
    /// Adds up until now (L2).
    fn settle(&mut self, now: Instant) {
        let passed = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        self.last = Some(now);
        for (time, count) in self.spent.waits.iter_mut().zip(self.waiting).filter(|(_, count)| *count > 0) {
            *time += passed * count;
        }
        self.spent.total += passed * self.flying;
    }
}

/// A connection's time counts while this lives.
#[derive(Debug)]
pub(crate) struct Flying<'a>(&'a Ledger);

/// A connection's time does not count while this lives: the user does not want it to move.
#[derive(Debug)]
pub(crate) struct Resting<'a>(&'a Ledger);

/// A wait under way (L1).
struct Waiting<'a> {
    ledger: &'a Ledger,
    wait: Wait,
    /// For bytes: the connection's meter, what it showed, and when.
    line: Option<(&'a Meter, Duration, Instant)>,
}

impl Ledger {
    /// What was spent so far.
    pub(crate) fn spent(&self) -> Spent {
        let mut book = lock(&self.0);
        book.settle(Instant::now());
        book.spent
    }

    /// A connection begins.
    pub(crate) fn fly(&self) -> Flying<'_> {
        let mut book = lock(&self.0);
        book.settle(Instant::now());
        book.flying += 1;
        Flying(self)
    }

    /// One of the connections rests, and is in no wait.
    pub(crate) fn rest(&self) -> Resting<'_> {
        let mut book = lock(&self.0);
        book.settle(Instant::now());
        book.flying -= 1;
        Resting(self)
    }

    /// So many bytes came.
    pub(crate) fn came(&self, bytes: usize) {
        lock(&self.0).spent.bytes += bytes as u64;
    }

    /// Awaits a future; the time until it is ready counts as this wait. One that is ready at once costs nothing.
    pub(crate) fn wait<F: Future>(&self, wait: Wait, future: F) -> impl Future<Output = F::Output> {
        self.watch(wait, None, future)
    }

    /// The same for bytes on the connection of this meter.
    pub(crate) fn wait_for_bytes<F: Future>(&self, meter: &Meter, future: F) -> impl Future<Output = F::Output> {
        self.watch(Wait::Bytes, Some(meter), future)
    }

    async fn watch<F: Future>(&self, wait: Wait, meter: Option<&Meter>, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut waiting = None;
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => {
                drop(waiting.take());
                Poll::Ready(value)
            }
            Poll::Pending => {
                waiting.get_or_insert_with(|| self.begin(wait, meter));
                Poll::Pending
            }
        })
        .await
    }

    fn begin<'a>(&'a self, wait: Wait, meter: Option<&'a Meter>) -> Waiting<'a> {
        let now = Instant::now();
        let mut book = lock(&self.0);
        book.settle(now);
        book.waiting[wait as usize] += 1;
        Waiting { ledger: self, wait, line: meter.map(|meter| (meter, meter.silent(), now)) }
    }
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        let mut book = lock(&self.0.0);
        book.settle(Instant::now());
        book.flying -= 1;
    }
}

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        let mut book = lock(&self.0.0);
        book.settle(Instant::now());
        book.flying += 1;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut book = lock(&self.ledger.0);
        book.settle(now);
        book.waiting[self.wait as usize] -= 1;
        if let Some((meter, before, since)) = self.line {
            let silent = meter.silent().saturating_sub(before);
            book.spent.busy += now.saturating_duration_since(since).saturating_sub(silent);
        }
    }
}
