//! Uploads in parts that end without their object: what the store is told to forget, what the journal names, and what the user is told.

use std::sync::Arc;

use cede::sync::{oneshot, watch};
use cede_transfer::Exit;
use cede_transfer::engine::{Stop, Watch};
use cede_transfer::upload::How;

use crate::case::Case;
use crate::parts::{Notes, SIZE, case, is_right};
use crate::store::{Fault, Stand};

/// Stops the upload as soon as the store owes it an answer.
fn stop_when_silent(case: &mut Case, stand: &Stand) {
    let (sender, receiver) = watch::channel(None);
    case.stop = Stop::new(receiver);
    stand.when_silent(move || sender.send(Some(Exit::Interrupted)).expect("the upload is under way"));
}

/// Stops the upload while its journal waits for the only thread that may block, which is kept busy: from the beginning, or from when it goes on.
struct WhileWriting {
    stop: watch::Sender<Option<Exit>>,
    from_beginning: bool,
}

impl WhileWriting {
    fn watch(case: &mut Case, from_beginning: bool) {
        let (stop, receiver) = watch::channel(None);
        case.stop = Stop::new(receiver);
        case.watch = Arc::new(Self { stop, from_beginning });
    }

    fn begin(&self) {
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let (began, is_busy) = oneshot::channel();
        drop(cede::task::spawn_blocking(move || {
            began.send(()).unwrap();
            let _opened: Result<(), _> = gate.recv();
        }));
        let stop = self.stop.clone();
        cede::spawn(async move {
            is_busy.await.unwrap();
            let metrics = cede::runtime::Handle::current().metrics();
            while metrics.blocking_queue_depth() == 0 {
                cede::task::yield_now().await;
            }
            stop.send(Some(Exit::Interrupted)).unwrap();
            // The upload has heard of it before the journal is written.
            for _ in 0..1000 {
                cede::task::yield_now().await;
            }
            open.send(()).unwrap();
        });
    }
}

impl Watch for WhileWriting {
    fn named(&self, _: &str, _: Option<u64>) {
        if self.from_beginning {
            self.begin();
        }
    }
    fn resumed(&self, _: u64) {
        if !self.from_beginning {
            self.begin();
        }
    }
    fn have(&self, _: u64) {}
    fn verifying(&self) {}
    fn note(&self, _: &str) {}
}

#[test]
fn whoever_stops_while_the_journal_is_written_is_told_of_it() {
    // All parts are there, and the journal gets the tag of the object.
    let (mut case, stand) = case(SIZE, vec![("complete", 1, Fault::Denied)]);
    case.run().unwrap_err();
    WhileWriting::watch(&mut case, false);
    let (exit, told) = case.run_with_threads(1).unwrap_err();
    assert!(exit == Exit::Interrupted && told.contains("the same command goes on with it"), "{told}");
    assert_eq!((stand.asked("abort"), stand.left(), case.journals()), (0, 1, 1));
    case.stop = Stop::never();
    case.watch = Arc::new(Notes::default());
    case.run().unwrap();
    assert!(is_right(&stand, SIZE, 1) && stand.asked("part") == stand.stored().len());
    // An upload has begun.
    let mut case = Case::new(How::Tus { probe: false }, SIZE, "");
    WhileWriting::watch(&mut case, true);
    let (exit, told) = case.run_with_threads(1).unwrap_err();
    assert!(exit == Exit::Interrupted && told.contains("the same command goes on with it"), "{told}");
    assert_eq!(case.journals(), 1);
    case.stop = Stop::never();
    case.watch = Arc::new(Notes::default());
    case.run().unwrap();
    assert_eq!((case.asked("POST").len(), case.journals()), (1, 0));
}

#[test]
fn a_store_that_does_not_answer_is_not_waited_for_by_whoever_stops() {
    // What an earlier run left is to be forgotten: it stays named, and is forgotten by the next run.
    let (mut case, stand) = case(SIZE, vec![("part", 6, Fault::Denied), ("abort", 1, Fault::Silent)]);
    case.run().unwrap_err();
    case.order.restart = true;
    stop_when_silent(&mut case, &stand);
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Interrupted && told.contains("may still have parts of the upload upload-1"), "{told}");
    assert!(told.contains("was not waited for") && told.contains("the same command tells it again"), "{told}");
    assert_eq!((stand.left(), stand.asked("begin"), case.journals()), (1, 1, 1));
    case.stop = Stop::never();
    case.run().unwrap();
    assert!(is_right(&stand, SIZE, 1) && stand.left() == 0 && case.journals() == 0);
    // The parts of one that has failed.
    let (mut case, stand) = self::case(SIZE, vec![("part", 6, Fault::Denied), ("abort", 1, Fault::Silent)]);
    case.order.state = None;
    stop_when_silent(&mut case, &stand);
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Interrupted && told.contains("AccessDenied") && told.contains("was not waited for"), "{told}");
    assert!(told.contains("may still have parts of the upload upload-1"), "{told}");
}

#[test]
fn what_could_not_be_forgotten_is_told_where_the_rest_fails() {
    let (mut case, stand) = case(SIZE, vec![("part", 6, Fault::Denied), ("abort", 1, Fault::Denied), ("begin", 2, Fault::Denied)]);
    case.run().unwrap_err();
    case.order.restart = true;
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Denied && told.contains("may still have parts of the upload upload-1"), "{told}");
    assert_eq!((stand.left(), case.journals()), (1, 0));
}

#[test]
fn what_is_to_be_forgotten_stays_named_until_the_store_can_be_asked() {
    let (mut case, stand) = case(SIZE, vec![("part", 6, Fault::Denied)]);
    case.run().unwrap_err();
    case.order.restart = true;
    let right = case.order.how.clone();
    let How::S3(store) = &mut case.order.how else { unreachable!() };
    store.endpoint = "ftp://nowhere".parse().unwrap();
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Usage && told.contains("this bucket cannot be"), "{told}");
    assert_eq!((stand.asked("abort"), case.journals()), (0, 1));
    case.order.how = right;
    case.run().unwrap();
    assert!(is_right(&stand, SIZE, 1) && stand.left() == 0 && case.journals() == 0);
}

#[test]
fn an_upload_that_is_lost_is_not_called_kept() {
    let (case, stand) = case(SIZE, vec![("part", 5, Fault::Forget), ("begin", 2, Fault::Denied)]);
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Denied && !told.contains("kept") && !told.contains("goes on"), "{told}");
    assert_eq!((stand.left(), stand.asked("abort"), case.journals()), (0, 0, 0));
}

#[test]
fn an_upload_that_was_begun_twice_is_told() {
    // There is a connection that was used before, and the store closes it after it has obeyed.
    let (mut case, stand) = case(SIZE, vec![("part", 5, Fault::Forget), ("begin", 2, Fault::After)]);
    let How::S3(store) = &mut case.order.how else { unreachable!() };
    store.width = 1;
    let notes = Arc::new(Notes::default());
    case.watch = Arc::clone(&notes) as _;
    case.run().unwrap();
    assert!(is_right(&stand, SIZE, 1));
    assert_eq!((stand.asked("begin"), stand.left()), (3, 1));
    let said = notes.said.lock().unwrap().clone();
    assert!(said.len() == 1 && said[0].contains("may have begun one upload without parts"), "{said:?}");
}

#[test]
fn an_upload_whose_beginning_was_answered_with_nonsense_is_told() {
    for fault in [Fault::LateError, Fault::Gateway] {
        let (mut case, stand) = case(SIZE, vec![("begin", 1, fault)]);
        case.rules.retries = 0;
        let (exit, told) = case.run().unwrap_err();
        assert!(exit == Exit::Server && told.contains("may have begun one upload without parts"), "{told}");
        assert_eq!((stand.asked("begin"), case.journals()), (1, 0), "{fault:?}");
    }
}

#[test]
fn an_object_that_may_have_been_made_is_not_called_nothing() {
    let (mut case, stand) = case(SIZE, vec![("complete", 1, Fault::Unanswered)]);
    case.order.state = None;
    stop_when_silent(&mut case, &stand);
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Interrupted && told.contains("may have made the object") && !told.contains("nothing was kept"), "{told}");
    assert!(is_right(&stand, SIZE, 1));
}
