//! The board keeps its promises whatever the transfers report.

use std::time::{Duration, Instant};

use cede_transfer::slow::Slow;

use super::{Board, Phase, Settling, Totals};

fn saved() -> Phase {
    Phase::Saved(String::new())
}

#[test]
fn a_file_from_begin_to_end() {
    let board = Board::default();
    let index = board.add("a", None);
    assert!(board.frame(Instant::now()).active.is_empty());
    board.begin(index);
    assert_eq!(board.frame(Instant::now()).active[0].1.phase, Phase::Connecting);
    board.receiving(index, "a.bin", Some(10));
    board.received(index, 4);
    let frame = board.frame(Instant::now());
    assert_eq!((frame.active[0].1.label.as_str(), frame.active[0].1.received), ("a.bin", 4));
    assert_eq!(frame.totals, Totals { files: 1, received: 4, expected: Some(10), ..Totals::default() });
    board.received(index, 6);
    board.settle(index, saved());
    let frame = board.frame(Instant::now());
    assert!(frame.active.is_empty());
    assert_eq!(frame.settled.len(), 1);
    assert_eq!(frame.totals.saved, 1);
}

#[test]
fn a_wait_for_the_disk_at_the_end_is_the_disks() {
    let board = Board::default();
    let index = board.add("small", None);
    board.begin(index);
    board.settle(index, saved());
    let since = Instant::now();
    assert_eq!((board.frame(since).settling, board.slow()), (None, None));
    board.wait_for_disk(1);
    let settling = board.frame(since).settling.unwrap();
    assert!(settling.files == 1 && settling.since >= since);
    // Of less than that, nothing is said.
    board.lock().settling = Some(Settling { since: since.checked_sub(Duration::from_secs(1)).unwrap(), ..settling });
    assert_eq!(board.slow(), Some(Slow::Disk));
}

#[test]
fn a_settled_file_stays_as_it_is() {
    let board = Board::default();
    let index = board.add("a", Some(10));
    board.begin(index);
    board.settle(index, Phase::Failed("no".to_owned()));
    board.received(index, 5);
    board.settle(index, saved());
    let frame = board.frame(Instant::now());
    assert_eq!(frame.settled.len(), 1);
    assert_eq!(frame.settled[0].1.phase, Phase::Failed("no".to_owned()));
    assert_eq!((frame.totals.failed, frame.totals.saved, frame.totals.received), (1, 0, 0));
}

#[test]
fn each_settled_file_is_told_once_in_order() {
    let board = Board::default();
    let indices: Vec<usize> = (0..5).map(|n| board.add(n.to_string(), None)).collect();
    board.settle(indices[3], saved());
    board.settle(indices[0], Phase::Stopped(String::new()));
    let told = |frame: super::Frame| frame.settled.into_iter().map(|(index, _)| index).collect::<Vec<_>>();
    assert_eq!(told(board.frame(Instant::now())), [3, 0]);
    assert!(told(board.frame(Instant::now())).is_empty());
    board.settle(indices[4], saved());
    assert_eq!(told(board.frame(Instant::now())), [4]);
}

#[test]
fn an_unknown_size_makes_the_sum_unknown_until_it_settles() {
    let board = Board::default();
    let known = board.add("known", Some(100));
    let unknown = board.add("unknown", None);
    board.begin(known);
    board.begin(unknown);
    board.received(unknown, 7);
    assert_eq!(board.frame(Instant::now()).totals.expected, None);
    board.settle(unknown, saved());
    assert_eq!(board.frame(Instant::now()).totals.expected, Some(107));
}

#[test]
fn more_than_the_total_hides_the_total() {
    let board = Board::default();
    let index = board.add("a", Some(10));
    board.begin(index);
    board.received(index, 11);
    let frame = board.frame(Instant::now());
    assert_eq!(frame.active[0].1.honest_total(), None);
    assert_eq!(frame.totals.expected, None);
}

#[test]
fn a_kept_file_counts_as_settled_but_not_as_saved() {
    let board = Board::default();
    let index = board.add("f", None);
    board.settle(index, Phase::Kept("f: it exists".to_owned()));
    let totals = board.totals();
    assert_eq!((totals.saved, totals.kept, totals.settled(), totals.expected), (0, 1, 1, Some(0)));
}
