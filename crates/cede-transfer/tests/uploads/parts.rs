//! Uploads in parts to a store that speaks S3.

use cede_transfer::Exit;
use cede_transfer::upload::{How, Store};

use crate::case::{Case, content};
use crate::store::{Fault, Stand};

const PART: u64 = 100_000;
const SIZE: usize = 950_000;
/// Parts of such a file.
const COUNT: usize = 10;

fn case(size: usize, script: Vec<(&'static str, usize, Fault)>) -> (Case, Stand) {
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

fn is_right(stand: &Stand, size: usize, seed: u64) -> bool {
    stand.object().is_some_and(|object| object == content(size, seed)) && stand.completed() == 1
}

#[test]
fn of_all_sizes() {
    for size in [0, 1, PART as usize, SIZE] {
        let (mut case, stand) = case(size, vec![]);
        case.order.check = size == SIZE;
        assert_eq!(case.run().unwrap().bytes, size as u64);
        assert!(is_right(&stand, size, 1) && case.journals() == 0 && stand.unsigned() == 0);
        assert_eq!(stand.asked("part"), size.div_ceil(PART as usize).max(1));
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
fn an_object_that_was_made_without_an_answer() {
    let (case, stand) = case(SIZE, vec![("complete", 1, Fault::After)]);
    case.run().unwrap();
    assert!(is_right(&stand, SIZE, 1));
    assert_eq!([stand.asked("part"), stand.asked("check")], [COUNT, 1]);
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
