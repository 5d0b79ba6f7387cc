//! Progress for programs: one JSON object a line on standard output. `docs/transfer-events.md` is the contract; tests compare it with what is written here.
//!
//! - E1: a line is whole or absent: each is written with one call, under the lock of standard output.
//! - E2: the events of one transfer come in the order in which things happened; `done`, `failed` or `stopped` is its last, and comes once.
//! - E3: a transfer has at most [`RATE`] `progress` lines a second.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cede_transfer::slow::Slow;
use cede_transfer::{Exit, Failure};
use serde_json::{Value, json};

use super::lines::Lines;
use super::{Frame, Item, Phase, Settling, Totals};
use crate::out;

/// The version of the schema; it grows when a field goes or changes its meaning, and not when one is added.
pub(crate) const VERSION: u32 = 1;
/// The most progress lines a second for one transfer.
const RATE: u32 = 4;

/// What happened to a transfer besides bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum News {
    /// It begins. The text is the URL, or the file that is mended.
    Began(String),
    /// So much was there from an earlier run.
    Resumed(u64),
    Redirected {
        from: String,
        to: String,
    },
    Retry {
        url: String,
        why: String,
        wait: Option<Duration>,
    },
    Note(String),
    /// A piece was mended.
    Piece {
        index: usize,
        offset: u64,
        bytes: u64,
        url: String,
    },
    /// It is about to settle, with this code; a download has a path.
    Ended(Exit, Option<PathBuf>),
}

/// Writes events.
#[derive(Debug)]
pub(crate) struct Events {
    /// What went wrong is for people too.
    errors: Option<Lines>,
    known: HashMap<usize, Known>,
    /// Whether it was told that the disk is waited for.
    settling: bool,
}

/// What is remembered of a transfer that has not settled.
#[derive(Debug, Default)]
struct Known {
    url: String,
    end: Option<(Exit, Option<PathBuf>)>,
    told: Option<(Instant, u64)>,
}

impl Events {
    /// With `quiet`, not even failures are said on standard error.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { errors: (!quiet).then(|| Lines::new(true)), known: HashMap::new(), settling: false }
    }

    pub(crate) fn draw(&mut self, frame: &Frame) {
        self.events(frame).iter().for_each(write);
        if let Some(errors) = &mut self.errors {
            errors.draw(frame);
        }
    }

    /// What this frame adds.
    fn events(&mut self, frame: &Frame) -> Vec<Value> {
        let mut events = Vec::new();
        for (index, news) in &frame.news {
            events.extend(self.told(*index, news));
        }
        for (index, item) in &frame.active {
            let known = self.known.entry(*index).or_default();
            let is_due = known.told.is_none_or(|(at, bytes)| {
                bytes != item.received && frame.now.saturating_duration_since(at) >= Duration::from_secs(1) / RATE
            });
            if is_due && item.phase != Phase::Connecting {
                known.told = Some((frame.now, item.received));
                events.push(progress(*index, item, frame.now));
            }
        }
        for (index, item) in &frame.settled {
            let known = self.known.remove(index).unwrap_or_default();
            events.push(settled(*index, item, &known, frame.now));
        }
        if let Some(Settling { files, .. }) = frame.settling.filter(|_| !self.settling) {
            self.settling = true;
            events.push(json!({"v": VERSION, "event": "settling", "files": files}));
        }
        events
    }

    fn told(&mut self, id: usize, news: &News) -> Option<Value> {
        Some(match news {
            News::Began(url) => {
                self.known.entry(id).or_default().url.clone_from(url);
                json!({"v": VERSION, "event": "begin", "id": id, "url": url})
            }
            News::Ended(exit, path) => {
                self.known.entry(id).or_default().end = Some((*exit, path.clone()));
                return None;
            }
            News::Resumed(bytes) => json!({"v": VERSION, "event": "resumed", "id": id, "bytes": bytes}),
            News::Redirected { from, to } => json!({"v": VERSION, "event": "redirect", "id": id, "from": from, "to": to}),
            News::Retry { url, why, wait } => {
                let wait = wait.map(|wait| wait.as_secs_f64());
                json!({"v": VERSION, "event": "retry", "id": id, "url": url, "reason": why, "wait": wait})
            }
            News::Note(text) => json!({"v": VERSION, "event": "note", "id": id, "text": text}),
            News::Piece { index, offset, bytes, url } => {
                json!({"v": VERSION, "event": "piece", "id": id, "index": index, "offset": offset, "bytes": bytes, "url": url})
            }
        })
    }
}

fn progress(id: usize, item: &Item, now: Instant) -> Value {
    let phase = if item.phase == Phase::Verifying { "verifying" } else { "receiving" };
    let seconds = item.elapsed(now).as_secs_f64();
    json!({
        "v": VERSION, "event": "progress", "id": id, "name": item.label, "phase": phase,
        "bytes": item.received, "total": item.honest_total(), "seconds": seconds, "slow": item.slow.map(Slow::word),
    })
}

/// Where the time of the connections went, in seconds.
fn times(item: &Item) -> Value {
    let times = item
        .control
        .spent()
        .times()
        .filter(|(_, time)| !time.is_zero())
        .map(|(slow, time)| (slow.word().to_owned(), json!(time.as_secs_f64())));
    Value::Object(times.collect())
}

fn settled(id: usize, item: &Item, known: &Known, now: Instant) -> Value {
    let (exit, path) = known.end.clone().unwrap_or((Exit::Failed, None));
    let (url, seconds) = (&known.url, item.elapsed(now).as_secs_f64());
    let failed = |event: &str, why: &str| {
        json!({
            "v": VERSION, "event": event, "id": id, "url": url, "exit": exit as u8, "message": why, "bytes": item.received, "seconds": seconds,
            "slow": item.slow.map(Slow::word), "times": times(item),
        })
    };
    match &item.phase {
        Phase::Failed(why) => failed("failed", why),
        Phase::Stopped(why) => failed("stopped", why),
        phase => {
            let (kept, remark) = match phase {
                Phase::Kept(remark) => (true, remark.as_str()),
                Phase::Saved(remark) => (false, remark.as_str()),
                _ => (false, ""),
            };
            let path = path.map(|path| path.to_string_lossy().into_owned());
            json!({
                "v": VERSION, "event": "done", "id": id, "url": url, "path": path, "kept": kept, "remark": remark,
                "bytes": item.received, "total": item.honest_total(), "seconds": seconds,
                "slow": item.slow.map(Slow::word), "times": times(item),
            })
        }
    }
}

/// The last line of a run.
pub(crate) fn summarize(totals: &Totals, slow: Option<Slow>, started: Instant, exit: Exit, why: Option<&Failure>) {
    write(&summary(totals, slow, started, exit, why));
}

fn summary(totals: &Totals, slow: Option<Slow>, started: Instant, exit: Exit, why: Option<&Failure>) -> Value {
    json!({
        "v": VERSION, "event": "summary", "files": totals.files, "saved": totals.saved, "kept": totals.kept, "failed": totals.failed,
        "stopped": totals.stopped, "bytes": totals.received, "seconds": started.elapsed().as_secs_f64(), "exit": exit as u8,
        "message": why.map(Failure::to_string), "slow": slow.map(Slow::word),
    })
}

/// E1.
fn write(event: &Value) {
    out::print(format!("{event}\n"));
}

#[cfg(test)]
mod tests;
