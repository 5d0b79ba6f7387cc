//! What cede offers to the demos beyond the common interface: reports, dumps, streams whose work is done by tasks, and actors.

#![forbid(unsafe_code)]

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cede_actor::{Actor, Address, AskError, BoxError, Context, Mailbox, Reply, System};
use futures_util::Stream;
use rt::inspect::{State, TaskDump};
use rt::runtime::{Builder, Handle};
use rt::stream::TaskStreamExt;

pub use cede_demos::message_of;

static REPORTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps the facts of a report, without its advice.
fn report(report: &dyn fmt::Display) {
    let text = report.to_string();
    let short =
        [". Use ", "\n", ", whose other tasks go on elsewhere"].iter().fold(&*text, |text, end| text.split(end).next().unwrap_or(text));
    REPORTS.lock().unwrap_or_else(PoisonError::into_inner).push(short.to_owned());
}

/// Runs a demo; see [`cede_demos::run`].
pub fn demo(limit: Duration, body: impl FnOnce() -> String + Send + 'static) -> ! {
    cede_demos::run(limit, || REPORTS.lock().unwrap_or_else(PoisonError::into_inner).clone(), body)
}

/// A runtime with so many workers, whose reports are kept for the outcome; otherwise they go to the error output.
pub fn builder(workers: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).enable_all();
    builder.on_stall(|stall| report(&stall)).on_deadlock(|deadlock| report(&deadlock));
    builder
}

/// What the tasks do.
pub fn dump(handle: &Handle) -> String {
    let lines: Vec<_> = handle.dump().tasks().iter().map(describe).collect();
    format!("; dump: {}", lines.join("; "))
}

fn describe(task: &TaskDump) -> String {
    let does = match &task.state {
        State::Running { .. } => "runs".to_owned(),
        State::Waiting => format!("waits for {}", task.waits_for),
        _ => "is runnable".to_owned(),
    };
    format!("task {} {does}, spawned at {}", task.id, task.spawned_at)
}

/// Runs the futures of a stream, at most `limit` at a time, as tasks.
pub fn buffered<S>(stream: S, limit: usize) -> impl Stream<Item = <S::Item as Future>::Output>
where
    S: Stream<Item: Future<Output: Send + 'static> + Send + 'static>,
{
    stream.buffered_tasks(limit).expect("the limit is not zero")
}

struct Asks(Option<Address<Asks>>);

enum Message {
    Know(Address<Asks>),
    Ask(Reply<Result<u64, AskError>>),
}

impl Actor for Asks {
    type Message = Message;

    async fn handle(&mut self, message: Message, _: &mut Context<Self>) -> Result<(), BoxError> {
        match message {
            Message::Know(other) => self.0 = Some(other),
            Message::Ask(reply) => match &self.0 {
                Some(other) => reply.send(other.ask(Message::Ask).await.flatten()),
                None => reply.send(Ok(0)),
            },
        }
        Ok(())
    }
}

/// Two actors that ask each other.
pub async fn actors_that_ask_each_other() -> String {
    let system = System::new();
    let mailbox = || Mailbox::bounded(8).expect("not zero");
    let a = system.spawn("a", mailbox(), Asks(None));
    let b = system.spawn("b", mailbox(), Asks(Some(a.clone())));
    a.tell(Message::Know(b)).await.expect("a lives");
    let outcome = match a.ask(Message::Ask).await.flatten() {
        Ok(_) => "they answer".to_owned(),
        Err(error) => format!("a question fails at once: {}", error.to_string().split("; use").next().unwrap_or_default()),
    };
    format!("; as actors of cede-actor, {outcome}")
}
