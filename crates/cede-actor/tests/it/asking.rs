//! Questions: answers, time limits, and circles.

use std::sync::Arc;
use std::time::Duration;

use cede::sync::Barrier;
use cede::task::yield_now;
use cede_actor::{Actor, Address, AskError, BoxError, Context, Reply, System, TellError};

use crate::everywhere::{Log, Order, Worker, everywhere, room, virtually};

#[test]
fn a_question_is_answered_or_unanswered_but_never_left_open() {
    everywhere(|| async {
        let system = System::new();
        let actor = system.spawn("worker", room(2), Worker::new("worker", &Log::default()));
        assert_eq!(actor.ask(|reply| Order::Echo(7, reply)).await.unwrap(), 7);
        let error = actor.ask(Order::Refuse).await.unwrap_err();
        assert!(matches!(error, AskError::Unanswered { .. }), "{error}");
    });
}

#[test]
fn a_time_limit_holds_also_while_the_actor_is_busy() {
    virtually(|| async {
        let system = System::new();
        let actor = system.spawn("worker", room(1), Worker::new("worker", &Log::default()));
        actor.tell(Order::Take(Duration::from_secs(10))).await.unwrap();
        let start = cede::time::Instant::now();
        let error = actor.ask_within(Duration::from_secs(1), |reply| Order::Echo(1, reply)).await.unwrap_err();
        assert!(matches!(error, AskError::TimedOut { .. }), "{error}");
        assert!((Duration::from_secs(1)..Duration::from_secs(2)).contains(&start.elapsed()));
        assert_eq!(actor.ask_within(Duration::from_secs(20), |reply| Order::Echo(2, reply)).await.unwrap(), 2);
    });
}

/// Asks or tells others when it is told to.
struct Knot {
    /// Where it meets another one before it first waits.
    meet: Option<Arc<Barrier>>,
    last: Option<Result<(), AskError>>,
}

type Answer = Reply<Result<(), AskError>>;

enum Pull {
    Ping,
    /// Asks the first to ask the others in turn.
    Chain(Vec<Address<Knot>>, Answer),
    /// As `Chain`, on a task of its own.
    Aside(Vec<Address<Knot>>, Answer),
    /// Lets the other answer first and then ask back.
    Back(Address<Knot>, Answer),
    AnswerThenAsk(Address<Knot>, Answer),
    /// Hands the reply to the second, and then asks the first.
    Pass(Address<Knot>, Address<Knot>, Answer),
    Passed(Answer),
    Last(Reply<Option<Result<(), AskError>>>),
    /// Tells the other so many pings; answers with the circle, if there is one.
    Flood(Address<Knot>, u32, Reply<Option<cede_actor::Circle>>),
}

async fn chain(mut path: Vec<Address<Knot>>) -> Result<(), AskError> {
    if path.is_empty() {
        return Ok(());
    }
    let next = path.remove(0);
    next.ask(|reply| Pull::Chain(path, reply)).await?
}

impl Actor for Knot {
    type Message = Pull;

    async fn handle(&mut self, pull: Pull, context: &mut Context<Self>) -> Result<(), BoxError> {
        if let Some(meet) = self.meet.take() {
            meet.wait().await;
        }
        match pull {
            Pull::Ping => {}
            Pull::Chain(path, reply) => reply.send(chain(path).await),
            Pull::Aside(path, reply) => drop(cede::spawn(async move { reply.send(chain(path).await) })),
            Pull::Back(other, reply) => {
                let me = context.address().clone();
                let answer = other.ask(|reply| Pull::AnswerThenAsk(me, reply)).await;
                reply.send(answer.and_then(|answer| answer));
            }
            Pull::AnswerThenAsk(other, reply) => {
                reply.send(Ok(()));
                self.last = Some(chain(vec![other]).await);
            }
            Pull::Pass(first, second, reply) => {
                second.tell(Pull::Passed(reply.deferred())).await?;
                self.last = Some(chain(vec![first]).await);
            }
            Pull::Passed(reply) => reply.send(Ok(())),
            Pull::Last(reply) => reply.send(self.last.take()),
            Pull::Flood(other, count, reply) => {
                let mut circle = None;
                for _ in 0..count {
                    match other.tell(Pull::Ping).await {
                        Ok(_) => {}
                        Err(TellError::Deadlock { circle: found, .. }) => {
                            circle = Some(found);
                            break;
                        }
                        Err(other) => return Err(other.into()),
                    }
                }
                reply.send(circle);
            }
        }
        Ok(())
    }
}

fn knot(system: &System, name: &str, meet: Option<&Arc<Barrier>>) -> Address<Knot> {
    system.spawn(name, room(2), Knot { meet: meet.cloned(), last: None })
}

fn names(error: AskError) -> Vec<String> {
    match error {
        AskError::Deadlock(circle) => circle.steps.iter().map(|step| step.name.to_string()).collect(),
        other => panic!("no circle: {other}"),
    }
}

fn run(first: &Address<Knot>, path: &[&Address<Knot>]) -> impl Future<Output = Result<(), AskError>> + use<> {
    let first = first.clone();
    let path = path.iter().map(|address| (*address).clone()).collect();
    async move { first.ask(|reply| Pull::Chain(path, reply)).await? }
}

#[test]
fn an_actor_that_asks_back_gets_an_error_with_both_sites_and_the_other_goes_on() {
    everywhere(|| async {
        let system = System::new();
        let (a, b) = (knot(&system, "a", None), knot(&system, "b", None));
        let error = run(&a, &[&b, &a]).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(text.matches("asking.rs:").count(), 2, "{text}");
        assert!(text.contains("\"b\" waits for an answer of \"a\" at") && text.contains("\"a\" waits for an answer of \"b\" at"), "{text}");
        assert_eq!(names(error), ["b", "a"]);
        run(&a, &[&b]).await.unwrap();
        run(&b, &[&a]).await.unwrap();
    });
}

#[test]
fn circles_of_one_and_of_three_are_seen_and_chains_without_a_circle_are_none() {
    everywhere(|| async {
        let system = System::new();
        let [a, b, c] = ["a", "b", "c"].map(|name| knot(&system, name, None));
        assert_eq!(names(run(&a, &[&a]).await.unwrap_err()), ["a"]);
        assert_eq!(names(run(&a, &[&b, &c, &a]).await.unwrap_err()), ["c", "a", "b"]);
        assert_eq!(names(run(&a, &[&b, &c, &b]).await.unwrap_err()), ["c", "b"]);
        let (one, two, three) = cede::join!(run(&a, &[&b, &c]), run(&a, &[&c]), run(&b, &[&c]));
        one.and(two).and(three).unwrap();
    });
}

#[test]
fn a_circle_that_two_independent_questions_close_is_seen_by_one_of_them() {
    everywhere(|| async {
        let (system, meet) = (System::new(), Arc::new(Barrier::new(2)));
        let (a, b) = (knot(&system, "a", Some(&meet)), knot(&system, "b", Some(&meet)));
        let results = cede::join!(run(&a, &[&b]), run(&b, &[&a]));
        let errors: Vec<_> = [results.0, results.1].into_iter().filter_map(Result::err).collect();
        // It is no circle if the first question is answered before the second is asked, which cannot be: both are in their handlers.
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(names(errors.into_iter().next().unwrap()).len(), 2);
    });
}

#[test]
fn actors_that_wait_for_room_in_each_others_mailboxes_are_told() {
    everywhere(|| async {
        let (system, meet) = (System::new(), Arc::new(Barrier::new(2)));
        let (a, b) = (knot(&system, "a", Some(&meet)), knot(&system, "b", Some(&meet)));
        let (one, two) = cede::join!(a.ask(|reply| Pull::Flood(b.clone(), 5, reply)), b.ask(|reply| Pull::Flood(a.clone(), 5, reply)));
        let circles: Vec<_> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
        assert!(!circles.is_empty(), "both mailboxes have room for two");
        assert!(circles.iter().all(|circle| circle.steps.len() == 2 && circle.to_string().contains("waits for room in the mailbox of")));
        run(&a, &[&b]).await.unwrap();
    });
}

#[test]
fn an_actor_that_floods_itself_is_told_and_one_that_floods_another_is_not() {
    everywhere(|| async {
        let system = System::new();
        let (a, b) = (knot(&system, "a", None), knot(&system, "b", None));
        let circle = a.ask(|reply| Pull::Flood(a.clone(), 5, reply)).await.unwrap();
        assert_eq!(circle.unwrap().steps.len(), 1);
        assert_eq!(a.ask(|reply| Pull::Flood(b.clone(), 50, reply)).await.unwrap(), None);
    });
}

#[test]
fn a_flooded_actor_that_asks_the_flooder_is_a_circle_only_while_that_waits() {
    everywhere(|| async {
        let system = System::new();
        let (a, b) = (knot(&system, "a", None), knot(&system, "b", None));
        // Whatever the order: nobody hangs, and b's questions are answered or refused because of the flood.
        let (flood, mut results) = cede::join!(a.ask(|reply| Pull::Flood(b.clone(), 20, reply)), async {
            let mut results = Vec::new();
            for _ in 0..5 {
                results.push(run(&b, &[&a]).await);
            }
            results
        });
        if flood.unwrap().is_none() {
            results.retain(Result::is_err);
            assert!(results.into_iter().all(|result| names(result.unwrap_err()) == ["b", "a"]));
        }
    });
}

#[test]
fn asking_on_a_task_of_its_own_after_the_answer_or_after_deferring_is_no_circle() {
    everywhere(|| async {
        let system = System::new();
        let [a, b, c] = ["a", "b", "c"].map(|name| knot(&system, name, None));
        a.ask(|reply| Pull::Aside(vec![b.clone(), c.clone()], reply)).await.unwrap().unwrap();
        a.ask(|reply| Pull::Aside(vec![a.clone()], reply)).await.unwrap().unwrap();

        a.ask(|reply| Pull::Back(b.clone(), reply)).await.unwrap().unwrap();
        b.ask(Pull::Last).await.unwrap().unwrap().unwrap();

        b.ask(|reply| Pull::Pass(a.clone(), c.clone(), reply)).await.unwrap().unwrap();
        b.ask(Pull::Last).await.unwrap().unwrap().unwrap();
    });
}

#[test]
fn a_sender_that_was_given_room_a_moment_ago_does_not_wait_any_more() {
    everywhere(|| async {
        let (system, meet) = (System::new(), Arc::new(Barrier::new(2)));
        let (a, b) = (knot(&system, "a", None), knot(&system, "b", Some(&meet)));
        b.tell(Pull::Ping).await.unwrap();
        while b.queued() > 0 {
            yield_now().await;
        }
        // In b's mailbox: a question to a, and one ping of two. When b takes the question, a gets room; b asks a before that has noticed.
        let chained = cede::spawn(run(&b, &[&a]));
        while b.queued() < 1 {
            yield_now().await;
        }
        let (flooder, flooded) = (a.clone(), b.clone());
        let flood = cede::spawn(async move { flooder.ask(|reply| Pull::Flood(flooded, 2, reply)).await });
        while b.queued() < 2 {
            yield_now().await;
        }
        for _ in 0..5 {
            yield_now().await;
        }
        meet.wait().await;
        chained.await.unwrap().unwrap();
        assert_eq!(flood.await.unwrap().unwrap(), None);
    });
}
