//! What an actor learns of others.

use std::sync::Arc;

use crate::{ActorId, ExitReason};

/// Which actor a signal is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub id: ActorId,
    /// Its name.
    pub name: Arc<str>,
}

/// The exit of another actor's incarnation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Signal {
    /// Of one that this actor [watches](crate::Context::watch).
    Down {
        /// Who.
        peer: Peer,
        /// Why.
        reason: ExitReason,
    },
    /// Of one that is [linked](crate::Context::link) to this actor, which [traps](crate::Context::trap_exits) exits.
    Exit {
        /// Who.
        peer: Peer,
        /// Why.
        reason: ExitReason,
    },
}
