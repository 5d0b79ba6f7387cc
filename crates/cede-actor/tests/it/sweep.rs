//! Each public future is dropped at each of its pending polls; afterwards everything still works.

use std::sync::Arc;
use std::time::Duration;

use cede::stream::Backoff;
use cede::sync::Semaphore;
use cede_actor::{Address, Restart, Retry, Stop, Supervisor, System};

use crate::everywhere::{Log, Order, Worker, room, virtually};
use crate::up_to::up_to;

async fn still_works(actor: &Address<Worker>, gate: &Semaphore) {
    gate.add_permits(20);
    assert_eq!(actor.ask(|reply| Order::Echo(5, reply)).await.unwrap(), 5);
    actor.stop(Stop::drain());
    assert!(actor.ended().await.reason.is_normal());
    assert_eq!(actor.queued(), 0);
}

#[test]
fn senders_and_askers_may_be_dropped_at_any_await() {
    virtually(|| async {
        for k in 0..6 {
            for what in 0..7 {
                let (log, gate, system) = (Log::default(), Arc::new(Semaphore::new(0)), System::new());
                let actor = system.spawn("gated", room(1), Worker::gated(&log, &gate));
                actor.tell(Order::Note(0)).await.unwrap();
                while actor.queued() > 0 {
                    cede::task::yield_now().await;
                }
                actor.tell(Order::Note(1)).await.unwrap();
                // The gate lets one message through now and then, so the futures get on.
                let opener = gate.clone();
                let opening = cede::spawn(async move {
                    for _ in 0..3 {
                        cede::time::sleep(Duration::from_millis(1)).await;
                        opener.add_permits(1);
                    }
                });
                let retry = Retry::new(Backoff::new(Duration::from_millis(1)).attempts(3).unwrap()).each_within(Duration::from_millis(2));
                match what {
                    0 => drop(up_to(k, actor.tell(Order::Note(2))).await),
                    1 => drop(up_to(k, actor.tell_within(Duration::from_millis(1), Order::Note(2))).await),
                    2 => drop(up_to(k, actor.ask(|reply| Order::Echo(2, reply))).await),
                    3 => drop(up_to(k, actor.ask_once("key", |reply| Order::Echo(2, reply))).await),
                    4 => drop(up_to(k, actor.ask_retry(&retry, "key", |reply| Order::Echo(2, reply))).await),
                    5 => drop(up_to(k, actor.tell_once("key", Order::Note(2))).await),
                    _ => drop(up_to(0, actor.ended()).await),
                }
                opening.await.unwrap();
                gate.add_permits(5);
                // What was given up has left nothing behind that blocks its key.
                let told = actor.tell_once("other key", Order::Note(3)).await.unwrap();
                assert!(matches!(told, cede_actor::Told::Now(_)));
                if what != 5 {
                    assert_eq!(actor.ask_once("key", |reply| Order::Echo(2, reply)).await.unwrap(), 2);
                }
                still_works(&actor, &gate).await;
            }
        }
    });
}

#[test]
fn starting_and_stopping_a_supervisor_may_be_dropped_at_any_await() {
    virtually(|| async {
        for k in 0..6 {
            let (system, log) = (System::new(), Log::default());
            let [(a, to_a), (b, to_b)] = ["a", "b"].map(|name| {
                let log = log.clone();
                system.child(name, room(2), Restart::Permanent, move || Worker::new(name, &log))
            });
            let started = up_to(k, Supervisor::new(&system, "top").child(a).child(b).start()).await;
            if let Some(top) = started {
                let top = top.unwrap();
                drop(up_to(k, top.stop(Stop::drain())).await);
            }
            to_a.ended().await;
            to_b.ended().await;
            assert!(system.shutdown(Stop::drain()).await.len() <= 1);
            let lines = log.take();
            let count = |end| lines.iter().filter(|line| line.ends_with(end)).count();
            assert_eq!(count("up"), count("down"), "{lines:?}");
        }
    });
}

#[test]
fn looking_up_stopping_and_trying_again_may_be_dropped_at_any_await() {
    virtually(|| async {
        for k in 0..6 {
            let (log, gate, system) = (Log::default(), Arc::new(Semaphore::new(0)), System::new());
            let waiting = system.clone();
            let finding = cede::spawn(async move { up_to(k, waiting.when_registered::<Worker>("late")).await });
            cede::task::yield_now().await;
            assert!(system.lookup::<Worker>("late").is_err());
            let mailbox = room(1).overflow(cede_actor::Overflow::Fail);
            let actor = system.spawn("gated", mailbox, Worker::gated(&log, &gate));
            system.register("late", &actor).unwrap();
            let found = finding.await.unwrap();
            assert!(found.is_some() || k == 0);
            assert!(found.is_none_or(|found| found.unwrap().id() == actor.id()));
            assert_eq!(system.when_registered::<Worker>("late").await.unwrap().id(), actor.id());

            actor.tell(Order::Note(0)).await.unwrap();
            while actor.queued() > 0 {
                cede::task::yield_now().await;
            }
            actor.tell(Order::Note(1)).await.unwrap();
            let retry = Retry::new(Backoff::new(Duration::from_millis(1)).attempts(4).unwrap());
            let told = up_to(k, actor.tell_retry(&retry, Order::Note(2))).await;
            assert!(told.is_none_or(|told| told.is_err()), "there was no room");
            assert_eq!(actor.queued(), 1);
            let exit = up_to(0, actor.exited()).await;
            assert!(exit.is_none());
            gate.add_permits(20);

            let stopped = up_to(k, system.shutdown(Stop::drain())).await;
            assert!(stopped.is_none_or(|ended| ended.len() == 1));
            // It was asked to stop with the first poll, and that is not taken back.
            assert!(matches!(actor.ended().await.reason, cede_actor::ExitReason::Normal | cede_actor::ExitReason::Shutdown));
            assert!(system.lookup::<Worker>("late").is_err(), "who has ended has no name");
        }
    });
}
