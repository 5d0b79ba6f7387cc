//! What goes wrong on purpose, decided without doing any of it.
//!
//! A [`Plan`] is made from a text (`reset=5%,after=64K..1M;status=503:10%`) and a seed. For each request it returns a [`Decision`], which is a function of the seed, the rule, the
//! path and the number of the request among those for the path, and of nothing else: neither the clock nor what other paths got decides, so that a run can be
//! repeated, and so that a client with many connections meets the same faults for each file whatever the order in which it asks. (Several requests for *one* path
//! that are under way at once number themselves in the order of their arrival.)
//!
//! The plan counts requests and faults, which is all the state that it has. What a decision means is up to those who send and receive.

mod grammar;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

pub use grammar::{HELP, Mistake};

/// The rules, the seed, and how often each path was asked for.
///
/// ```
/// use cede_serve::fault::Plan;
/// let mut plan = Plan::parse("status=503,tries=1,retry-after=1", 7).unwrap();
/// assert_eq!(plan.decide("GET", "/file").status.unwrap().code, 503);
/// assert!(plan.decide("GET", "/file").status.is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Plan {
    rules: Vec<Rule>,
    seed: u64,
    asked: HashMap<String, u64>,
    counts: BTreeMap<&'static str, u64>,
}

/// One thing that goes wrong, and when.
#[derive(Clone, Debug, PartialEq)]
struct Rule {
    kind: Kind,
    /// Out of a million.
    chance: u32,
    tries: RangeInclusive<u64>,
    path: Option<String>,
    method: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Cut { how: Cut, after: RangeInclusive<u64> },
    Silent,
    Lost,
    Delay { milliseconds: RangeInclusive<u64> },
    Slow { rate: u64 },
    Status { code: u16, retry_after: Option<String> },
    RedirectLoop,
    Page,
    IgnoreRange,
    DenyRanges,
    ShortRange { most: u64 },
    WrongStart,
    WrongTotal,
    UnknownTotal,
    NoLength,
    NoValidators,
    WeakTag,
    NewTag,
    Change { at: u64 },
    Flip { share: u32 },
    Forget,
    Connections { most: u64 },
}

/// How a body ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The connection is reset (HTTP/1.1), or the stream is (HTTP/2).
    Reset,
    /// The connection is closed in good order, but too early.
    Close,
    /// Nothing more comes.
    Stall,
}

/// An answer instead of the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its code.
    pub code: u16,
    /// What its `Retry-After` says.
    pub retry_after: Option<String>,
}

/// Which bytes of a file arrive with one bit wrong: for each block of 4 KiB this is decided from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    key: u64,
    share: u32,
}

/// The size of what [`Flip`] decides about.
pub const BLOCK: u64 = 4096;

/// What happens to one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Which request for its path this is; the first is 1.
    pub attempt: u64,
    /// The body ends early, after so many bytes: the answer's, or in an upload the request's.
    pub cut: Option<(Cut, u64)>,
    /// There is no answer at all, and nothing is done.
    pub silent: bool,
    /// What was asked is done, and the connection is closed instead of an answer.
    pub lost: bool,
    /// Milliseconds before anything else.
    pub delay: u64,
    /// The most bytes per second.
    pub slow: Option<u64>,
    /// Another answer.
    pub status: Option<Status>,
    /// A redirect to itself.
    pub redirect_loop: bool,
    /// A page that wants a login, with status 200.
    pub page: bool,
    /// The whole file, whatever was asked for.
    pub ignore_range: bool,
    /// Ranges work, but the answer says that they do not.
    pub deny_ranges: bool,
    /// Ranges are at most so long.
    pub short_range: Option<u64>,
    /// A range begins one byte later than was asked for.
    pub wrong_start: bool,
    /// The total in `Content-Range` is wrong.
    pub wrong_total: bool,
    /// It is `*`.
    pub unknown_total: bool,
    /// There is no `Content-Length`.
    pub no_length: bool,
    /// There is neither an `ETag` nor a `Last-Modified`.
    pub no_validators: bool,
    /// The `ETag` is weak.
    pub weak_tag: bool,
    /// It is another one each time.
    pub new_tag: bool,
    /// Which version of the file there is; that of the disk is 0.
    pub version: u64,
    /// Bytes are changed on the way.
    pub flip: Option<Flip>,
    /// A resumable upload that is asked for is not known any more.
    pub forget: bool,
    /// Further requests beside so many others get a 503.
    pub connections: Option<u64>,
    /// The names of the faults, for the log.
    pub named: Vec<&'static str>,
}

impl Plan {
    /// Reads the rules.
    ///
    /// # Errors
    /// What is wrong with them, and where.
    pub fn parse(text: &str, seed: u64) -> Result<Self, Mistake> {
        Ok(Self { rules: grammar::parse(text)?, seed, ..Self::default() })
    }

    /// Counts the request and says what happens to it.
    pub fn decide(&mut self, method: &str, path: &str) -> Decision {
        let attempt = self.asked.entry(path.to_owned()).or_default();
        *attempt += 1;
        let decision = Self::judge(&self.rules, self.seed, method, path, *attempt);
        for name in &decision.named {
            *self.counts.entry(name).or_default() += 1;
        }
        decision
    }

    /// How often each fault was decided for.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    fn judge(rules: &[Rule], seed: u64, method: &str, path: &str, attempt: u64) -> Decision {
        let mut decision = Decision { attempt, ..Decision::default() };
        for (index, rule) in rules.iter().enumerate() {
            let mut draw = Draw::new(seed, index as u64, path, attempt);
            if rule.applies(method, path, attempt)
                && draw.below(1_000_000) < u64::from(rule.chance)
                && decision.apply(&rule.kind, &mut draw)
            {
                decision.named.push(rule.kind.name());
            }
        }
        decision
    }
}

impl Rule {
    fn applies(&self, method: &str, path: &str, attempt: u64) -> bool {
        self.tries.contains(&attempt)
            && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.path.as_deref().is_none_or(|pattern| matches(pattern, path))
    }
}

impl Decision {
    /// Returns whether this is worth telling: a limit that a request may never meet is not.
    fn apply(&mut self, kind: &Kind, draw: &mut Draw) -> bool {
        match kind {
            Kind::Cut { how, after } => {
                let at = draw.within(after);
                // The first that comes ends it.
                if self.cut.is_none_or(|(_, earlier)| at < earlier) {
                    self.cut = Some((*how, at));
                }
            }
            Kind::Silent => self.silent = true,
            Kind::Lost => self.lost = true,
            Kind::Delay { milliseconds } => self.delay += draw.within(milliseconds),
            Kind::Slow { rate } => self.slow = Some(self.slow.map_or(*rate, |slow| slow.min(*rate))),
            Kind::Status { code, retry_after } => {
                self.status.get_or_insert(Status { code: *code, retry_after: retry_after.clone() });
            }
            Kind::RedirectLoop => self.redirect_loop = true,
            Kind::Page => self.page = true,
            Kind::IgnoreRange => self.ignore_range = true,
            Kind::DenyRanges => self.deny_ranges = true,
            Kind::ShortRange { most } => self.short_range = Some(*most),
            Kind::WrongStart => self.wrong_start = true,
            Kind::WrongTotal => self.wrong_total = true,
            Kind::UnknownTotal => self.unknown_total = true,
            Kind::NoLength => self.no_length = true,
            Kind::NoValidators => self.no_validators = true,
            Kind::WeakTag => self.weak_tag = true,
            Kind::NewTag => self.new_tag = true,
            Kind::Change { at } => {
                self.version += u64::from(self.attempt >= *at);
                return self.attempt == *at;
            }
            Kind::Flip { share } => self.flip = Some(Flip { key: draw.next(), share: *share }),
            Kind::Forget => self.forget = true,
            Kind::Connections { most } => {
                self.connections = Some(*most);
                return false;
            }
        }
        true
    }
}

impl Flip {
    /// Changes the bytes that begin at `offset` of the file; returns how many.
    pub fn apply(self, offset: u64, bytes: &mut [u8]) -> u64 {
        let end = offset + bytes.len() as u64;
        let mut count = 0;
        for block in offset / BLOCK..end.div_ceil(BLOCK) {
            let mut draw = Draw(self.key ^ block.wrapping_mul(0xd134_2543_de82_ef95));
            if draw.below(1_000_000) >= u64::from(self.share) {
                continue;
            }
            let at = block * BLOCK + draw.below(BLOCK);
            if let Some(byte) = at.checked_sub(offset).and_then(|at| bytes.get_mut(usize::try_from(at).ok()?)) {
                *byte ^= 1 << draw.below(8);
                count += 1;
            }
        }
        count
    }
}

/// Numbers that depend on where they are drawn and on nothing else: `SplitMix64`.
#[derive(Debug)]
struct Draw(u64);

impl Draw {
    fn new(seed: u64, rule: u64, path: &str, attempt: u64) -> Self {
        // FNV-1a, so that the faults of a seed stay the same with every compiler.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let numbers = [seed, rule, attempt];
        for byte in numbers.iter().flat_map(|number| number.to_le_bytes()).chain(path.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self(hash)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(most)) >> 64) as u64
    }

    fn within(&mut self, range: &RangeInclusive<u64>) -> u64 {
        range.start() + self.below((range.end() - range.start()).saturating_add(1))
    }
}

/// Whether a pattern with `*` is the whole path.
fn matches(pattern: &str, path: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == path };
    let Some(mut left) = path.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(found) = left.find(part) else { return false };
        left = &left[found + part.len()..];
    }
    true
}
