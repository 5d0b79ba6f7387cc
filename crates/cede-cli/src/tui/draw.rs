//! The view on the cells of a terminal.

use std::time::Duration;

use cede_transfer::units;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row as Cells, Table, TableState};

use super::picture::{Row, State};
use super::view::{Mode, View};

const KEYS: &str = "j/k select  p pause/resume  P/R all  x cancel  +/- priority  l limit  L limit all  q quit";
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const REVERSED: Style = Style::new().add_modifier(Modifier::REVERSED);
/// Cells of a bar.
const BAR: usize = 10;

/// Draws everything. Returns how many rows the table has room for.
pub(super) fn draw(view: &View, frame: &mut Frame<'_>) -> usize {
    let [above, body, foot] = Layout::vertical([Constraint::Length(2), Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(Paragraph::new(vec![Line::styled(counts(view), BOLD), Line::from(sums(view))]), above);
    table(view, frame, body);
    frame.render_widget(Paragraph::new(Line::styled(foot_line(view), REVERSED)), foot);
    usize::from(body.height.saturating_sub(1))
}

fn counts(view: &View) -> String {
    let picture = &view.picture;
    let count = |state: State| picture.rows.iter().filter(|row| row.state == state).count();
    let running = count(State::Running) + count(State::Connecting) + count(State::Verifying);
    let totals = picture.totals;
    let mut text = format!("cede: {running} running, {} waiting", picture.waiting);
    for (count, what) in
        [(count(State::Paused), "paused"), (totals.saved + totals.kept, "done"), (totals.failed, "failed"), (totals.stopped, "stopped")]
    {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    if picture.unsettled > 0 && !picture.stopping {
        text.push_str(&format!("; waiting for the disk ({} small files)", picture.unsettled));
    }
    if picture.stopping {
        text.push_str("; ending: writing down what has come (Ctrl-C again leaves at once)");
    }
    text
}

fn sums(view: &View) -> String {
    let picture = &view.picture;
    let totals = picture.totals;
    let mut text = units::bytes(totals.received);
    if let Some(expected) = totals.expected {
        text.push_str(&format!(" of {}", units::bytes(expected)));
    }
    text.push_str(&format!("  {}", units::rate(picture.rate)));
    if let Some(left) = totals.expected.and_then(|expected| left(totals.received, expected, picture.rate)) {
        text.push_str(&format!("  {left} left"));
    }
    if let Some(limit) = picture.limit {
        text.push_str(&format!("  limit {}", units::rate(limit as f64)));
    }
    text
}

fn foot_line(view: &View) -> String {
    match &view.mode {
        Mode::Table => KEYS.to_owned(),
        Mode::Limit { of, typed, wrong } => {
            let whose = if of.is_some() { "this transfer" } else { "everything" };
            let hint = if *wrong { "that is no rate: 500k, 2M; " } else { "as in 500k or 2M; nothing for none; " };
            format!("bytes per second for {whose}: {typed}_  ({hint}Esc leaves it as it is)")
        }
    }
}

/// The columns, with their widths; `false`: only where there is much room.
const COLUMNS: [(&str, Constraint, bool); 9] = [
    ("STATE", Constraint::Length(10), true),
    ("PRIO", Constraint::Length(4), true),
    ("NAME", Constraint::Fill(2), true),
    ("DONE", Constraint::Length(15), true),
    ("SIZE", Constraint::Length(19), false),
    ("RATE", Constraint::Length(11), true),
    ("LEFT", Constraint::Length(8), false),
    ("LIMIT", Constraint::Length(10), false),
    ("WHY", Constraint::Fill(3), true),
];
/// From so many columns of the terminal on, there is much room.
const WIDE: u16 = 120;

fn table(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let is_shown = |index: usize| COLUMNS[index].2 || area.width >= WIDE;
    let shown = |texts: [String; 9]| Cells::new(texts.into_iter().enumerate().filter(|(index, _)| is_shown(*index)).map(|(_, text)| text));
    let header = shown(COLUMNS.map(|(title, ..)| title.to_owned())).style(BOLD);
    let rows = view.picture.rows.iter().map(|row| shown(texts(row)).style(if row.is_over() { DIM } else { Style::new() }));
    let more = (view.picture.more > 0).then(|| Cells::new([String::new(), String::new(), format!("and {} more", view.picture.more)]));
    let widths = COLUMNS.iter().enumerate().filter(|(index, _)| is_shown(*index)).map(|(_, (_, width, _))| *width);
    let table = Table::new(rows.chain(more), widths).header(header).row_highlight_style(REVERSED);
    let mut state = TableState::new().with_selected(view.selected());
    frame.render_stateful_widget(table, area, &mut state);
}

fn texts(row: &Row) -> [String; 9] {
    let state = match row.state {
        State::Waiting => "waiting",
        State::Connecting => "connecting",
        State::Running => "running",
        State::Verifying => "verifying",
        State::Paused => "paused",
        State::Done => "done",
        State::Failed => "failed",
        State::Stopped => "stopped",
    };
    let moving = matches!(row.state, State::Running | State::Connecting);
    let size = match row.total {
        Some(total) => format!("{} of {}", units::bytes(row.have), units::bytes(total)),
        None if row.have > 0 => units::bytes(row.have),
        None => String::new(),
    };
    [
        state.to_owned(),
        if row.priority == 0 { String::new() } else { format!("{:+}", row.priority) },
        row.name.clone(),
        row.total.map(|total| bar(row.have, total)).unwrap_or_default(),
        size,
        if moving { units::rate(row.rate) } else { String::new() },
        row.total.filter(|_| moving).and_then(|total| left(row.have, total, row.rate)).unwrap_or_default(),
        row.limit.map(|limit| units::rate(limit as f64)).unwrap_or_default(),
        row.why.clone(),
    ]
}

/// `━━━━━───── 50%`
fn bar(have: u64, total: u64) -> String {
    let share = if total == 0 { 1.0 } else { (have as f64 / total as f64).min(1.0) };
    let full = (share * BAR as f64) as usize;
    format!("{}{} {:>3}%", "━".repeat(full), "─".repeat(BAR - full), (share * 100.0) as u8)
}

fn left(have: u64, total: u64, rate: f64) -> Option<String> {
    let seconds = total.saturating_sub(have) as f64 / rate;
    (rate >= 1.0).then(|| units::duration(Duration::from_secs_f64(seconds.min(359_999.0))))
}

#[cfg(test)]
mod tests;
