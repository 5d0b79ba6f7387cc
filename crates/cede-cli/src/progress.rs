//! What is known about the transfers of a run, apart from how it is shown.
//!
//! Transfers write to a [`Board`]; one drawing task reads a [`Frame`] from it ten times a second and hands it to a view ([`bars`] or [`lines`]). So a transfer
//! never waits for a terminal, a view never asks a transfer, and every view shows the same facts. The board's lock is held for a few field accesses, never
//! while anything is drawn.
//!
//! - I1: a file that has settled (saved, kept, failed, stopped) stays as it is; later news about it is ignored.
//! - I2: each settled file is in exactly one frame's `settled`, in the order in which they settled.
//! - I3: what is shown as received never exceeds the total that is shown beside it.

pub(crate) mod bars;
pub(crate) mod events;
pub(crate) mod lines;
mod rate;
pub(crate) mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cede_transfer::control::Control;
use cede_transfer::slow::{self, Judge, Slow, Spent, Wait};
use events::News;
pub(crate) use rate::Rate;

/// What took less time than this was not slow.
pub(crate) const WORTH_A_REASON: Duration = Duration::from_secs(1);

/// Where a file is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Connecting,
    Receiving,
    Verifying,
    /// Complete. The text says what there is to say besides bytes and time.
    Saved(String),
    /// It was there before, and is good enough. The text names it.
    Kept(String),
    Failed(String),
    Stopped(String),
}

/// One file of the run.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) label: String,
    pub(crate) total: Option<u64>,
    pub(crate) received: u64,
    pub(crate) phase: Phase,
    pub(crate) began: Option<Instant>,
    pub(crate) ended: Option<Instant>,
    /// Steers it.
    pub(crate) control: Control,
    /// What limits it lately, or, when it has settled, what limited it altogether.
    pub(crate) slow: Option<Slow>,
}

/// The facts about all files at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) now: Instant,
    /// Files that are on their way, by index.
    pub(crate) active: Vec<(usize, Item)>,
    /// Files that settled since the last frame, oldest first.
    pub(crate) settled: Vec<(usize, Item)>,
    /// What happened besides since the last frame, oldest first; only if it is recorded.
    pub(crate) news: Vec<(usize, News)>,
    pub(crate) totals: Totals,
    /// All files have their names, and the disk is waited for.
    pub(crate) settling: Option<Settling>,
}

/// The wait for the disk at the end of a run: small files are on it together, before the run is called done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settling {
    /// How many are waited for.
    pub(crate) files: usize,
    pub(crate) since: Instant,
}

impl Settling {
    /// What is going on, for people.
    pub(crate) fn phrase(self) -> String {
        let files = if self.files == 1 { "a small file is".to_owned() } else { format!("{} small files are", self.files) };
        format!("waiting for the disk, until {files} written")
    }
}

/// Sums over all files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) files: usize,
    pub(crate) saved: usize,
    pub(crate) kept: usize,
    pub(crate) failed: usize,
    pub(crate) stopped: usize,
    pub(crate) received: u64,
    /// The sum of all sizes, when every file that has not settled has told its size.
    pub(crate) expected: Option<u64>,
}

/// The shared state; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Files that have not settled. What has settled lives in sums, so that a list of a million files takes no more room than one of ten.
    items: BTreeMap<usize, Item>,
    next: usize,
    /// Settled files that no frame has carried yet.
    fresh: Vec<(usize, Item)>,
    settled: Totals,
    /// Who judges what the files on their way are limited by.
    judges: BTreeMap<usize, Judge>,
    /// Where the time of the settled ones went.
    spent: Spent,
    /// When the first one began.
    began: Option<Instant>,
    settling: Option<Settling>,
    epoch: Option<Instant>,
    /// Only for a view that tells them.
    news: Option<Vec<(usize, News)>>,
}

impl Phase {
    pub(crate) fn is_settled(&self) -> bool {
        matches!(self, Self::Saved(_) | Self::Kept(_) | Self::Failed(_) | Self::Stopped(_))
    }

    fn is_active(&self) -> bool {
        matches!(self, Self::Connecting | Self::Receiving | Self::Verifying)
    }
}

impl Item {
    fn new(label: String, total: Option<u64>) -> Self {
        Self { label, total, received: 0, phase: Phase::Waiting, began: None, ended: None, control: Control::new(), slow: None }
    }

    /// Whether it would run if the user had not paused it.
    pub(crate) fn is_paused(&self) -> bool {
        !self.phase.is_settled() && self.control.is_paused()
    }

    /// From the first byte asked for to the end, or to `now`.
    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        self.began.map_or(Duration::ZERO, |began| self.ended.unwrap_or(now).saturating_duration_since(began))
    }

    /// The total, unless more than that arrived (I3).
    pub(crate) fn honest_total(&self) -> Option<u64> {
        self.total.filter(|&total| total >= self.received)
    }
}

impl Board {
    /// A board that also records what happens besides bytes.
    pub(crate) fn recording() -> Self {
        let board = Self::default();
        board.lock().news = Some(Vec::new());
        board
    }

    /// Something happened to a file.
    pub(crate) fn tell(&self, index: usize, news: News) {
        self.tell_if_asked(index, || news);
    }

    /// The same, for what is made only if somebody wants to know.
    pub(crate) fn tell_if_asked(&self, index: usize, news: impl FnOnce() -> News) {
        if let Some(known) = &mut self.lock().news {
            known.push((index, news()));
        }
    }

    /// Adds a file and returns its index.
    pub(crate) fn add(&self, label: impl Into<String>, total: Option<u64>) -> usize {
        let mut state = self.lock();
        let index = state.next;
        state.next += 1;
        state.items.insert(index, Item::new(label.into(), total));
        index
    }

    /// What steers a file that has not settled.
    pub(crate) fn control(&self, index: usize) -> Option<Control> {
        self.lock().items.get(&index).map(|item| item.control.clone())
    }

    /// The files that have not settled.
    pub(crate) fn indices(&self) -> Vec<usize> {
        self.lock().items.keys().copied().collect()
    }

    /// A file that has not settled.
    pub(crate) fn item(&self, index: usize) -> Option<Item> {
        self.lock().items.get(&index).cloned()
    }

    /// What limited all files together.
    pub(crate) fn slow(&self) -> Option<Slow> {
        let state = self.lock();
        let mut spent = state.items.values().fold(state.spent, |sum, item| sum.and(&item.control.spent()));
        if let (Some(began), Some(Settling { since, .. })) = (state.began, state.settling) {
            spent = spent.and_then_waited(Wait::Disk, since.elapsed(), since.saturating_duration_since(began));
        }
        slow::judge(&spent)
    }

    /// From now on, the disk is waited for; so many small files are to be on it.
    pub(crate) fn wait_for_disk(&self, files: usize) {
        self.lock().settling = Some(Settling { files, since: Instant::now() });
    }

    /// The file begins: its connection is being made.
    pub(crate) fn begin(&self, index: usize) {
        let now = Instant::now();
        self.lock().began.get_or_insert(now);
        self.change(index, |item| {
            item.phase = Phase::Connecting;
            item.began = Some(now);
        });
    }

    /// The answer is here: the file has a name and perhaps a size.
    pub(crate) fn receiving(&self, index: usize, label: &str, total: Option<u64>) {
        self.change(index, |item| {
            label.clone_into(&mut item.label);
            item.total = total;
            item.phase = Phase::Receiving;
        });
    }

    /// `count` more bytes arrived.
    pub(crate) fn received(&self, index: usize, count: u64) {
        self.change(index, |item| item.received = item.received.saturating_add(count));
    }

    /// So many bytes are there now; fewer than before, if the file had to begin anew.
    pub(crate) fn have(&self, index: usize, bytes: u64) {
        self.change(index, |item| item.received = bytes);
    }

    /// All bytes are here; they are being checked.
    pub(crate) fn verifying(&self, index: usize) {
        self.change(index, |item| item.phase = Phase::Verifying);
    }

    /// The file's end, good or bad (I1).
    pub(crate) fn settle(&self, index: usize, phase: Phase) {
        assert!(phase.is_settled(), "a file settles in a final phase, not in {phase:?}");
        let now = Instant::now();
        self.change(index, |item| {
            item.phase = phase;
            item.ended = Some(now);
        });
    }

    /// The facts at `now`; takes the freshly settled files along (I2).
    pub(crate) fn frame(&self, now: Instant) -> Frame {
        let mut state = self.lock();
        state.judge(now);
        let settled = std::mem::take(&mut state.fresh);
        let active = state.items.iter().filter(|(_, item)| item.phase.is_active()).map(|(index, item)| (*index, item.clone())).collect();
        let news = state.news.as_mut().map(std::mem::take).unwrap_or_default();
        Frame { now, active, settled, news, totals: state.totals(), settling: state.settling }
    }

    /// The sums, without taking the news from the view.
    pub(crate) fn totals(&self) -> Totals {
        self.lock().totals()
    }

    fn change(&self, index: usize, change: impl FnOnce(&mut Item)) {
        let mut state = self.lock();
        let Some(item) = state.items.get_mut(&index) else { return };
        change(item);
        if !item.phase.is_settled() {
            return;
        }
        let Some(mut item) = state.items.remove(&index) else { return };
        let judge = state.judges.remove(&index).unwrap_or_default();
        let spent = item.control.spent();
        state.spent = state.spent.and(&spent);
        let took = item.ended.map_or(Duration::ZERO, |ended| item.elapsed(ended));
        item.slow = if took >= WORTH_A_REASON { judge.overall(&spent) } else { None };
        state.settled.add(&item);
        state.fresh.push((index, item));
    }

    /// A panic elsewhere leaves plain counters behind; they are still worth showing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Totals {
    /// Of no files, all sizes are known.
    fn default() -> Self {
        Self { files: 0, saved: 0, kept: 0, failed: 0, stopped: 0, received: 0, expected: Some(0) }
    }
}

impl Totals {
    /// How many files have settled.
    pub(crate) fn settled(&self) -> usize {
        self.saved + self.kept + self.failed + self.stopped
    }

    fn add(&mut self, item: &Item) {
        self.files += 1;
        self.received += item.received;
        let settled = match item.phase {
            Phase::Saved(_) => Some(&mut self.saved),
            Phase::Kept(_) => Some(&mut self.kept),
            Phase::Failed(_) => Some(&mut self.failed),
            Phase::Stopped(_) => Some(&mut self.stopped),
            _ => None,
        };
        let size = if let Some(count) = settled {
            *count += 1;
            Some(item.received)
        } else {
            item.honest_total()
        };
        self.expected = self.expected.zip(size).map(|(sum, size)| sum + size);
    }
}

impl State {
    /// Looks at what the files on their way are limited by.
    fn judge(&mut self, now: Instant) {
        let since = now.saturating_duration_since(*self.epoch.get_or_insert(now));
        for (index, item) in self.items.iter_mut().filter(|(_, item)| item.phase.is_active()) {
            item.slow = self.judges.entry(*index).or_default().look(since, item.control.spent());
        }
    }

    fn totals(&self) -> Totals {
        let mut totals = self.settled;
        self.items.values().for_each(|item| totals.add(item));
        totals
    }
}

#[cfg(test)]
mod tests;
