//! The registry and its races.

use cede_actor::{LookupError, RegisterError, Stop, System};

use crate::everywhere::{Log, Order, Worker, everywhere, room};

#[test]
fn names_find_their_actor_until_it_ends() {
    everywhere(|| async {
        let (system, log) = (System::new(), Log::default());
        let one = system.spawn("one", room(2), Worker::new("one", &log));
        let two = system.spawn("two", room(2), Worker::new("two", &log));
        system.register("printer", &one).unwrap();
        assert_eq!(system.register("printer", &two), Err(RegisterError::Taken { name: "printer".into(), by: one.id() }));
        assert_eq!(system.lookup::<Worker>("printer").unwrap().id(), one.id());
        one.stop(Stop::drain());
        one.ended().await;
        assert!(matches!(system.lookup::<Worker>("printer"), Err(LookupError::Unknown { .. })));
        assert_eq!(system.register("late", &one), Err(RegisterError::Closed));
        system.register("printer", &two).unwrap();
        assert!(system.unregister("printer") && !system.unregister("printer"));
    });
}

#[test]
fn waiting_for_a_name_ends_when_it_is_given() {
    everywhere(|| async {
        let (system, log) = (System::new(), Log::default());
        let waiting = system.clone();
        let early = cede::spawn(async move {
            let found = waiting.when_registered::<Worker>("echo").await.unwrap();
            found.ask(|reply| Order::Echo(3, reply)).await.unwrap()
        });
        let actor = system.spawn("one", room(2), Worker::new("one", &log));
        cede::task::yield_now().await;
        system.register("echo", &actor).unwrap();
        assert_eq!(early.await.unwrap(), 3);
    });
}

#[test]
fn of_many_that_want_a_name_one_gets_it_and_no_dead_one_keeps_it() {
    everywhere(|| async {
        let (system, log) = (System::new(), Log::default());
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let (system, log) = (system.clone(), log.clone());
                cede::spawn(async move {
                    let actor = system.spawn("candidate", room(1), Worker::new("candidate", &log));
                    let stopped = actor.clone();
                    let stopper = cede::spawn(async move { stopped.stop(Stop::discard()) });
                    let got = system.register("leader", &actor).is_ok();
                    stopper.await.unwrap();
                    actor.ended().await;
                    got
                })
            })
            .collect();
        let mut got = 0;
        for task in tasks {
            got += u32::from(task.await.unwrap());
        }
        assert!(got <= 6);
        assert!(matches!(system.lookup::<Worker>("leader"), Err(LookupError::Unknown { .. })), "all have ended");
    });
}
