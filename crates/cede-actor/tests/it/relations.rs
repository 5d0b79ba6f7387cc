//! Watching and linking.

use std::time::Duration;

use cede_actor::{Actor, Address, BoxError, Context, ExitReason, Restart, Signal, Stop, Supervisor, System};

use crate::everywhere::{Log, Order, Worker, everywhere, room, virtually};

/// Has relations to a worker.
struct Friend {
    worker: Address<Worker>,
    log: Log,
    relation: Relation,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Watch,
    WatchTwiceThenNot,
    Link,
    LinkAndTrap,
}

impl Actor for Friend {
    type Message = cede_actor::Reply<()>;

    async fn started(&mut self, context: &mut Context<Self>) -> Result<(), BoxError> {
        match self.relation {
            Relation::Watch => context.watch(&self.worker),
            Relation::WatchTwiceThenNot => {
                context.watch(&self.worker);
                context.watch(&self.worker);
                context.unwatch(&self.worker);
            }
            Relation::Link => context.link(&self.worker),
            Relation::LinkAndTrap => {
                context.trap_exits(true);
                context.link(&self.worker);
            }
        }
        Ok(())
    }

    async fn handle(&mut self, reply: cede_actor::Reply<()>, _: &mut Context<Self>) -> Result<(), BoxError> {
        reply.send(());
        Ok(())
    }

    async fn signal(&mut self, signal: Signal, _: &mut Context<Self>) -> Result<(), BoxError> {
        match signal {
            Signal::Down { peer, reason } => self.log.write(format!("{} down: {reason}", peer.name)),
            Signal::Exit { peer, reason } => self.log.write(format!("{} exit: {reason}", peer.name)),
            _ => {}
        }
        Ok(())
    }
}

async fn friends(relation: Relation) -> (Address<Worker>, Address<Friend>, Log) {
    let (system, log) = (System::new(), Log::default());
    let worker = system.spawn("worker", room(4), Worker::new("worker", &Log::default()));
    let friend = system.spawn("friend", room(4), Friend { worker: worker.clone(), log: log.clone(), relation });
    friend.ask(|reply| reply).await.unwrap();
    (worker, friend, log)
}

#[test]
fn a_watcher_learns_of_the_end_once_and_lives() {
    everywhere(|| async {
        let (worker, friend, log) = friends(Relation::Watch).await;
        let exited = worker.exited();
        worker.tell(Order::Panic).await.unwrap();
        assert!(matches!(exited.await, ExitReason::Panicked(message) if &*message == "told to panic"));
        worker.ended().await;
        friend.ask(|reply| reply).await.unwrap();
        assert_eq!(log.take(), ["worker down: panicked: told to panic"]);
        // Watching the dead gives an answer, too.
        assert!(matches!(worker.exited().await, ExitReason::Panicked(_)));
    });
}

#[test]
fn who_no_longer_watches_learns_nothing() {
    everywhere(|| async {
        let (worker, friend, log) = friends(Relation::WatchTwiceThenNot).await;
        worker.stop(Stop::drain());
        worker.ended().await;
        friend.ask(|reply| reply).await.unwrap();
        assert!(log.take().is_empty());
    });
}

#[test]
fn linked_actors_fail_together_and_end_well_alone() {
    everywhere(|| async {
        let (worker, friend, _) = friends(Relation::Link).await;
        worker.tell(Order::Fail).await.unwrap();
        let reason = friend.ended().await.reason;
        assert_eq!(reason.to_string(), "taken along by \"worker\", which is linked to it and failed: told to fail");

        let (worker, friend, _) = friends(Relation::Link).await;
        worker.stop(Stop::drain());
        worker.ended().await;
        friend.ask(|reply| reply).await.unwrap();

        // The other way round, in the middle of a message.
        let (worker, friend, _) = friends(Relation::Link).await;
        worker.tell(Order::Hang).await.unwrap();
        friend.stop(Stop::kill());
        assert!(matches!(worker.ended().await.reason, ExitReason::Linked(_)));
    });
}

#[test]
fn who_traps_exits_is_told_of_them() {
    everywhere(|| async {
        let (worker, friend, log) = friends(Relation::LinkAndTrap).await;
        worker.tell(Order::Fail).await.unwrap();
        worker.ended().await;
        friend.ask(|reply| reply).await.unwrap();
        assert_eq!(log.take(), ["worker exit: failed: told to fail"]);
    });
}

#[test]
fn linking_to_one_that_has_ended_badly_is_the_end() {
    everywhere(|| async {
        let system = System::new();
        let worker = system.spawn("worker", room(4), Worker::new("worker", &Log::default()));
        worker.tell(Order::Fail).await.unwrap();
        worker.ended().await;
        let friend = system.spawn("friend", room(4), Friend { worker, log: Log::default(), relation: Relation::Link });
        assert!(matches!(friend.ended().await.reason, ExitReason::Linked(_)));
    });
}

#[test]
fn a_supervised_actor_is_watched_for_one_incarnation() {
    virtually(|| async {
        let (system, log) = (System::new(), Log::default());
        let make = {
            let log = log.clone();
            move || Worker::new("worker", &log)
        };
        let (child, worker) = system.child("worker", room(4), Restart::Permanent, make);
        let early = worker.exited();
        let top = Supervisor::new(&system, "top").intensity(9, Duration::from_secs(1)).child(child).start().await.unwrap();
        worker.tell(Order::Fail).await.unwrap();
        assert!(matches!(early.await, ExitReason::Failed(_)), "asked before the start, so it is about the first incarnation");
        let second = worker.exited();
        worker.tell(Order::Panic).await.unwrap();
        assert!(matches!(second.await, ExitReason::Panicked(_)));
        assert!(!worker.is_closed());
        top.stop(Stop::drain()).await;
        assert!(worker.is_closed());
    });
}
