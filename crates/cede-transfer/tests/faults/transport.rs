//! Bodies that are cut, stalls, statuses and redirects.

use std::sync::Arc;
use std::time::Duration;

use cede_transfer::Exit;
use cede_transfer::engine::{Engine, Output, Silent, Stop};

use crate::case::Case;
use crate::origin::{Fault, Origin, Setup, Tag};

const SIZE: usize = 3_000_000;

fn case(name: &str, script: Vec<Fault>) -> Case {
    Case::new(name, Setup::default(), script)
}

fn always(fault: &Fault) -> Vec<Fault> {
    vec![fault.clone(); 100]
}

#[test]
fn no_fault() {
    let case = case("no-fault", vec![]);
    case.right(0);
    assert_eq!(case.origin.asked().len(), 1);
    assert_eq!(case.origin.asked()[0].range, Some((0, None)));
}

#[test]
fn body_closed_at_any_place() {
    for at in [0, 1, 65_536, 1_000_000, SIZE - 1] {
        let case = case("closed", vec![Fault::Close(at)]);
        case.right(0);
        let asked = case.origin.asked();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[1].range.unwrap().0, at as u64, "the rest, and no more");
        assert_eq!(asked[1].if_range.as_deref(), (at > 0).then_some("\"v0\""));
    }
}

#[test]
fn body_reset() {
    case("reset", vec![Fault::Reset(1_000_000), Fault::Reset(0)]).right(0);
}

/// A connection that the server closed while nobody used it, or just when somebody did, is no try: here each answer is whole, and its connection ends after it
/// without a word.
#[test]
fn a_connection_that_was_closed_while_it_was_idle_is_no_try() {
    let setup = Setup { size: 1000, ranges: false, ..Setup::default() };
    let mut case = Case::new("closed-idle", setup, always(&Fault::LengthPlus(0)));
    case.settings.rules.retries = 0;
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::new(case.settings.clone());
        for n in 0..20 {
            let mut job = case.job("/file");
            job.output = Output::Named { dir: case.dir.clone(), name: n.to_string() };
            let done = engine.download(job, Arc::new(Silent), Stop::never()).await;
            assert!(done.is_ok(), "{n}: {done:?}");
        }
    });
    assert_eq!(case.origin.asked().len(), 20);
}

#[test]
fn every_answer_dies_after_a_while() {
    let case = case("dies", (0..100).map(|_| Fault::Close(200_000)).collect());
    case.right(0);
    let asked = case.origin.asked();
    assert_eq!(asked.len(), 15, "{asked:?}");
}

#[test]
fn the_last_bytes_never_come() {
    let script = std::iter::once(Fault::Close(SIZE - 100_000)).chain(always(&Fault::Close(0))).collect();
    let case = case("last-bytes", script);
    case.fails(Exit::Network, "the file ended early: 2900000 of 3000000 bytes came");
    assert_eq!(case.origin.asked().len(), 7);
    assert_eq!(case.names(), ["file.part", "file.part.journal"]);
}

#[test]
fn chunked_body_cut_between_chunks_and_within_one() {
    for within in [false, true] {
        case("chunked", vec![Fault::ChunkedCut { at: 700_000, within }]).right(0);
        case("chunked", always(&Fault::ChunkedCut { at: 700_000, within })).fails(Exit::Network, "ended early");
    }
}

#[test]
fn no_length() {
    case("no-length", vec![Fault::NoLength]).right(0);
}

#[test]
fn length_too_big() {
    // The server can do ranges, so the truth comes out with the next answer.
    case("too-big", vec![Fault::LengthPlus(1000)]).right(0);
    case("too-big", always(&Fault::LengthPlus(1000))).fails(Exit::Network, "ended early");
}

/// Where neither a range nor a length tells how much there is, only a checksum can see that something is missing.
#[test]
fn what_only_a_checksum_can_see() {
    for fault in [Fault::LengthMinus(1000), Fault::NoLengthCut(1_000_000), Fault::Page] {
        let mut case = case("unseen", vec![fault]);
        case.check = crate::sums::of(&case.origin.content(0));
        case.fails(Exit::Checksum, "the SHA-256 is");
    }
}

/// With less patience than the other tests, which are not about it.
fn impatient(name: &str, script: Vec<Fault>) -> Case {
    let mut case = case(name, script);
    case.settings.rules.stall = Duration::from_millis(400);
    case
}

#[test]
fn stall_in_the_body() {
    impatient("stall", vec![Fault::Stall(1_000_000)]).right(0);
    impatient("stall", always(&Fault::Stall(0))).fails(Exit::TimedOut, "sent nothing for 0.4 s");
}

#[test]
fn no_response_header() {
    impatient("silent", vec![Fault::Silent]).right(0);
}

#[test]
fn dribble_is_too_slow() {
    let mut case = case("dribble", vec![Fault::Dribble]);
    case.settings.rules.min_speed = Some((1000, Duration::from_millis(300)));
    case.right(0);
}

#[test]
fn passing_statuses() {
    for status in [408, 421, 425, 429, 500, 502, 503, 504, 520, 522] {
        let case = case("passing", vec![Fault::Status(status, ""), Fault::Status(status, "")]);
        case.right(0);
        assert_eq!(case.origin.asked().len(), 3, "{status}");
    }
}

#[test]
fn passing_statuses_that_do_not_pass() {
    let case = case("not-passing", always(&Fault::Status(503, "")));
    case.fails(Exit::Server, "503");
    assert_eq!(case.origin.asked().len(), 6);
    assert!(case.names().is_empty());
}

#[test]
fn final_statuses() {
    for (status, exit) in
        [(401, Exit::Denied), (403, Exit::Denied), (404, Exit::Refused), (410, Exit::Refused), (204, Exit::Failed), (304, Exit::Failed)]
    {
        let case = case("final", always(&Fault::Status(status, "")));
        case.fails(exit, &status.to_string());
        assert_eq!(case.origin.asked().len(), 1, "{status}");
    }
}

#[test]
fn retry_after_in_seconds_as_a_date_absurd_and_garbage() {
    let cap = Duration::from_millis(90);
    // What was told before the wait, because a busy machine may wait longer; and how much later the server was asked again.
    let wait = |header: &'static str| {
        let mut case = case("retry-after", vec![Fault::Status(503, header)]);
        case.settings.rules.retry_after_cap = cap;
        let waits = case.right(0).waits;
        assert_eq!(waits.len(), 1, "{header}");
        let asked = case.origin.asked();
        (waits[0], asked[1].at - asked[0].at)
    };
    for header in ["2", "Fri, 01 Jan 2100 00:00:00 GMT", "1000000000", "99999999999999999999"] {
        let (told, took) = wait(Box::leak(format!("Retry-After: {header}").into_boxed_str()));
        assert!(told <= cap && took >= cap, "{header}: {told:?}, {took:?}");
    }
    // A date that has passed, and what is no time at all: as if nothing were said. The jitter ends at 20 ms.
    for header in ["0", "Fri, 01 Jan 1999 00:00:00 GMT", "soon", "-5", "1e3", ""] {
        let (told, _) = wait(Box::leak(format!("Retry-After: {header}").into_boxed_str()));
        assert!(told <= Duration::from_millis(20), "{header}: {told:?}");
    }
}

#[test]
fn expired_login_in_the_middle() {
    let case = case("expired", vec![Fault::Close(1_000_000), Fault::Status(401, "")]);
    case.fails(Exit::Denied, "401");
    assert_eq!(case.names(), ["file.part", "file.part.journal"]);
}

#[test]
fn redirect_loop() {
    let case = case("redirect-loop", vec![Fault::Redirect("/a".into()), Fault::Redirect("/file".into())]);
    case.fails(Exit::Redirects, "redirect loop");
}

#[test]
fn too_many_redirects() {
    let case = case("redirects", (0..60).map(|n| Fault::Redirect(format!("/{n}"))).collect());
    case.fails(Exit::Redirects, "more than 10 redirects");
    assert_eq!(case.origin.asked().len(), 11);
}

#[test]
fn redirect_drops_the_login() {
    let target = Origin::start(Setup::default(), vec![]);
    let mut case = case("redirect-login", vec![Fault::Redirect(target.url("/file"))]);
    case.settings.credentials.basic("me", "secret");
    case.right(0);
    assert!(case.origin.asked()[0].authorization.is_some());
    assert_eq!(target.asked()[0].authorization, None);
}

#[test]
fn redirect_that_is_asked_again_when_the_target_expires() {
    // The signed target works once; the original leads to a new one.
    let first = Origin::start(Setup::default(), vec![Fault::Close(1_000_000), Fault::Status(403, "")]);
    let second = Origin::start(Setup::default(), vec![]);
    let case = case("redirect-expires", vec![Fault::Redirect(first.url("/a")), Fault::Redirect(second.url("/b"))]);
    case.right(0);
    assert_eq!(second.asked()[0].range, Some((1_000_000, Some(SIZE as u64))));
}

#[test]
fn redirect_to_another_mirror_for_each_answer() {
    let (first, second) = (Origin::start(Setup::default(), vec![Fault::Close(1_000_000)]), Origin::start(Setup::default(), vec![]));
    let case = case("redirect-mirrors", vec![Fault::Redirect(first.url("/a")), Fault::Redirect(second.url("/b"))]);
    case.right(0);
    // One that has another file under the same name and size.
    let first = Origin::start(Setup::default(), vec![Fault::Close(1_000_000)]);
    let other = Origin::start(Setup { tag: Tag::None, dated: false, seed: 2, ..Setup::default() }, vec![]);
    let case = Case::new("redirect-mirrors", Setup::default(), vec![Fault::Redirect(first.url("/a")), Fault::Redirect(other.url("/b"))]);
    case.right(0);
}

#[test]
fn garbage_instead_of_http() {
    case("garbage", always(&Fault::Garbage)).fails(Exit::Network, "not valid HTTP");
}

#[test]
fn connection_refused_at_first_and_later() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let case = case("refused", vec![]);
    let mut job = case.job("/file");
    job.url = format!("http://{address}/file").parse().unwrap();
    let ended = case.run_job(job);
    assert_eq!(ended.exit, Exit::Network, "{}", ended.said);
    assert!(ended.said.contains("could not connect") && !ended.said.contains("tries"), "{}", ended.said);
}

#[test]
fn small_and_empty_files() {
    for size in [0, 1, 4096, 262_144, 262_145] {
        let case = Case::new("small", Setup { size, ..Setup::default() }, vec![]);
        case.right(0);
        assert_eq!(case.origin.asked().len(), 1);
        let bare = Case::new(
            "small-bare",
            Setup { size, ranges: false, tag: Tag::None, dated: false, ..Setup::default() },
            vec![Fault::Close(size / 2)],
        );
        bare.right(0);
    }
}
