//! Files that change, and validators that say too little, too much, or something else each time.

use cede_transfer::Exit;

use crate::case::Case;
use crate::origin::{Fault, Setup, Tag};

#[test]
fn file_changes_and_the_connection_breaks() {
    for grows in [false, true] {
        let case = Case::new("changes", Setup { grows, ..Setup::default() }, vec![Fault::CloseAndChange(1_000_000)]);
        let ended = case.right(1);
        assert!(ended.said.contains("starting over"), "{}", ended.said);
    }
}

#[test]
fn small_file_becomes_a_large_one() {
    let setup = Setup { size: 262_000, grows: true, ..Setup::default() };
    Case::new("outgrows", setup, vec![Fault::CloseAndChange(100_000)]).right(1);
}

#[test]
fn file_changes_and_that_is_refused() {
    let mut case = Case::new("changes-strict", Setup::default(), vec![Fault::CloseAndChange(1_000_000)]);
    case.settings.rules.restart = false;
    case.fails(Exit::Changed, "the file changed on the server");
}

#[test]
fn file_changes_between_segments() {
    let setup = Setup { speed: Some(6_000_000), ..Setup::default() };
    Case::new("changes-segments", setup, vec![Fault::None, Fault::Change]).eager(4).right(1);
}

#[test]
fn file_changes_again_and_again() {
    let case = Case::new("changes-always", Setup::default(), vec![Fault::CloseAndChange(1_000_000); 100]);
    case.fails(Exit::Changed, "again and again");
}

#[test]
fn file_changes_for_servers_with_few_validators() {
    for (tag, dated) in [(Tag::Weak, false), (Tag::None, true), (Tag::None, false), (Tag::Weak, true)] {
        let case = Case::new("changes-few", Setup { tag, dated, ..Setup::default() }, vec![Fault::CloseAndChange(1_000_000)]);
        case.right(1);
    }
}

#[test]
fn resume_with_few_validators() {
    for (tag, dated) in [(Tag::Weak, false), (Tag::None, true), (Tag::None, false)] {
        let case = Case::new("few", Setup { tag, dated, ..Setup::default() }, vec![Fault::Close(1_000_000)]);
        case.right(0);
        let asked = case.origin.asked();
        assert_eq!(asked.len(), 2, "{tag:?} {dated}");
        let start = if dated { 1_000_000 } else { 1_000_000 - 64 * 1024 };
        assert_eq!(asked[1].range.unwrap().0, start, "the overlap is compared where nothing proves anything");
    }
}

#[test]
fn etag_differs_with_each_answer() {
    let case = Case::new("each-time", Setup { tag: Tag::EachTime, ..Setup::default() }, vec![Fault::Close(1_000_000); 3]);
    let ended = case.right(0);
    assert!(ended.said.contains("ETags are different each time"), "{}", ended.said);
}

#[test]
fn if_range_unsupported() {
    let case = Case::new("if-range", Setup { if_range: false, ..Setup::default() }, vec![Fault::Close(1_000_000)]);
    case.right(0);
    assert_eq!(case.origin.asked().last().unwrap().if_range.as_deref(), Some("Mon, 01 Jan 2024 10:00:00 GMT"));
}

#[test]
fn packed_sometimes() {
    let case = Case::new("packed", Setup::default(), vec![Fault::Close(1_000_000), Fault::Packed]);
    case.right(0);
}

#[test]
fn validators_missing_sometimes() {
    Case::new("bare", Setup::default(), vec![Fault::Close(1_000_000), Fault::Bare]).right(0);
}

#[test]
fn the_servers_clock_is_wrong() {
    // Decades behind, so that the file seems to come from the future; and far ahead.
    for date in ["Date: Thu, 01 Jan 1970 00:00:00 GMT", "Date: Fri, 31 Dec 2100 00:00:00 GMT", "Date: yesterday"] {
        let headers = format!("Last-Modified: Mon, 01 Jan 2024 10:00:00 GMT\r\n{date}\r\n");
        let setup = Setup { tag: Tag::None, dated: false, headers, ..Setup::default() };
        Case::new("clock", setup.clone(), vec![Fault::Close(1_000_000)]).right(0);
        // Its date does not change with the file. That is believed only where the server's own clock says that it was written long ago.
        if !date.contains("2100") {
            Case::new("clock", setup, vec![Fault::CloseAndChange(1_000_000)]).right(1);
        }
    }
}

#[test]
fn captive_portal_on_resume() {
    Case::new("portal", Setup::default(), vec![Fault::Close(1_000_000), Fault::Page, Fault::Page]).right(0);
    let script = std::iter::once(Fault::Close(1_000_000)).chain(vec![Fault::Page; 100]).collect();
    Case::new("portal", Setup::default(), script).fails(Exit::Changed, "a web page in place of the file");
}
