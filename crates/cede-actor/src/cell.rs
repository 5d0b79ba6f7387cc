//! What outlives an actor's values: its mailbox, and the function that makes the next value.

use std::sync::Arc;

use cede::event::Events;

use crate::inbox::Envelope;
use crate::incarnation;
use crate::node::Node;
use crate::{Actor, Address, Ended, ExitReason, Mailbox, System};

pub(crate) struct Cell<A: Actor> {
    pub(crate) address: Address<A>,
    pub(crate) inbox: Events<Envelope<A::Message>>,
    factory: Box<dyn FnMut() -> A + Send>,
    unhandled: usize,
}

impl<A: Actor> Cell<A> {
    pub(crate) fn new(system: &System, name: &str, mailbox: &Mailbox, factory: Box<dyn FnMut() -> A + Send>) -> Self {
        let (emitter, inbox) = mailbox.open();
        let address = Address::new(Node::new(system, name), emitter, mailbox);
        Self { address, inbox, factory, unhandled: 0 }
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        self.address.node()
    }

    pub(crate) fn make(&mut self) -> A {
        (self.factory)()
    }

    /// Drops what is in the mailbox now.
    pub(crate) fn discard(&mut self) {
        self.unhandled += self.inbox.clear();
    }

    /// Lives once.
    pub(crate) async fn live(&mut self, started: impl FnOnce() + Send) -> ExitReason {
        let node = Arc::clone(self.node());
        node.begin();
        let reason = incarnation::run(self, started).await;
        node.exit(&reason);
        reason
    }

    /// No more incarnations.
    pub(crate) fn close(&mut self, reason: ExitReason) -> usize {
        self.inbox.close();
        self.discard();
        let unhandled = self.unhandled;
        self.node().clone().close(Ended { reason, unhandled });
        unhandled
    }
}

impl<A: Actor> Drop for Cell<A> {
    fn drop(&mut self) {
        if !self.node().is_closed() {
            self.close(ExitReason::Killed);
        }
    }
}
