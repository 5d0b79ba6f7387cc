//! What keys mean, on pictures that are made up.

use super::super::Command;
use super::super::picture::{Picture, Row, State};
use super::{Mode, View};
use crate::keys::Key;
use crate::progress::Totals;

pub(in crate::tui) fn row(index: usize, state: State) -> Row {
    Row {
        index,
        name: format!("file-{index}"),
        state,
        priority: 0,
        have: 50 << 20,
        total: Some(100 << 20),
        rate: 10.0 * 1024.0 * 1024.0,
        limit: None,
        why: String::new(),
    }
}

pub(in crate::tui) fn view(rows: Vec<Row>) -> View {
    let mut view = View::new();
    let waiting = rows.iter().filter(|row| row.state == State::Waiting).count();
    let totals = Totals { files: rows.len(), received: 50 << 20, expected: Some(200 << 20), ..Totals::default() };
    view.update(Picture { rows, waiting, totals, rate: 5.0 * 1024.0 * 1024.0, ..Picture::default() });
    view
}

fn three() -> View {
    view(vec![row(7, State::Running), row(3, State::Paused), row(9, State::Done)])
}

fn keys(view: &mut View, keys: &str) -> Vec<Command> {
    keys.chars().filter_map(|key| view.press(if key == '\n' { Key::Enter } else { Key::Char(key) }, 10)).collect()
}

#[test]
fn keys_are_for_the_selected_transfer() {
    let mut view = three();
    let commands = keys(&mut view, "p+-xjpr");
    assert_eq!(
        commands,
        [Command::Pause(7), Command::Priority(7, 1), Command::Priority(7, -1), Command::Cancel(7), Command::Resume(3), Command::Resume(3)]
    );
}

#[test]
fn what_is_over_cannot_be_steered() {
    let mut view = three();
    assert_eq!(keys(&mut view, "Gp+-xrl"), []);
    assert_eq!(view.mode, Mode::Table);
    assert_eq!(keys(&mut View::new(), "p+-xl jk"), []);
}

#[test]
fn keys_for_all() {
    let mut view = three();
    assert_eq!(keys(&mut view, "PRq"), [Command::PauseAll, Command::ResumeAll, Command::Quit]);
    assert_eq!(view.press(Key::Quit, 10), Some(Command::Quit));
}

#[test]
fn limits_are_typed() {
    let mut view = three();
    assert_eq!(keys(&mut view, "l500k\n"), [Command::Limit(7, Some(500 << 10))]);
    assert_eq!(keys(&mut view, "L2M\n"), [Command::LimitAll(Some(2 << 20))]);
    assert_eq!(keys(&mut view, "L\nl0\n"), [Command::LimitAll(None), Command::Limit(7, None)]);
    // While one types, letters are letters.
    assert_eq!(keys(&mut view, "lpxq"), []);
    assert_eq!(view.press(Key::Enter, 10), None);
    assert!(matches!(&view.mode, Mode::Limit { wrong: true, typed, .. } if typed == "pxq"));
    for key in [Key::Backspace, Key::Backspace, Key::Backspace, Key::Char('9')] {
        assert_eq!(view.press(key, 10), None);
    }
    assert_eq!(keys(&mut view, "\n"), [Command::Limit(7, Some(9))]);
    assert_eq!(keys(&mut view, "L5"), []);
    assert_eq!(view.press(Key::Escape, 10), None);
    assert_eq!(view.mode, Mode::Table);
    assert_eq!(view.press(Key::Delete, 10), Some(Command::Cancel(7)));
}

#[test]
fn the_selection_stays_with_its_transfer() {
    let mut view = three();
    keys(&mut view, "j");
    view.update(Picture { rows: vec![row(3, State::Running), row(7, State::Done)], ..Picture::default() });
    assert_eq!((view.selected(), keys(&mut view, "p")), (Some(0), vec![Command::Pause(3)]));
    // When it is gone, the one in its place is selected.
    view.update(Picture { rows: vec![row(8, State::Running)], ..Picture::default() });
    assert_eq!(keys(&mut view, "p"), [Command::Pause(8)]);
    view.update(Picture::default());
    assert_eq!(view.selected(), None);
}
