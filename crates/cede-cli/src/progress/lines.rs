//! Progress as plain lines: one per settled file, and a sign of life now and then. For logs and pipes.

use std::io::Write;
use std::time::{Duration, Instant};

use super::{Frame, Item, Phase, WORTH_A_REASON};
use cede_transfer::slow::Slow;
use cede_transfer::units;

/// The silence after which a line says that work goes on.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Writes lines to standard error.
#[derive(Debug)]
pub(crate) struct Lines {
    last: Option<Instant>,
    quiet: bool,
    /// Whether it was said that the disk is waited for.
    settling: bool,
}

impl Lines {
    /// With `quiet`, only what went wrong is said.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { last: None, quiet, settling: false }
    }

    pub(crate) fn draw(&mut self, frame: &Frame) {
        for line in self.lines(frame) {
            say(&line);
        }
    }

    /// What this frame adds to the log.
    fn lines(&mut self, frame: &Frame) -> Vec<String> {
        let mut lines: Vec<String> = frame
            .settled
            .iter()
            .filter(|(_, item)| !self.quiet || !matches!(item.phase, Phase::Saved(_) | Phase::Kept(_)))
            .map(|(_, item)| settled_line(item, frame.now))
            .collect();
        let since = *self.last.get_or_insert(frame.now);
        if let Some(settling) = frame.settling.filter(|_| !self.quiet && !self.settling)
            && frame.now.saturating_duration_since(settling.since) >= WORTH_A_REASON
        {
            self.settling = true;
            lines.push(settling.phrase());
        }
        if !lines.is_empty() {
            self.last = Some(frame.now);
        } else if !self.quiet && frame.now.saturating_duration_since(since) >= HEARTBEAT {
            self.last = Some(frame.now);
            lines.push(heartbeat(frame));
        }
        lines
    }
}

/// The last word about a file.
pub(crate) fn settled_line(item: &Item, now: Instant) -> String {
    let took = item.elapsed(now);
    let size = units::bytes(item.received);
    match &item.phase {
        Phase::Saved(note) => {
            let rate = units::rate(item.received as f64 / took.as_secs_f64().max(1e-6));
            let note = if note.is_empty() { String::new() } else { format!(", {note}") };
            let slow = item.slow.map(|slow| format!(", {}", slow.phrase())).unwrap_or_default();
            format!("saved {}  {size} in {} ({rate}{slow}){note}", item.label, units::duration(took))
        }
        Phase::Kept(what) => format!("kept {what}"),
        Phase::Failed(why) => format!("failed {why}"),
        Phase::Stopped(why) => format!("stopped {why}"),
        Phase::Waiting | Phase::Connecting | Phase::Receiving | Phase::Verifying => format!("{}  {size}", item.label),
    }
}

fn heartbeat(frame: &Frame) -> String {
    let totals = frame.totals;
    let size = match totals.expected {
        Some(expected) => format!("{} of {}", units::bytes(totals.received), units::bytes(expected)),
        None => units::bytes(totals.received),
    };
    if let Some(settling) = frame.settling {
        return settling.phrase();
    }
    format!("working: {} of {} files, {size}{}", totals.settled(), totals.files, reason(frame))
}

/// What holds them up, if it is one thing for all that are on their way.
fn reason(frame: &Frame) -> String {
    let mut reasons = frame.active.iter().map(|(_, item)| item.slow.map(Slow::phrase));
    match reasons.next().flatten() {
        Some(first) if reasons.all(|other| other.as_ref() == Some(&first)) => format!(", {first}"),
        _ => String::new(),
    }
}

/// One line on standard error. Nobody can be told that standard error is closed, so that is ignored.
pub(crate) fn say(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

#[cfg(test)]
mod tests {
    //! The log, on made-up clocks.

    use std::time::{Duration, Instant};

    use super::super::{Board, Phase};
    use super::{Lines, Slow, heartbeat};

    #[test]
    fn a_line_for_each_settled_file_and_none_twice() {
        let board = Board::default();
        let mut lines = Lines::new(false);
        let (a, b) = (board.add("a", None), board.add("b", None));
        board.begin(a);
        board.received(a, 2048);
        board.settle(a, Phase::Saved("sha-256 right".to_owned()));
        board.settle(b, Phase::Failed("b: no".to_owned()));
        let now = Instant::now();
        let said = lines.lines(&board.frame(now));
        assert!(said[0].starts_with("saved a  2.0 KiB in ") && said[0].ends_with(", sha-256 right"), "{}", said[0]);
        assert_eq!(said[1..], ["failed b: no"]);
        assert!(lines.lines(&board.frame(now)).is_empty());
    }

    #[test]
    fn silence_is_broken_every_thirty_seconds() {
        let board = Board::default();
        let index = board.add("slow", Some(4096));
        board.begin(index);
        board.received(index, 1024);
        let mut lines = Lines::new(false);
        let start = Instant::now();
        let said: Vec<String> = (0..100).flat_map(|second| lines.lines(&board.frame(start + Duration::from_secs(second)))).collect();
        assert_eq!(said, ["working: 0 of 1 files, 1.0 KiB of 4.0 KiB"; 3]);
    }

    #[test]
    fn a_sign_of_life_says_what_holds_all_of_them_up() {
        let board = Board::default();
        let (a, b) = (board.add("a", None), board.add("b", None));
        board.begin(a);
        board.begin(b);
        let mut frame = board.frame(Instant::now());
        assert_eq!(heartbeat(&frame), "working: 0 of 2 files, 0 B");
        frame.active[0].1.slow = Some(Slow::Retry);
        assert_eq!(heartbeat(&frame), "working: 0 of 2 files, 0 B");
        frame.active[1].1.slow = Some(Slow::Retry);
        assert_eq!(heartbeat(&frame), "working: 0 of 2 files, 0 B, waiting to try again");
        frame.active[0].1.slow = Some(Slow::Disk);
        assert_eq!(heartbeat(&frame), "working: 0 of 2 files, 0 B");
    }

    #[test]
    fn a_disk_that_takes_its_time_is_told_once_and_then_now_and_then() {
        let board = Board::default();
        let index = board.add("a", None);
        board.begin(index);
        board.settle(index, Phase::Saved(String::new()));
        board.wait_for_disk(1);
        let (mut lines, mut quiet) = (Lines::new(false), Lines::new(true));
        let start = Instant::now();
        let mut said = |tenths: u64| lines.lines(&board.frame(start + Duration::from_millis(100 * tenths)));
        assert_eq!(said(0).len(), 1, "the file");
        assert!(said(5).is_empty(), "most disks are done by now");
        let told: Vec<String> = (6..400).flat_map(&mut said).collect();
        assert_eq!(told, ["waiting for the disk, until a small file is written"; 2]);
        assert!((0..400).all(|second| quiet.lines(&board.frame(start + Duration::from_secs(second))).is_empty()));
    }

    #[test]
    fn quiet_tells_only_what_went_wrong() {
        let board = Board::default();
        let mut lines = Lines::new(true);
        let (a, b) = (board.add("a", None), board.add("b", None));
        board.settle(a, Phase::Saved(String::new()));
        board.settle(b, Phase::Failed("b: no".to_owned()));
        assert_eq!(lines.lines(&board.frame(Instant::now())), ["failed b: no"]);
        assert!(lines.lines(&board.frame(Instant::now() + Duration::from_secs(300))).is_empty());
    }
}
