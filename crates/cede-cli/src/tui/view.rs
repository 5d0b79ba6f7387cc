//! What is selected and being typed, and what a key means. It knows neither terminal nor clock: pictures and keys are given to it.

use cede_transfer::units;

use super::Command;
use super::picture::{Picture, Row, State};
use crate::keys::Key;

/// What the keys are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Table,
    /// A limit is being typed: for one transfer, or for everything.
    Limit {
        of: Option<usize>,
        typed: String,
        wrong: bool,
    },
}

/// The table, and where the user is in it.
#[derive(Debug)]
pub(super) struct View {
    pub(super) picture: Picture,
    pub(super) mode: Mode,
    /// The selected transfer, which keeps the selection when rows move, and where it stood, for when it is gone.
    selected: Option<(usize, usize)>,
}

impl View {
    pub(super) fn new() -> Self {
        Self { picture: Picture::default(), mode: Mode::Table, selected: None }
    }

    /// A new picture.
    pub(super) fn update(&mut self, picture: Picture) {
        self.picture = picture;
        let (index, at) = self.selected.unwrap_or((usize::MAX, 0));
        let found = self.picture.rows.iter().position(|row| row.index == index);
        self.select(found.unwrap_or(at));
    }

    /// Which row is selected.
    pub(super) fn selected(&self) -> Option<usize> {
        self.selected.map(|(_, at)| at)
    }

    fn row(&self) -> Option<&Row> {
        self.picture.rows.get(self.selected()?)
    }

    fn select(&mut self, at: usize) {
        let at = at.min(self.picture.rows.len().saturating_sub(1));
        self.selected = self.picture.rows.get(at).map(|row| (row.index, at));
    }

    /// A key; `page` is how many rows the screen shows.
    pub(super) fn press(&mut self, key: Key, page: usize) -> Option<Command> {
        if key == Key::Quit {
            return Some(Command::Quit);
        }
        match &mut self.mode {
            Mode::Table => self.press_in_table(key, page),
            Mode::Limit { .. } => self.type_limit(key),
        }
    }

    fn press_in_table(&mut self, key: Key, page: usize) -> Option<Command> {
        let at = self.selected().unwrap_or(0);
        match key {
            Key::Up | Key::Char('k') => self.select(at.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.select(at + 1),
            Key::PageUp => self.select(at.saturating_sub(page)),
            Key::PageDown => self.select(at + page),
            Key::First | Key::Char('g') => self.select(0),
            Key::Last | Key::Char('G') => self.select(usize::MAX),
            Key::Char('q') => return Some(Command::Quit),
            Key::Char('P') => return Some(Command::PauseAll),
            Key::Char('R') => return Some(Command::ResumeAll),
            Key::Char('L') => self.mode = Mode::Limit { of: None, typed: String::new(), wrong: false },
            _ => return self.press_on_row(key),
        }
        None
    }

    /// A key for the selected transfer, if that is not over.
    fn press_on_row(&mut self, key: Key) -> Option<Command> {
        let row = self.row().filter(|row| !row.is_over())?;
        let index = row.index;
        match key {
            Key::Char('p' | ' ') if row.state == State::Paused => Some(Command::Resume(index)),
            Key::Char('p' | ' ') => Some(Command::Pause(index)),
            Key::Char('r') => Some(Command::Resume(index)),
            Key::Char('x') | Key::Delete => Some(Command::Cancel(index)),
            Key::Char('+' | '=') => Some(Command::Priority(index, 1)),
            Key::Char('-') => Some(Command::Priority(index, -1)),
            Key::Char('l') => {
                self.mode = Mode::Limit { of: Some(index), typed: String::new(), wrong: false };
                None
            }
            _ => None,
        }
    }

    fn type_limit(&mut self, key: Key) -> Option<Command> {
        let Mode::Limit { of, typed, wrong } = &mut self.mode else { return None };
        *wrong = false;
        match key {
            Key::Char(c) if !c.is_control() && typed.len() < 20 => typed.push(c),
            Key::Backspace => drop(typed.pop()),
            Key::Escape => self.mode = Mode::Table,
            Key::Enter => {
                let limit = match typed.trim() {
                    "" | "0" | "none" => None,
                    text => match units::parse_size(text) {
                        Ok(rate) if rate > 0 => Some(rate),
                        Ok(_) | Err(_) => {
                            *wrong = true;
                            return None;
                        }
                    },
                };
                let command = of.map_or(Command::LimitAll(limit), |index| Command::Limit(index, limit));
                self.mode = Mode::Table;
                return Some(command);
            }
            _ => {}
        }
        None
    }
}

impl Row {
    /// Whether there is nothing to steer any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Done | State::Failed | State::Stopped)
    }
}

#[cfg(test)]
pub(super) mod tests;
