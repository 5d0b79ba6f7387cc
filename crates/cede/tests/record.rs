//! What the flight recorder writes is what happened, in order, on all schedulers.

use std::sync::mpsc::channel;
use std::time::Duration;

use cede::inspect::State;
use cede::record::{EventKind, FlightRecorder, Trace};
use cede::runtime::{Builder, Handle, Runtime};
use cede::sim::Sim;
use cede::sync::oneshot;
use cede::task::Priority;

fn recording(mut builder: Builder) -> Runtime {
    builder.enable_all().flight_recorder(FlightRecorder::new()).build().unwrap()
}

fn two_workers() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2);
    builder
}

/// The number of a task, as events have it.
fn number(id: cede::task::Id) -> u64 {
    id.to_string().parse().unwrap()
}

/// What concerns tasks, in the order of each track.
fn of_tasks(trace: &Trace) -> Vec<EventKind> {
    let kinds = trace.tracks().iter().flat_map(|track| track.events()).map(|event| event.kind);
    kinds.filter(|kind| kind.task().is_some()).collect()
}

/// Two tasks: the first waits for the second.
async fn program() -> (u64, u64) {
    let (send, receive) = oneshot::channel();
    let waits = cede::spawn(async move { receive.await.unwrap() });
    let sends = cede::spawn(async move { send.send(()).unwrap() });
    let numbers = (number(waits.id()), number(sends.id()));
    waits.await.unwrap();
    sends.await.unwrap();
    numbers
}

fn expected(waits: u64, sends: u64) -> Vec<EventKind> {
    vec![
        EventKind::Spawn { task: waits },
        EventKind::Spawn { task: sends },
        EventKind::Poll { task: waits },
        EventKind::Poll { task: sends },
        EventKind::Wake { task: waits },
        EventKind::End { task: sends },
        EventKind::Poll { task: waits },
        EventKind::End { task: waits },
    ]
}

#[test]
fn the_events_of_a_known_program_are_in_order() {
    let runtime = recording(Builder::new_current_thread());
    let (waits, sends) = runtime.block_on(program());
    let trace = runtime.handle().trace().unwrap();
    assert_eq!(of_tasks(&trace), expected(waits, sends));
    let times: Vec<_> = trace.tracks()[1].events().iter().map(|event| event.at).collect();
    assert!(times.is_sorted(), "{times:?}");
    let site = trace.task(waits).unwrap().spawned_at.unwrap();
    assert!(site.file().ends_with("tests/record.rs"), "{site}");
}

#[test]
fn tasks_with_a_rank_are_recorded_like_others() {
    for builder in [Builder::new_current_thread(), two_workers()] {
        let runtime = recording(builder);
        let ranked = || cede::task::Builder::new().priority(Priority::High);
        let yields = runtime.block_on(async {
            let task = ranked().spawn(cede::task::yield_now()).unwrap();
            let yields = number(task.id());
            task.await.unwrap();
            yields
        });
        let kinds = of_tasks(&runtime.handle().trace().unwrap());
        let count = |kind| kinds.iter().filter(|&&found| found == kind).count();
        let (spawns, polls, ends) = (EventKind::Spawn { task: yields }, EventKind::Poll { task: yields }, EventKind::End { task: yields });
        assert_eq!((count(spawns), count(polls), count(ends)), (1, 2, 1));
        assert_eq!(count(EventKind::Wake { task: yields }), 0, "it has given way, and nobody woke it");

        let (send, receive) = oneshot::channel::<()>();
        let waits = ranked().spawn_on(async move { receive.await.unwrap() }, runtime.handle()).unwrap();
        let waiter = number(waits.id());
        runtime.block_on(async {
            while !Handle::current().dump().tasks().iter().any(|task| task.id == waiter && task.state == State::Waiting) {
                cede::task::yield_now().await;
            }
        });
        send.send(()).unwrap();
        runtime.block_on(waits).unwrap();
        let trace = runtime.handle().trace().unwrap();
        let outside = trace.tracks()[0].events().iter().map(|event| event.kind).filter(|kind| kind.task() == Some(waiter));
        assert_eq!(outside.collect::<Vec<_>>(), [EventKind::Spawn { task: waiter }, EventKind::Wake { task: waiter }]);
    }
}

#[test]
fn a_simulated_run_is_recorded_in_virtual_time() {
    let report = Sim::new(1).policy(cede::sim::Policy::Fifo).flight_recorder(FlightRecorder::new()).run(async {
        let (waits, sends) = program().await;
        let sleeps = cede::spawn(cede::time::sleep(Duration::from_secs(3)));
        let number = number(sleeps.id());
        sleeps.await.unwrap();
        (Handle::current().trace().unwrap(), waits, sends, number)
    });
    let (trace, waits, sends, sleeps) = report.unwrap().output;
    let kinds: Vec<_> = of_tasks(&trace).into_iter().filter(|kind| [Some(waits), Some(sends)].contains(&kind.task())).collect();
    assert_eq!(kinds, expected(waits, sends));
    let polls = trace.tracks().iter().flat_map(|track| track.events()).filter(|event| event.kind == EventKind::Poll { task: sleeps });
    let polls: Vec<_> = polls.map(|event| event.at).collect();
    assert_eq!(polls, [Duration::ZERO, Duration::from_secs(3)]);
}

#[test]
fn virtual_workers_have_tracks_of_their_own() {
    let (mut both, mut steals) = (false, false);
    for seed in 0..50 {
        let report = Sim::new(seed).workers(2).flight_recorder(FlightRecorder::new()).run(async {
            let tasks: Vec<_> = (0..8).map(|_| cede::spawn(cede::task::yield_now())).collect();
            let numbers: Vec<_> = tasks.iter().map(|task| number(task.id())).collect();
            for task in tasks {
                task.await.unwrap();
            }
            (Handle::current().trace().unwrap(), numbers)
        });
        let (trace, numbers) = report.unwrap().output;
        let kinds = of_tasks(&trace);
        for &task in &numbers {
            let count = |kind| kinds.iter().filter(|&&found| found == kind).count();
            assert_eq!(count(EventKind::Spawn { task }), 1);
            assert_eq!((count(EventKind::Poll { task }), count(EventKind::End { task })), (2, 1), "seed {seed}: it yields once");
        }
        let polls = |worker| {
            let own = trace.tracks().iter().filter(move |track| track.worker() == Some(worker));
            own.flat_map(|track| track.events()).filter(|event| matches!(event.kind, EventKind::Poll { .. })).count()
        };
        both |= polls(0) > 0 && polls(1) > 0;
        steals |=
            trace.tracks().iter().flat_map(|track| track.events()).any(|event| matches!(event.kind, EventKind::Steal { count: 1.., .. }));
    }
    assert!(both && steals, "with some seed both workers poll, and one steals");
}

#[test]
fn threads_that_steal_wake_and_sleep_are_recorded_whole() {
    let runtime = recording(two_workers());
    let (waits, sends) = runtime.block_on(async { cede::spawn(program()).await.unwrap() });
    let trace = runtime.handle().trace().unwrap();
    for expected in expected(waits, sends) {
        // Whether the first task waits at all depends on who is faster.
        let racy = [EventKind::Wake { task: waits }, EventKind::Poll { task: waits }].contains(&expected);
        let found = of_tasks(&trace).into_iter().filter(|&kind| kind == expected).count();
        assert!(if racy { found <= 2 } else { found == 1 }, "{expected:?}: {found} in {:#?}", of_tasks(&trace));
    }
    // The program's own task was spawned by a thread that runs no worker.
    assert_eq!(trace.tracks()[0].name(), "other threads");
    assert!(trace.tracks()[0].events().iter().any(|event| matches!(event.kind, EventKind::Spawn { .. })));
}

#[test]
fn a_poll_that_has_not_ended_is_in_the_trace() {
    let runtime = recording(two_workers());
    let (begins, begun) = channel();
    let (go_on, wait) = channel::<()>();
    let stuck = runtime.spawn(async move {
        begins.send(()).unwrap();
        wait.recv().unwrap_or(());
    });
    begun.recv().unwrap();
    let trace = runtime.handle().trace().unwrap();
    assert!(of_tasks(&trace).contains(&EventKind::Poll { task: number(stuck.id()) }), "{trace:?}");
    drop(go_on);
    runtime.block_on(stuck).unwrap();
}

#[test]
fn what_blocks_with_permission_and_what_panics_is_seen() {
    for builder in [Builder::new_current_thread(), two_workers()] {
        let runtime = recording(builder);
        let handle = runtime.handle().clone();
        let panics = runtime.block_on(async move {
            let task = handle.spawn(async { panic!("on purpose") });
            let panics = number(task.id());
            task.await.unwrap_err();
            if handle.runtime_flavor() == cede::runtime::RuntimeFlavor::MultiThread {
                handle.spawn(async { cede::task::block_in_place(|| ()) }).await.unwrap();
            }
            panics
        });
        let trace = runtime.handle().trace().unwrap();
        let kinds = of_tasks(&trace);
        assert!(kinds.contains(&EventKind::Panic { task: panics }) && kinds.contains(&EventKind::End { task: panics }), "{kinds:?}");
        let blocks = kinds.iter().position(|kind| matches!(kind, EventKind::Block { .. }));
        assert_eq!(blocks.is_some(), runtime.metrics().num_workers() == 2);
        if let Some(EventKind::Block { task }) = blocks.map(|index| kinds[index]) {
            assert!(kinds.contains(&EventKind::Resume { task }), "{kinds:?}");
        }
    }
}

#[test]
fn a_recorder_that_is_off_has_no_trace() {
    let runtime = Builder::new_current_thread().enable_all().flight_recorder(FlightRecorder::off()).build().unwrap();
    runtime.block_on(program());
    assert!(runtime.handle().trace().is_none());
}

#[test]
fn the_oldest_events_go_first() {
    let runtime = Builder::new_current_thread().flight_recorder(FlightRecorder::new().events(64)).build().unwrap();
    let last = runtime.block_on(async {
        for _ in 0..1000 {
            cede::spawn(async {}).await.unwrap();
        }
        let last = cede::spawn(async {});
        let number = number(last.id());
        last.await.unwrap();
        number
    });
    let trace = runtime.handle().trace().unwrap();
    let events = trace.tracks()[1].events();
    assert!(events.len() < 64);
    assert!(events.iter().any(|event| event.kind == EventKind::Poll { task: last }));
    assert!(trace.task(last).unwrap().spawned_at.is_some(), "the sites are written again before they are gone");
}

#[test]
fn a_stall_leaves_a_file() {
    let directory = std::env::temp_dir().join(format!("cede-record-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (report, reports) = channel();
    let runtime = two_workers()
        .flight_recorder(FlightRecorder::new().on_stall(&directory))
        .stall_after(Duration::from_millis(50))
        .on_stall(move |stall| report.send(stall.task()).unwrap_or(()))
        .build()
        .unwrap();
    let (go_on, wait) = channel::<()>();
    // The first poll registers the name.
    let blocks = async move {
        cede::task::yield_now().await;
        wait.recv().unwrap_or(());
    };
    let stuck = cede::task::Builder::new().name("the \"stuck\" one").spawn_on(blocks, runtime.handle()).unwrap();
    assert_eq!(reports.recv(), Ok(number(stuck.id())));
    let file = std::fs::read_dir(&directory).unwrap().next().expect("a file").unwrap().path();
    let events = events(&std::fs::read_to_string(file).unwrap());
    assert!(events.iter().any(|event| event["ph"] == "X" && event["name"] == "the \"stuck\" one"), "{events:#?}");
    assert!(events.iter().any(|event| event["name"] == "stall the \"stuck\" one"), "{events:#?}");
    drop(go_on);
    runtime.block_on(stuck).unwrap();
    std::fs::remove_dir_all(directory).unwrap();
}

/// The list of a trace in Chrome's format.
fn events(text: &str) -> Vec<serde_json::Value> {
    let mut trace: serde_json::Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(trace["traceEvents"].take()).unwrap()
}

#[test]
fn the_format_is_chromes() {
    let runtime = recording(Builder::new_current_thread());
    let (waits, _) = runtime.block_on(program());
    let events = events(&runtime.handle().trace().unwrap().to_string());
    let field = |name: &'static str, value: &'static str| move |event: &&serde_json::Value| event[name] == value;
    let slices: Vec<_> = events.iter().filter(field("ph", "X")).collect();
    for slice in &slices {
        assert!(slice["ts"].as_f64().unwrap() >= 0.0 && slice["dur"].as_f64().unwrap() >= 0.0, "{slice}");
    }
    let polls = slices.iter().filter(|slice| slice["args"]["task"] == waits);
    assert_eq!(polls.count(), 2);
    // The slices of a thread follow each other.
    for (one, next) in slices.iter().zip(&slices[1..]).filter(|(one, next)| one["tid"] == next["tid"]) {
        let end = one["ts"].as_f64().unwrap() + one["dur"].as_f64().unwrap();
        assert!(end <= next["ts"].as_f64().unwrap() + 0.002, "{one} {next}");
    }
    // An arrow from each spawn and wake to the poll after it. While a monitor looks, short polls share a reading of the clock, and then the wake may not be told apart from the spawn.
    let (begins, ends) = (events.iter().filter(field("ph", "s")), events.iter().filter(field("ph", "f")));
    let (begins, ends): (Vec<_>, Vec<_>) = (begins.map(|arrow| &arrow["id"]).collect(), ends.map(|arrow| &arrow["id"]).collect());
    assert_eq!(begins, ends);
    assert!((2..=3).contains(&begins.len()), "{begins:?}");
    assert!(events.iter().any(|event| event["name"] == "thread_name" && event["args"]["name"].as_str().unwrap().contains("worker 0")));
}
