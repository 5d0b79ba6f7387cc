//! How actors stop, and what becomes of their mail.

use std::time::Duration;

use cede_actor::{AskError, ExitReason, Stop, System, TellError};

use crate::everywhere::{Log, Order, Worker, everywhere, room, virtually};

#[test]
fn draining_handles_all_and_refuses_the_rest() {
    everywhere(|| async {
        let (system, log) = (System::new(), Log::default());
        let actor = system.spawn("w", room(8), Worker::new("w", &log));
        for n in 0..5 {
            actor.tell(Order::Note(n)).await.unwrap();
        }
        actor.stop(Stop::drain());
        let ended = actor.ended().await;
        assert!(matches!(ended.reason, ExitReason::Normal));
        assert_eq!(ended.unhandled, 0);
        assert_eq!(log.take(), ["w up", "w 0", "w 1", "w 2", "w 3", "w 4", "w down"]);
        assert!(matches!(actor.tell(Order::Note(9)).await, Err(TellError::Closed { .. })));
    });
}

#[test]
fn discarding_counts_what_nobody_handles_and_answers_who_asked() {
    virtually(|| async {
        let (system, log) = (System::new(), Log::default());
        let actor = system.spawn("w", room(8), Worker::new("w", &log));
        actor.tell(Order::Take(Duration::from_secs(1))).await.unwrap();
        while actor.queued() > 0 {
            cede::task::yield_now().await;
        }
        actor.tell(Order::Note(1)).await.unwrap();
        let asker = actor.clone();
        let asking = cede::spawn(async move { asker.ask(|reply| Order::Echo(1, reply)).await });
        while actor.queued() < 2 {
            cede::task::yield_now().await;
        }
        actor.stop(Stop::discard());
        assert_eq!(actor.ended().await.unhandled, 2);
        assert!(matches!(asking.await.unwrap(), Err(AskError::Discarded { .. })));
        assert_eq!(log.take(), ["w up", "w down"]);
    });
}

#[test]
fn who_does_not_stop_in_time_is_killed() {
    virtually(|| async {
        let (system, log) = (System::new(), Log::default());
        let actor = system.spawn("w", room(8), Worker::new("w", &log));
        actor.tell(Order::Hang).await.unwrap();
        actor.tell(Order::Note(1)).await.unwrap();
        let start = cede::time::Instant::now();
        actor.stop(Stop::drain().within(Duration::from_secs(5)));
        let ended = actor.ended().await;
        assert!(matches!(ended.reason, ExitReason::Killed), "{ended}");
        assert!((Duration::from_secs(5)..Duration::from_secs(6)).contains(&start.elapsed()));
        assert!(ended.unhandled <= 2 && log.take() == ["w up"]);
    });
}

#[test]
fn a_system_stops_the_last_actor_first() {
    everywhere(|| async {
        let (system, log) = (System::new(), Log::default());
        for name in ["a", "b", "c"] {
            let actor = system.spawn(name, room(8), Worker::new(name, &log));
            actor.ask(|reply| Order::Echo(0, reply)).await.unwrap();
        }
        assert_eq!(system.shutdown(Stop::drain()).await.len(), 3);
        assert_eq!(log.take(), ["a up", "b up", "c up", "c down", "b down", "a down"]);
    });
}

#[test]
fn actors_of_a_runtime_that_ends_are_closed() {
    let (system, log) = (System::new(), Log::default());
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let actor = runtime.block_on(async { system.spawn("w", room(8), Worker::new("w", &log)) });
    actor.try_tell(Order::Hang).unwrap();
    runtime.block_on(cede::task::yield_now());
    drop(runtime);
    let ended = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(actor.ended());
    assert!(matches!(ended.reason, ExitReason::Killed));
}
