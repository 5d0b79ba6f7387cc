//! What there is to show at one moment, gathered from the board and the queue.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use cede_transfer::printable;
use cede_transfer::queue::{Priority, Queue};

use crate::progress::{Board, Item, Phase, Rate, Totals};

/// How many of those that wait are shown.
const WAITING: usize = 1000;
/// How many of those that have ended are shown.
const ENDED: usize = 100;

/// Where a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Connecting,
    Running,
    Verifying,
    Paused,
    Done,
    Failed,
    Stopped,
}

/// One transfer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) state: State,
    pub(super) priority: Priority,
    pub(super) have: u64,
    pub(super) total: Option<u64>,
    /// Bytes per second.
    pub(super) rate: f64,
    /// The limit that was set for it.
    pub(super) limit: Option<u64>,
    /// Why it is slow, or how it ended.
    pub(super) why: String,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    /// First what runs, then what waits in the order in which it will begin, then what has ended, the latest first.
    pub(super) rows: Vec<Row>,
    /// What waits besides.
    pub(super) more: usize,
    pub(super) waiting: usize,
    pub(super) totals: Totals,
    pub(super) rate: f64,
    /// The limit on everything.
    pub(super) limit: Option<u64>,
    pub(super) stopping: bool,
    /// How many small files the disk is waited for.
    pub(super) unsettled: usize,
}

/// Remembers what a single moment does not show: rates, and what has ended.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    rates: HashMap<usize, Rate>,
    rate: Rate,
    ended: VecDeque<Row>,
}

impl Gatherer {
    /// The picture of now. Also returns what has settled since the last one.
    pub(super) fn gather<T>(&mut self, board: &Board, queue: &Queue<T>, now: Instant) -> (Picture, Vec<(usize, Item)>) {
        let frame = board.frame(now);
        let mut rows = Vec::new();
        for (index, item) in &frame.active {
            let rate = self.rates.entry(*index).or_default().update(now, item.received);
            rows.push(row(*index, item, rate, 0));
        }
        let next = queue.iter().take(WAITING).filter_map(|(index, priority, held)| {
            let item = board.item(index)?;
            let mut row = row(index, &item, 0.0, priority);
            row.state = if held { State::Paused } else { State::Waiting };
            Some(row)
        });
        rows.extend(next);
        for (index, item) in &frame.settled {
            self.rates.remove(index);
            self.ended.truncate(ENDED - 1);
            self.ended.push_front(row(*index, item, 0.0, 0));
        }
        rows.extend(self.ended.iter().cloned());
        let picture = Picture {
            rows,
            more: queue.len().saturating_sub(WAITING),
            waiting: queue.len(),
            totals: frame.totals,
            rate: self.rate.update(now, frame.totals.received),
            limit: None,
            stopping: false,
            unsettled: frame.settling.map_or(0, |settling| settling.files),
        };
        (picture, frame.settled)
    }
}

fn row(index: usize, item: &Item, rate: f64, priority: Priority) -> Row {
    let state = match item.phase {
        _ if item.is_paused() => State::Paused,
        Phase::Waiting => State::Waiting,
        Phase::Connecting => State::Connecting,
        Phase::Receiving => State::Running,
        Phase::Verifying => State::Verifying,
        Phase::Saved(_) | Phase::Kept(_) => State::Done,
        Phase::Failed(_) => State::Failed,
        Phase::Stopped(_) => State::Stopped,
    };
    let slow = item.slow.map(cede_transfer::slow::Slow::phrase);
    let why = match &item.phase {
        Phase::Saved(note) => slow.into_iter().chain((!note.is_empty()).then(|| note.clone())).collect::<Vec<_>>().join("; "),
        // Such messages begin with the URL, for which a table has no room.
        Phase::Failed(why) | Phase::Stopped(why) if why.starts_with("http") => {
            why.split_once(": ").map_or(why.as_str(), |(_, rest)| rest).to_owned()
        }
        Phase::Kept(why) | Phase::Failed(why) | Phase::Stopped(why) => why.clone(),
        _ if item.is_paused() => String::new(),
        _ => slow.unwrap_or_default(),
    };
    let name = printable(&item.label);
    Row {
        index,
        name,
        state,
        priority,
        have: item.received,
        total: item.honest_total(),
        rate,
        limit: item.control.limit(),
        why: printable(&why),
    }
}
