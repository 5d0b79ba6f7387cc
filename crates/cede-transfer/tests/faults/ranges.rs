//! Ranges that are ignored, limited, or answered wrongly; and how many connections a file gets.

use cede_transfer::Exit;

use crate::case::Case;
use crate::origin::{Fault, Origin, Setup, Tag};

const SIZE: usize = 3_000_000;

#[test]
fn range_ignored_from_the_start() {
    let case = Case::new("ignored", Setup { ranges: false, ..Setup::default() }, vec![Fault::Close(1_000_000), Fault::Close(2_000_000)]);
    case.right(0);
    assert!(case.origin.asked().len() <= 7, "{}", case.origin.asked().len());
}

#[test]
fn range_ignored_only_on_resume() {
    let case = Case::new("ignored-resume", Setup::default(), vec![Fault::Close(1_000_000), Fault::Whole, Fault::Whole, Fault::Whole]);
    case.right(0);
}

#[test]
fn range_ignored_by_one_segment() {
    let setup = Setup { speed: Some(8_000_000), ..Setup::default() };
    let case = Case::new("ignored-segment", setup, vec![Fault::None, Fault::Whole]).eager(4);
    case.right(0);
}

#[test]
fn accept_ranges_none_although_they_work() {
    let case = Case::new("denied", Setup::default(), vec![Fault::RangesDenied; 9]).eager(4);
    case.right(0);
}

#[test]
fn largest_range_is_limited() {
    let setup = Setup { most_range: Some(400_000), ..Setup::default() };
    let case = Case::new("largest", setup, vec![]);
    case.right(0);
    assert_eq!(case.origin.asked().len(), 8);
}

#[test]
fn number_of_connections_is_limited() {
    let setup = Setup { most_connections: Some(2), speed: Some(6_000_000), ..Setup::default() };
    let case = Case::new("limited", setup, vec![]).eager(8);
    case.right(0);
}

#[test]
fn forbidden_for_further_segments_only() {
    let setup = Setup { speed: Some(8_000_000), ..Setup::default() };
    let case = Case::new("forbidden-segments", setup, vec![Fault::None, Fault::Status(403, ""), Fault::Status(403, "")]).eager(3);
    case.right(0);
}

#[test]
fn wrong_start() {
    let case = Case::new("wrong-start", Setup::default(), vec![Fault::Close(1_000_000), Fault::Shifted(3), Fault::Shifted(3)]);
    case.right(0);
    let case = Case::new("wrong-start", Setup::default(), vec![Fault::Shifted(3)]);
    case.right(0);
}

#[test]
fn short_range() {
    Case::new("short", Setup::default(), vec![Fault::Short(700_000), Fault::Short(700_000)]).right(0);
}

#[test]
fn over_long_range() {
    let setup = Setup { speed: Some(20_000_000), ..Setup::default() };
    Case::new("over-long", setup, vec![Fault::OverLong; 9]).eager(4).right(0);
}

#[test]
fn multipart_answer() {
    Case::new("multipart", Setup::default(), vec![Fault::Multipart, Fault::Multipart]).right(0);
}

#[test]
fn unknown_total() {
    Case::new("unknown-total", Setup::default(), vec![Fault::UnknownTotal]).right(0);
}

#[test]
fn total_changes_between_answers() {
    Case::new("other-total", Setup::default(), vec![Fault::Close(1_000_000), Fault::OtherTotal]).right(0);
}

#[test]
fn range_not_satisfiable_without_a_reason() {
    Case::new("416", Setup::default(), vec![Fault::Status(416, "")]).right(0);
    Case::new("416", Setup::default(), vec![Fault::Close(1_000_000), Fault::Status(416, "")]).right(0);
    let case = Case::new("416", Setup::default(), vec![Fault::Status(416, ""); 100]);
    assert_ne!(case.run().exit, Exit::Done);
}

#[test]
fn range_not_satisfiable_with_all_kinds_of_reasons() {
    // That there is nothing there, that the file ends there, that it is shorter, larger, empty; and garbage.
    for told in ["*/3000000", "*/1000000", "*/999999", "*/4000000", "*/0", "0-9/10", "*/*", "lines */7"] {
        let refusal = Fault::Status(416, Box::leak(format!("Content-Range: bytes {told}").into_boxed_str()));
        Case::new("416-told", Setup::default(), vec![Fault::Close(1_000_000), refusal.clone()]).right(0);
        if told == "*/0" {
            // Said of everything, it is the truth: the file is empty now.
            continue;
        }
        let case = Case::new("416-told", Setup::default(), std::iter::once(Fault::Close(1_000_000)).chain(vec![refusal; 100]).collect());
        assert_ne!(case.run().exit, Exit::Done, "{told}");
    }
}

#[test]
fn further_connections_are_reset() {
    let setup = Setup { speed: Some(8_000_000), ..Setup::default() };
    Case::new("reset-segments", setup, [vec![Fault::None], vec![Fault::Reset(0); 4]].concat()).eager(4).right(0);
}

#[test]
fn mirror_with_a_file_of_another_size() {
    let mirror = Origin::start(Setup { size: 2_999_999, tag: Tag::None, dated: false, ..Setup::default() }, vec![]);
    let mut case = Case::new("mirror-size", Setup { speed: Some(8_000_000), ..Setup::default() }, vec![]).eager(4);
    case.mirrors.push(mirror.url("/file"));
    case.check = crate::sums::of(&case.origin.content(0));
    case.right(0);
    // That it is asked no more once it has answered, the plan's tests show: here, any number of asks may be on their way by then.
    assert!(!mirror.asked().is_empty());
}

#[test]
fn segments_fetch_each_byte_once() {
    let setup = Setup { speed: Some(1_500_000), ..Setup::default() };
    let case = Case::new("once", setup, vec![]).eager(4);
    case.right(0);
    // What was on its way when a segment was cut short is lost; all else came once.
    let sent = case.origin.sent();
    assert!(sent < SIZE as u64 + 3_000_000, "{sent} bytes for {SIZE}");
}

#[test]
fn a_limit_for_each_connection_is_worked_around() {
    // With one connection it would take ten seconds. How many there would be is for `plan/tests/links.rs`, where no other program takes a part of the machine.
    let setup = Setup { size: 15_000_000, speed: Some(1_500_000), free_from: Some(2), ..Setup::default() };
    let case = Case::new("per-connection", setup, vec![]);
    case.right(0);
}

#[test]
fn slow_mirror_and_fast_mirror_share_the_work_when_there_is_a_sum() {
    let mirror = Origin::start(Setup { tag: Tag::None, dated: false, ..Setup::default() }, vec![]);
    let mut case = Case::new("mirrors", Setup { speed: Some(2_000_000), ..Setup::default() }, vec![]).eager(4);
    case.mirrors.push(mirror.url("/other/name"));
    case.check = crate::sums::of(&case.origin.content(0));
    case.right(0);
    assert!(!mirror.asked().is_empty());
}

#[test]
fn mirror_takes_over_when_the_first_is_gone() {
    let mirror = Origin::start(Setup::default(), vec![]);
    let mut case =
        Case::new("mirror-takes-over", Setup::default(), vec![Fault::Close(1_000_000), Fault::Status(404, ""), Fault::Status(404, "")]);
    case.mirrors.push(mirror.url("/file"));
    case.right(0);
}

#[test]
fn mirror_with_other_content() {
    // Its size and validators are those of the first, its bytes are not; without a sum it is not asked while the first works.
    let mirror = Origin::start(Setup { seed: 2, ..Setup::default() }, vec![]);
    let mut case = Case::new("mirror-other", Setup { speed: Some(8_000_000), ..Setup::default() }, vec![]).eager(4);
    case.mirrors.push(mirror.url("/file"));
    case.right(0);
    assert!(mirror.asked().is_empty());
    // With a sum it is, and the sum tells.
    case.check = crate::sums::of(&case.origin.content(0));
    std::fs::remove_file(case.dir.join("file")).unwrap();
    let ended = case.run();
    assert!(matches!(ended.exit, Exit::Done | Exit::Checksum), "{}", ended.said);
}
