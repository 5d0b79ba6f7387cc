//! Progress as live bars on a terminal: one for each file on its way, and the total below.
//!
//! At most as many bars as the terminal has rows are shown, because a terminal cannot move its cursor above its first row and a bar drawn there would be left
//! behind at every step; and a bar takes one row, however narrow that is. No thread is started: the bars move when [`draw`](Bars::draw) is called.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::lines::{say, settled_line};
use super::{Frame, Item, Phase, Rate};
use cede_transfer::printable;
use cede_transfer::units;

/// Rows that are not for files: the total, the line above it, and the cursor.
const OTHER_ROWS: usize = 3;
/// How much a row has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    /// A part of the name, and how much is there; so many columns.
    Tiny(usize),
    /// The rate, too.
    Narrow,
    /// A bar, and a word that says what limits the file.
    Usual,
    /// A phrase.
    Wide,
}

impl Width {
    fn of(columns: usize) -> Self {
        match columns {
            0..40 => Self::Tiny(columns),
            40..76 => Self::Narrow,
            76..120 => Self::Usual,
            _ => Self::Wide,
        }
    }

    /// How much of the name is shown.
    fn name(self) -> usize {
        match self {
            Self::Tiny(columns) => columns.saturating_sub(10).max(1),
            Self::Narrow => 12,
            Self::Usual | Self::Wide => 20,
        }
    }
}

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
    width: Width,
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
        let (limit, width) = (rows.saturating_sub(OTHER_ROWS).max(1), Width::of(columns));
        Self {
            multi,
            total: None,
            total_rate: Rate::default(),
            rows: BTreeMap::new(),
            results: BTreeMap::new(),
            settled,
            limit,
            color,
            width,
        }
    }

    /// The window may be another one than at the last step.
    fn fit(&mut self) {
        let (rows, columns) = terminal_size();
        self.limit = rows.saturating_sub(OTHER_ROWS).max(1);
        while self.rows.len() > self.limit
            && let Some((_, row)) = self.rows.pop_last()
        {
            row.bar.finish_and_clear();
            self.multi.remove(&row.bar);
        }
        let width = Width::of(columns);
        if width != std::mem::replace(&mut self.width, width) {
            self.rows.values().for_each(|row| row.bar.set_style(self.style("cyan")));
            self.total.iter().for_each(|total| total.set_style(self.style("green")));
        }
    }

    pub(crate) fn draw(&mut self, frame: &Frame) {
        self.fit();
        if self.total.is_none() && (frame.totals.files > 1 || frame.settling.is_some()) {
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
        ProgressBar::new(1).with_style(self.style(color))
    }

    fn style(&self, color: &str) -> ProgressStyle {
        let (prefix, bar) = if self.color { (".bold", format!(":.{color}/dim")) } else { ("", String::new()) };
        let name = self.width.name();
        let rest = match self.width {
            Width::Tiny(_) | Width::Narrow => "{msg}".to_owned(),
            Width::Usual => format!("{{wide_bar{bar}}} {{msg:<{WORD}}}"),
            Width::Wide => format!("{{wide_bar{bar}}} {{msg:<{PHRASE}}}"),
        };
        let template = format!("{{prefix:<{name}!{prefix}}} {rest}");
        let style = ProgressStyle::with_template(&template).expect("the template is made of constants of this file");
        style.progress_chars(STEPS)
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
        let moving = moving(self.width, item.received, item.honest_total(), speed);
        row.bar.set_message(match (&item.phase, self.width) {
            _ if item.is_paused() => format!("{:>8} paused", units::bytes(item.received)),
            (Phase::Receiving, Width::Tiny(_) | Width::Narrow) => moving,
            (Phase::Connecting, Width::Tiny(_)) => "…".to_owned(),
            (Phase::Connecting, _) => "connecting".to_owned(),
            (Phase::Verifying, Width::Tiny(_)) => "checking".to_owned(),
            (Phase::Verifying, _) => "verifying".to_owned(),
            (_, width) => {
                let slow = item.slow.map(|slow| if width == Width::Wide { slow.phrase() } else { slow.word().to_owned() });
                format!("{moving:<39}  {}", slow.unwrap_or_default())
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
        total.set_message(match (frame.settling, self.width) {
            (None, width) => moving(width, totals.received, totals.expected, speed),
            (Some(_), Width::Tiny(_)) => "disk".to_owned(),
            (Some(_), Width::Narrow) => "waiting for the disk".to_owned(),
            (Some(_), Width::Usual | Width::Wide) => format!("{:>8}  waiting for the disk", units::bytes(totals.received)),
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

/// `12 MiB of 60 MiB  20 MiB/s  2.4 s`: received, total, speed, time left; as far as there is room.
fn moving(width: Width, received: u64, total: Option<u64>, speed: f64) -> String {
    let share = total.filter(|total| *total > 0).map(|total| format!("{:>3}%", u128::from(received.min(total)) * 100 / u128::from(total)));
    match (width, share) {
        (Width::Tiny(_), Some(share)) => return share,
        (Width::Tiny(_), None) => return units::bytes(received),
        (Width::Narrow, share) => return format!("{:>8} {} {:>10}", units::bytes(received), share.unwrap_or_default(), units::rate(speed)),
        (Width::Usual | Width::Wide, _) => {}
    }
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

#[cfg(test)]
mod tests {
    //! What fits.

    use super::{Width, moving};

    #[test]
    fn a_row_is_no_longer_than_the_window() {
        for columns in 12..76 {
            let width = Width::of(columns);
            for (received, total) in [(0, None), (1 << 62, None), (5, Some(10)), (1 << 30, Some(u64::MAX)), (1023, Some(1023))] {
                for speed in [0.0, 1023.0, 1e12] {
                    let row = width.name() + 1 + moving(width, received, total, speed).chars().count();
                    assert!(row <= columns, "{columns}: {row}");
                }
            }
        }
        assert_eq!(moving(Width::of(20), 41, Some(100), 7.0).trim(), "41%");
        assert_eq!(
            moving(Width::of(100), 1 << 20, Some(4 << 20), 1_048_576.0).split_whitespace().collect::<Vec<_>>().join(" "),
            "1.0 MiB of 4.0 MiB 1.0 MiB/s 3.00 s"
        );
    }
}
