//! Tests of what is seen.

use std::time::Duration;

use super::{Column, Flow, Mode, View};
use crate::keys::Key;
use crate::look::picture::Picture;

/// The same, and the tasks have ranks: 1 is urgent, 2 and 3 are of the group `imports`, 2 in the background.
pub(in crate::look) fn ranked() -> String {
    let ranks = [("app::fetch", "urgent\t"), ("app::spin", "background\timports"), ("app::back", "normal\timports")];
    let tasks = ranks.iter().fold(PICTURE.to_owned(), |text, (future, rank)| text.replace(future, &format!("{future}\t{rank}")));
    format!("{tasks}group\t1\timports\t20\t2\t40\t500\ngroup\t1\tothers\t30\t0\t2\t1000000\n")
}

/// Three tasks: 1 waits, 2 runs, 3 is runnable.
pub(in crate::look) const PICTURE: &str = "\
runtime\t1\tweb, 2 workers\t3\t1\t2\t1\t4\t6\t1500 20000 7000000 12\t0 0 0 0
thread\t77\tcede-worker-0\t2
thread\t78\tcede-worker-1\t
task\t1\t1\twaiting\t0\t10\t90000\tfetcher\tsrc/fetch.rs:1:2\ta timer, due in 3 s\tapp::fetch
task\t2\t1\trunning\t998\t1\t1500\t\tsrc/spin.rs:7:5\t\tapp::spin
task\t3\t\trunnable\t0\t50\t\tback\tsrc/back.rs:3:4\t\tapp::back
";

pub(in crate::look) fn view() -> View {
    let mut view = View::of(4711, Column::Share);
    view.update(Picture::parse(PICTURE).unwrap(), Duration::ZERO);
    view
}

fn order(view: &View) -> Vec<u64> {
    view.rows().iter().map(|row| row.task.number).collect()
}

fn type_in(view: &mut View, keys: &str) {
    for key in keys.chars() {
        assert_eq!(view.press(Key::Char(key), 10), Flow::Stay);
    }
}

#[test]
fn each_column_sorts_what_stands_out_first() {
    let mut view = view();
    let orders = Column::ALL.map(|column| {
        view.sort = column;
        order(&view)
    });
    let expected = [
        (Column::Task, [1, 2, 3]),
        (Column::State, [2, 3, 1]),
        (Column::Share, [2, 1, 3]),
        (Column::Polls, [3, 1, 2]),
        // There is none yet.
        (Column::Rate, [1, 2, 3]),
        (Column::Age, [1, 2, 3]),
        // One waits, the others do not.
        (Column::Wait, [1, 2, 3]),
        // All are the same.
        (Column::Priority, [1, 2, 3]),
        (Column::Group, [1, 2, 3]),
        (Column::Name, [3, 1, 2]),
    ];
    assert_eq!(orders, expected.map(|(_, order)| order));
    assert_eq!(Column::ALL, expected.map(|(column, _)| column));
    view.reversed = true;
    assert_eq!(order(&view), [2, 1, 3]);
}

#[test]
fn keys_move_the_column_of_the_order_around() {
    let mut view = view();
    type_in(&mut view, "s");
    assert_eq!(view.sort, Column::Polls);
    type_in(&mut view, "<<<<");
    assert_eq!(view.sort, Column::Name);
    type_in(&mut view, ">r");
    assert_eq!((view.sort, view.reversed), (Column::Task, true));
}

#[test]
fn the_rate_is_the_difference_of_two_pictures_over_the_wrap_too() {
    let mut view = view();
    let later = PICTURE.replace("\t10\t90000", "\t40\t90500").replace("998\t1\t", &format!("998\t{}\t", u32::MAX));
    view.update(Picture::parse(&later).unwrap(), Duration::from_millis(500));
    let rate = |view: &View, number| view.row(view.task(number).unwrap()).rate;
    assert_eq!((rate(&view, 1), rate(&view, 3)), (60.0, 0.0));
    // From the largest number to 1 are two polls.
    view.update(Picture::parse(PICTURE).unwrap(), Duration::from_secs(1));
    assert_eq!(rate(&view, 2), 2.0);
}

#[test]
fn the_selection_follows_its_task_and_stays_in_place_when_that_is_gone() {
    let mut view = view();
    type_in(&mut view, "jj");
    assert_eq!(view.selected(), Some(1), "task 1");
    let busy = PICTURE.replace("waiting\t0", "running\t999");
    view.update(Picture::parse(&busy).unwrap(), Duration::from_secs(1));
    assert_eq!(view.selected(), Some(0), "task 1 is first now");
    type_in(&mut view, "jjjj");
    assert_eq!(view.selected(), Some(2), "not beyond the last");
    let two: String = PICTURE.lines().filter(|line| !line.starts_with("task\t3")).map(|line| format!("{line}\n")).collect();
    view.update(Picture::parse(&two).unwrap(), Duration::from_secs(1));
    assert_eq!(view.selected(), Some(1), "the last there is");
    type_in(&mut view, "kkk");
    assert_eq!(view.selected(), Some(0));
    view.update(Picture::default(), Duration::from_secs(1));
    assert_eq!(view.selected(), None);
}

#[test]
fn the_filter_looks_at_name_and_site_and_letters_go_into_it() {
    let mut view = view();
    type_in(&mut view, "fFETCHq");
    assert_eq!((&*view.filter, &view.mode, order(&view).len()), ("FETCHq", &Mode::Filter, 0));
    assert_eq!(view.press(Key::Backspace, 10), Flow::Stay);
    assert_eq!(view.press(Key::Enter, 10), Flow::Stay);
    assert_eq!((order(&view), &view.mode), (vec![1], &Mode::Table));
    view.filter = "spin.rs".into();
    assert_eq!(order(&view), [2]);
    assert_eq!(view.press(Key::Escape, 10), Flow::Stay);
    assert_eq!(order(&view).len(), 3);
}

#[test]
fn enter_shows_one_task_and_escape_goes_back() {
    let mut view = view();
    assert_eq!(view.press(Key::Enter, 10), Flow::Stay);
    assert_eq!(view.wanted(), None, "nothing is selected");
    type_in(&mut view, "j");
    assert_eq!(view.press(Key::Enter, 10), Flow::Stay);
    assert_eq!(view.wanted(), Some(2));
    view.explain(1, "of another".into());
    assert_eq!(view.explanation(), "");
    view.explain(2, "it spins".into());
    assert_eq!(view.explanation(), "it spins");
    assert_eq!(view.press(Key::Escape, 10), Flow::Stay);
    assert_eq!((view.wanted(), view.press(Key::Char('q'), 10)), (None, Flow::Quit));
}

#[test]
fn while_paused_the_picture_stays() {
    let mut view = view();
    type_in(&mut view, "p");
    view.update(Picture::default(), Duration::from_secs(1));
    assert_eq!(order(&view).len(), 3);
    type_in(&mut view, "p");
    view.update(Picture::default(), Duration::from_secs(1));
    assert_eq!(order(&view).len(), 0);
}

#[test]
fn tasks_are_sorted_by_priority_and_by_group() {
    let mut view = View::of(4711, Column::Priority);
    view.update(Picture::parse(&ranked()).unwrap(), Duration::ZERO);
    assert_eq!(order(&view), [1, 3, 2]);
    view.sort = Column::Group;
    assert_eq!(order(&view), [3, 2, 1], "those of none come last");
    type_in(&mut view, "fimports");
    assert_eq!(order(&view), [3, 2]);
}

#[test]
fn who_has_waited_longest_without_a_poll_is_first() {
    let waiting = |second: u32| {
        let task = |number, polls: u32| format!("task\t{number}\t1\twaiting\t0\t{polls}\t{number}000\t\tsrc/a.rs:1:2\tx\tf\n");
        Picture::parse(&[task(1, 5), task(2, second), task(3, 5)].concat()).unwrap()
    };
    let mut view = View::of(4711, Column::Wait);
    view.update(waiting(0), Duration::ZERO);
    assert_eq!(order(&view), [3, 2, 1], "the oldest, as long as nothing else is known");
    view.update(waiting(1), Duration::from_secs(1));
    view.update(waiting(1), Duration::from_secs(2));
    let waits: Vec<_> = view.rows().iter().map(|row| (row.task.number, row.waited.unwrap().as_secs())).collect();
    assert_eq!(waits, [(3, 3), (1, 3), (2, 2)]);
}

#[test]
fn the_share_of_a_group_is_what_it_was_busy_or_what_its_tasks_were_seen_to_have() {
    let mut view = view();
    let shares = |view: &View| view.groups().iter().map(|row| (row.group.name.clone(), row.share)).collect::<Vec<_>>();
    assert_eq!(shares(&view), []);
    view.update(Picture::parse(&ranked()).unwrap(), Duration::from_secs(1));
    // Task 2 spins; nothing is known yet of what was before.
    assert_eq!(shares(&view), [("imports".to_owned(), 998), ("others".to_owned(), 0)]);
    let later = |busy: &str| Picture::parse(&ranked().replace("1000000", busy)).unwrap();
    view.update(later("1250000"), Duration::from_millis(500));
    assert_eq!(shares(&view)[1], ("others".to_owned(), 500));
    // A poll of nine seconds has ended: there are two threads.
    view.update(later("10250000"), Duration::from_secs(1));
    assert_eq!(shares(&view)[0], ("others".to_owned(), 2000));
}
