//! Conversations with servers of all kinds, on a clock of our own.

use std::time::Duration;

use proptest::prelude::*;

use super::{ANEW, Action, Answered, Ask, Plan, Protocol};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::plan::{Rules, Trouble};

const SECOND: Duration = Duration::from_secs(1);
const TUS: Protocol = Protocol::Tus { probe: false };

fn rules() -> Rules {
    Rules { retries: 3, wait: SECOND..SECOND * 10, ..Rules::default() }
}

fn plan(protocol: Protocol, size: u64, remote: Option<&str>) -> Plan {
    Plan::new(&rules(), protocol, Some(size), remote.map(str::to_owned), true, 1)
}

fn status(status: u16) -> Answered {
    Answered { status, ..Answered::default() }
}

fn at(status: u16, offset: u64) -> Answered {
    Answered { status, offset: Some(offset), ..Answered::default() }
}

fn created() -> Answered {
    Answered { status: 201, location: Some("http://h/u".to_owned()), ..Answered::default() }
}

fn broken() -> Failure {
    Failure::new(Exit::Network, "broken")
}

/// The next ask, waiting as long as it takes.
fn ask(plan: &mut Plan, now: &mut Duration) -> Ask {
    loop {
        match plan.poll_action(*now) {
            Action::Ask(ask) => return ask,
            Action::Wait(until) => *now = until,
            other => panic!("{other:?}"),
        }
    }
}

fn exit(plan: &mut Plan) -> Option<Exit> {
    match plan.poll_action(SECOND * 1000) {
        Action::Failed(failure) => Some(failure.exit()),
        _ => None,
    }
}

#[test]
fn tus_without_trouble() {
    let (mut plan, mut now) = (plan(Protocol::Tus { probe: true }, 10, None), Duration::ZERO);
    assert_eq!(ask(&mut plan, &mut now), Ask::Probe);
    plan.handle_answer(now, &Answered { status: 204, speaks_tus: true, ..Answered::default() });
    assert_eq!(ask(&mut plan, &mut now), Ask::Create);
    plan.handle_answer(now, &created());
    assert_eq!(ask(&mut plan, &mut now), Ask::Append("http://h/u".to_owned(), 0));
    plan.handle_answer(now, &at(204, 4));
    assert_eq!(ask(&mut plan, &mut now), Ask::Append("http://h/u".to_owned(), 4));
    plan.handle_answer(now, &at(204, 10));
    assert!(matches!(plan.poll_action(now), Action::Done) && now == Duration::ZERO);
}

#[test]
fn after_a_doubt_the_server_is_asked() {
    let (mut plan, mut now) = (plan(TUS, 10, Some("u")), Duration::ZERO);
    assert_eq!(ask(&mut plan, &mut now), Ask::Look("u".to_owned()));
    plan.handle_answer(now, &at(200, 3));
    assert_eq!(ask(&mut plan, &mut now), Ask::Append("u".to_owned(), 3));
    plan.handle_setback(now, broken(), Trouble::Passing, true);
    assert_eq!(ask(&mut plan, &mut now), Ask::Look("u".to_owned()));
    plan.handle_answer(now, &at(200, 7));
    assert_eq!(ask(&mut plan, &mut now), Ask::Append("u".to_owned(), 7));
    plan.handle_answer(now, &status(409));
    assert_eq!(ask(&mut plan, &mut now), Ask::Look("u".to_owned()));
    // The last answer was lost, not the bytes.
    plan.handle_answer(now, &at(200, 10));
    assert!(matches!(plan.poll_action(now), Action::Done));
}

#[test]
fn what_the_server_loses_is_sent_again_but_not_for_ever() {
    let (mut plan, mut now) = (plan(TUS, 10, Some("u")), Duration::ZERO);
    for _ in 0..ANEW {
        assert_eq!(
            ask(&mut plan, &mut now),
            if plan.remote() == Some("u") { Ask::Look("u".to_owned()) } else { Ask::Append("http://h/u".to_owned(), 0) }
        );
        plan.handle_answer(now, &status(404));
        assert_eq!(ask(&mut plan, &mut now), Ask::Create);
        plan.handle_answer(now, &created());
    }
    ask(&mut plan, &mut now);
    plan.handle_answer(now, &status(410));
    assert_eq!(exit(&mut plan), Some(Exit::Refused));
}

#[test]
fn waits_obey_the_server_and_end() {
    let mut plan = plan(Protocol::Put, 10, None);
    plan.handle_answer(Duration::ZERO, &Answered { retry_after: Some(SECOND * 50), ..status(503) });
    assert!(matches!(plan.poll_action(SECOND), Action::Wait(at) if at == SECOND * 50));
    for now in [50, 100, 150] {
        assert_eq!(exit(&mut plan), None);
        plan.handle_answer(SECOND * now, &status(503));
    }
    assert_eq!(exit(&mut plan), Some(Exit::Server));
}

#[test]
fn a_post_is_not_repeated_blindly() {
    let mut sent = plan(Protocol::Post, 10, None);
    sent.handle_setback(SECOND, broken(), Trouble::Passing, true);
    assert_eq!(exit(&mut sent), Some(Exit::Network));
    let mut unsent = plan(Protocol::Post, 10, None);
    unsent.handle_setback(SECOND, broken(), Trouble::Passing, false);
    assert_eq!(exit(&mut unsent), None);
    unsent.handle_answer(SECOND, &status(503));
    assert_eq!(exit(&mut unsent), None);
    unsent.handle_answer(SECOND, &status(500));
    assert_eq!(exit(&mut unsent), Some(Exit::Server));
}

#[test]
fn what_cannot_be_read_again_is_not_sent_again() {
    let mut plan = Plan::new(&rules(), Protocol::Put, None, None, false, 1);
    plan.handle_setback(SECOND, broken(), Trouble::Passing, true);
    assert_eq!(exit(&mut plan), Some(Exit::Network));
}

#[test]
fn refusals_have_their_codes() {
    for (code, expected) in [(401, Exit::Denied), (404, Exit::Refused), (412, Exit::Exists), (413, Exit::Refused), (507, Exit::Server)] {
        let mut plan = plan(Protocol::Put, 10, None);
        plan.handle_answer(SECOND, &status(code));
        assert_eq!(exit(&mut plan), Some(expected), "{code}");
    }
    let mut plain = plan(Protocol::Tus { probe: true }, 10, None);
    plain.handle_answer(SECOND, &status(200));
    assert_eq!(exit(&mut plain), Some(Exit::CannotResume));
}

/// A server that keeps some of what it is sent, answers or not, and now and then forgets everything.
#[derive(Default)]
struct Server {
    upload: Option<u64>,
    stored: Vec<u64>,
    complete: u32,
}

impl Server {
    fn take(&mut self, offset: u64, count: u64, size: u64) {
        let at = self.upload.as_mut().unwrap();
        assert_eq!(offset, *at, "bytes are skipped or sent twice");
        self.stored.extend(offset..offset + count);
        *at += count;
        self.complete += u32::from(*at == size);
    }
}

proptest! {
    #[test]
    fn whatever_happens_each_byte_is_stored_once(size in 1_u64..50, moods in prop::collection::vec((0_u8..8, 0_u64..20), 1..60)) {
        let (mut plan, mut now, mut server) = (plan(TUS, size, None), Duration::ZERO, Server::default());
        let mut moods = moods.into_iter();
        for asks in 0.. {
            prop_assert!(asks < 2000, "it does not end");
            let ask = match plan.poll_action(now) {
                Action::Wait(until) => { prop_assert!(until > now); now = until; continue; }
                Action::Failed(_) => break,
                Action::Done => {
                    prop_assert_eq!(server.stored, (0..size).collect::<Vec<_>>());
                    break;
                }
                Action::Ask(ask) => ask,
            };
            // When the moods have run out, the server is as it should be.
            let (mood, amount) = moods.next().unwrap_or((0, u64::MAX));
            if mood == 7 && server.complete == 0 {
                server = Server::default();
            }
            match (&ask, mood) {
                (_, 5) => plan.handle_answer(now, &status(503)),
                (_, 6) => plan.handle_setback(now, broken(), Trouble::Passing, false),
                (Ask::Create, _) => {
                    server.upload = Some(0);
                    server.stored.clear();
                    plan.handle_answer(now, &created());
                }
                (Ask::Look(_), _) => match server.upload {
                    Some(offset) => plan.handle_answer(now, &at(200, offset)),
                    None => plan.handle_answer(now, &status(404)),
                },
                (Ask::Append(_, offset), _) if server.upload.is_some() => {
                    let count = amount.min(size - offset);
                    server.take(*offset, count, size);
                    match mood {
                        // Carried out, but nobody heard.
                        1..=3 => plan.handle_setback(now, broken(), Trouble::Passing, true),
                        _ => plan.handle_answer(now, &at(204, offset + count)),
                    }
                }
                (Ask::Append(..), _) => plan.handle_answer(now, &status(404)),
                (ask, _) => prop_assert!(false, "{ask:?}"),
            }
        }
        prop_assert!(server.complete <= 1);
    }
}
