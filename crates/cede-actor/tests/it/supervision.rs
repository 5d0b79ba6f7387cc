//! Starting, restarting, giving up, stopping.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cede::runtime::Builder;
use cede::sync::Semaphore;
use cede::time::sleep;
use cede_actor::{Actor, Address, BoxError, ChildSpec, Context, ExitReason, Restart, Stop, Strategy, Supervisor, System};

use crate::everywhere::{Log, Order, Worker, everywhere, room, virtually};

fn worker(system: &System, log: &Log, name: &'static str, restart: Restart) -> (ChildSpec, Address<Worker>) {
    let log = log.clone();
    system.child(name, room(8), restart, move || Worker::new(name, &log))
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn children_start_in_order_and_stop_in_reverse_and_drain_their_mail() {
    everywhere(|| async {
        let (system, log) = (System::new(), Log::default());
        let [(a, _), (b, to_b), (c, _)] = ["a", "b", "c"].map(|name| worker(&system, &log, name, Restart::Permanent));
        let top = Supervisor::new(&system, "top").child(a).child(b).child(c).start().await.unwrap();
        assert_eq!(log.take(), ["a up", "b up", "c up"]);
        to_b.tell(Order::Note(1)).await.unwrap();
        let ended = top.stop(Stop::drain()).await;
        assert!(ended.reason.is_normal() && ended.unhandled == 0, "{ended}");
        let lines = log.take();
        assert_eq!(lines.iter().filter(|line| line.ends_with("down")).collect::<Vec<_>>(), ["c down", "b down", "a down"]);
        assert!(lines.contains(&"b 1".to_owned()));
    });
}

#[test]
fn a_restart_keeps_queued_mail_in_order() {
    for break_with in [|| Order::Fail, || Order::Panic] {
        everywhere(move || async move {
            let (system, log) = (System::new(), Log::default());
            let (child, actor) = worker(&system, &log, "w", Restart::Permanent);
            // Told before the start: it waits.
            actor.tell(Order::Note(0)).await.unwrap();
            let top = Supervisor::new(&system, "top").intensity(2, SECOND).child(child).start().await.unwrap();
            actor.tell(break_with()).await.unwrap();
            for n in 1..=3 {
                actor.tell(Order::Note(n)).await.unwrap();
            }
            actor.tell(break_with()).await.unwrap();
            for n in 4..=6 {
                actor.tell(Order::Note(n)).await.unwrap();
            }
            assert_eq!(actor.ask(|reply| Order::Echo(1, reply)).await.unwrap(), 1);
            let expected = ["w up", "w 0", "w up", "w 1", "w 2", "w 3", "w up", "w 4", "w 5", "w 6"];
            assert_eq!(log.take(), expected);
            top.stop(Stop::drain()).await;
        });
    }
}

/// Three children of which the second fails; returns what happened then, until all are up again.
async fn middle_fails(strategy: Strategy) -> Vec<String> {
    let (system, log) = (System::new(), Log::default());
    let [(a, to_a), (b, to_b), (c, to_c)] = ["a", "b", "c"].map(|name| worker(&system, &log, name, Restart::Permanent));
    let top = Supervisor::new(&system, "top").strategy(strategy).child(a).child(b).child(c).start().await.unwrap();
    log.take();
    let exited = to_b.exited();
    to_b.tell(Order::Fail).await.unwrap();
    to_b.tell(Order::Note(1)).await.unwrap();
    exited.await;
    for address in [&to_b, &to_c, &to_a] {
        address.ask(|reply| Order::Echo(0, reply)).await.unwrap();
    }
    // Until the supervisor has seen to it, mail may be handled by the old ones; the virtual second is long enough.
    sleep(SECOND).await;
    let lines = log.take();
    top.stop(Stop::drain()).await;
    lines
}

#[test]
fn each_strategy_restarts_those_it_names() {
    virtually(|| async {
        assert_eq!(middle_fails(Strategy::OneForOne).await, ["b up", "b 1"]);
        let mut rest = middle_fails(Strategy::RestForOne).await;
        rest.retain(|line| line != "b 1");
        assert_eq!(rest, ["c down", "b up", "c up"]);
        let mut all = middle_fails(Strategy::OneForAll).await;
        all.retain(|line| line != "b 1");
        assert_eq!(all, ["c down", "a down", "a up", "b up", "c up"]);
    });
}

#[test]
fn too_many_restarts_in_the_time_end_the_supervisor_and_enough_time_does_not() {
    virtually(|| async {
        let (system, log) = (System::new(), Log::default());
        let (child, actor) = worker(&system, &log, "w", Restart::Permanent);
        let top = Supervisor::new(&system, "top").intensity(2, Duration::from_secs(10)).child(child).start().await.unwrap();
        for _ in 0..4 {
            actor.tell(Order::Fail).await.unwrap();
            sleep(Duration::from_secs(6)).await;
        }
        assert!(!top.is_closed(), "never three within ten seconds");
        for _ in 0..3 {
            actor.tell(Order::Fail).await.unwrap();
        }
        actor.tell(Order::Note(1)).await.unwrap();
        let ended = top.ended().await;
        let text = ended.reason.to_string();
        assert!(text.contains("\"w\" needed more than 2 restarts within 10s") && text.contains("told to fail"), "{text}");
        assert!(ended.unhandled >= 1 && actor.is_closed());
    });
}

#[test]
fn a_supervisor_that_gives_up_is_restarted_by_its_own_and_mail_is_kept() {
    virtually(|| async {
        let (system, log) = (System::new(), Log::default());
        let (w, to_w) = worker(&system, &log, "w", Restart::Permanent);
        let (x, _to_x) = worker(&system, &log, "x", Restart::Permanent);
        let team = Supervisor::new(&system, "team").intensity(0, SECOND).child(w).child(x).into_child(Restart::Permanent);
        let top = Supervisor::new(&system, "top").intensity(1, SECOND).child(team).start().await.unwrap();
        to_w.tell(Order::Fail).await.unwrap();
        to_w.tell(Order::Note(7)).await.unwrap();
        assert_eq!(to_w.ask(|reply| Order::Echo(1, reply)).await.unwrap(), 1);
        sleep(Duration::from_millis(100)).await;
        let mut lines = log.take();
        lines.retain(|line| line != "w 7");
        assert_eq!(lines, ["w up", "x up", "x down", "w up", "x up"]);
        // The second time within a second is too much for both.
        to_w.tell(Order::Fail).await.unwrap();
        let ended = top.ended().await;
        let ExitReason::RestartLimit(limit) = ended.reason else { panic!("{ended}") };
        assert!(&*limit.supervisor == "top" && &*limit.child == "team");
        assert!(matches!(&limit.reason, ExitReason::RestartLimit(below) if &*below.child == "w"));
        assert!(to_w.is_closed());
    });
}

#[test]
fn transient_and_temporary_children_end() {
    virtually(|| async {
        let (system, log) = (System::new(), Log::default());
        let (transient, to_transient) = worker(&system, &log, "transient", Restart::Transient);
        let (temporary, to_temporary) = worker(&system, &log, "temporary", Restart::Temporary);
        let (permanent, to_permanent) = worker(&system, &log, "permanent", Restart::Permanent);
        let top =
            Supervisor::new(&system, "top").intensity(9, SECOND).child(transient).child(temporary).child(permanent).start().await.unwrap();
        to_temporary.tell(Order::Fail).await.unwrap();
        assert!(matches!(to_temporary.ended().await.reason, ExitReason::Failed(_)));
        to_transient.tell(Order::Fail).await.unwrap();
        to_transient.ask(|reply| Order::Echo(0, reply)).await.unwrap();
        to_transient.stop(Stop::drain());
        assert!(to_transient.ended().await.reason.is_normal());
        // A stop is a normal exit, after which this one is restarted; its mail stays.
        let exited = to_permanent.exited();
        to_permanent.stop(Stop::drain());
        assert!(exited.await.is_normal());
        to_permanent.ask(|reply| Order::Echo(0, reply)).await.unwrap();
        top.stop(Stop::drain()).await;
        let ups = log.take().into_iter().filter(|line| line.ends_with("up")).collect::<Vec<_>>();
        let count = |name: &str| ups.iter().filter(|line| line.starts_with(name)).count();
        assert_eq!((count("temporary"), count("transient"), count("permanent")), (1, 2, 2));
    });
}

/// Fails to start so many times, or for ever takes its time.
struct Reluctant(Arc<AtomicU32>);

impl Actor for Reluctant {
    type Message = cede_actor::Reply<()>;

    async fn started(&mut self, _: &mut Context<Self>) -> Result<(), BoxError> {
        match self.0.load(Ordering::SeqCst) {
            0 => Ok(()),
            u32::MAX => std::future::pending().await,
            left => {
                self.0.store(left - 1, Ordering::SeqCst);
                Err("not yet".into())
            }
        }
    }

    async fn handle(&mut self, _: cede_actor::Reply<()>, _: &mut Context<Self>) -> Result<(), BoxError> {
        Err("fails".into())
    }
}

fn reluctant(system: &System) -> (ChildSpec, Address<Reluctant>, Arc<AtomicU32>) {
    let left = Arc::new(AtomicU32::new(0));
    let count = left.clone();
    let (child, address) = system.child("reluctant", room(2), Restart::Permanent, move || Reluctant(count.clone()));
    (child, address, left)
}

#[test]
fn a_child_that_does_not_come_up_stops_those_before_it_and_is_an_error() {
    virtually(|| async {
        for (left, reason) in [(1, "failed: not yet"), (u32::MAX, "killed")] {
            let (system, log) = (System::new(), Log::default());
            let (a, to_a) = worker(&system, &log, "a", Restart::Permanent);
            let (child, _, count) = reluctant(&system);
            count.store(left, Ordering::SeqCst);
            let child = child.start_within(SECOND);
            let error = Supervisor::new(&system, "top").child(a).child(child).start().await.unwrap_err();
            assert_eq!((&*error.child, error.reason.to_string().as_str()), ("reluctant", reason));
            assert_eq!(log.take(), ["a up", "a down"]);
            assert!(to_a.is_closed());
        }
    });
}

#[test]
fn failing_starts_count_as_restarts() {
    virtually(|| async {
        for (fails, survives) in [(2, true), (3, false)] {
            let system = System::new();
            let (child, address, count) = reluctant(&system);
            let top = Supervisor::new(&system, "top").intensity(3, SECOND).child(child).start().await.unwrap();
            count.store(fails, Ordering::SeqCst);
            address.ask(|reply| reply).await.unwrap_err();
            sleep(Duration::from_millis(500)).await;
            assert_eq!(!top.is_closed(), survives);
        }
    });
}

#[test]
fn a_supervisor_with_a_child_that_hangs_stops_in_time() {
    virtually(|| async {
        let (system, log) = (System::new(), Log::default());
        let (a, to_a) = worker(&system, &log, "a", Restart::Permanent);
        let (b, to_b) = worker(&system, &log, "b", Restart::Permanent);
        let top = Supervisor::new(&system, "top").child(a.stop(Stop::drain())).child(b.stop(Stop::drain())).start().await.unwrap();
        to_a.tell(Order::Hang).await.unwrap();
        to_b.tell(Order::Hang).await.unwrap();
        let start = cede::time::Instant::now();
        let ended = top.stop(Stop::drain().within(SECOND)).await;
        assert!(matches!(ended.reason, ExitReason::Killed), "{ended}");
        assert!(start.elapsed() < 2 * SECOND && to_a.is_closed() && to_b.is_closed());
    });
}

#[test]
fn random_failures_lose_no_message_that_was_not_in_hand() {
    virtually(|| async {
        let (system, log) = (System::new(), Log::default());
        let (a, to_a) = worker(&system, &log, "a", Restart::Permanent);
        let (b, to_b) = worker(&system, &log, "b", Restart::Permanent);
        let top =
            Supervisor::new(&system, "top").strategy(Strategy::OneForAll).intensity(50, SECOND).child(a).child(b).start().await.unwrap();
        let senders: Vec<_> = [to_a, to_b]
            .into_iter()
            .map(|address| {
                cede::spawn(async move {
                    for n in 0..12 {
                        if n % 4 == 1 {
                            address.tell(if n % 8 == 1 { Order::Panic } else { Order::Fail }).await.unwrap();
                        }
                        address.tell(Order::Note(n)).await.unwrap();
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
        let ended = top.stop(Stop::drain()).await;
        // A failure while it drains for the last time ends it with what is left.
        let lines = log.take();
        for name in ["a", "b"] {
            let notes: Vec<u32> = lines.iter().filter_map(|line| line.strip_prefix(name)?.trim().parse().ok()).collect();
            assert!(notes.is_sorted(), "{notes:?}");
        }
        let notes = lines.iter().filter(|line| line.chars().any(|c| c.is_ascii_digit())).count();
        assert!(notes + ended.unhandled >= 24, "{notes} noted, {ended}");
    });
}

/// Needs another one while it starts.
struct Impatient {
    other: Address<Worker>,
    asks: bool,
}

impl Actor for Impatient {
    type Message = ();

    async fn started(&mut self, _: &mut Context<Self>) -> Result<(), BoxError> {
        if self.asks {
            self.other.ask(|reply| Order::Echo(1, reply)).await?;
        }
        for n in 0..9 {
            self.other.tell(Order::Note(n)).await.map_err(|error| error.without_message())?;
        }
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result<(), BoxError> {
        Ok(())
    }
}

#[test]
fn a_child_that_needs_one_behind_it_in_order_to_start_is_told_at_once() {
    virtually(|| async {
        for asks in [true, false] {
            let (system, log) = (System::new(), Log::default());
            let (between, _) = worker(&system, &log, "between", Restart::Permanent);
            let (behind, other) = worker(&system, &log, "behind", Restart::Permanent);
            let make = move || Impatient { other: other.clone(), asks };
            let (ahead, _) = system.child("ahead", room(2), Restart::Permanent, make);
            let start = cede::time::Instant::now();
            let error = Supervisor::new(&system, "top").child(ahead).child(between).child(behind).start().await.unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("\"behind\" waits for the start of \"between\"")
                    && text.contains("\"between\" waits for the start of \"ahead\""),
                "{text}"
            );
            assert!(start.elapsed() < SECOND, "it did not wait until the time for starting was over");
            assert!(log.take().is_empty());
        }
    });
}

#[test]
fn a_stop_that_came_too_late_for_one_life_does_not_concern_the_next() {
    // One thread runs what was woken in that order, so both have failed before the supervisor sees the first, and asks the second, which has ended, to stop.
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
        let (system, log, gate) = (System::new(), Log::default(), Arc::new(Semaphore::new(0)));
        let [(a, to_a), (b, to_b)] = ["a", "b"].map(|name| {
            let (log, gate) = (log.clone(), gate.clone());
            system.child(name, room(8), Restart::Permanent, move || Worker::gated(&log, &gate))
        });
        let top = Supervisor::new(&system, "top").strategy(Strategy::OneForAll).intensity(1, SECOND);
        let top = top.child(a).child(b).start().await.unwrap();
        for address in [&to_a, &to_b] {
            address.tell(Order::Fail).await.unwrap();
        }
        sleep(SECOND).await;
        gate.add_permits(2);
        // Longer than a stop may take.
        sleep(60 * SECOND).await;
        assert_eq!(log.take(), ["gated up"; 4], "one restart for both");
        assert!(!top.is_closed());
    });
}

#[test]
fn a_transient_child_that_fails_while_it_drains_is_restarted_and_can_be_reached() {
    virtually(|| async {
        let (system, log) = (System::new(), Log::default());
        let (child, address) = worker(&system, &log, "w", Restart::Transient);
        address.tell(Order::Fail).await.unwrap();
        address.stop(Stop::drain());
        let top = Supervisor::new(&system, "top").child(child).start().await.unwrap();
        sleep(SECOND).await;
        assert_eq!(address.ask(|reply| Order::Echo(1, reply)).await.unwrap(), 1);
        assert_eq!(log.take(), ["w up", "w up"]);
        top.stop(Stop::drain()).await;
    });
}
