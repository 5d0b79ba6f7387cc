//! Messages with a key, which an actor sees at most once.
//!
//! # What
//! The sender looks the key up in the window of the mailbox before it posts. A key that is new is remembered, then the message is posted. For one that was there before nothing is
//! posted: who asks again joins those who wait for the answer, or gets a copy of it.
//!
//! # How a key ends
//! ```text
//! pending ──answer, or the handler returned──► done: the answer is kept
//!    ├──dropped before the actor saw it──────► released: the message may come again
//!    └──failed, or dropped unanswered────────► lost: it does not come again; or released, with `Mailbox::again_after_failure`
//! ```

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex};

use cede::sync::oneshot;
use cede::time::Instant;

use crate::circle::WaitFor;
use crate::inbox::Envelope;
use crate::ticket::{Asking, Ticket};
use crate::window::{Remembered, Seen, Window};
use crate::{Actor, Address, AskError, Emitted, Reply, TellError, locked};

/// What makes two messages the same one, in the eyes of their sender: an order number, a request id.
///
/// ```
/// use cede_actor::Key;
/// assert_eq!(Key::from(7), Key::from("7"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<u64> for Key {
    fn from(number: u64) -> Self {
        Self(number.to_string().into())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What became of a message with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Told {
    /// It was posted.
    Now(Emitted),
    /// It was told before, so it was not posted.
    Before,
}

/// A statement with a key on its way; dropping it settles what becomes of the key.
pub(crate) struct Once {
    window: Arc<Mutex<Window>>,
    key: Key,
    number: u64,
    statement: Arc<Statement>,
    seen: bool,
    done: bool,
}

/// What is remembered of a statement.
struct Statement {
    pending: std::sync::atomic::AtomicBool,
}

impl Remembered for Statement {
    fn is_pending(&self) -> bool {
        self.pending.load(std::sync::atomic::Ordering::Acquire)
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Once {
    pub(crate) fn mark_seen(&mut self) {
        self.seen = true;
    }

    pub(crate) fn mark_done(&mut self) {
        self.done = true;
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        let released = {
            let mut window = locked(&self.window);
            let again = !self.seen || (!self.done && window.again_after_failure);
            if again { window.release(&self.key, self.number) } else { None }
        };
        drop(released);
        self.statement.pending.store(false, std::sync::atomic::Ordering::Release);
    }
}

/// What is remembered of a question.
struct Question<R> {
    state: Mutex<State<R>>,
}

enum State<R> {
    Pending(Vec<oneshot::Sender<R>>),
    Done(Arc<R>),
    /// Whether the actor had seen it.
    Lost(bool),
}

impl<R: Clone + Send + Sync + 'static> Remembered for Question<R> {
    fn is_pending(&self) -> bool {
        matches!(*locked(&self.state), State::Pending(_))
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<R: Clone + Send + Sync + 'static> Question<R> {
    fn finish(&self, end: State<R>) {
        let answer = if let State::Done(answer) = &end { Some(Arc::clone(answer)) } else { None };
        let before = std::mem::replace(&mut *locked(&self.state), end);
        if let (State::Pending(waiting), Some(answer)) = (before, answer) {
            for sender in waiting {
                let _ = sender.send(R::clone(&answer));
            }
        }
    }
}

impl<A: Actor> Address<A> {
    /// Tells it a message that it sees at most once for this key; see [`Mailbox::remember`](crate::Mailbox::remember).
    ///
    /// *Cancel safety*: if this is dropped before it is ready, the message was not told and the key is free.
    ///
    /// # Errors
    /// As for [`Address::tell`], and if too many keys are remembered.
    #[track_caller]
    pub fn tell_once(&self, key: impl Into<Key>, message: A::Message) -> impl Future<Output = Result<Told, TellError<A::Message>>> + Send {
        let (site, key) = (Location::caller(), key.into());
        async move {
            let statement = Arc::new(Statement { pending: true.into() });
            let (seen, leaving) = locked(self.window()).look_up(&key, Instant::now(), Arc::clone(&statement) as _);
            drop(leaving);
            match seen {
                Seen::Before(_) => Ok(Told::Before),
                Seen::TooMany => Err(TellError::TooManyKeys { name: self.name(), message }),
                Seen::Never { number } => {
                    let once = Once { window: Arc::clone(self.window()), key, number, statement, seen: false, done: false };
                    self.post(Envelope { message, ticket: None, once: Some(once) }, site, None).await.map(Told::Now)
                }
            }
        }
    }

    /// Asks something that it sees at most once for this key. Who asks again with the same key gets the same answer.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, the actor may have seen the question or see it later; asking again with the same key joins it.
    ///
    /// # Errors
    /// As for [`Address::ask`]; if the question was seen before and failed; if the key was used for something else; if too many keys are remembered.
    #[track_caller]
    pub fn ask_once<R>(
        &self,
        key: impl Into<Key>,
        make: impl FnOnce(Reply<R>) -> A::Message + Send,
    ) -> impl Future<Output = Result<R, AskError>> + Send
    where
        R: Clone + Send + Sync + 'static,
    {
        let (site, key) = (Location::caller(), key.into());
        self.ask_once_at(site, key, make)
    }

    pub(crate) async fn ask_once_at<R>(
        &self,
        site: &'static Location<'static>,
        key: Key,
        make: impl FnOnce(Reply<R>) -> A::Message + Send,
    ) -> Result<R, AskError>
    where
        R: Clone + Send + Sync + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let new = Arc::new(Question { state: Mutex::new(State::Pending(Vec::new())) });
        let (seen, leaving) = locked(self.window()).look_up(&key, Instant::now(), Arc::clone(&new) as _);
        drop(leaving);
        let (question, number) = match seen {
            Seen::TooMany => return Err(AskError::TooManyKeys { name: self.name() }),
            Seen::Never { number } => (new, Some(number)),
            Seen::Before(before) => match before.into_any().downcast::<Question<R>>() {
                Ok(question) => (question, None),
                Err(_) => return Err(AskError::KeyReused { name: self.name() }),
            },
        };
        if let Some(answer) = self.join_question(&question, sender)? {
            return Ok(answer);
        }
        let mut asking = None;
        if let Some(number) = number {
            asking = Some(self.post_question(site, key, number, Arc::clone(&question), make).await?);
        }
        let answer = receiver.await;
        drop(asking);
        answer.map_err(|_| match *locked(&question.state) {
            State::Lost(false) => AskError::Discarded { name: self.name() },
            _ => AskError::Unanswered { name: self.name() },
        })
    }

    /// The answer, if it is there; else it comes through `sender`.
    fn join_question<R: Clone>(&self, question: &Question<R>, sender: oneshot::Sender<R>) -> Result<Option<R>, AskError> {
        let answer = match &mut *locked(&question.state) {
            State::Pending(waiting) => {
                // Of those that gave up, none is kept.
                waiting.retain(|other| !other.is_closed());
                waiting.push(sender);
                return Ok(None);
            }
            State::Done(answer) => Arc::clone(answer),
            State::Lost(false) => return Err(AskError::Discarded { name: self.name() }),
            State::Lost(true) => return Err(AskError::Spent { name: self.name() }),
        };
        Ok(Some(R::clone(&answer)))
    }

    async fn post_question<R: Clone + Send + Sync + 'static>(
        &self,
        site: &'static Location<'static>,
        key: Key,
        number: u64,
        question: Arc<Question<R>>,
        make: impl FnOnce(Reply<R>) -> A::Message + Send,
    ) -> Result<Asking, AskError> {
        let release = Release { window: Arc::clone(self.window()), key, number };
        let ticket = match Ticket::begin(self.node(), WaitFor::Answer, site) {
            Ok(ticket) => Arc::new(ticket),
            Err(circle) => {
                release.end(&question, None, false);
                return Err(AskError::Deadlock(circle));
            }
        };
        let asking = Asking(Arc::clone(&ticket));
        let seen = Arc::clone(&ticket);
        let keep = Box::new(move |answer: Option<R>| release.end(&question, answer, seen.is_seen()));
        let message = make(Reply::kept(keep, Arc::clone(&ticket)));
        self.post_ask(Envelope { message, ticket: Some(ticket), once: None }).await?;
        Ok(asking)
    }
}

/// How a question's key ends.
struct Release {
    window: Arc<Mutex<Window>>,
    key: Key,
    number: u64,
}

impl Release {
    fn end<R: Clone + Send + Sync + 'static>(self, question: &Question<R>, answer: Option<R>, seen: bool) {
        let Some(answer) = answer else {
            question.finish(State::Lost(seen));
            let released = {
                let mut window = locked(&self.window);
                if !seen || window.again_after_failure { window.release(&self.key, self.number) } else { None }
            };
            drop(released);
            return;
        };
        question.finish(State::Done(Arc::new(answer)));
    }
}
