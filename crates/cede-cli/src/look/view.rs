//! What is to be seen, and what a key changes about that. It knows neither terminal nor clock: pictures and keys are given to it.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::time::Duration;

use super::picture::{Group, Picture, Task};
use crate::keys::Key;

/// What tasks are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Column {
    /// By number
    Task,
    /// Those that run first
    State,
    /// Largest share of the time first
    Share,
    /// Most polls first
    Polls,
    /// Most polls per second first
    Rate,
    /// Oldest first
    Age,
    /// What has waited longest first
    Wait,
    /// Most important first
    Priority,
    /// By group, then by priority
    Group,
    /// By name, then by the place of the spawn
    Name,
}

impl Column {
    /// As they stand in the table.
    pub(super) const ALL: [Self; 10] =
        [Self::Task, Self::State, Self::Share, Self::Polls, Self::Rate, Self::Age, Self::Wait, Self::Priority, Self::Group, Self::Name];

    fn moved(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|column| *column == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }

    /// Which of two tasks stands first.
    fn order(self, a: &Row<'_>, b: &Row<'_>) -> Ordering {
        let key = |row: &Row<'_>| (row.task.name.is_empty(), row.task.name.clone(), row.task.site.clone());
        let order = match self {
            Self::Task => Ordering::Equal,
            Self::State => rank(&a.task.state).cmp(&rank(&b.task.state)),
            Self::Share => Reverse(a.task.share).cmp(&Reverse(b.task.share)),
            Self::Polls => Reverse(a.task.polls).cmp(&Reverse(b.task.polls)),
            Self::Rate => b.rate.total_cmp(&a.rate),
            Self::Age => Reverse(a.task.age).cmp(&Reverse(b.task.age)),
            // Of those that have waited since the first picture, the oldest is likely to have waited longest.
            Self::Wait => Reverse((a.waited, a.waited.and(a.task.age))).cmp(&Reverse((b.waited, b.waited.and(b.task.age)))),
            Self::Priority => class(&a.task.priority).cmp(&class(&b.task.priority)),
            Self::Group => {
                let key = |row: &Row<'_>| (row.task.group.is_empty(), row.task.group.clone(), class(&row.task.priority));
                key(a).cmp(&key(b))
            }
            Self::Name => key(a).cmp(&key(b)),
        };
        order.then(a.task.number.cmp(&b.task.number))
    }
}

fn rank(state: &str) -> u8 {
    match state {
        "running" => 0,
        "blocking" => 1,
        "runnable" => 2,
        _ => 3,
    }
}

fn class(priority: &str) -> u8 {
    match priority {
        "urgent" => 0,
        "high" => 1,
        "background" => 3,
        _ => 2,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Flow {
    Stay,
    Quit,
}

/// What the lower part of the screen is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Table,
    /// The keys go into the filter.
    Filter,
    /// All that is known of the task with this number.
    Detail(u64),
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) task: &'a Task,
    /// Polls per second since the picture before; 0 if it is new.
    pub(super) rate: f64,
    /// For how long it has waited, as far as it was watched: since the first picture in which it did.
    pub(super) waited: Option<Duration>,
}

/// A line of the list of groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupRow<'a> {
    pub(super) group: &'a Group,
    /// Of one thread's time, in thousandths.
    pub(super) share: u32,
}

#[derive(Debug)]
pub(super) struct View {
    pub(super) process: u32,
    pub(super) picture: Picture,
    pub(super) sort: Column,
    pub(super) reversed: bool,
    pub(super) filter: String,
    pub(super) paused: bool,
    pub(super) mode: Mode,
    /// What the program says about the task in detail: of which, and the text.
    detail: Option<(u64, String)>,
    rates: HashMap<u64, f64>,
    /// How long tasks have waited.
    waits: HashMap<u64, Duration>,
    /// The shares of the groups, in thousandths, in their order.
    shares: Vec<u32>,
    /// The selected task, which keeps the selection when the order changes, and where it stood, for when it is gone.
    selected: Option<(u64, usize)>,
}

/// What a group has had of one thread's time since the picture before: what the program counted, or what its tasks were seen to have, because a poll is counted when it has ended. So a long one
/// counts too much when it ends, but no more than all threads can have.
fn share(group: &Group, before: &Picture, now: &Picture, seconds: f64) -> u32 {
    let same = |other: &&Group| other.runtime == group.runtime && other.name == group.name;
    let busy = before.groups.iter().find(same).map_or(Duration::ZERO, |before| group.busy.saturating_sub(before.busy));
    let counted = (busy.as_secs_f64() / seconds * 1000.0) as u32;
    let members = now.tasks.iter().filter(|task| task.runtime == Some(group.runtime) && task.group == group.name);
    let all = 1000 * u32::try_from(now.threads.len().max(1)).unwrap_or(1);
    counted.max(members.map(|task| task.share).sum()).min(all)
}

impl View {
    pub(super) fn of(process: u32, sort: Column) -> Self {
        Self {
            process,
            picture: Picture::default(),
            sort,
            reversed: false,
            filter: String::new(),
            paused: false,
            mode: Mode::Table,
            detail: None,
            rates: HashMap::new(),
            waits: HashMap::new(),
            shares: Vec::new(),
            selected: None,
        }
    }

    /// A new picture, so long after the one before.
    pub(super) fn update(&mut self, picture: Picture, since: Duration) {
        if self.paused {
            return;
        }
        let before: HashMap<_, _> = self.picture.tasks.iter().map(|task| (task.number, task.polls)).collect();
        let seconds = since.as_secs_f64().max(1e-3);
        let rate = |task: &Task| Some((task.number, f64::from(task.polls.wrapping_sub(*before.get(&task.number)?)) / seconds));
        self.rates = picture.tasks.iter().filter_map(rate).collect();
        let waits = picture.tasks.iter().filter(|task| task.state == "waiting").map(|task| {
            let same = before.get(&task.number) == Some(&task.polls);
            (task.number, self.waits.get(&task.number).filter(|_| same).map_or(Duration::ZERO, |waited| *waited + since))
        });
        self.waits = waits.collect();
        self.shares = picture.groups.iter().map(|group| share(group, &self.picture, &picture, seconds)).collect();
        self.picture = picture;
        self.keep_selection();
    }

    /// What the program answered about a task.
    pub(super) fn explain(&mut self, task: u64, text: String) {
        if !self.paused || self.detail.as_ref().is_none_or(|(before, _)| *before != task) {
            self.detail = Some((task, text));
        }
    }

    /// The task whose detail is wanted.
    pub(super) fn wanted(&self) -> Option<u64> {
        match self.mode {
            Mode::Detail(task) => Some(task),
            Mode::Table | Mode::Filter => None,
        }
    }

    /// What is known of the task besides the table.
    pub(super) fn explanation(&self) -> &str {
        match &self.detail {
            Some((task, text)) if self.wanted() == Some(*task) => text,
            _ => "",
        }
    }

    /// The tasks that the filter lets through, in order.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        let wanted = self.filter.to_lowercase();
        let passes = |task: &&Task| {
            wanted.is_empty()
                || [&task.name, &task.site, &task.future, &task.group].iter().any(|text| text.to_lowercase().contains(&wanted))
        };
        let mut rows: Vec<_> = self.picture.tasks.iter().filter(passes).map(|task| self.row(task)).collect();
        rows.sort_by(|a, b| if self.reversed { self.sort.order(b, a) } else { self.sort.order(a, b) });
        rows
    }

    pub(super) fn row<'a>(&self, task: &'a Task) -> Row<'a> {
        Row { task, rate: self.rates.get(&task.number).copied().unwrap_or(0.0), waited: self.waits.get(&task.number).copied() }
    }

    /// The groups, the one with the largest share first.
    pub(super) fn groups(&self) -> Vec<GroupRow<'_>> {
        let mut rows: Vec<_> = self.picture.groups.iter().zip(&self.shares).map(|(group, &share)| GroupRow { group, share }).collect();
        rows.sort_by_key(|row| (Reverse(row.share), row.group.runtime, &row.group.name));
        rows
    }

    /// Which row is selected.
    pub(super) fn selected(&self) -> Option<usize> {
        self.selected.map(|(_, at)| at)
    }

    /// The task with this number, while it is in the picture.
    pub(super) fn task(&self, number: u64) -> Option<&Task> {
        self.picture.tasks.iter().find(|task| task.number == number)
    }

    fn select(&mut self, at: usize) {
        let rows = self.rows();
        let at = at.min(rows.len().saturating_sub(1));
        self.selected = rows.get(at).map(|row| (row.task.number, at));
    }

    /// The same task, wherever it is now; else the one in its place.
    fn keep_selection(&mut self) {
        let Some((task, at)) = self.selected else { return };
        let found = self.rows().iter().position(|row| row.task.number == task);
        self.select(found.unwrap_or(at));
    }

    /// A key; `page` is how many rows the screen shows.
    pub(super) fn press(&mut self, key: Key, page: usize) -> Flow {
        match self.mode {
            _ if key == Key::Quit => return Flow::Quit,
            Mode::Filter => self.edit_filter(key),
            Mode::Detail(_) => match key {
                Key::Char('q') => return Flow::Quit,
                Key::Char('p') => self.paused = !self.paused,
                Key::Escape | Key::Enter | Key::Backspace => self.mode = Mode::Table,
                _ => {}
            },
            Mode::Table => return self.press_in_table(key, page),
        }
        Flow::Stay
    }

    fn press_in_table(&mut self, key: Key, page: usize) -> Flow {
        let at = self.selected();
        match key {
            Key::Char('q') => return Flow::Quit,
            Key::Up | Key::Char('k') => self.select(at.map_or(0, |at| at.saturating_sub(1))),
            Key::Down | Key::Char('j') => self.select(at.map_or(0, |at| at + 1)),
            Key::PageUp => self.select(at.unwrap_or(0).saturating_sub(page)),
            Key::PageDown => self.select(at.unwrap_or(0) + page),
            Key::First | Key::Char('g') => self.select(0),
            Key::Last | Key::Char('G') => self.select(usize::MAX),
            Key::Enter => {
                if let Some((task, _)) = self.selected {
                    self.mode = Mode::Detail(task);
                }
            }
            Key::Char('s' | '>') => self.sort = self.sort.moved(1),
            Key::Char('<') => self.sort = self.sort.moved(Column::ALL.len() - 1),
            Key::Char('r') => self.reversed = !self.reversed,
            Key::Char('f' | '/') => self.mode = Mode::Filter,
            Key::Char('p') => self.paused = !self.paused,
            Key::Escape => self.filter.clear(),
            Key::Char(_) | Key::Backspace | Key::Delete | Key::Quit => {}
        }
        self.keep_selection();
        Flow::Stay
    }

    fn edit_filter(&mut self, key: Key) {
        match key {
            Key::Char(c) => self.filter.push(c),
            Key::Backspace => drop(self.filter.pop()),
            Key::Enter => self.mode = Mode::Table,
            Key::Escape => {
                self.filter.clear();
                self.mode = Mode::Table;
            }
            _ => {}
        }
        self.keep_selection();
    }
}

#[cfg(test)]
pub(super) mod tests;
