//! Capacity, policies, and slowness that reaches the sender.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cede::sync::Semaphore;
use cede_actor::{Actor, AskError, BoxError, Context, Emitted, Mailbox, Overflow, Stop, System, TellError};

use crate::everywhere::{Log, Order, Worker, everywhere, room, room_or, virtually};

#[test]
fn a_mailbox_without_room_is_an_error_that_says_what_to_do() {
    assert!(Mailbox::bounded(0).unwrap_err().to_string().contains("give at least 1"));
}

/// Fills an actor that handles nothing, then lets it go on. Returns what became of messages 1, 2, 3 and what it handled.
async fn fill(overflow: Overflow) -> (Vec<Result<Emitted, bool>>, Vec<String>, u64) {
    let (log, gate, system) = (Log::default(), Arc::new(Semaphore::new(0)), System::new());
    let worker = Worker::gated(&log, &gate);
    let arrived = worker.arrived.clone();
    let actor = system.spawn("gated", room_or(2, overflow), worker);
    actor.tell(Order::Note(0)).await.unwrap();
    while arrived.load(Ordering::SeqCst) == 0 {
        cede::task::yield_now().await;
    }
    let sent: Vec<_> = (1..=3).map(|n| actor.try_tell(Order::Note(n)).map_err(|error| matches!(error, TellError::Full { .. }))).collect();
    gate.add_permits(10);
    actor.stop(Stop::drain());
    assert_eq!(actor.ended().await.unhandled, 0);
    let notes = log.take().into_iter().filter_map(|line| line.strip_prefix("gated ").map(str::to_owned)).collect();
    (sent, notes, actor.missed())
}

#[test]
fn each_policy_does_what_it_says() {
    everywhere(|| async {
        use Emitted::{DroppedNewest, DroppedOldest, Queued};
        let lines = |notes: &[&str]| -> Vec<String> {
            let notes = ["up", "0"].iter().chain(notes).chain(&["down"]);
            notes.map(|note| (*note).to_owned()).collect()
        };
        assert_eq!(fill(Overflow::Wait).await, (vec![Ok(Queued), Ok(Queued), Err(true)], lines(&["1", "2"]), 0));
        assert_eq!(fill(Overflow::Fail).await, (vec![Ok(Queued), Ok(Queued), Err(true)], lines(&["1", "2"]), 0));
        assert_eq!(fill(Overflow::DropNewest).await, (vec![Ok(Queued), Ok(Queued), Ok(DroppedNewest)], lines(&["1", "2"]), 1));
        assert_eq!(fill(Overflow::DropOldest).await, (vec![Ok(Queued), Ok(Queued), Ok(DroppedOldest)], lines(&["2", "3"]), 1));
    });
}

/// A message that counts how many of its kind are alive.
struct Load {
    alive: Arc<AtomicUsize>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Hands everything on to the next; the last one is slow.
struct Stage {
    next: Option<cede_actor::Address<Stage>>,
    handled: Arc<AtomicUsize>,
}

impl Actor for Stage {
    type Message = Load;

    async fn handle(&mut self, load: Load, _: &mut Context<Self>) -> Result<(), BoxError> {
        match &self.next {
            Some(next) => drop(next.tell(load).await?),
            None => {
                cede::time::sleep(Duration::from_millis(10)).await;
                self.handled.fetch_add(1, Ordering::SeqCst);
            }
        }
        Ok(())
    }
}

#[test]
fn slowness_at_the_end_of_a_chain_holds_the_first_sender_up_and_memory_stays_bounded() {
    virtually(|| async {
        let (system, handled, alive) = (System::new(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut next = None;
        for name in ["third", "second", "first"] {
            next = Some(system.spawn(name, room(2), Stage { next, handled: handled.clone() }));
        }
        let first = next.unwrap();
        let start = cede::time::Instant::now();
        let mut most = 0;
        for _ in 0..40 {
            alive.fetch_add(1, Ordering::SeqCst);
            first.tell(Load { alive: alive.clone() }).await.unwrap();
            most = most.max(alive.load(Ordering::SeqCst));
        }
        // Two in each mailbox, one in each hand.
        assert!(most <= 9, "{most} messages were alive");
        assert!(start.elapsed() >= Duration::from_millis(300), "the sender was held up");
        system.shutdown(Stop::drain()).await;
        assert_eq!((handled.load(Ordering::SeqCst), alive.load(Ordering::SeqCst)), (40, 0));
    });
}

#[test]
fn telling_gives_up_in_time_and_gives_the_message_back() {
    virtually(|| async {
        let (log, gate, system) = (Log::default(), Arc::new(Semaphore::new(0)), System::new());
        let actor = system.spawn("gated", room(1), Worker::gated(&log, &gate));
        actor.tell(Order::Note(0)).await.unwrap();
        actor.tell(Order::Note(1)).await.unwrap();
        let error = actor.tell_within(Duration::from_secs(1), Order::Note(2)).await.unwrap_err();
        assert!(matches!(&error, TellError::TimedOut { limit, .. } if *limit == Duration::from_secs(1)), "{error}");
        assert!(matches!(error.into_message(), Order::Note(2)));
        gate.add_permits(3);
        actor.tell(Order::Note(3)).await.unwrap();
        actor.stop(Stop::drain());
        actor.ended().await;
        assert_eq!(log.take(), ["gated up", "gated 0", "gated 1", "gated 3", "gated down"]);
    });
}

#[test]
fn a_question_that_overflows_or_comes_too_late_is_an_error_and_no_wait() {
    everywhere(|| async {
        let (log, gate, system) = (Log::default(), Arc::new(Semaphore::new(0)), System::new());
        let worker = Worker::gated(&log, &gate);
        let arrived = worker.arrived.clone();
        let actor = system.spawn("gated", room_or(1, Overflow::DropOldest), worker);
        actor.tell(Order::Note(0)).await.unwrap();
        while arrived.load(Ordering::SeqCst) == 0 {
            cede::task::yield_now().await;
        }
        let asker = actor.clone();
        let asking = cede::spawn(async move { asker.ask(|reply| Order::Echo(1, reply)).await });
        while actor.queued() == 0 {
            cede::task::yield_now().await;
        }
        assert_eq!(actor.tell(Order::Note(2)).await.unwrap(), Emitted::DroppedOldest);
        assert!(matches!(asking.await.unwrap(), Err(AskError::Discarded { .. })));
        gate.add_permits(9);
        actor.stop(Stop::drain());
        actor.ended().await;
        assert!(matches!(actor.ask(|reply| Order::Echo(1, reply)).await, Err(AskError::Closed { .. })));
        assert!(matches!(actor.tell(Order::Note(9)).await, Err(TellError::Closed { message: Order::Note(9), .. })));
    });
}
