//! Bytes that are written and not claimed: how many there may be, and that nobody waits for claims that never come.

use std::time::Duration;

use cede_transfer::Exit;

use crate::case::Case;
use crate::origin::{Fault, Setup};

const SIZE: usize = 3_000_000;
/// Less than what any answer here brings, so that whoever waits for claims has to.
const MOST: u64 = 256 * 1024;

fn case(name: &str, script: Vec<Fault>) -> Case {
    let mut case = Case::new(name, Setup { size: SIZE, ..Setup::default() }, script);
    case.settings.unclaimed = MOST;
    // Never because it is time.
    case.settings.claim_every = Duration::from_secs(3600);
    case.settings.rules.segments = 1;
    case
}

#[test]
fn claims_keep_up_with_what_comes() {
    case("unclaimed", vec![]).right(0);
}

#[test]
fn a_server_that_stops_answering_ranges_ends_the_journal_and_not_the_download() {
    // Ranges work, the journal is begun, the answer breaks; from then on everything comes whole, or not at all.
    for broken in [Fault::Close(1_000_000), Fault::Reset(1_000_000), Fault::CloseAndChange(1_000_000)] {
        let changes = matches!(broken, Fault::CloseAndChange(_));
        let script = std::iter::once(broken.clone()).chain(vec![Fault::Whole; 20]).collect();
        let case = case("unclaimed-whole", script);
        case.right(u64::from(changes));
        assert!(case.origin.asked().len() >= 2, "{broken:?}");
    }
}

#[test]
fn whole_answers_that_break_again_end_it_with_a_reason() {
    for end in [Fault::NoLengthCut(2_000_000), Fault::ChunkedCut { at: 2_000_000, within: true }] {
        let script = std::iter::once(Fault::Close(1_000_000)).chain(vec![end; 60]).collect();
        let ended = case("unclaimed-broken", script).run();
        assert!(ended.exit != Exit::Done && !ended.said.is_empty(), "{}", ended.said);
    }
}

#[test]
fn a_server_that_resets_from_then_on_ends_it_with_a_reason() {
    let script = std::iter::once(Fault::Close(1_000_000)).chain(vec![Fault::Reset(0); 60]).collect();
    case("unclaimed-reset", script).fails(Exit::Network, "the same command goes on from there");
}

#[test]
fn so_it_is_with_several_connections() {
    let script = std::iter::once(Fault::Close(1_000_000)).chain(vec![Fault::None; 2]).chain(vec![Fault::Whole; 60]).collect();
    let mut case = case("unclaimed-several", script).eager(4);
    case.settings.unclaimed = MOST;
    case.right(0);
}
