//! Actors: state that is reached by messages only, with bounded mailboxes, retry and supervision.
//!
//! # What
//! An [`Actor`] is a value on a task of its own, which takes one message at a time out of its mailbox. An [`Address`] is the right to send it messages. A [`Supervisor`] starts actors in order,
//! restarts those that fail, and stops them in reverse order. A [`System`] holds what actors share: names, and who waits for whom.
//!
//! ```
//! use cede_actor::{Actor, BoxError, Context, Mailbox, Reply, System};
//!
//! struct Counter(u64);
//!
//! enum Message {
//!     Add(u64),
//!     Get(Reply<u64>),
//! }
//!
//! impl Actor for Counter {
//!     type Message = Message;
//!
//!     async fn handle(&mut self, message: Message, _: &mut Context<Self>) -> Result<(), BoxError> {
//!         match message {
//!             Message::Add(n) => self.0 += n,
//!             Message::Get(reply) => reply.send(self.0),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # cede::block_on(async {
//! let system = System::new();
//! let counter = system.spawn("counter", Mailbox::bounded(8)?, Counter(0));
//! counter.tell(Message::Add(20)).await?;
//! counter.tell(Message::Add(22)).await?;
//! assert_eq!(counter.ask(Message::Get).await?, 42);
//! # Ok::<(), BoxError>(()) }).unwrap();
//! ```
//!
//! # Why not the obvious way
//! *A task and a channel for each actor* loses the queued messages when the task panics, for the receiver goes with it. Here the mailbox belongs to a cell that outlives the actor's value; an
//! *incarnation* is the life of one value, and the next one finds the mail that the last one has not taken.
//!
//! *Unbounded mailboxes* turn a slow actor into a full memory. Here each is bounded, and a sender waits by default, which is how slowness travels back to where the work comes from.
//!
//! *Waiting in circles*: an actor that waits for an answer handles nothing meanwhile. If A asks B, which asks A, both would wait for ever; so would two that wait for room in each other's full mailboxes.
//! Detecting it by the chain of calls was rejected: it misses circles that two independent messages close. Here each wait is an edge in a graph, and who would close a circle gets an error with all sites. Children that wait for those ahead
//! of them to start are in it, too. (What the graph does not know: that a handler waits for something else at the same time, in a `select!` or with a time limit. It counts as waiting all the same.)
//!
//! *Restarting by aborting tasks* was rejected: what an abort drops, and when, belongs to nobody. An incarnation is one future inside of its cell's task; when it ends, fails, panics or is killed, the cell
//! is there to say so.
//!
//! # States
//! ```text
//! actor:       idle ──start──► starting ──started()──► running ──stop──► stopping ──stopping()──┐
//!               ▲                  │ error, panic, kill    │ error, panic, kill, linked exit    │
//!               └───── exit ◄──────┴───────────────────────┴────────────────────────────────────┘
//!               └── no more incarnations ──► closed: the mailbox refuses, what was in it is counted, names are free
//! supervisor:  idle ──► starting its children, first to last ──► running ──► stopping them, last to first ──► exit
//!                            ▲                                     │ a child failed
//!                            └──── stop those concerned ◄──────────┤ restarts left
//!                                                                  └ none left: stops all and fails, which its own supervisor sees (escalation)
//! ```
//!
//! # Who may touch what
//! * The value of an actor: its incarnation, alone. Its `Inbox`: the cell's task.
//! * `Node`, what is known of an actor or supervisor: everybody, under its lock. Requests (stop, kill, signals) are left there; the cell's task takes them.
//! * The graph of waits and the names: everybody, under one lock each for the whole system. Locks are taken one at a time, and nothing of the user runs inside.
//! * A child: its supervisor while it is idle, its task while it runs, which hands it back when it ends.
//!
//! # Invariants
//! * I1: a mailbox never holds more than its capacity, and a message is in it, taken by an incarnation, given back to its sender, or counted as missed or unhandled.
//! * I2: messages are taken in the order in which they were put, over restarts.
//! * I3: an asker is always answered: by the reply, or by an error once the [`Reply`] is gone. (Keeping one for ever is the actor's own promise to break; use [`Address::ask_within`].)
//! * I4: each watch gives exactly one signal; each link at most one, to the one that still lives.
//! * I5: an edge of the graph stands for a wait that cannot end while its actor's target is itself waiting. A circle of such edges is reported to the one that closes it.
//! * I6: no child is started before those ahead of it have started, and none is stopped for good before those behind it have ended.
//! * I7: with at most *n* restarts within *t*, no more than *n* restarts begin in any window of *t*.
//!
//! # What dropping can do
//! Addresses do not keep actors alive and dropping them stops nobody; an actor lives until it stops, fails or is stopped ([`System::shutdown`] stops all). If a runtime ends with actors on it, they are
//! closed as killed.

#![forbid(unsafe_code)]

mod actor;
mod address;
mod ask;
mod cell;
mod child;
mod circle;
mod context;
mod error;
mod exit;
mod inbox;
mod incarnation;
mod kill;
mod mailbox;
mod node;
mod once;
mod registry;
mod reply;
mod retry;
mod signal;
mod stop;
mod supervisor;
mod system;
mod ticket;
mod window;

pub use actor::{Actor, BoxError};
pub use address::Address;
pub use child::{ChildSpec, Restart};
pub use circle::{Circle, CircleStep, WaitFor};
pub use context::Context;
pub use error::{AskError, LookupError, RegisterError, TellError};
pub use exit::{Ended, ExitReason, LinkedExit, RestartLimit};
pub use mailbox::{Mailbox, Overflow, ZeroLimit};
pub use node::ActorId;
pub use once::{Key, Told};
pub use reply::Reply;
pub use retry::Retry;
pub use signal::{Peer, Signal};
pub use stop::{Mail, Stop};
pub use supervisor::{StartError, Strategy, Supervisor, SupervisorHandle};
pub use system::System;

pub use cede::event::Emitted;

/// A lock whose holder panicked holds what it held: no code of the user runs inside.
fn locked<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
