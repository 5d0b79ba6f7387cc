//! tus: what breaks goes on where the server is.

use std::sync::{Arc, Mutex};

use cede_transfer::Exit;
use cede_transfer::engine::Watch;
use cede_transfer::upload::How;

use crate::case::{Case, content};

const SIZE: usize = 3_000_000;
const TUS: How = How::Tus { probe: false };

#[test]
fn without_trouble() {
    for size in [0, 1, SIZE] {
        for check in [false, true] {
            let mut case = Case::new(How::Tus { probe: true }, size, "");
            case.order.check = check;
            case.run().unwrap();
            assert!(case.stored() == content(size, 1) && case.journals() == 0);
            assert_eq!(case.asked("POST").len(), 1);
        }
    }
}

#[test]
fn through_resets_lost_answers_and_busy_servers() {
    // The requests for one upload are numbered together: PATCH, HEAD, PATCH, HEAD and so on.
    let faults = "reset,after=500K,tries=1;status=503,retry-after=0,tries=2;truncate,after=500K,tries=4;lost,tries=6";
    let case = Case::new(TUS, SIZE, faults);
    case.run().unwrap();
    assert!(case.stored() == content(SIZE, 1) && case.journals() == 0);
    assert_eq!(case.asked("POST").len(), 1);
    // The last answer is lost, but a look shows that nothing is missing.
    assert_eq!([case.asked("PATCH").len(), case.asked("HEAD").len()], [3, 4]);
}

#[test]
fn a_new_process_goes_on() {
    let mut case = Case::new(TUS, SIZE, "reset,after=1M,tries=1");
    case.rules.retries = 0;
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Network && told.contains("the same command goes on"), "{told}");
    assert!(!case.is_stored() && case.journals() == 1);
    let stored = case.run().unwrap();
    assert_eq!(stored.before, 1 << 20);
    assert!(case.stored() == content(SIZE, 1) && case.journals() == 0);
    assert_eq!(case.asked("POST").len(), 1);
}

#[test]
fn a_file_that_changed_is_refused_until_the_user_decides() {
    let mut case = Case::new(TUS, SIZE, "reset,after=1M,tries=1");
    case.rules.retries = 0;
    case.run().unwrap_err();
    case.replace(&content(SIZE, 2));
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Changed && told.contains("--restart"), "{told}");
    assert!(!case.is_stored() && case.journals() == 1);
    case.order.restart = true;
    case.rules.retries = 5;
    case.run().unwrap();
    assert!(case.stored() == content(SIZE, 2) && case.journals() == 0);
}

#[test]
fn a_server_that_forgets() {
    let mut case = Case::new(TUS, SIZE, "reset,after=1M,tries=1");
    case.rules.retries = 0;
    case.run().unwrap_err();
    for entry in std::fs::read_dir(case.path().join("site/.cede-upload")).unwrap().flatten() {
        std::fs::remove_file(entry.path()).unwrap();
    }
    case.rules.retries = 5;
    case.run().unwrap();
    assert!(case.stored() == content(SIZE, 1));
    assert_eq!(case.asked("POST").len(), 2);
}

#[test]
fn a_server_that_does_not_speak_it() {
    let case = Case::new(How::Tus { probe: true }, SIZE, "status=405,method=OPTIONS");
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::CannotResume && told.contains("tus"), "{told}");
    assert!(case.asked("POST").is_empty());
}

#[test]
fn a_damaged_journal_costs_only_time() {
    let mut case = Case::new(TUS, SIZE, "reset,after=1M,tries=1");
    case.rules.retries = 0;
    case.run().unwrap_err();
    let journal = std::fs::read_dir(case.path().join("state")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&journal, "cede upload journal 1\nurl=").unwrap();
    case.rules.retries = 5;
    assert_eq!(case.run().unwrap().before, 0);
    assert!(case.stored() == content(SIZE, 1));
}

/// Runs the same command until it is done, as somebody would whose network is bad; each run is a new process as far as the engine can tell.
fn by_seed(how: &How, check: bool, seed: u64) {
    let faults =
        "reset=25%,after=1..800K;truncate=15%,after=0..800K;status=503:10%,retry-after=0;status=500:5%;lost=15%;forget=5%,method=HEAD";
    let mut case = Case::seeded(how.clone(), 1_000_000, faults, seed);
    case.order.check = check;
    case.rules.retries = (seed % 3) as u32;
    for run in 0.. {
        let done = case.run();
        // There is nothing under the name, or all of it.
        assert!(!case.is_stored() || case.stored() == content(1_000_000, 1), "seed {seed}, run {run}");
        match done {
            Ok(_) => break,
            Err((exit, told)) => assert!(matches!(exit, Exit::Network | Exit::Server) && run < 500, "seed {seed}, run {run}: {told}"),
        }
    }
    assert!(case.is_stored() && case.journals() == 0, "seed {seed}");
}

#[test]
fn whatever_goes_wrong_all_or_nothing() {
    for seed in 0..12 {
        by_seed(&TUS, seed % 2 == 0, seed);
        by_seed(&How::Put, seed % 2 == 1, seed);
    }
}

/// Remembers what it was told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Watch for Notes {
    fn named(&self, _: &str, _: Option<u64>) {}
    fn have(&self, _: u64) {}
    fn verifying(&self) {}
    fn note(&self, note: &str) {
        self.0.lock().unwrap().push(note.to_owned());
    }
}

#[test]
fn an_upload_whose_beginning_was_not_heard_of_is_told() {
    let told = "may have begun one upload without bytes";
    for probe in [false, true] {
        // Where the server was asked first, there is a connection that was used before.
        let mut case = Case::new(How::Tus { probe }, SIZE, "lost,method=POST,tries=1..2");
        let notes = Arc::new(Notes::default());
        case.watch = Arc::clone(&notes) as _;
        case.run().unwrap();
        assert!(case.stored() == content(SIZE, 1) && case.journals() == 0);
        let lost = case.asked("POST").len() - 1;
        let said = notes.0.lock().unwrap().clone();
        let what = if lost == 1 { told.to_owned() } else { format!("may have begun {lost} uploads without bytes") };
        assert!(lost >= 1 && said.len() == 1 && said[0].contains(&what), "{lost}: {said:?}");
    }
    let mut case = Case::new(TUS, SIZE, "lost,method=POST");
    case.rules.retries = 0;
    let (exit, said) = case.run().unwrap_err();
    assert!(exit == Exit::Network && said.contains(told) && !said.contains("goes on from there"), "{said}");
    assert_eq!(case.asked("POST").len(), 1);
    // One that was refused was not begun.
    let mut case = Case::new(TUS, SIZE, "status=503,method=POST");
    case.rules.retries = 0;
    let (_, said) = case.run().unwrap_err();
    assert!(!said.contains("may have begun"), "{said}");
}
