//! Stores that lose parts, answers and uploads.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{Action, Ask, Parts};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::plan::{Rules, Trouble};

const SECOND: Duration = Duration::from_secs(1);

fn rules() -> Rules {
    Rules { retries: 3, wait: SECOND..SECOND * 10, ..Rules::default() }
}

fn broken() -> Failure {
    Failure::new(Exit::Network, "broken")
}

#[test]
fn several_at_a_time_and_then_all() {
    let mut parts = Parts::new(&rules(), Some(3), 2, false, 1);
    let ask = |parts: &mut Parts| match parts.poll_action(SECOND) {
        Action::Ask(ask) => Some(ask),
        _ => None,
    };
    assert_eq!([ask(&mut parts), ask(&mut parts)], [Some(Ask::Begin), None]);
    parts.handle_begun();
    assert_eq!([ask(&mut parts), ask(&mut parts), ask(&mut parts)], [Some(Ask::Part(1)), Some(Ask::Part(2)), None]);
    parts.handle_part(2, "b".to_owned());
    assert_eq!(ask(&mut parts), Some(Ask::Part(3)));
    parts.handle_part(3, "c".to_owned());
    assert_eq!(ask(&mut parts), None);
    parts.handle_part(1, "a".to_owned());
    assert_eq!(parts.tags().map(|(_, tag)| tag).collect::<String>(), "abc");
    assert_eq!(ask(&mut parts), Some(Ask::Complete));
    // The answer is lost, and then the upload is unknown: perhaps it is done.
    parts.handle_setback(SECOND, Ask::Complete, broken(), Trouble::Passing);
    assert!(matches!(parts.poll_action(SECOND * 100), Action::Ask(Ask::Complete)));
    parts.handle_lost(Ask::Complete, broken());
    assert!(matches!(parts.poll_action(SECOND * 100), Action::Ask(Ask::Check)));
    parts.handle_checked(true, broken());
    assert!(matches!(parts.poll_action(SECOND * 100), Action::Done));
}

#[test]
fn what_is_there_is_not_sent_again() {
    let mut parts = Parts::new(&rules(), Some(3), 4, true, 1);
    assert!(matches!(parts.poll_action(SECOND), Action::Ask(Ask::List)));
    parts.handle_listed([(1, "a".to_owned()), (3, "c".to_owned()), (9, "x".to_owned())]);
    assert!(matches!(parts.poll_action(SECOND), Action::Ask(Ask::Part(2))));
    assert!(matches!(parts.poll_action(SECOND), Action::Wait(None)));
}

#[test]
fn a_pipe_that_ends() {
    let mut parts = Parts::new(&rules(), None, 4, false, 1);
    parts.poll_action(SECOND);
    parts.handle_begun();
    assert!(matches!(parts.poll_action(SECOND), Action::Ask(Ask::Part(1))));
    assert!(matches!(parts.poll_action(SECOND), Action::Ask(Ask::Part(2))));
    parts.handle_end(1);
    parts.handle_part(1, "a".to_owned());
    assert!(matches!(parts.poll_action(SECOND), Action::Ask(Ask::Complete)));
    let mut lost = Parts::new(&rules(), None, 1, false, 1);
    lost.handle_begun();
    lost.poll_action(SECOND);
    lost.handle_lost(Ask::Part(1), broken());
    assert!(matches!(lost.poll_action(SECOND), Action::Failed(_)));
}

proptest! {
    #[test]
    fn whatever_happens_the_object_is_all_parts(count in 1_u16..12, width in 1_usize..5, moods in prop::collection::vec((0_u8..10, any::<prop::sample::Index>()), 0..80)) {
        let mut parts = Parts::new(&rules(), Some(count), width, false, 7);
        let (mut now, mut moods) = (Duration::ZERO, moods.into_iter());
        let mut upload: Option<BTreeMap<u16, u32>> = None;
        let mut object: Option<Vec<u16>> = None;
        let mut flying: Vec<Ask> = Vec::new();
        for steps in 0.. {
            prop_assert!(steps < 5000, "it does not end");
            let until = match parts.poll_action(now) {
                Action::Ask(ask) => {
                    prop_assert!(!flying.contains(&ask));
                    flying.push(ask);
                    prop_assert!(flying.len() <= width.max(1) + 1);
                    continue;
                }
                Action::Done => {
                    prop_assert_eq!(object, Some((1..=count).collect::<Vec<_>>()));
                    break;
                }
                Action::Failed(_) => break,
                Action::Wait(until) => until,
            };
            if flying.is_empty() {
                prop_assert!(until.is_some_and(|until| until > now), "nothing is under way and nothing is to come");
                now = until.unwrap();
                continue;
            }
            let (mood, index) = match moods.next() {
                Some((mood, index)) => (mood, index.index(flying.len())),
                None => (0, 0),
            };
            let ask = flying.remove(index);
            if mood == 9 && object.is_none() {
                upload = None;
            }
            // Whether the store does it, and whether anybody hears.
            let (does, heard) = (mood != 1, !matches!(mood, 1 | 2));
            match (ask, &mut upload) {
                (Ask::Begin, _) => {
                    if does { upload = Some(BTreeMap::new()); }
                    if heard { parts.handle_begun() } else { parts.handle_setback(now, ask, broken(), Trouble::Passing) }
                }
                (Ask::Check, _) => parts.handle_checked(object.is_some(), broken()),
                (_, None) => {
                    // All that was on its way for it is told the same.
                    flying.retain(|one| !matches!(one, Ask::Part(_)));
                    parts.handle_lost(ask, broken());
                }
                (Ask::Part(number), Some(known)) => {
                    if does { *known.entry(number).or_default() += 1; }
                    if heard { parts.handle_part(number, number.to_string()) } else { parts.handle_setback(now, ask, broken(), Trouble::Passing) }
                }
                (Ask::Complete, Some(known)) => {
                    prop_assert_eq!(known.keys().copied().collect::<Vec<_>>(), (1..=count).collect::<Vec<_>>());
                    if does {
                        object = Some(known.keys().copied().collect());
                        upload = None;
                    }
                    if heard { parts.handle_completed() } else { parts.handle_setback(now, ask, broken(), Trouble::Passing) }
                }
                (Ask::List, Some(known)) => {
                    let listed: Vec<_> = known.keys().map(|number| (*number, number.to_string())).collect();
                    parts.handle_listed(listed);
                }
            }
        }
    }
}

#[test]
fn a_store_that_says_every_time_that_it_has_other_parts_is_not_asked_for_ever() {
    let mut parts = Parts::new(&rules(), Some(1), 1, true, 1);
    let mut now = SECOND;
    for asks in 0.. {
        assert!(asks < 100, "asked and asked again");
        match parts.poll_action(now) {
            Action::Ask(Ask::List) => parts.handle_listed([(1, "a".to_owned())]),
            Action::Ask(Ask::Complete) => parts.handle_doubt(now, Failure::new(Exit::Network, "InvalidPart")),
            Action::Wait(Some(until)) => now = until,
            Action::Failed(failure) => return assert!(failure.to_string().contains("InvalidPart")),
            other => panic!("{other:?}"),
        }
    }
}
