//! What the demos do on cede. What they do on tokio is shown by `cargo run`, and asserted by nobody.

use std::process::{Command, Stdio};

/// The outcome of a demo.
fn outcome(program: &str) -> String {
    let output = Command::new(program).stderr(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The number in front of a word.
fn number_before(outcome: &str, word: &str) -> u64 {
    let before = outcome.split(word).next().unwrap().trim_end();
    before.split_whitespace().next_back().unwrap().parse().unwrap_or_else(|_| panic!("no number before {word:?}: {outcome}"))
}

/// The time after some words, in milliseconds.
fn millis_after(outcome: &str, words: &str) -> f64 {
    let after = outcome.split(words).nth(1).unwrap_or_else(|| panic!("no {words:?}: {outcome}"));
    let text: String = after.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '.').collect();
    let units = [("ms", 1.0), ("µs", 1e-3), ("ns", 1e-6), ("s", 1e3)];
    units
        .iter()
        .find_map(|(unit, millis)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * millis))
        .unwrap_or_else(|| panic!("no time: {text}"))
}

#[track_caller]
fn assert_has(outcome: &str, parts: &[&str]) {
    for part in parts {
        assert!(outcome.contains(part), "no {part:?} in {outcome}");
    }
}

#[test]
fn accept_without_descriptors_fails_once_and_recovers() {
    let outcome = outcome(env!("CARGO_BIN_EXE_cede-accept_without_descriptors"));
    assert!(number_before(&outcome, "times in") <= 2, "{outcome}");
    assert!(millis_after(&outcome, "it goes on") < 1500.0, "{outcome}");
}

#[test]
fn an_ask_cycle_is_shown_and_refused_between_actors() {
    let outcome = outcome(env!("CARGO_BIN_EXE_cede-ask_cycle"));
    assert_eq!(outcome.matches("waits for the value of oneshot channel").count(), 2, "{outcome}");
    assert_has(&outcome, &["ask_cycle.rs:", "a question fails at once: deadlock:", "waits for an answer of"]);
}

#[test]
fn a_blocked_driver_does_not_stop_the_others_and_the_block_is_reported() {
    let outcome = outcome(env!("CARGO_BIN_EXE_cede-blocked_driver"));
    // It blocks for two seconds.
    assert!(millis_after(&outcome, "once waits") < 1000.0, "{outcome}");
    assert_has(&outcome, &["report: task", "has not awaited", "blocked_driver.rs:"]);
}

#[test]
fn a_futurelock_is_reported() {
    assert_has(
        &outcome(env!("CARGO_BIN_EXE_cede-futurelock")),
        &["hangs", "report: futurelock: task", "waits for mutex", "futurelock.rs:"],
    );
}

#[test]
fn a_nested_block_on_works() {
    assert_has(&outcome(env!("CARGO_BIN_EXE_cede-nested_block_on")), &["works: 42"]);
}

#[test]
fn pinned_workers_do_not_keep_the_timer_that_frees_them() {
    let outcome = outcome(env!("CARGO_BIN_EXE_cede-pinned_workers"));
    assert!(millis_after(&outcome, "the lock after") < 3000.0, "{outcome}");
    assert_has(&outcome, &["report: task", "pinned_workers.rs:"]);
}

#[test]
fn a_runtime_may_be_dropped_in_a_task() {
    assert_has(&outcome(env!("CARGO_BIN_EXE_cede-runtime_dropped_in_task")), &["works"]);
}

#[test]
fn spinning_tasks_leave_the_others_alone_and_are_in_the_dump() {
    let outcome = outcome(env!("CARGO_BIN_EXE_cede-spinning_tasks"));
    assert!(millis_after(&outcome, "100 ms takes") < 2000.0, "{outcome}");
    let (_, after) = outcome.split_once("dump: ").unwrap_or_else(|| panic!("no dump: {outcome}"));
    let dump = after.split("; report").next().unwrap();
    assert_eq!(dump.matches("runs, spawned at programs/spinning_tasks.rs:").count(), 2, "{outcome}");
    assert_has(after, &["report: task", "has not awaited"]);
}

#[test]
fn a_stream_whose_work_is_done_by_tasks_does_not_starve() {
    assert_has(&outcome(env!("CARGO_BIN_EXE_cede-starved_stream")), &["0 of 6 requests fail"]);
}
