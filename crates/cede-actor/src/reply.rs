//! The right to answer a question.

use std::fmt;
use std::sync::Arc;

use cede::sync::oneshot;

use crate::ticket::Ticket;

/// The right to answer a question, once. Dropping it tells the asker that there is no answer.
///
/// It may be kept and used later, or sent to another actor, from any thread.
#[must_use = "dropping it leaves the question unanswered"]
pub struct Reply<R> {
    way: Option<Way<R>>,
    ticket: Arc<Ticket>,
}

enum Way<R> {
    Once(oneshot::Sender<R>),
    /// Keeps the answer for those who ask again with the same key. `None`: there is none.
    Kept(Box<dyn FnOnce(Option<R>) + Send + Sync>),
}

impl<R> Reply<R> {
    pub(crate) fn once(sender: oneshot::Sender<R>, ticket: Arc<Ticket>) -> Self {
        Self { way: Some(Way::Once(sender)), ticket }
    }

    pub(crate) fn kept(keep: Box<dyn FnOnce(Option<R>) + Send + Sync>, ticket: Arc<Ticket>) -> Self {
        Self { way: Some(Way::Kept(keep)), ticket }
    }

    /// Answers. If nobody waits any more, the answer is dropped.
    pub fn send(mut self, answer: R) {
        // First: from now on nobody waits for this actor.
        self.ticket.settle();
        match self.way.take() {
            Some(Way::Once(sender)) => drop(sender.send(answer)),
            Some(Way::Kept(keep)) => keep(Some(answer)),
            None => {}
        }
    }

    /// Says that the answer comes from somewhere else: another actor or task. From now on nobody is seen as waiting for this actor, so it may ask the asker without that being a circle.
    pub fn deferred(self) -> Self {
        self.ticket.settle();
        self
    }

    /// Whether nobody waits for the answer any more, because of a time limit or since the asker is gone. An answer with a [key](crate::Key) is always of use.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        match &self.way {
            Some(Way::Once(sender)) => sender.is_closed(),
            _ => false,
        }
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        self.ticket.settle();
        if let Some(Way::Kept(keep)) = self.way.take() {
            keep(None);
        }
    }
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("is_abandoned", &self.is_abandoned()).finish_non_exhaustive()
    }
}
