//! Tests of drawing, on a terminal in memory.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::picture::State;
use super::super::view::View;
use super::super::view::tests::{row, view};
use super::draw;
use crate::keys::Key;

fn screen(view: &View) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(140, 10)).unwrap();
    terminal.draw(|frame| assert_eq!(draw(view, frame), 6)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..140).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..10).map(row).collect()
}

#[test]
fn sums_table_and_keys() {
    let mut slow = row(1, State::Running);
    slow.why = "limited by the server".to_owned();
    slow.limit = Some(1 << 20);
    let mut urgent = row(2, State::Waiting);
    urgent.priority = 2;
    let mut view = view(vec![slow, urgent, row(3, State::Paused)]);
    view.picture.limit = Some(5 << 20);
    let rows = screen(&view);
    assert_eq!(rows[0], "cede: 1 running, 1 waiting, 1 paused");
    assert_eq!(rows[1], "50 MiB of 200 MiB  5.0 MiB/s  30.0 s left  limit 5.0 MiB/s");
    for part in ["running", "file-1", "━━━━━─────  50%", "50 MiB of 100 MiB", "10 MiB/s", "5.00 s", "1.0 MiB/s", "limited by the server"]
    {
        assert!(rows[3].contains(part), "no {part:?} in {rows:#?}");
    }
    assert!(rows[4].starts_with("waiting    +2") && !rows[4].contains("MiB/s"), "{rows:#?}");
    assert!(rows[5].starts_with("paused") && !rows[5].contains("MiB/s"), "{rows:#?}");
    assert!(rows[9].contains("p pause/resume") && rows[9].contains("L limit all"), "{rows:#?}");
}

#[test]
fn a_wait_for_the_disk_is_seen() {
    let mut view = view(vec![row(1, State::Done)]);
    view.picture.unsettled = 9;
    assert!(screen(&view)[0].ends_with("; waiting for the disk (9 small files)"), "{:#?}", screen(&view));
    view.picture.stopping = true;
    assert!(!screen(&view)[0].contains("disk"), "who ends the run does not wait for it");
}

#[test]
fn a_limit_is_seen_while_it_is_typed() {
    let mut view = view(vec![row(1, State::Running)]);
    for key in "l5x".chars() {
        assert_eq!(view.press(Key::Char(key), 10), None);
    }
    assert!(screen(&view)[9].contains("for this transfer: 5x_"), "{:#?}", screen(&view));
    assert_eq!(view.press(Key::Enter, 10), None);
    assert!(screen(&view)[9].contains("that is no rate"), "{:#?}", screen(&view));
}

#[test]
fn nothing_and_far_too_much_can_be_drawn() {
    assert_eq!(screen(&View::new())[0], "cede: 0 running, 0 waiting");
    let mut crowd = view((0..500).map(|index| row(index, State::Waiting)).collect());
    crowd.picture.more = 12;
    assert_eq!(crowd.press(Key::Last, 6), None);
    let rows = screen(&crowd);
    assert!(rows[8].contains("file-499"), "the selected row is seen: {rows:#?}");
    // No size, an empty file, and a terminal without room.
    let mut odd = row(1, State::Running);
    (odd.total, odd.rate) = (None, 0.0);
    let mut empty = row(2, State::Running);
    (empty.total, empty.have) = (Some(0), 0);
    let view = view(vec![odd, empty]);
    assert!(screen(&view)[4].contains("100%"));
    let mut terminal = Terminal::new(TestBackend::new(3, 2)).unwrap();
    terminal.draw(|frame| assert!(draw(&view, frame) <= 2)).unwrap();
}
