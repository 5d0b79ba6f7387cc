//! The language of faults: rules with `;` between them, each a name, perhaps a value, and options after commas.

use std::fmt;
use std::ops::RangeInclusive;

use super::{Cut, Kind, Rule};

/// What `--fault help` prints.
pub const HELP: &str = "\
Faults are rules with ';' between them; a rule is NAME[=VALUE] and options after ','.

  reset[=P]           the connection is reset after some bytes of the body
  truncate[=P]        it is closed too early
  stall[=P]           nothing more comes
                        with after=SIZE or after=SIZE..SIZE (default 0..1M); in uploads, bytes received
  silent[=P]          no answer, and nothing is done
  lost[=P]            what was asked is done, but the connection closes instead of an answer
  delay=TIME          wait before answering, as in 200ms, 2s or 0s..1s
  slow=RATE           at most so many bytes per second for the answer
  status=CODE[:P]     this status instead; with retry-after=SECONDS or any text
  redirect-loop[=P]   a redirect to itself
  page[=P]            a page that wants a login, with status 200
  ignore-range[=P]    the whole file, whatever range was asked for
  deny-ranges[=P]     ranges work, but 'Accept-Ranges: none' is said
  short-range=SIZE    ranges are cut to this size
  wrong-start[=P]     ranges begin a byte too late
  wrong-total[=P]     the total in Content-Range is wrong
  unknown-total[=P]   it is '*'
  no-length[=P]       no Content-Length
  no-validators[=P]   neither ETag nor Last-Modified
  weak-tag[=P]        the ETag is weak
  new-tag[=P]         the ETag is another one each time
  change-at=N         the N-th request for a path meets another version of the file, of the same size
  flip=SHARE          this share of the blocks of 4 KiB has one bit wrong
  forget[=P]          a resumable upload is not known any more
  connections=N       more requests than N at a time get a 503

P is a probability like 5% or 0.1%; without it, always. Options for every rule:
  p=P                 the probability
  tries=N or N..M     only these requests for a path; the first is 1
  path=PATTERN        only these paths; '*' stands for anything
  method=METHOD       only this method

Each decision depends on --seed, the rule, the path and the number of the request for that path.
Example: --fault 'reset=5%,after=64K..1M;status=503:10%,retry-after=1;slow=256K,path=*.iso' --seed 7";

/// What is wrong with a text of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake(String);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; --fault help lists what there is", self.0)
    }
}

impl std::error::Error for Mistake {}

const NAMES: &[&str] = &[
    "reset",
    "truncate",
    "stall",
    "silent",
    "lost",
    "delay",
    "slow",
    "status",
    "redirect-loop",
    "page",
    "ignore-range",
    "deny-ranges",
    "short-range",
    "wrong-start",
    "wrong-total",
    "unknown-total",
    "no-length",
    "no-validators",
    "weak-tag",
    "new-tag",
    "change-at",
    "flip",
    "forget",
    "connections",
];

/// Where cuts happen if the rule does not say.
const ANYWHERE: RangeInclusive<u64> = 0..=1 << 20;
const ALWAYS: u32 = 1_000_000;

pub(super) fn parse(text: &str) -> Result<Vec<Rule>, Mistake> {
    text.split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| rule(part).map_err(|why| Mistake(format!("'{part}': {why}"))))
        .collect()
}

/// The options that come after the name, before they are understood.
#[derive(Default)]
struct Options<'a> {
    after: Option<&'a str>,
    retry_after: Option<&'a str>,
    chance: Option<u32>,
    tries: Option<RangeInclusive<u64>>,
    path: Option<String>,
    method: Option<String>,
}

fn rule(text: &str) -> Result<Rule, String> {
    let mut parts = text.split(',').map(str::trim);
    let head = parts.next().unwrap_or_default();
    let (name, value) = head.split_once('=').map_or((head, None), |(name, value)| (name.trim(), Some(value.trim())));
    let mut options = Options::default();
    for part in parts {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("'{part}' is not an option, which is written NAME=VALUE"))?;
        options.set(key.trim(), value.trim())?;
    }
    let (kind, chance) = kind(name, value, &mut options)?;
    if let Some(after) = options.after {
        return Err(format!("'after={after}' is for reset, truncate and stall"));
    }
    if let Some(after) = options.retry_after {
        return Err(format!("'retry-after={after}' is for status"));
    }
    let chance = match (chance, options.chance) {
        (Some(_), Some(_)) => return Err("it has two probabilities".to_owned()),
        (one, other) => one.or(other).unwrap_or(ALWAYS),
    };
    Ok(Rule { kind, chance, tries: options.tries.unwrap_or(0..=u64::MAX), path: options.path, method: options.method })
}

impl<'a> Options<'a> {
    fn set(&mut self, key: &str, value: &'a str) -> Result<(), String> {
        match key {
            "after" => self.after = Some(value),
            "retry-after" => self.retry_after = Some(value),
            "p" => self.chance = Some(share(value)?),
            "tries" => self.tries = Some(range(value, number)?),
            "path" => self.path = Some(value.to_owned()),
            "method" => self.method = Some(value.to_owned()),
            _ => return Err(format!("there is no option '{key}'")),
        }
        Ok(())
    }
}

/// The kind, and the probability if the value is one.
fn kind(name: &str, value: Option<&str>, options: &mut Options<'_>) -> Result<(Kind, Option<u32>), String> {
    let needed = |what: &str| value.ok_or_else(|| format!("it needs a value: {name}={what}"));
    let kind = match name {
        "delay" => Kind::Delay { milliseconds: range(needed("TIME")?, time)? },
        "slow" => Kind::Slow { rate: at_least_one(size(needed("RATE")?)?)? },
        "short-range" => Kind::ShortRange { most: at_least_one(size(needed("SIZE")?)?)? },
        "change-at" => Kind::Change { at: at_least_one(number(needed("N")?)?)? },
        "connections" => Kind::Connections { most: number(needed("N")?)? },
        "flip" => Kind::Flip { share: share(needed("SHARE")?)? },
        "status" => {
            let (code, chance) = needed("CODE")?.split_once(':').map_or((value.unwrap_or_default(), None), |(code, p)| (code, Some(p)));
            let code = code.parse().ok().filter(|code| (200..600).contains(code)).ok_or_else(|| format!("'{code}' is not a status"))?;
            let retry_after = options.retry_after.take().map(str::to_owned);
            return Ok((Kind::Status { code, retry_after }, chance.map(share).transpose()?));
        }
        _ => return Ok((plain(name, options)?, value.map(share).transpose()?)),
    };
    Ok((kind, None))
}

/// The kinds whose only value is a probability.
fn plain(name: &str, options: &mut Options<'_>) -> Result<Kind, String> {
    let mut cut = |how| {
        let after = options.after.take().map(|text| range(text, size)).transpose()?.unwrap_or(ANYWHERE);
        Ok(Kind::Cut { how, after })
    };
    Ok(match name {
        "reset" => return cut(Cut::Reset),
        "truncate" => return cut(Cut::Close),
        "stall" => return cut(Cut::Stall),
        "silent" => Kind::Silent,
        "lost" => Kind::Lost,
        "redirect-loop" => Kind::RedirectLoop,
        "page" => Kind::Page,
        "ignore-range" => Kind::IgnoreRange,
        "deny-ranges" => Kind::DenyRanges,
        "wrong-start" => Kind::WrongStart,
        "wrong-total" => Kind::WrongTotal,
        "unknown-total" => Kind::UnknownTotal,
        "no-length" => Kind::NoLength,
        "no-validators" => Kind::NoValidators,
        "weak-tag" => Kind::WeakTag,
        "new-tag" => Kind::NewTag,
        "forget" => Kind::Forget,
        _ => {
            let near = NAMES.iter().find(|known| known.starts_with(name) && !name.is_empty() || name.starts_with(*known));
            return Err(match near {
                Some(near) => format!("there is no fault '{name}'; is it '{near}'?"),
                None => format!("there is no fault '{name}'"),
            });
        }
    })
}

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Cut { how: Cut::Reset, .. } => "reset",
            Self::Cut { how: Cut::Close, .. } => "truncate",
            Self::Cut { how: Cut::Stall, .. } => "stall",
            Self::Silent => "silent",
            Self::Lost => "lost",
            Self::Delay { .. } => "delay",
            Self::Slow { .. } => "slow",
            Self::Status { .. } => "status",
            Self::RedirectLoop => "redirect-loop",
            Self::Page => "page",
            Self::IgnoreRange => "ignore-range",
            Self::DenyRanges => "deny-ranges",
            Self::ShortRange { .. } => "short-range",
            Self::WrongStart => "wrong-start",
            Self::WrongTotal => "wrong-total",
            Self::UnknownTotal => "unknown-total",
            Self::NoLength => "no-length",
            Self::NoValidators => "no-validators",
            Self::WeakTag => "weak-tag",
            Self::NewTag => "new-tag",
            Self::Change { .. } => "change-at",
            Self::Flip { .. } => "flip",
            Self::Forget => "forget",
            Self::Connections { .. } => "connections",
        }
    }
}

fn range<T: Fn(&str) -> Result<u64, String>>(text: &str, value: T) -> Result<RangeInclusive<u64>, String> {
    let (start, end) = match text.split_once("..") {
        Some((start, end)) => (value(start)?, value(end.trim_start_matches('='))?),
        None => (value(text)?, value(text)?),
    };
    if start > end { Err(format!("'{text}' is empty: its start is after its end")) } else { Ok(start..=end) }
}

fn number(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| format!("'{text}' is not a number"))
}

fn at_least_one(number: u64) -> Result<u64, String> {
    if number > 0 { Ok(number) } else { Err("it must be more than 0".to_owned()) }
}

/// A probability, in millionths.
fn share(text: &str) -> Result<u32, String> {
    let value = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match value {
        Some(value) if (0.0..=100.0).contains(&value) => Ok((value * 10_000.0).round() as u32),
        Some(_) => Err(format!("'{text}' is not between 0% and 100%")),
        None => Err(format!("'{text}' is not a probability, which is written like 5%")),
    }
}

/// Bytes, in units of 1,024.
fn size(text: &str) -> Result<u64, String> {
    crate::units::size(text).ok_or_else(|| format!("'{text}' is not a size, which is written like 64K or 1.5M"))
}

/// Milliseconds.
fn time(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (text.strip_suffix('s').unwrap_or(text), 1000.0),
    };
    match number.parse::<f64>() {
        Ok(number) if (0.0..1e6).contains(&number) => Ok((number * unit) as u64),
        _ => Err(format!("'{text}' is not a time, which is written like 200ms or 2s")),
    }
}
