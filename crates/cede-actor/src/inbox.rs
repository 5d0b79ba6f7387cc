//! What is in a mailbox.

use std::sync::Arc;

use crate::once::Once;
use crate::ticket::Ticket;

/// A message with what its sender must learn about it.
pub(crate) struct Envelope<M> {
    pub(crate) message: M,
    /// Of a question.
    pub(crate) ticket: Option<Arc<Ticket>>,
    /// Of a statement with a key.
    pub(crate) once: Option<Once>,
}

impl<M> Envelope<M> {
    pub(crate) fn plain(message: M) -> Self {
        Self { message, ticket: None, once: None }
    }

    /// An incarnation takes it.
    pub(crate) fn open(mut self) -> (M, Handling) {
        if let Some(ticket) = &self.ticket {
            ticket.mark_seen();
        }
        if let Some(once) = &mut self.once {
            once.mark_seen();
        }
        (self.message, Handling { ticket: self.ticket, once: self.once })
    }
}

/// A message that is being handled. Dropped when its handler is.
pub(crate) struct Handling {
    ticket: Option<Arc<Ticket>>,
    once: Option<Once>,
}

impl Handling {
    /// The handler has returned.
    pub(crate) fn returned(mut self) {
        if let Some(once) = &mut self.once {
            once.mark_done();
        }
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        // If there is no answer yet, it comes at another time, and nobody knows from where.
        if let Some(ticket) = &self.ticket {
            ticket.settle();
        }
    }
}
