//! The view on the cells of a terminal.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState, Wrap};

use super::picture::Task;
use super::plain;
use super::view::{Column, Mode, View};

/// At most so many threads have a line.
const THREADS: usize = 8;
const KEYS: &str = "q quit  j/k select  Enter detail  s/</> sort  r reverse  f filter  p pause";
const KEYS_OF_DETAIL: &str = "q quit  Esc back  p pause";
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const REVERSED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Draws everything. Returns how many rows the table has room for.
pub(super) fn draw(view: &View, frame: &mut Frame<'_>) -> usize {
    let head = head(view);
    let height = u16::try_from(head.len()).unwrap_or(u16::MAX).min(frame.area().height / 2);
    let [above, body, foot] = Layout::vertical([Constraint::Length(height), Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(Paragraph::new(head), above);
    match view.mode {
        Mode::Detail(number) => frame.render_widget(Paragraph::new(detail(view, number)).wrap(Wrap { trim: false }), body),
        Mode::Table | Mode::Filter => table(view, frame, body),
    }
    frame.render_widget(Paragraph::new(Line::styled(foot_line(view), REVERSED)), foot);
    usize::from(body.height.saturating_sub(1))
}

fn head(view: &View) -> Vec<Line<'static>> {
    let picture = &view.picture;
    let paused = if view.paused { ", paused" } else { "" };
    let mut lines = vec![Line::styled(format!("cede top: process {}{paused}", view.process), BOLD)];
    lines.extend(picture.runtimes.iter().map(|runtime| {
        let trouble = runtime.stalls + runtime.deadlocks > 0;
        Line::styled(plain::of_runtime(runtime), if trouble { BOLD } else { Style::new() })
    }));
    lines.extend(picture.threads.iter().take(THREADS).map(|thread| Line::from(format!("  {}", plain::of_thread(thread, view)))));
    if let Some(more @ 1..) = picture.threads.len().checked_sub(THREADS) {
        lines.push(Line::from(format!("  and {more} more threads")));
    }
    lines
}

fn foot_line(view: &View) -> String {
    match view.mode {
        Mode::Filter => format!("filter by name, place or type: {}_  (Enter keeps it, Esc clears it)", view.filter),
        Mode::Detail(_) => KEYS_OF_DETAIL.to_owned(),
        Mode::Table if view.filter.is_empty() => KEYS.to_owned(),
        Mode::Table => format!("filter: {}  (Esc clears it)  {KEYS}", view.filter),
    }
}

fn title(column: Column) -> &'static str {
    match column {
        Column::Task => "TASK",
        Column::State => "STATE",
        Column::Share => "SHARE",
        Column::Polls => "POLLS",
        Column::Rate => "POLLS/S",
        Column::Age => "AGE",
        Column::Name => "NAME OR PLACE",
    }
}

fn table(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let header = Column::ALL.iter().map(|&column| {
        let mark = if column != view.sort {
            ""
        } else if view.reversed {
            "^"
        } else {
            "v"
        };
        Cell::from(format!("{}{mark}", title(column)))
    });
    let header = Row::new(header.chain([Cell::from("WAITS FOR, OR ELSE THE FUTURE")])).style(BOLD);
    let rows = view.rows().into_iter().map(|row| {
        let task = row.task;
        let texts = [
            task.number.to_string(),
            task.state.clone(),
            plain::share(task.share),
            task.polls.to_string(),
            plain::number(row.rate),
            task.age.map(plain::age).unwrap_or_default(),
            plain::called(task).to_owned(),
            plain::doing(task).to_owned(),
        ];
        Row::new(texts)
    });
    let widths = [
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(7),
        Constraint::Length(10),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Fill(2),
        Constraint::Fill(3),
    ];
    let table = Table::new(rows, widths).header(header).row_highlight_style(REVERSED);
    let mut state = TableState::new().with_selected(view.selected());
    frame.render_stateful_widget(table, area, &mut state);
}

fn detail(view: &View, number: u64) -> Text<'static> {
    let mut lines = vec![Line::default()];
    match view.task(number) {
        None => lines.push(Line::from(format!("task {number} has ended, or is too quiet to be among those that are shown"))),
        Some(task) => lines.extend(known(view, task)),
    }
    lines.push(Line::default());
    lines.extend(view.explanation().lines().map(|line| Line::from(line.to_owned())));
    Text::from(lines)
}

fn known(view: &View, task: &Task) -> Vec<Line<'static>> {
    let runtime = task.runtime.map_or_else(|| "none: in a local set".to_owned(), |number| number.to_string());
    let thread = view.picture.threads.iter().find(|thread| thread.task == Some(task.number));
    let facts = [
        ("task", task.number.to_string()),
        ("name", task.name.clone()),
        ("future", task.future.clone()),
        ("spawned at", task.site.clone()),
        ("age", task.age.map(plain::age).unwrap_or_default()),
        ("runtime", runtime),
        ("state", task.state.clone()),
        ("thread", thread.map(|thread| format!("{} {}", thread.number, thread.name)).unwrap_or_default()),
        ("waits for", task.waits_for.clone()),
        ("share of a thread", plain::share(task.share)),
        ("polls", format!("{}, {} per second", task.polls, plain::number(view.row(task).rate))),
    ];
    facts.into_iter().filter(|(_, fact)| !fact.is_empty()).map(|(what, fact)| Line::from(format!("{what:>18}  {fact}"))).collect()
}

#[cfg(test)]
mod tests;
