//! Messages with keys, and retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cede::stream::Backoff;
use cede::time::sleep;
use cede_actor::{Actor, AskError, BoxError, Context, Mailbox, Overflow, Reply, Restart, Retry, Supervisor, System, TellError, Told};

use crate::everywhere::{everywhere, room, room_or, virtually};

/// Counts what it sees; answers in its own way.
struct Bank {
    seen: Arc<AtomicU32>,
    manner: Manner,
}

#[derive(Clone, Copy)]
enum Manner {
    Prompt,
    /// Answers after this time, on a task of its own.
    Late(Duration),
    /// Drops the reply of all but each third question.
    Lossy,
    /// Panics at all but each third question.
    Crashing,
}

struct Pay(u32, Option<Reply<u32>>);

impl Actor for Bank {
    type Message = Pay;

    async fn handle(&mut self, Pay(amount, reply): Pay, _: &mut Context<Self>) -> Result<(), BoxError> {
        let seen = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let Some(reply) = reply else { return Ok(()) };
        match self.manner {
            Manner::Lossy if !seen.is_multiple_of(3) => drop(reply),
            Manner::Crashing if !seen.is_multiple_of(3) => panic!("the bank has crashed"),
            Manner::Late(time) => drop(cede::spawn(async move {
                sleep(time).await;
                reply.send(amount);
            })),
            _ => reply.send(amount),
        }
        Ok(())
    }
}

fn retry(attempts: usize) -> Retry {
    Retry::new(Backoff::new(Duration::from_millis(20)).attempts(attempts).unwrap()).each_within(Duration::from_secs(1))
}

#[test]
fn who_asks_again_with_the_same_key_gets_the_same_answer_and_the_actor_sees_one_question() {
    everywhere(|| async {
        let (system, seen) = (System::new(), Arc::new(AtomicU32::new(0)));
        let bank = system.spawn("bank", room(4), Bank { seen: seen.clone(), manner: Manner::Prompt });
        let ask = |key, amount| bank.ask_once(key, move |reply| Pay(amount, Some(reply)));
        let (one, two) = cede::join!(ask("order 1", 10), ask("order 1", 20));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one, two);
        assert_eq!(ask("order 1", 30).await.unwrap(), one);
        assert_eq!(ask("order 2", 40).await.unwrap(), 40);
        assert_eq!(seen.load(Ordering::SeqCst), 2);
        let error = bank.tell_once("order 1", Pay(1, None)).await.unwrap();
        assert_eq!(error, Told::Before);
    });
}

#[test]
fn a_retry_joins_the_late_answer_of_the_first_attempt() {
    virtually(|| async {
        let (system, seen) = (System::new(), Arc::new(AtomicU32::new(0)));
        let manner = Manner::Late(Duration::from_secs(3));
        let bank = system.spawn("bank", room(4), Bank { seen: seen.clone(), manner });
        assert_eq!(bank.ask_retry(&retry(9), 1, |reply| Pay(5, Some(reply))).await.unwrap(), 5);
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_lossy_actor_sees_a_key_once_and_the_asker_learns_that() {
    virtually(|| async {
        let (system, seen) = (System::new(), Arc::new(AtomicU32::new(0)));
        let bank = system.spawn("bank", room(4), Bank { seen: seen.clone(), manner: Manner::Lossy });
        let error = bank.ask_retry(&retry(9), 1, |reply| Pay(5, Some(reply))).await.unwrap_err();
        assert!(matches!(error, AskError::Spent { .. }), "{error}");
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_lossy_actor_that_may_see_a_key_again_answers_in_the_end_and_then_never_again() {
    virtually(|| async {
        let (system, seen) = (System::new(), Arc::new(AtomicU32::new(0)));
        let bank = system.spawn("bank", room(4).again_after_failure(), Bank { seen: seen.clone(), manner: Manner::Lossy });
        for _ in 0..3 {
            assert_eq!(bank.ask_retry(&retry(9), 1, |reply| Pay(5, Some(reply))).await.unwrap(), 5);
            assert_eq!(seen.load(Ordering::SeqCst), 3);
        }
    });
}

#[test]
fn a_retry_outlives_crashes_of_the_actor() {
    virtually(|| async {
        let (system, seen) = (System::new(), Arc::new(AtomicU32::new(0)));
        let count = seen.clone();
        let make = move || Bank { seen: count.clone(), manner: Manner::Crashing };
        let (child, bank) = system.child("bank", room(4).again_after_failure(), Restart::Permanent, make);
        let top = Supervisor::new(&system, "top").intensity(5, Duration::from_secs(1)).child(child).start().await.unwrap();
        assert_eq!(bank.ask_retry(&retry(9), 1, |reply| Pay(5, Some(reply))).await.unwrap(), 5);
        assert_eq!(seen.load(Ordering::SeqCst), 3);
        drop(top);
    });
}

#[test]
fn what_a_mailbox_threw_out_was_not_seen_so_its_key_is_free() {
    virtually(|| async {
        let (system, seen) = (System::new(), Arc::new(AtomicU32::new(0)));
        let bank = system.spawn("bank", room_or(1, Overflow::DropOldest), Bank { seen: seen.clone(), manner: Manner::Prompt });
        // Many at once through a mailbox for one: nearly all are thrown out at first.
        let askers: Vec<_> = (0..6_u32)
            .map(|n| {
                let bank = bank.clone();
                cede::spawn(async move { bank.ask_retry(&retry(50), u64::from(n), |reply| Pay(n, Some(reply))).await })
            })
            .collect();
        for (n, asker) in askers.into_iter().enumerate() {
            assert_eq!(asker.await.unwrap().unwrap(), n as u32);
        }
        assert_eq!(seen.load(Ordering::SeqCst), 6, "each was seen once");
    });
}

#[test]
fn keys_are_forgotten_after_their_time_and_never_before() {
    virtually(|| async {
        let (system, seen) = (System::new(), Arc::new(AtomicU32::new(0)));
        let mailbox = room(4).remember(2, Duration::from_secs(60));
        let bank = system.spawn("bank", mailbox, Bank { seen: seen.clone(), manner: Manner::Prompt });
        assert!(matches!(bank.tell_once("a", Pay(1, None)).await.unwrap(), Told::Now(_)));
        assert!(matches!(bank.tell_once("b", Pay(1, None)).await.unwrap(), Told::Now(_)));
        assert_eq!(bank.tell_once("a", Pay(1, None)).await.unwrap(), Told::Before);
        assert!(matches!(bank.tell_once("c", Pay(1, None)).await, Err(TellError::TooManyKeys { .. })));
        sleep(Duration::from_secs(61)).await;
        assert!(matches!(bank.tell_once("a", Pay(1, None)).await.unwrap(), Told::Now(_)));
        assert!(matches!(bank.tell_once("c", Pay(1, None)).await.unwrap(), Told::Now(_)));
    });
}

#[test]
fn a_key_with_another_type_of_answer_is_an_error() {
    everywhere(|| async {
        let system = System::new();
        let bank = system.spawn("bank", Mailbox::bounded(4).unwrap(), Bank { seen: Arc::default(), manner: Manner::Prompt });
        bank.tell_once("a", Pay(1, None)).await.unwrap();
        let error = bank.ask_once("a", |reply| Pay(1, Some(reply))).await.unwrap_err();
        assert!(matches!(error, AskError::KeyReused { .. }));
    });
}
