//! What an actor may do beside handling messages.

use std::fmt;

use crate::node::Node;
use crate::{Actor, Address, ExitReason, Stop, System};

/// What an actor's functions get beside their argument: its address, and its relations to others.
///
/// ```
/// use cede_actor::{Actor, Address, BoxError, Context, Mailbox, Signal, Stop, System};
///
/// struct Fragile;
///
/// impl Actor for Fragile {
///     type Message = ();
///
///     async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result<(), BoxError> {
///         Err("broken".into())
///     }
/// }
///
/// /// Stops when what it watches is gone.
/// struct Nurse(Address<Fragile>);
///
/// impl Actor for Nurse {
///     type Message = ();
///
///     async fn started(&mut self, context: &mut Context<Self>) -> Result<(), BoxError> {
///         context.watch(&self.0);
///         Ok(self.0.tell(()).await.map(drop)?)
///     }
///
///     async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result<(), BoxError> {
///         Ok(())
///     }
///
///     async fn signal(&mut self, signal: Signal, context: &mut Context<Self>) -> Result<(), BoxError> {
///         if let Signal::Down { peer, reason } = signal {
///             assert!(&*peer.name == "fragile" && !reason.is_normal());
///             context.stop(Stop::drain());
///         }
///         Ok(())
///     }
/// }
///
/// # cede::block_on(async {
/// let system = System::new();
/// let fragile = system.spawn("fragile", Mailbox::bounded(8)?, Fragile);
/// let nurse = system.spawn("nurse", Mailbox::bounded(8)?, Nurse(fragile));
/// assert!(nurse.ended().await.reason.is_normal());
/// # Ok::<(), BoxError>(()) }).unwrap();
/// ```
pub struct Context<A: Actor> {
    address: Address<A>,
}

impl<A: Actor> Context<A> {
    pub(crate) fn new(address: Address<A>) -> Self {
        Self { address }
    }

    pub(crate) fn node(&self) -> &std::sync::Arc<Node> {
        self.address.node()
    }

    /// The actor's own address.
    #[must_use]
    pub fn address(&self) -> &Address<A> {
        &self.address
    }

    /// The system that the actor belongs to.
    #[must_use]
    pub fn system(&self) -> &System {
        self.address.system()
    }

    /// Stops the actor after this function; see [`Address::stop`].
    pub fn stop(&self, stop: Stop) {
        self.address.stop(stop);
    }

    /// Asks for one [`Signal::Down`](crate::Signal::Down) when the other one's present incarnation, or else its next one, has ended; at once if it has ended for good. Watching twice is watching once.
    pub fn watch<B: Actor>(&self, other: &Address<B>) {
        other.node().watch(self.node());
    }

    /// Takes that back. No signal comes after this.
    pub fn unwatch<B: Actor>(&self, other: &Address<B>) {
        other.node().unwatch(self.node());
    }

    /// Links the present incarnations of this actor and another: if one does not end well, the other is killed, or told if it [traps](Context::trap_exits) exits.
    pub fn link<B: Actor>(&self, other: &Address<B>) {
        self.node().link(other.node());
    }

    /// Takes that back.
    pub fn unlink<B: Actor>(&self, other: &Address<B>) {
        self.node().unlink(other.node());
    }

    /// From now on the exits of linked actors, normal ones, too, are signals for this incarnation, and do not end it.
    pub fn trap_exits(&self, traps: bool) {
        self.node().set_traps(traps);
    }

    /// Kills another actor: the function that it runs is dropped at its await. A supervisor treats that as a failure.
    pub fn kill<B: Actor>(&self, other: &Address<B>) {
        other.node().kill(ExitReason::Killed);
    }
}

impl<A: Actor> fmt::Debug for Context<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("address", &self.address).finish()
    }
}
