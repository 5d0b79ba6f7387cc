//! Progress as live bars on a terminal: one for each file on its way, and the total below.
//!
//! At most as many bars as the terminal has rows are shown, because a terminal cannot move its cursor above its first row and a bar drawn there would be left
//! behind at every step. No thread is started: the bars move when [`draw`](Bars::draw) is called.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::lines::{say, settled_line};
use super::{Frame, Item, Phase, Rate};
use cede_transfer::printable;
use cede_transfer::units;

/// Rows that are not for files: the total, the line above it, and the cursor.
const OTHER_ROWS: usize = 3;
/// From so many columns on, there is room for a phrase that says what limits a file, otherwise for a word.
const WIDE: usize = 120;
/// How wide a message is with a word, and with a phrase.
const WORD: usize = 49;
const PHRASE: usize = 70;
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
    /// Below the others, if there is more than one file.
    total: Option<ProgressBar>,
    total_rate: Rate,
    rows: BTreeMap<usize, Row>,
    /// What stays on the screen about settled files, by index.
    results: BTreeMap<usize, String>,
    settled: Settled,
    limit: usize,
    color: bool,
    /// Whether there is room for phrases.
    wide: bool,
}

#[derive(Debug)]
struct Row {
    bar: ProgressBar,
    rate: Rate,
}

impl Bars {
    pub(crate) fn new(settled: Settled, color: bool) -> Self {
        let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(20));
        let (rows, columns) = terminal_size();
        let (limit, wide) = (rows.saturating_sub(OTHER_ROWS).max(1), columns >= WIDE);
        Self {
            multi,
            total: None,
            total_rate: Rate::default(),
            rows: BTreeMap::new(),
            results: BTreeMap::new(),
            settled,
            limit,
            color,
            wide,
        }
    }

    pub(crate) fn draw(&mut self, frame: &Frame) {
        if self.total.is_none() && frame.totals.files > 1 {
            self.total = Some(self.multi.add(self.bar("green")));
        }
        for (index, item) in &frame.active {
            self.draw_active(*index, item, frame);
        }
        for (index, item) in &frame.settled {
            self.draw_settled(*index, item, frame);
        }
        self.draw_total(frame);
    }

    /// Takes the bars off the screen; the results of files whose bars stayed take their place.
    pub(crate) fn finish(&mut self) {
        for row in std::mem::take(&mut self.rows).into_values().rev() {
            row.bar.finish_and_clear();
        }
        if let Some(total) = self.total.take() {
            total.finish_and_clear();
        }
        // A terminal that has gone away needs no cleaning.
        drop(self.multi.clear());
        for result in std::mem::take(&mut self.results).into_values() {
            say(&result);
        }
    }

    /// A line above the bars.
    pub(crate) fn say(&self, line: &str) {
        drop(self.multi.println(line));
    }

    fn bar(&self, color: &str) -> ProgressBar {
        let (prefix, bar) = if self.color { (".bold", format!(":.{color}/dim")) } else { ("", String::new()) };
        let template = format!("{{prefix:<20!{prefix}}} {{wide_bar{bar}}} {{msg:<{}}}", if self.wide { PHRASE } else { WORD });
        let style = ProgressStyle::with_template(&template).expect("the template is made of constants of this file");
        ProgressBar::new(1).with_style(style.progress_chars(STEPS))
    }

    fn draw_active(&mut self, index: usize, item: &Item, frame: &Frame) {
        if !self.rows.contains_key(&index) {
            if self.rows.len() >= self.limit {
                return;
            }
            let bar = self.bar("cyan");
            let bar = match &self.total {
                Some(total) => self.multi.insert_before(total, bar),
                None => self.multi.add(bar),
            };
            bar.set_prefix(printable(&item.label));
            self.rows.insert(index, Row { bar, rate: Rate::default() });
        }
        let Some(row) = self.rows.get_mut(&index) else { return };
        let speed = row.rate.update(frame.now, item.received);
        if row.bar.prefix() != item.label {
            row.bar.set_prefix(printable(&item.label));
        }
        place(&row.bar, item.received, item.honest_total());
        row.bar.set_message(match item.phase {
            _ if item.is_paused() => format!("{:>8} paused", units::bytes(item.received)),
            Phase::Connecting => "connecting".to_owned(),
            Phase::Verifying => "verifying".to_owned(),
            _ => {
                let slow = item.slow.map(|slow| if self.wide { slow.phrase() } else { slow.word().to_owned() });
                format!("{:<39}  {}", moving(item.received, item.honest_total(), speed), slow.unwrap_or_default())
            }
        });
    }

    fn draw_settled(&mut self, index: usize, item: &Item, frame: &Frame) {
        if self.settled == Settled::Scroll || frame.totals.files > self.limit {
            if let Some(row) = self.rows.remove(&index) {
                row.bar.finish_and_clear();
                self.multi.remove(&row.bar);
            }
            self.say(&settled_line(item, frame.now));
            return;
        }
        // A file may begin and settle between two frames.
        self.draw_active(index, item, frame);
        let (mark, note) = match &item.phase {
            Phase::Saved(note) | Phase::Kept(note) => (if self.color { "\x1b[32m✔\x1b[0m" } else { "✔" }, note.as_str()),
            Phase::Failed(note) | Phase::Stopped(note) => (if self.color { "\x1b[31m✘\x1b[0m" } else { "✘" }, note.as_str()),
            Phase::Waiting | Phase::Connecting | Phase::Receiving | Phase::Verifying => return,
        };
        let result = format!("{:>8} {mark} {:>7}  {note}", units::bytes(item.received), units::duration(item.elapsed(frame.now)));
        self.results.insert(index, format!("{:<20} {result}", printable(&item.label)));
        if let Some(row) = self.rows.get(&index) {
            row.bar.set_message(result);
        }
    }

    fn draw_total(&mut self, frame: &Frame) {
        let Some(total) = &self.total else { return };
        let totals = frame.totals;
        let speed = self.total_rate.update(frame.now, totals.received);
        total.set_prefix(format!("total {}/{}", totals.settled(), totals.files));
        place(total, totals.received, totals.expected);
        total.set_message(moving(totals.received, totals.expected, speed));
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

/// `12 MiB of 60 MiB  20 MiB/s  2.4 s`: received, total, speed, time left.
fn moving(received: u64, total: Option<u64>, speed: f64) -> String {
    let mut text = format!("{:>8}", units::bytes(received));
    if let Some(total) = total {
        text.push_str(&format!(" of {:<8}", units::bytes(total)));
    }
    text.push_str(&format!(" {:>10}", units::rate(speed)));
    if let Some(left) = total.map(|total| total.saturating_sub(received)).filter(|_| speed >= 1.0) {
        let seconds = (left as f64 / speed).min(359_999.0);
        text.push_str(&format!("  {}", units::duration(std::time::Duration::from_secs_f64(seconds))));
    }
    text
}

/// Rows and columns.
fn terminal_size() -> (usize, usize) {
    rustix::termios::tcgetwinsize(std::io::stderr()).map_or((24, 80), |size| (usize::from(size.ws_row), usize::from(size.ws_col)))
}
