//! Hostile servers by the thousand: whatever they answer, a finished file is of one version, and the number of requests is bounded.

mod links;
mod world;

use std::time::Duration;

use proptest::prelude::*;

use super::{Action, Plan, Rules, Trouble, Verdict};
use crate::exit::Exit;
use crate::extents::Extents;
use crate::failure::Failure;
use world::{Dates, Fault, Outcome, Server, Tags, World};

fn rules() -> Rules {
    Rules { min_split: 640, overlap: 64, progress: 2500, ..Rules::default() }
}

fn honest() -> Server {
    Server::default()
}

fn run(server: Server, faults: Vec<Fault>) -> Outcome {
    run_with(rules(), server, faults)
}

fn run_with(rules: Rules, server: Server, faults: Vec<Fault>) -> Outcome {
    World::new(server, faults, 7).run(Plan::new(rules, 1, 7))
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::None),
        (0..world::SIZE).prop_map(Fault::Cut),
        (0..world::SIZE).prop_map(Fault::EndsEarly),
        (0..world::SIZE).prop_map(Fault::Stalls),
        Just(Fault::NoAnswer),
        Just(Fault::Refused),
        prop::sample::select(&[204_u16, 304, 401, 403, 404, 408, 416, 429, 500, 503, 520][..]).prop_map(Fault::Status),
        Just(Fault::Whole),
        Just(Fault::Page),
        (1_u64..9).prop_map(Fault::Shifted),
        (1_usize..world::SIZE).prop_map(Fault::ShortRange),
        Just(Fault::OverLong),
        Just(Fault::Multipart),
        Just(Fault::UnknownTotal),
        Just(Fault::NoValidators),
        Just(Fault::Packed),
        Just(Fault::WrongTotal),
        Just(Fault::Changes),
        (0..world::SIZE).prop_map(Fault::ChangesAndCuts),
    ]
}

fn server() -> impl Strategy<Value = Server> {
    (
        prop::sample::select(&[Tags::Strong, Tags::Weak, Tags::None, Tags::EachTime][..]),
        prop::sample::select(&[Dates::Old, Dates::Young, Dates::None][..]),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.8),
        prop::bool::ANY,
        prop::option::weighted(0.2, 2_usize..4),
        prop::bool::ANY,
    )
        .prop_map(|(tags, dates, ranges, if_range, length, same_size, most, slow)| Server {
            tags,
            dates,
            ranges,
            if_range,
            length,
            same_size,
            most,
            slow,
            ..Server::default()
        })
}

proptest! {
    /// I1, I4, I5.
    #[test]
    fn a_finished_file_is_of_one_version(server in server(), faults in prop::collection::vec(fault(), 0..14), seed in any::<u64>(), eager in any::<bool>()) {
        let rules = Rules { eager, ..rules() };
        let bound = world::request_bound(&rules);
        let outcome = World::new(server, faults, seed).run(Plan::new(rules, 1, seed));
        prop_assert!(outcome.requests <= bound, "{} requests", outcome.requests);
        if outcome.failure.is_none() {
            prop_assert!(outcome.version.is_some(), "the file is of no version");
        }
    }

    /// The same after a crash: what the journal claims is of some version, perhaps not of the server's present one.
    #[test]
    fn so_is_a_resumed_one(
        server in server(), faults in prop::collection::vec(fault(), 0..8), seed in any::<u64>(),
        parts in prop::collection::vec((0..world::SIZE as u64, 0..world::SIZE as u64), 1..4), stale in any::<bool>(),
    ) {
        let rules = rules();
        let bound = world::request_bound(&rules);
        let mut world = World::new(server, faults, seed);
        let have: Extents = parts.iter().map(|(a, b)| *a.min(b)..*a.max(b)).collect();
        let identity = world.crash(&have);
        if stale {
            world.change();
        }
        let outcome = world.run(Plan::resumed(rules, 1, seed, identity, have));
        prop_assert!(outcome.requests <= bound, "{} requests", outcome.requests);
        if outcome.failure.is_none() {
            prop_assert!(outcome.version.is_some(), "the file is of no version");
        }
    }

    /// Faults that pass do pass, and cost no more than they must.
    #[test]
    fn passing_faults_pass(cuts in prop::collection::vec(0..world::SIZE, 0..5), seed in any::<u64>(), eager in any::<bool>()) {
        let faults = cuts.iter().map(|at| Fault::Cut(*at)).collect();
        let outcome = World::new(honest(), faults, seed).run(Plan::new(Rules { eager, ..rules() }, 1, seed));
        prop_assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        prop_assert_eq!(outcome.version, Some(0));
        prop_assert_eq!(outcome.kept, world::SIZE as u64, "no byte is kept twice");
    }
}

#[test]
fn nothing_wrong_takes_one_request() {
    let outcome = run(honest(), vec![]);
    assert_eq!((outcome.version, outcome.requests, outcome.kept), (Some(0), 1, world::SIZE as u64));
}

#[test]
fn a_cut_is_resumed_where_it_happened() {
    let outcome = run(honest(), vec![Fault::Cut(4_000), Fault::Cut(2_800)]);
    assert_eq!((outcome.version, outcome.requests, outcome.kept), (Some(0), 3, world::SIZE as u64));
    assert_eq!(outcome.waited, Duration::ZERO);
}

#[test]
fn what_never_comes_is_given_up() {
    let outcome = run(honest(), (0..50).map(|_| Fault::NoAnswer).collect());
    assert_eq!((outcome.requests, outcome.exit()), (6, Some(Exit::TimedOut)));
    let outcome = run(honest(), std::iter::once(Fault::Cut(4_000)).chain((0..50).map(|_| Fault::Cut(0))).collect());
    assert_eq!((outcome.requests, outcome.exit()), (7, Some(Exit::Network)));
}

#[test]
fn some_answers_are_final() {
    for (status, exit) in [(404, Exit::Refused), (403, Exit::Denied), (401, Exit::Denied), (204, Exit::Failed)] {
        let outcome = run(honest(), vec![Fault::Status(status)]);
        assert_eq!((outcome.requests, outcome.exit()), (1, Some(exit)), "{status}");
    }
    let outcome = run(honest(), vec![Fault::Refused]);
    assert_eq!((outcome.requests, outcome.exit()), (1, Some(Exit::Network)));
}

#[test]
fn busy_servers_are_given_the_time_they_ask_for() {
    let server = Server { retry_after: Some(Duration::from_secs(7)), ..honest() };
    let outcome = run(server, vec![Fault::Status(503), Fault::Status(429)]);
    assert_eq!((outcome.version, outcome.requests), (Some(0), 3));
    assert!(outcome.waited >= Duration::from_secs(14), "{:?}", outcome.waited);
    let absurd = Server { retry_after: Some(Duration::from_secs(1_000_000_000)), ..honest() };
    let outcome = run(absurd, vec![Fault::Status(503)]);
    assert_eq!((outcome.version, outcome.waited), (Some(0), rules().retry_after_cap));
}

#[test]
fn ranges_that_are_ignored_later_cost_no_second_copy_while_the_first_stream_lives() {
    let server = Server { slow: true, ..honest() };
    let outcome = run_with(Rules { eager: true, ..rules() }, server, vec![Fault::None, Fault::Whole]);
    assert_eq!((outcome.version, outcome.kept), (Some(0), world::SIZE as u64));
}

#[test]
fn a_server_without_ranges_starts_over() {
    for dates in [Dates::Old, Dates::None] {
        let server = Server { ranges: false, dates, tags: Tags::None, ..honest() };
        let outcome = run(server, vec![Fault::Cut(4_000)]);
        assert_eq!(outcome.version, Some(0), "{dates:?}");
    }
}

#[test]
fn if_range_may_be_unknown_to_the_server() {
    for tags in [Tags::Strong, Tags::None] {
        let server = Server { if_range: false, tags, ..honest() };
        let outcome = run(server, vec![Fault::Cut(4_000)]);
        assert_eq!((outcome.version, outcome.kept), (Some(0), world::SIZE as u64));
    }
}

#[test]
fn a_changed_file_is_fetched_anew_or_refused() {
    for same_size in [true, false] {
        let server = Server { same_size, ..honest() };
        let outcome = run(server.clone(), vec![Fault::ChangesAndCuts(4_000)]);
        assert_eq!(outcome.version, Some(1));
        let strict = Rules { restart: false, ..rules() };
        let outcome = run_with(strict, server, vec![Fault::ChangesAndCuts(4_000)]);
        assert_eq!(outcome.exit(), Some(Exit::Changed));
    }
}

#[test]
fn a_file_that_never_settles_is_given_up() {
    let outcome = run(honest(), (0..100).map(|_| Fault::ChangesAndCuts(4_000)).collect());
    assert_eq!(outcome.exit(), Some(Exit::Changed));
}

#[test]
fn a_new_tag_for_each_answer_is_seen_through() {
    let server = Server { tags: Tags::EachTime, ..honest() };
    let outcome = run(server, vec![Fault::Cut(2_800), Fault::Cut(2_800), Fault::Cut(2_800)]);
    assert_eq!(outcome.version, Some(0));
}

#[test]
fn without_validators_bytes_are_compared() {
    let bare = Server { tags: Tags::None, dates: Dates::None, same_size: true, ..honest() };
    let outcome = run(bare.clone(), vec![Fault::Cut(4_000)]);
    assert_eq!((outcome.version, outcome.requests, outcome.kept), (Some(0), 2, world::SIZE as u64));
    let outcome = run(bare, vec![Fault::ChangesAndCuts(4_000)]);
    assert_eq!(outcome.version, Some(1));
}

#[test]
fn a_shifted_range_is_not_believed() {
    let outcome = run(honest(), vec![Fault::Shifted(4), Fault::Shifted(4)]);
    assert_eq!(outcome.version, Some(0));
}

#[test]
fn bytes_that_were_passed_on_cannot_be_taken_back() {
    let world = World::new(honest(), vec![Fault::ChangesAndCuts(4_000)], 3).pinning();
    assert_eq!(world.run(Plan::new(rules(), 1, 3)).exit(), Some(Exit::Changed));
}

#[test]
fn a_reader_is_not_run_away_from() {
    let rules = Rules { eager: true, segments: 4, window: Some(4000), ..rules() };
    let outcome = World::new(Server { slow: true, ..honest() }, vec![], 3).reading_along().run(Plan::new(rules, 1, 3));
    assert_eq!((outcome.version, outcome.kept), (Some(0), world::SIZE as u64));
    assert!(outcome.requests > 3 && outcome.farthest_ahead <= 4000, "{outcome:?}");
}

#[test]
fn a_pause_is_no_way_around_the_waits() {
    let mut plan = Plan::new(Rules { retries: 3, segments: 1, ..Rules::default() }, 1, 1);
    let (mut now, mut asks) = (Duration::ZERO, 0);
    let failure = loop {
        match plan.poll_action(now) {
            Action::Ask(ask) => {
                asks += 1;
                plan.handle_sent(now, ask.id);
                plan.handle_failure(now, ask.id, Failure::new(Exit::Network, "no answer"), Trouble::Passing);
            }
            Action::Wait(Some(until)) => {
                plan.handle_pause();
                plan.handle_pause();
                assert!(matches!(plan.poll_action(now), Action::Wait(Some(still)) if still == until), "the wait is stepped over");
                now = until;
            }
            Action::Failed(failure) => break failure,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((asks, failure.exit()), (4, Exit::Network));
}

#[test]
fn a_long_pause_is_no_time_without_progress() {
    let rules = Rules { segments: 1, ..Rules::default() };
    let day = rules.give_up + Duration::from_secs(24 * 3600);
    let mut plan = Plan::new(rules, 1, 1);
    let mut fail = |now| {
        let Action::Ask(ask) = plan.poll_action(now) else { panic!("nothing is asked") };
        plan.handle_failure(now, ask.id, Failure::new(Exit::Network, "no answer"), Trouble::Passing);
        plan.handle_pause();
        plan.poll_action(now)
    };
    assert!(matches!(fail(Duration::ZERO), Action::Wait(Some(_))));
    assert!(matches!(fail(day), Action::Wait(Some(_))), "it is given up because of a pause");
}

#[test]
fn pauses_are_no_fruitless_requests() {
    let mut plan = Plan::new(Rules { segments: 1, ..Rules::default() }, 1, 1);
    for _ in 0..1000 {
        let Action::Ask(ask) = plan.poll_action(Duration::ZERO) else { panic!("nothing is asked") };
        plan.handle_sent(Duration::ZERO, ask.id);
        assert_eq!(plan.handle_head(Duration::ZERO, ask.id, &world::head(1 << 20)), Verdict::Take);
        assert!(plan.let_go(ask.id));
        plan.handle_pause();
        plan.handle_pause();
    }
}

#[test]
fn a_dribble_is_no_life() {
    // A byte every five seconds keeps any other clock from running out.
    let mut plan = Plan::new(Rules { retries: 0, segments: 1, ..Rules::default() }, 1, 1);
    let Action::Ask(ask) = plan.poll_action(Duration::ZERO) else { panic!("nothing is asked") };
    let head = world::head(1 << 20);
    assert_eq!(plan.handle_head(Duration::ZERO, ask.id, &head), Verdict::Take);
    let mut now = Duration::ZERO;
    let failure = loop {
        match plan.poll_action(now) {
            Action::Failed(failure) => break failure,
            Action::Cancel(_) => {}
            Action::Wait(_) => {
                now += Duration::from_secs(5);
                assert!(now < Duration::from_secs(100), "it lives on");
                assert!(plan.handle_data(now, ask.id, 1).more);
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(failure.exit(), Exit::TimedOut);
}

#[test]
fn a_clock_that_jumps_costs_one_try() {
    // The machine slept for a day, in the middle of an answer; the connection did not survive it.
    let mut plan = Plan::new(Rules { retries: 1, segments: 1, ..Rules::default() }, 1, 1);
    let Action::Ask(ask) = plan.poll_action(Duration::ZERO) else { panic!("nothing is asked") };
    plan.handle_sent(Duration::ZERO, ask.id);
    assert_eq!(plan.handle_head(Duration::ZERO, ask.id, &world::head(1 << 20)), Verdict::Take);
    assert!(plan.handle_data(Duration::ZERO, ask.id, 1000).more);
    let mut now = Duration::from_secs(24 * 3600);
    assert!(matches!(plan.poll_action(now), Action::Cancel(id) if id == ask.id));
    let again = loop {
        match plan.poll_action(now) {
            Action::Ask(ask) => break ask,
            Action::Wait(Some(until)) => now = until,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(again.range, Some((1000, Some(1 << 20))), "what came is kept");
    plan.handle_sent(now, again.id);
    assert_eq!(plan.handle_head(now, again.id, &world::head_of(1 << 20, 1000, None)), Verdict::Take);
    assert!(!plan.handle_data(now, again.id, (1 << 20) - 1000).more);
    assert!(matches!(plan.poll_action(now), Action::Done));
    // A clock that goes back, which the system's does not do, is no reason to panic.
    let mut plan = Plan::new(Rules::default(), 1, 1);
    let Action::Ask(ask) = plan.poll_action(now) else { panic!("nothing is asked") };
    plan.handle_sent(now, ask.id);
    assert_eq!(plan.handle_head(now, ask.id, &world::head(1 << 30)), Verdict::Take);
    assert!(plan.handle_data(now, ask.id, 1000).more);
    plan.handle_listening(now, ask.id);
    assert!(matches!(plan.poll_action(now), Action::Wait(_)));
    assert!(plan.handle_data(Duration::ZERO, ask.id, 1000).more);
    plan.handle_starved(Duration::ZERO, ask.id, Duration::from_secs(1), Duration::ZERO);
    assert!(matches!(plan.poll_action(Duration::ZERO), Action::Wait(_)));
}

#[test]
fn a_tebibyte_in_sixteen_segments() {
    let size = 1_u64 << 40;
    let mut plan = Plan::new(Rules { eager: true, ..Rules::default() }, 1, 1);
    let (mut now, mut flights, mut came) = (Duration::ZERO, Vec::new(), 0_u64);
    loop {
        match plan.poll_action(now) {
            Action::Ask(ask) => {
                let (start, end) = ask.range.unwrap();
                plan.handle_sent(now, ask.id);
                assert_eq!(plan.handle_head(now, ask.id, &world::head_of(size, start, end)), Verdict::Take);
                flights.push(ask.id);
            }
            Action::Cancel(id) => flights.retain(|known| *known != id),
            Action::Wait(_) => {
                now += Duration::from_secs(1);
                flights.retain(|id| {
                    let taken = plan.handle_data(now, *id, 3 << 28);
                    came += taken.pieces.iter().map(|piece| piece.chunk.len() as u64).sum::<u64>();
                    taken.more
                });
            }
            Action::Done => break,
            other => panic!("{other:?}"),
        }
        assert!(plan.have().iter().count() <= 64, "what is known about it grows with it");
    }
    assert_eq!((came, plan.have().len()), (size, size));
}

#[test]
fn a_server_that_takes_few_connections_gets_few() {
    let server = Server { most: Some(2), slow: true, ..honest() };
    let outcome = run_with(Rules { eager: true, segments: 8, ..rules() }, server, vec![]);
    assert_eq!((outcome.version, outcome.kept), (Some(0), world::SIZE as u64));
    assert!(outcome.requests <= 12, "{} requests", outcome.requests);
}

#[test]
fn an_empty_file() {
    let outcome = World::empty(206).run(Plan::new(rules(), 1, 1));
    assert_eq!((outcome.failure.is_none(), outcome.requests), (true, 1));
    let outcome = World::empty(200).run(Plan::new(rules(), 1, 1));
    assert_eq!((outcome.failure.is_none(), outcome.requests), (true, 1));
}

#[test]
fn a_slow_disk_is_not_the_server_s_silence() {
    let mut plan = Plan::new(Rules::default(), 1, 1);
    let now = Duration::ZERO;
    let Action::Ask(ask) = plan.poll_action(now) else { panic!("nothing is asked") };
    plan.handle_sent(now, ask.id);
    assert_eq!(plan.handle_head(now, ask.id, &world::head(1 << 20)), Verdict::Take);
    plan.handle_listening(now, ask.id);
    assert!(plan.handle_data(now, ask.id, 1000).more);
    // Until what came is written, nobody listens.
    let written = Duration::from_secs(3600);
    assert!(!matches!(plan.poll_action(written), Action::Cancel(_)));
    plan.handle_listening(written, ask.id);
    assert!(!matches!(plan.poll_action(written), Action::Cancel(_)));
    let late = written + Rules::default().stall;
    assert!(matches!(plan.poll_action(late), Action::Cancel(id) if id == ask.id));
}

#[test]
fn a_mirror_with_another_file_is_asked_no_more_once_it_has_answered() {
    let size = 64 << 20;
    let mut plan = Plan::new(Rules { eager: true, has_sum: true, segments: 4, ..Rules::default() }, 2, 1);
    let now = Duration::ZERO;
    let Action::Ask(first) = plan.poll_action(now) else { panic!("nothing is asked") };
    assert_eq!(plan.handle_head(now, first.id, &world::head(size)), Verdict::Take);
    let mut asks = Vec::new();
    while let Action::Ask(ask) = plan.poll_action(now) {
        asks.push(ask);
    }
    let at_mirror: Vec<_> = asks.iter().filter(|ask| ask.source != first.source).collect();
    assert!(!at_mirror.is_empty(), "the mirror shares the work: {asks:?}");
    let (start, end) = at_mirror[0].range.unwrap();
    assert_eq!(plan.handle_head(now, at_mirror[0].id, &world::head_of(size - 1, start, end.map(|end| end.min(size - 1)))), Verdict::Stop);
    // Whatever becomes of the others, and however many asks follow.
    let mut later = Vec::new();
    for step in 1..200 {
        let now = Duration::from_secs(step);
        match plan.poll_action(now) {
            Action::Ask(ask) => later.push(ask),
            Action::Wait(_) => {
                if let Some(ask) = asks.pop().or_else(|| later.last().cloned()) {
                    plan.handle_failure(now, ask.id, Failure::new(Exit::Network, "reset"), Trouble::Passing);
                }
            }
            Action::Cancel(_) => {}
            Action::Failed(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(!later.is_empty() && later.iter().all(|ask| ask.source == first.source), "{later:?}");
}
