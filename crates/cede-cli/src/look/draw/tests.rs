//! Tests of drawing, on a terminal in memory.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::draw;
use crate::keys::Key;
use crate::look::picture::Picture;
use crate::look::view::tests::{ranked, view};
use crate::look::view::{Column, Flow, View};

/// The rows of a screen of 120 columns and 20 rows.
fn screen(view: &View) -> Vec<String> {
    screen_of(view, 120)
}

fn screen_of(view: &View, columns: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(columns, 20)).unwrap();
    terminal.draw(|frame| assert!(draw(view, frame) > 3)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..20).map(row).collect()
}

#[test]
fn header_table_and_keys() {
    let mut view = view();
    let rows = screen(&view);
    assert_eq!(rows[0], "cede top: process 4711");
    assert!(
        rows[1].starts_with("runtime 1 (web, 2 workers): 3 tasks, 1 queued, 2 stalls, 1 deadlocks, 4 rescued, 6 blocking"),
        "{rows:#?}"
    );
    assert_eq!(rows[2], "  77 cede-worker-0 polls task 2 src/spin.rs:7:5");
    assert!(rows[4].contains("SHAREv") && rows[4].contains("POLLS/S"), "{rows:#?}");
    let words: Vec<_> = rows[5].split_whitespace().collect();
    assert_eq!(words, ["2", "running", "99.8%", "1", "0", "1.5s", "src/spin.rs:7:5", "app::spin"]);
    assert!(rows[6].ends_with("a timer, due in 3 s"), "{rows:#?}");
    assert!(rows[19].starts_with("q quit"), "{rows:#?}");
    assert_eq!(view.press(Key::Char('p'), 10), Flow::Stay);
    assert!(screen(&view)[0].ends_with(", paused"));
}

#[test]
fn the_filter_is_shown_while_it_is_typed() {
    let mut view = view();
    for key in "fback".chars() {
        assert_eq!(view.press(Key::Char(key), 10), Flow::Stay);
    }
    let rows = screen(&view);
    assert!(rows[19].contains("filter by name, place or type: back_"), "{rows:#?}");
    assert!(rows[5].contains("back") && rows[6].is_empty(), "{rows:#?}");
}

#[test]
fn the_detail_shows_what_is_known_and_what_the_program_adds() {
    let mut view = view();
    for key in [Key::Down, Key::Enter] {
        assert_eq!(view.press(key, 10), Flow::Stay);
    }
    view.explain(2, "task 2 runs on thread cede-worker-0".into());
    let text = screen(&view).join("\n");
    for part in ["spawned at  src/spin.rs:7:5", "future  app::spin", "thread  77 cede-worker-0", "task 2 runs on thread", "Esc back"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    view.update(crate::look::picture::Picture::default(), std::time::Duration::from_secs(1));
    assert!(screen(&view).join("\n").contains("task 2 has ended"));
}

#[test]
fn a_tiny_terminal_is_no_panic() {
    for (width, height) in [(1, 1), (5, 2), (20, 3)] {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| assert!(draw(&view(), frame) < 3)).unwrap();
    }
}

#[test]
fn ranks_and_groups_are_shown_where_there_is_room_or_they_are_what_is_sorted_by() {
    let mut view = view();
    assert!(!screen(&view)[4].contains("GROUP"), "no task has any");
    view.update(Picture::parse(&ranked()).unwrap(), std::time::Duration::from_secs(1));
    let rows = screen_of(&view, 140);
    assert!(rows[4].trim_start().starts_with("group imports (runtime 1, 20 shares): 2 tasks, 99.8% of a thread"), "{rows:#?}");
    assert!(rows[6].contains("PRIORITY") && rows[6].contains("GROUP") && !rows[6].contains("WAIT "), "{rows:#?}");
    assert!(rows[7].contains("background") && rows[7].contains("imports"), "{rows:#?}");
    assert!(screen_of(&view, 160)[6].contains("WAIT "));
    assert!(!screen_of(&view, 120)[6].contains("GROUP"));
    view.sort = Column::Group;
    assert!(screen_of(&view, 120)[6].contains("GROUPv"));
    for key in [Key::Down, Key::Enter] {
        assert_eq!(view.press(key, 10), Flow::Stay);
    }
    let text = screen(&view).join("\n");
    for part in ["priority  normal", "group  imports"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}
