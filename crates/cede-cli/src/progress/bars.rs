//! Progress as live bars on a terminal: one for each file on its way, and the total below.
//!
//! At most as many bars as the terminal has rows are shown, because a terminal cannot move its cursor above its first row and a bar drawn there would be left
//! behind at every step. No thread is started: the bars move when [`draw`](Bars::draw) is called.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::lines::settled_line;
use super::{Frame, Item, Phase, Rate};
use crate::failure::printable;
use crate::units;

/// Rows that are not for files: the total, the line above it, and the cursor.
const OTHER_ROWS: usize = 3;
const STEPS: &str = "━╸─";

/// What happens to the bar of a file that has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// A line above the bars takes its place.
    Scroll,
    /// It stays, with its result.
    Stay,
}

/// Draws on standard error, which must be a terminal.
#[derive(Debug)]
pub(crate) struct Bars {
    multi: MultiProgress,
    total: ProgressBar,
    total_rate: Rate,
    rows: BTreeMap<usize, Row>,
    settled: Settled,
    limit: usize,
    color: bool,
}

#[derive(Debug)]
struct Row {
    bar: ProgressBar,
    rate: Rate,
}

impl Bars {
    pub(crate) fn new(settled: Settled, color: bool) -> Self {
        let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(20));
        let total = multi.add(ProgressBar::new(1));
        total.set_style(style(if color { "{bar:28.green/dim}" } else { "{bar:28}" }, color));
        total.set_prefix("total");
        let limit = terminal_rows().saturating_sub(OTHER_ROWS).max(1);
        Self { multi, total, total_rate: Rate::default(), rows: BTreeMap::new(), settled, limit, color }
    }

    pub(crate) fn draw(&mut self, frame: &Frame) {
        for (index, item) in &frame.active {
            self.draw_active(*index, item, frame);
        }
        for (index, item) in &frame.settled {
            self.draw_settled(*index, item, frame);
        }
        self.draw_total(frame);
    }

    /// Leaves the terminal as it should stay: without the bars of unsettled files.
    pub(crate) fn finish(&mut self) {
        for row in self.rows.values() {
            if !row.bar.is_finished() {
                row.bar.finish_and_clear();
            }
        }
        match self.settled {
            Settled::Scroll => self.total.finish_and_clear(),
            Settled::Stay => self.total.abandon(),
        }
    }

    /// A line above the bars.
    pub(crate) fn say(&self, line: &str) {
        drop(self.multi.println(line));
    }

    fn draw_active(&mut self, index: usize, item: &Item, frame: &Frame) {
        let full = self.rows.len() >= self.limit;
        let row = match self.rows.entry(index) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(_) if full => return,
            std::collections::btree_map::Entry::Vacant(entry) => {
                let bar = self.multi.insert_before(&self.total, ProgressBar::new(1));
                bar.set_style(style(if self.color { "{bar:28.cyan/dim}" } else { "{bar:28}" }, self.color));
                entry.insert(Row { bar, rate: Rate::default() })
            }
        };
        let speed = row.rate.update(frame.now, item.received);
        row.bar.set_prefix(printable(&item.label));
        place(&row.bar, item.received, item.honest_total());
        row.bar.set_message(match item.phase {
            Phase::Connecting => "connecting".to_owned(),
            Phase::Verifying => "verifying".to_owned(),
            _ => moving(item.received, item.honest_total(), speed),
        });
    }

    fn draw_settled(&mut self, index: usize, item: &Item, frame: &Frame) {
        let stay = self.settled == Settled::Stay && frame.totals.files <= self.limit;
        if !stay {
            if let Some(row) = self.rows.remove(&index) {
                self.multi.remove(&row.bar);
            }
            self.say(&settled_line(item, frame.now));
            return;
        }
        // A file may begin and settle between two frames.
        self.draw_active(index, item, frame);
        let Some(row) = self.rows.get(&index) else { return };
        let (mark, note) = match &item.phase {
            Phase::Saved(note) => (if self.color { "\x1b[32m✔\x1b[0m" } else { "✔" }, note.as_str()),
            _ => (if self.color { "\x1b[31m✘\x1b[0m" } else { "✘" }, "failed"),
        };
        let size = units::bytes(item.received);
        row.bar.abandon_with_message(format!("{size:>8} {mark} {:>7}  {note}", units::duration(item.elapsed(frame.now))));
    }

    fn draw_total(&mut self, frame: &Frame) {
        let totals = frame.totals;
        let speed = self.total_rate.update(frame.now, totals.received);
        let settled = totals.saved + totals.failed + totals.stopped;
        self.total.set_prefix(format!("total {settled}/{}", totals.files));
        place(&self.total, totals.received, totals.expected);
        self.total.set_message(if settled == totals.files {
            format!("{:>8}", units::bytes(totals.received))
        } else {
            moving(totals.received, totals.expected, speed)
        });
    }
}

/// The bar's place; a bar without a known end stays empty.
fn place(bar: &ProgressBar, received: u64, total: Option<u64>) {
    match total {
        Some(total) => {
            bar.set_length(total.max(1));
            bar.set_position(if total == 0 { 1 } else { received });
        }
        None => {
            bar.set_length(1);
            bar.set_position(0);
        }
    }
}

/// `12 MiB of 60 MiB  20 MiB/s  2.4 s left`.
fn moving(received: u64, total: Option<u64>, speed: f64) -> String {
    let mut text = format!("{:>8}", units::bytes(received));
    if let Some(total) = total {
        text.push_str(&format!(" of {:<8}", units::bytes(total)));
    }
    text.push_str(&format!(" {:>10}", units::rate(speed)));
    if let Some(left) = total.map(|total| total.saturating_sub(received)).filter(|_| speed >= 1.0) {
        let seconds = (left as f64 / speed).min(359_999.0);
        text.push_str(&format!("  {} left", units::duration(std::time::Duration::from_secs_f64(seconds))));
    }
    text
}

fn style(bar: &str, color: bool) -> ProgressStyle {
    let prefix = if color { "{prefix:<24!.bold}" } else { "{prefix:<24!}" };
    ProgressStyle::with_template(&format!("{prefix} {bar} {{wide_msg}}"))
        .expect("the template is a constant of this file")
        .progress_chars(STEPS)
}

fn terminal_rows() -> usize {
    rustix::termios::tcgetwinsize(std::io::stderr()).map_or(24, |size| usize::from(size.ws_row))
}
