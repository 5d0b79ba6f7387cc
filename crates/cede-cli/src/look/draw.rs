//! The view on the cells of a terminal.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState, Wrap};

use super::picture::Task;
use super::plain;
use super::view::{self, Column, Mode, View};

/// At most so many threads have a line, and so many groups.
const THREADS: usize = 8;
const GROUPS: usize = 8;
/// A screen has room for ranks from so many columns on, and for how long tasks have waited.
const WIDTHS: (u16, u16) = (132, 150);
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
    let groups = view.groups();
    lines.extend(groups.iter().take(GROUPS).map(|row| Line::from(format!("  {}", plain::of_group(*row)))));
    if let Some(more @ 1..) = groups.len().checked_sub(GROUPS) {
        lines.push(Line::from(format!("  and {more} more groups")));
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
        Column::Wait => "WAIT",
        Column::Priority => "PRIORITY",
        Column::Group => "GROUP",
        Column::Name => "NAME OR PLACE",
    }
}

fn width(column: Column) -> Constraint {
    Constraint::Length(match column {
        Column::Task | Column::Rate | Column::Age | Column::Wait => 8,
        Column::State => 9,
        Column::Share => 7,
        Column::Polls => 10,
        Column::Priority => 11,
        Column::Group => 14,
        Column::Name => return Constraint::Fill(2),
    })
}

fn text(column: Column, row: &view::Row<'_>) -> String {
    let task = row.task;
    match column {
        Column::Task => task.number.to_string(),
        Column::State => task.state.clone(),
        Column::Share => plain::share(task.share),
        Column::Polls => task.polls.to_string(),
        Column::Rate => plain::number(row.rate),
        Column::Age => task.age.map(plain::age).unwrap_or_default(),
        Column::Wait => row.waited.map(plain::age).unwrap_or_default(),
        Column::Priority => task.priority.clone(),
        Column::Group => task.group.clone(),
        Column::Name => plain::called(task).to_owned(),
    }
}

/// The columns that there is room for, and that say something. What the tasks are sorted by is always there.
fn columns(view: &View, width: u16) -> Vec<Column> {
    let any = |says: fn(&Task) -> bool| width >= WIDTHS.0 && view.picture.tasks.iter().any(says);
    let shown = |column: &Column| match column {
        _ if *column == view.sort => true,
        Column::Wait => width >= WIDTHS.1,
        Column::Priority => any(|task| !matches!(&*task.priority, "" | "normal")),
        Column::Group => any(|task| !task.group.is_empty()),
        _ => true,
    };
    Column::ALL.into_iter().filter(shown).collect()
}

fn table(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let columns = columns(view, area.width);
    let header = columns.iter().map(|&column| {
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
        let texts = columns.iter().map(|&column| text(column, &row));
        Row::new(texts.chain([plain::doing(row.task).to_owned()]).collect::<Vec<_>>())
    });
    let widths = columns.iter().map(|&column| width(column)).chain([Constraint::Fill(3)]);
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
        ("priority", task.priority.clone()),
        ("group", task.group.clone()),
        ("waits for", task.waits_for.clone()),
        ("has waited", view.row(task).waited.map(|waited| format!("at least {}", plain::age(waited))).unwrap_or_default()),
        ("share of a thread", plain::share(task.share)),
        ("polls", format!("{}, {} per second", task.polls, plain::number(view.row(task).rate))),
    ];
    facts.into_iter().filter(|(_, fact)| !fact.is_empty()).map(|(what, fact)| Line::from(format!("{what:>18}  {fact}"))).collect()
}

#[cfg(test)]
mod tests;
