//! Events on made-up clocks, and the fields that the documentation promises.

use std::time::{Duration, Instant};

use cede_transfer::{Exit, Failure};
use serde_json::Value;

use super::super::{Board, Phase};
use super::{Events, News};

const SCHEMA: &str = include_str!("../../../../../docs/transfer-events.md");

/// The fields of an event, from its table in the documentation.
fn documented(event: &str) -> Vec<String> {
    let section = SCHEMA
        .split("\n### ")
        .find(|section| section.starts_with(&format!("`{event}`")))
        .unwrap_or_else(|| panic!("no section for {event}"));
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut fields: Vec<String> = ["v", "event"].into_iter().chain(rows).map(str::to_owned).collect();
    fields.sort();
    fields
}

#[track_caller]
fn fits(event: &Value) {
    let mut fields: Vec<String> = event.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(fields, documented(event["event"].as_str().unwrap()), "{event}");
    assert_eq!(event["v"], 1);
}

#[test]
fn every_event_has_the_documented_fields() {
    let board = Board::recording();
    let mut events = Events::new(true);
    let ids: Vec<usize> = (0..3).map(|_| board.add("x", None)).collect();
    let url = || "http://h/x".to_owned();
    for id in &ids {
        board.begin(*id);
        board.tell(*id, News::Began(url()));
    }
    board.tell(0, News::Resumed(5));
    board.tell(0, News::Redirected { from: url(), to: url() });
    board.tell(0, News::Retry { url: url(), why: "reset".to_owned(), wait: Some(Duration::from_millis(500)) });
    board.tell(0, News::Note("starting over".to_owned()));
    board.tell(0, News::Piece { index: 3, offset: 30, bytes: 10, url: url() });
    board.receiving(0, "x", Some(10));
    let now = Instant::now();
    let mut told = events.events(&board.frame(now));
    board.tell(0, News::Ended(Exit::Done, Some("d/x".into())));
    board.settle(0, Phase::Saved(String::new()));
    board.tell(1, News::Ended(Exit::DiskFull, None));
    board.settle(1, Phase::Failed("full".to_owned()));
    board.tell(2, News::Ended(Exit::Interrupted, None));
    board.settle(2, Phase::Stopped("kept".to_owned()));
    board.wait_for_disk(7);
    told.extend(events.events(&board.frame(now)));
    assert!(events.events(&board.frame(now)).is_empty(), "nothing is told twice");
    told.iter().for_each(fits);
    let names: Vec<&str> = told.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let rest = ["resumed", "redirect", "retry", "note", "piece", "progress", "done", "failed", "stopped", "settling"];
    assert_eq!(names, ["begin"; 3].into_iter().chain(rest).collect::<Vec<_>>());
    assert_eq!(told[12]["files"], 7);
    assert_eq!((&told[5]["wait"], &told[9]["path"], &told[10]["exit"]), (&Value::from(0.5), &Value::from("d/x"), &Value::from(9)));
}

#[test]
fn progress_is_told_four_times_a_second_at_most() {
    let board = Board::recording();
    let mut events = Events::new(true);
    let id = board.add("x", None);
    board.begin(id);
    board.receiving(id, "x", Some(1000));
    let start = Instant::now();
    let mut count = 0;
    for tenth in 0..100_u64 {
        board.have(id, tenth);
        count += events.events(&board.frame(start + Duration::from_millis(tenth * 100))).len();
    }
    // A frame each tenth of a second: every third is the first after a quarter.
    assert_eq!(count, 34);
    let silent = events.events(&board.frame(start + Duration::from_secs(60)));
    assert!(silent.is_empty(), "no news, no line: {silent:?}");
}

#[test]
fn nothing_is_recorded_for_other_views() {
    let board = Board::default();
    let id = board.add("x", None);
    board.tell(id, News::Resumed(5));
    assert!(board.frame(Instant::now()).news.is_empty());
}

#[test]
fn a_summary_tells_why_a_run_failed_whose_files_did_not() {
    let (totals, began) = (Board::default().totals(), Instant::now());
    let event = super::summary(&totals, None, began, Exit::Done, None);
    fits(&event);
    assert_eq!((&event["exit"], &event["message"]), (&Value::from(0), &Value::Null));
    let why = Failure::new(Exit::Files, "the disk did not take it");
    let event = super::summary(&totals, None, began, Exit::Files, Some(&why));
    fits(&event);
    assert!(event["exit"] == 3 && event["message"].as_str().unwrap().contains("the disk did not take it"), "{event}");
}
