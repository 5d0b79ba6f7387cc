//! Questions.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use cede::event::EmitError;
use cede::sync::oneshot;
use cede::time::timeout;

use crate::circle::WaitFor;
use crate::inbox::Envelope;
use crate::ticket::{Asking, Ticket};
use crate::{Actor, Address, AskError, Overflow, Reply};

impl<A: Actor> Address<A> {
    /// Asks the actor something: tells it a message with a [`Reply`] in it, and waits for that.
    ///
    /// Within a function of an actor, no other message is handled while this waits. An actor that asks itself, or one that waits for it, gets an error that says where each of them waits; it does so even if
    /// there is a time limit. On a task of its own an actor may ask whom it likes.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, the actor may have seen the question or see it later.
    ///
    /// # Errors
    /// If the question cannot be posted, is not answered, or the answer would never come; see [`AskError`].
    #[track_caller]
    pub fn ask<R: Send + 'static>(
        &self,
        make: impl FnOnce(Reply<R>) -> A::Message + Send,
    ) -> impl Future<Output = Result<R, AskError>> + Send {
        self.ask_at(Location::caller(), make)
    }

    /// As [`Address::ask`], and gives up after a time, in which the waiting for room counts.
    ///
    /// *Cancel safety*: as [`Address::ask`].
    ///
    /// # Errors
    /// As for [`Address::ask`], and if there was no answer within the time. The actor may still act on the question.
    #[track_caller]
    pub fn ask_within<R: Send + 'static>(
        &self,
        limit: Duration,
        make: impl FnOnce(Reply<R>) -> A::Message + Send,
    ) -> impl Future<Output = Result<R, AskError>> + Send {
        let asking = timeout(limit, self.ask_at(Location::caller(), make));
        async move { asking.await.unwrap_or_else(|_| Err(AskError::TimedOut { name: self.name(), limit })) }
    }

    async fn ask_at<R: Send + 'static>(
        &self,
        site: &'static Location<'static>,
        make: impl FnOnce(Reply<R>) -> A::Message + Send,
    ) -> Result<R, AskError> {
        let ticket = Ticket::begin(self.node(), WaitFor::Answer, site).map_err(AskError::Deadlock)?;
        let asking = Asking(Arc::new(ticket));
        let (sender, receiver) = oneshot::channel();
        let message = make(Reply::once(sender, Arc::clone(&asking.0)));
        self.post_ask(Envelope { message, ticket: Some(Arc::clone(&asking.0)), once: None }).await?;
        receiver.await.map_err(|_| {
            let name = self.name();
            if asking.0.is_seen() { AskError::Unanswered { name } } else { AskError::Discarded { name } }
        })
    }

    /// Posts a question, whose edge in the graph covers the waiting for room.
    pub(crate) async fn post_ask(&self, envelope: Envelope<A::Message>) -> Result<(), AskError> {
        let emitted = match self.overflow() {
            Overflow::Fail => self.emitter().emit(envelope),
            _ => self.emitter().send(envelope).await,
        };
        match emitted {
            Ok(_) => Ok(()),
            Err(EmitError::Full(_)) => Err(AskError::Full { name: self.name() }),
            Err(EmitError::Closed(_)) => Err(AskError::Closed { name: self.name() }),
        }
    }
}
