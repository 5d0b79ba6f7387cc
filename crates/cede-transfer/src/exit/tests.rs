//! How the codes of transfers become the code of a run.

use super::Exit;

#[test]
fn nothing_failed() {
    assert_eq!(Exit::of_all([]), Exit::Done);
    assert_eq!(Exit::of_all([Exit::Done, Exit::Done]), Exit::Done);
}

#[test]
fn one_cause_keeps_its_code() {
    assert_eq!(Exit::of_all([Exit::Dns]), Exit::Dns);
    assert_eq!(Exit::of_all([Exit::Refused, Exit::Refused]), Exit::Refused);
}

#[test]
fn mixed_results_are_some_failed() {
    assert_eq!(Exit::of_all([Exit::Done, Exit::Refused]), Exit::Failed);
    assert_eq!(Exit::of_all([Exit::Refused, Exit::Done, Exit::Done]), Exit::Failed);
    assert_eq!(Exit::of_all([Exit::Refused, Exit::Server, Exit::Refused]), Exit::Failed);
}

#[test]
fn an_interruption_wins_over_everything() {
    assert_eq!(Exit::of_all([Exit::Done, Exit::Refused, Exit::Interrupted, Exit::Done]), Exit::Interrupted);
    assert_eq!(Exit::of_all([Exit::Terminated, Exit::Dns]), Exit::Terminated);
}

#[test]
fn status_classes() {
    assert_eq!(Exit::of_status(404), Exit::Refused);
    assert_eq!(Exit::of_status(401), Exit::Denied);
    assert_eq!(Exit::of_status(429), Exit::Server);
    assert_eq!(Exit::of_status(503), Exit::Server);
    assert_eq!(Exit::of_status(206), Exit::Failed);
}
