//! Uploads in parts to a store that speaks S3.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cede_transfer::engine::Watch;
use cede_transfer::upload::{How, Store};
use cede_transfer::{Exit, Failure};
use url::Url;

use crate::case::{Case, content};
use crate::store::{Fault, Stand};

const PART: u64 = 100_000;
pub(crate) const SIZE: usize = 950_000;
/// Parts of such a file.
const COUNT: usize = 10;

pub(crate) fn case(size: usize, script: Vec<(&'static str, usize, Fault)>) -> (Case, Stand) {
    let stand = Stand::start(script);
    let endpoint = format!("http://{}", stand.address).parse().unwrap();
    let store = Store {
        endpoint,
        path_style: true,
        bucket: "bucket".to_owned(),
        object: "dir/a b".to_owned(),
        region: "us-east-1".to_owned(),
        login: Some(("key".to_owned(), "secret".to_owned(), None)),
        part_size: PART,
        width: 3,
    };
    (Case::new(How::S3(Box::new(store)), size, ""), stand)
}

pub(crate) fn is_right(stand: &Stand, size: usize, seed: u64) -> bool {
    stand.object().is_some_and(|object| object == content(size, seed)) && stand.completed() == 1 && stand.unsigned() == 0
}

#[test]
fn of_all_sizes() {
    for size in [0, 1, PART as usize, SIZE] {
        let (mut case, stand) = case(size, vec![]);
        case.order.check = size == SIZE;
        assert_eq!(case.run().unwrap().bytes, size as u64);
        assert!(is_right(&stand, size, 1) && case.journals() == 0 && stand.unsigned() == 0);
        let count = size.div_ceil(PART as usize).max(1);
        assert_eq!((stand.asked("part"), stand.unchecked()), (count, if case.order.check { 0 } else { count }));
    }
}

#[test]
fn through_busy_stores_and_lost_answers() {
    let script = vec![
        ("begin", 1, Fault::Busy),
        ("part", 2, Fault::Before),
        ("part", 4, Fault::After),
        ("part", 6, Fault::Busy),
        ("complete", 1, Fault::Busy),
        ("complete", 2, Fault::LateError),
    ];
    let (case, stand) = case(SIZE, script);
    case.run().unwrap();
    assert!(is_right(&stand, SIZE, 1));
}

#[test]
fn a_part_whose_answer_was_lost_is_not_sent_again() {
    for encrypts in [false, true] {
        // The last part is another one than the one before, and goes on a connection that was used before; then the next one is lost, too, and so is the answer to where it is.
        let (case, stand) = case(
            SIZE,
            vec![("part", 2, Fault::After), ("part", 5, Fault::Gateway), ("list", 2, Fault::Before), ("part", 10, Fault::After)],
        );
        if encrypts {
            stand.encrypt();
        }
        case.run().unwrap();
        assert!(is_right(&stand, SIZE, 1));
        assert_eq!((stand.asked("part"), stand.stored().len()), (COUNT, COUNT));
    }
    // A store that is busy, or talks nonsense, when it is asked where the part is, is asked again.
    for fault in [Fault::Busy, Fault::LateError] {
        let (case, stand) = case(SIZE, vec![("part", 2, Fault::After), ("list", 1, fault)]);
        case.run().unwrap();
        assert!(is_right(&stand, SIZE, 1));
        assert_eq!((stand.asked("part"), stand.asked("list")), (COUNT, 2), "{fault:?}");
    }
    // What the store took nothing of is sent again; and so is what it does not show.
    for (script, sent) in
        [(vec![("part", 2, Fault::Before)], COUNT + 1), (vec![("part", 2, Fault::After), ("list", 1, Fault::Denied)], COUNT + 1)]
    {
        let (case, stand) = case(SIZE, script);
        case.run().unwrap();
        assert!(is_right(&stand, SIZE, 1) && stand.asked("part") == sent);
    }
}

#[test]
fn an_object_that_was_made_without_an_answer() {
    for encrypts in [false, true] {
        let (case, stand) = case(SIZE, vec![("complete", 1, Fault::After)]);
        if encrypts {
            stand.encrypt();
        }
        case.run().unwrap();
        assert!(is_right(&stand, SIZE, 1));
        assert_eq!([stand.asked("part"), stand.asked("check")], [COUNT, 1]);
    }
}

#[test]
fn an_object_that_an_earlier_run_made_without_an_answer_is_not_stored_again() {
    for (has_changed, encrypts, is_cut) in
        [(false, false, false), (false, true, false), (true, false, false), (true, true, false), (true, false, true)]
    {
        // The second one goes on a new connection.
        let (mut case, stand) = case(SIZE, vec![("complete", 1, Fault::After), ("complete", 2, Fault::Before)]);
        if encrypts {
            stand.encrypt();
        }
        case.rules.retries = 0;
        let (exit, told) = case.run().unwrap_err();
        assert!(exit == Exit::Network && told.contains("the same command goes on"), "{told}");
        assert!(is_right(&stand, SIZE, 1) && case.journals() == 1);
        if is_cut {
            // It has our mark, but is not what was sent.
            stand.cut(1000);
        } else if has_changed {
            // Somebody else has replaced it, so that there is no telling.
            stand.replace(b"another");
        }
        let stored = case.run().unwrap();
        assert_eq!((stored.bytes, case.journals(), stand.left()), (SIZE as u64, 0, 0));
        if has_changed {
            assert_eq!((stored.before, stand.asked("part"), stand.completed()), (0, 2 * COUNT, 2));
        } else {
            assert!(is_right(&stand, SIZE, 1));
            assert_eq!((stored.before, stand.asked("part"), stand.asked("check")), (SIZE as u64, COUNT, 1));
        }
    }
}

#[test]
fn a_store_that_forgets() {
    let (case, stand) = case(SIZE, vec![("part", 5, Fault::Forget)]);
    case.run().unwrap();
    assert!(is_right(&stand, SIZE, 1) && stand.asked("begin") == 2);
}

#[test]
fn a_new_process_goes_on() {
    let (mut case, stand) = case(SIZE, vec![("part", 6, Fault::Busy)]);
    case.rules.retries = 0;
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Server && told.contains("the same command goes on"), "{told}");
    assert!(stand.object().is_none() && case.journals() == 1);
    case.rules.retries = 5;
    let stored = case.run().unwrap();
    assert!(stored.before >= PART && is_right(&stand, SIZE, 1) && case.journals() == 0);
    assert_eq!([stand.asked("begin"), stand.asked("list")], [1, 1]);
}

#[test]
fn a_file_that_changed_is_refused() {
    let (mut case, stand) = case(SIZE, vec![("part", 6, Fault::Busy)]);
    case.rules.retries = 0;
    case.run().unwrap_err();
    case.replace(&content(SIZE, 2));
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Changed && told.contains("--restart") && stand.object().is_none(), "{told}");
    case.order.restart = true;
    case.rules.retries = 5;
    case.run().unwrap();
    assert!(is_right(&stand, SIZE, 2));
}

#[test]
fn a_changed_mind_leaves_no_parts_behind() {
    let (mut case, stand) = case(SIZE, vec![("part", 6, Fault::Busy)]);
    case.rules.retries = 0;
    case.run().unwrap_err();
    assert_eq!(stand.left(), 1);
    case.order.restart = true;
    case.rules.retries = 5;
    case.run().unwrap();
    assert!(is_right(&stand, SIZE, 1) && stand.left() == 0);
    assert_eq!(stand.asked("abort"), 1);
}

#[test]
fn another_store_is_not_told_that_it_has_lost_what_it_never_had() {
    let (mut case, here) = case(SIZE, vec![("part", 6, Fault::Denied)]);
    case.run().unwrap_err();
    let there = Stand::start(vec![]);
    let How::S3(store) = &mut case.order.how else { unreachable!() };
    store.endpoint = format!("http://{}", there.address).parse().unwrap();
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Usage && told.contains(&here.address.to_string()) && told.contains("--restart"), "{told}");
    assert_eq!((here.left(), there.asked("list"), there.asked("begin"), case.journals()), (1, 0, 0, 1));
    let notes = Arc::new(Notes::default());
    case.watch = Arc::clone(&notes) as _;
    case.order.restart = true;
    case.run().unwrap();
    let said = notes.said.lock().unwrap().clone();
    assert!(is_right(&there, SIZE, 1) && there.asked("abort") == 0, "{said:?}");
    assert!(said.len() == 1 && said[0].contains("upload-1") && said[0].contains(&here.address.to_string()), "{said:?}");
}

#[test]
fn what_was_wanted_last_is_written_down() {
    let (mut case, stand) = case(SIZE, (6..=8).map(|nth| ("part", nth, Fault::Denied)).collect());
    let How::S3(store) = &mut case.order.how else { unreachable!() };
    // So that each run meets one fault.
    store.width = 1;
    for (only_new, check) in [(false, false), (true, true), (false, true)] {
        (case.order.only_new, case.order.check) = (only_new, check);
        case.run().unwrap_err();
        let known = cede_transfer::upload::journals(case.order.state.as_ref().unwrap()).unwrap();
        assert_eq!((known[0].only_new, known[0].check, known[0].remote.as_str()), (only_new, check, "upload-1"));
    }
    case.run().unwrap();
    assert!(is_right(&stand, SIZE, 1) && stand.asked("begin") == 1);
}

#[test]
fn what_nobody_can_go_on_with_is_given_up() {
    // Without a journal.
    let (mut case, stand) = case(SIZE, vec![("part", 6, Fault::Busy)]);
    case.rules.retries = 0;
    case.order.state = None;
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Server && !told.contains("goes on"), "{told}");
    assert_eq!((stand.left(), stand.asked("abort")), (0, 1));
}

#[test]
fn a_store_that_confirms_what_it_has_not() {
    for fault in [Fault::WrongTag, Fault::Dropped] {
        let (case, stand) = case(SIZE, vec![("part", 4, fault)]);
        case.run().unwrap();
        assert!(is_right(&stand, SIZE, 1), "{fault:?}");
        // Only what was missing came again.
        let mut stored = stand.stored();
        stored.sort_unstable();
        assert_eq!(stored, (1..=COUNT as u16).collect::<Vec<_>>(), "{fault:?}");
        assert_eq!([stand.asked("begin"), stand.asked("list"), stand.asked("complete")], [1, 1, 2], "{fault:?}");
    }
}

#[test]
fn parts_are_stored_once_whatever_happens_to_the_rest() {
    let script = vec![("part", 2, Fault::Before), ("part", 5, Fault::Busy), ("list", 1, Fault::Before), ("complete", 1, Fault::Before)];
    let (case, stand) = case(SIZE, script);
    case.run().unwrap();
    let mut stored = stand.stored();
    stored.sort_unstable();
    assert!(is_right(&stand, SIZE, 1) && stored == (1..=COUNT as u16).collect::<Vec<_>>(), "{stored:?}");
}

#[test]
fn a_wrong_secret_is_told() {
    let (mut case, stand) = case(SIZE, vec![]);
    let How::S3(store) = &mut case.order.how else { unreachable!() };
    store.login = Some(("key".to_owned(), "another".to_owned(), None));
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Denied && told.contains("SignatureDoesNotMatch") && told.contains("AWS_SECRET_ACCESS_KEY"), "{told}");
    assert_eq!((stand.asked("begin"), stand.asked("part")), (1, 0));
}

/// Remembers what it was told, and changes the file when something is tried again.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) said: Mutex<Vec<String>>,
    changes: Option<PathBuf>,
    rewrites: Option<PathBuf>,
}

impl Watch for Notes {
    fn named(&self, _: &str, _: Option<u64>) {}
    fn have(&self, _: u64) {}
    fn verifying(&self) {}
    fn note(&self, note: &str) {
        self.said.lock().unwrap().push(note.to_owned());
    }
    fn retry(&self, _: &Url, _: &Failure, _: Option<Duration>) {
        if let Some(path) = &self.changes {
            std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"more").unwrap();
        }
        if let Some(path) = &self.rewrites {
            let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.write_all(&content(file.metadata().unwrap().len() as usize, 2)).unwrap();
            // However rough the clock of the file system is.
            file.set_modified(std::time::SystemTime::now() + Duration::from_secs(1)).unwrap();
        }
    }
}

/// What is closed on a connection that was used before is asked once more, on a new one; what is refused is not.
fn twice(kind: &'static str, fault: Fault) -> Vec<(&'static str, usize, Fault)> {
    (1..=if fault == Fault::Before { 2 } else { 1 }).map(|nth| (kind, nth, fault)).collect()
}

#[test]
fn a_completion_that_is_refused_leaves_what_can_be_gone_on_with_or_nothing() {
    for fault in [Fault::Denied, Fault::Before] {
        let (mut case, stand) = case(SIZE, twice("complete", fault));
        case.rules.retries = 0;
        let (_, told) = case.run().unwrap_err();
        assert!(told.contains("the same command goes on with them"), "{told}");
        assert_eq!((stand.left(), stand.asked("abort"), case.journals()), (1, 0, 1), "{fault:?}");
        case.run().unwrap();
        assert!(is_right(&stand, SIZE, 1) && stand.left() == 0, "{fault:?}");
        assert_eq!((stand.asked("part"), stand.completed()), (COUNT, 1), "{fault:?}");
    }
    // Without a journal.
    for fault in [Fault::Denied, Fault::Before] {
        let (mut case, stand) = case(SIZE, twice("complete", fault));
        case.rules.retries = 0;
        case.order.state = None;
        let (_, told) = case.run().unwrap_err();
        assert!(!told.contains("goes on") && !told.contains("may"), "{told}");
        assert_eq!((stand.left(), stand.asked("abort")), (0, 1), "{fault:?}");
    }
}

#[test]
fn an_upload_whose_beginning_was_not_heard_of_is_told() {
    let (mut case, stand) = case(SIZE, vec![("begin", 1, Fault::After)]);
    case.rules.retries = 0;
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Network && told.contains("may have begun one upload without parts"), "{told}");
    assert_eq!((stand.left(), case.journals()), (1, 0));
    // One that was refused was not begun.
    for fault in [Fault::Busy, Fault::Denied] {
        let (mut case, stand) = self::case(SIZE, vec![("begin", 1, fault)]);
        case.rules.retries = 0;
        let (_, told) = case.run().unwrap_err();
        assert!(!told.contains("may have begun"), "{told}");
        assert_eq!((stand.left(), case.journals()), (0, 0));
    }
    // It is told where the next try works, too.
    let (mut case, stand) = self::case(SIZE, vec![("begin", 1, Fault::After)]);
    let notes = Arc::new(Notes::default());
    case.watch = Arc::clone(&notes) as _;
    case.run().unwrap();
    assert!(is_right(&stand, SIZE, 1));
    let said = notes.said.lock().unwrap().clone();
    assert!(said.len() == 1 && said[0].contains("may have begun one upload without parts"), "{said:?}");
}

#[test]
fn parts_that_cannot_be_taken_back_are_told() {
    for fault in [Fault::Denied, Fault::Before] {
        let mut script = twice("abort", fault);
        script.push(("part", 6, Fault::Denied));
        let (mut case, stand) = case(SIZE, script);
        case.order.state = None;
        let (_, told) = case.run().unwrap_err();
        assert!(told.contains("the store may still have parts of the upload upload-1"), "{fault:?}: {told}");
        assert_eq!(stand.left(), 1, "{fault:?}");
    }
    // Those of an earlier run that is dropped.
    let (mut case, stand) = case(SIZE, vec![("part", 6, Fault::Denied), ("abort", 1, Fault::Denied)]);
    case.run().unwrap_err();
    let notes = Arc::new(Notes::default());
    case.watch = Arc::clone(&notes) as _;
    case.order.restart = true;
    case.run().unwrap();
    let said = notes.said.lock().unwrap().clone();
    assert!(is_right(&stand, SIZE, 1) && said.len() == 1 && said[0].contains("may still have parts of the upload upload-1"), "{said:?}");
}

#[test]
fn a_file_that_changes_while_it_is_sent_leaves_no_parts_that_nobody_knows_of() {
    for has_journal in [true, false] {
        let (mut case, stand) = case(SIZE, vec![("part", 2, Fault::Busy)]);
        case.watch = Arc::new(Notes { changes: Some(case.path().join("file")), ..Notes::default() });
        if !has_journal {
            case.order.state = None;
        }
        let (exit, told) = case.run().unwrap_err();
        assert!(exit == Exit::Changed && told.contains("--restart"), "{told}");
        assert!(stand.object().is_none());
        if has_journal {
            assert!(told.contains("the parts of the earlier version stay at the store"), "{told}");
            assert_eq!((stand.left(), case.journals()), (1, 1));
            case.order.restart = true;
            case.watch = Arc::new(Notes::default());
            assert_eq!(case.run().unwrap().bytes, std::fs::metadata(case.path().join("file")).unwrap().len());
        } else {
            assert!(!told.contains("stay"), "{told}");
        }
        assert_eq!((stand.left(), stand.asked("abort"), case.journals()), (0, 1, 0), "{has_journal}");
    }
}

#[test]
fn a_file_that_is_rewritten_in_place_is_refused_whichever_part_is_read_again() {
    // The last part has been read, and stored, by then.
    for script in [("first", 1, Fault::Busy), ("complete", 1, Fault::Busy)] {
        let (mut case, stand) = case(3 * PART as usize, vec![script]);
        case.watch = Arc::new(Notes { rewrites: Some(case.path().join("file")), ..Notes::default() });
        let (exit, told) = case.run().unwrap_err();
        assert!(exit == Exit::Changed && told.contains("the earlier version"), "{script:?}: {told}");
        assert!(stand.object().is_none(), "{script:?}");
    }
}

#[test]
fn a_login_that_may_not_look_is_not_stuck() {
    // The object is made by the run that looks.
    let (mut case, stand) = case(SIZE, vec![("complete", 1, Fault::After), ("check", 1, Fault::Denied)]);
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Denied && told.contains("the object may be there") && !told.contains("goes on"), "{told}");
    assert!(is_right(&stand, SIZE, 1));
    assert_eq!((case.journals(), stand.asked("part"), stand.asked("abort")), (0, COUNT, 0));
    // Or by an earlier one.
    let script = vec![("complete", 1, Fault::After), ("complete", 2, Fault::Before), ("check", 1, Fault::Denied)];
    let (again, stand) = self::case(SIZE, script);
    case = again;
    case.rules.retries = 0;
    case.run().unwrap_err();
    assert!(is_right(&stand, SIZE, 1) && case.journals() == 1);
    let notes = Arc::new(Notes::default());
    case.watch = Arc::clone(&notes) as _;
    let stored = case.run().unwrap();
    assert_eq!((stored.bytes, stored.before, case.journals(), stand.left()), (SIZE as u64, 0, 0, 0));
    assert_eq!((stand.asked("part"), stand.completed()), (2 * COUNT, 2));
    let said = notes.said.lock().unwrap().clone();
    assert!(said.len() == 1 && said[0].contains("does not let it be looked at"), "{said:?}");
}
