//! Supervisors: children that are started in order, restarted when they fail, and stopped in reverse order.
//!
//! The rules are those of OTP's supervisors: three strategies; a limit of restarts in a time, after which the supervisor itself fails, which its own supervisor may see to; stopping from the last child
//! to the first. Unlike there, an address stays right over restarts, and mail is kept.
//!
//! # Who may touch what
//! All in [`Branch`](branch::Branch): the supervisor's own task. A child that runs is on a task of its own, which hands it back when it ends, however it ends.

mod branch;
mod intensity;
mod line;
mod slot;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cede::sync::oneshot;

use crate::child::Child;
use crate::node::{Node, StopRequest};
use crate::{ChildSpec, Ended, ExitReason, Restart, Stop, System};
use branch::Branch;

/// Which children are restarted when one has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// That one.
    #[default]
    OneForOne,
    /// All. The others are stopped before, from the last to the first.
    OneForAll,
    /// That one and all behind it, which are stopped before, from the last on.
    RestForOne,
}

/// Describes a supervisor and its children.
///
/// ```
/// use cede_actor::{Actor, BoxError, Context, Mailbox, Reply, Restart, Stop, Strategy, Supervisor, System};
/// use std::time::Duration;
///
/// struct Divider;
///
/// impl Actor for Divider {
///     type Message = (u32, Reply<u32>);
///
///     async fn handle(&mut self, (n, reply): Self::Message, _: &mut Context<Self>) -> Result<(), BoxError> {
///         reply.send(100_u32.checked_div(n).ok_or("division by zero")?);
///         Ok(())
///     }
/// }
///
/// # cede::block_on(async {
/// let system = System::new();
/// let (child, divider) = system.child("divider", Mailbox::bounded(8)?, Restart::Permanent, || Divider);
/// let supervisor = Supervisor::new(&system, "top").intensity(3, Duration::from_secs(10)).child(child).start().await?;
/// assert!(divider.ask(|reply| (0, reply)).await.is_err());
/// assert_eq!(divider.ask(|reply| (5, reply)).await?, 20, "it was restarted");
/// supervisor.stop(Stop::drain()).await.into_result()?;
/// # Ok::<(), BoxError>(()) }).unwrap();
/// ```
#[must_use = "a supervisor does nothing until it is started"]
pub struct Supervisor {
    branch: Branch,
}

impl Supervisor {
    /// One for one, without children, and with OTP's limit of one restart in five seconds.
    pub fn new(system: &System, name: &str) -> Self {
        Self { branch: Branch::new(Node::new(system, name)) }
    }

    /// Which children are restarted when one has failed.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.branch.strategy = strategy;
        self
    }

    /// At most so many restarts within this time; if more are needed, the supervisor stops all children and fails. Restarting several children together counts once. With 0, no failure is survived.
    pub fn intensity(mut self, restarts: usize, within: Duration) -> Self {
        self.branch.set_intensity(restarts, within);
        self
    }

    /// Adds a child behind the others.
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.branch.add(child);
        self
    }

    /// Makes it a child of another supervisor. When it fails there, it is restarted with all its children, which keep their mail.
    #[track_caller]
    pub fn into_child(self, restart: Restart) -> ChildSpec {
        ChildSpec::new(Box::new(self.branch), restart).stop(Stop::drain())
    }

    /// Starts the children, from the first to the last, each when the one before is up.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, those that were started are stopped.
    ///
    /// # Errors
    /// If a child cannot be started. Those that were are stopped then.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn start(self) -> Result<SupervisorHandle, StartError> {
        let mut branch = self.branch;
        let mut handle = SupervisorHandle { node: Arc::clone(branch.node()), detached: false };
        handle.node.system().add_root(&handle.node);
        let (started, up) = oneshot::channel();
        cede::spawn(async move {
            let reason = branch.live(Box::new(move || started.send(()).unwrap_or_default())).await;
            branch.close(reason);
        });
        if up.await.is_ok() {
            handle.detached = true;
            return Ok(handle);
        }
        let ended = handle.node.ended().await;
        Err(StartError::of(&handle.node, ended.reason))
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("branch", &self.branch).finish()
    }
}

/// A child did not come up, so its supervisor did not either.
#[derive(Clone, Debug)]
pub struct StartError {
    /// The name of the child.
    pub child: Arc<str>,
    /// Why it ended.
    pub reason: ExitReason,
}

impl StartError {
    fn of(node: &Node, reason: ExitReason) -> Self {
        if let ExitReason::Failed(error) = &reason
            && let Some(known) = error.downcast_ref::<StartError>()
        {
            return known.clone();
        }
        Self { child: node.name(), reason }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" did not come up: it {}", self.child, self.reason)
    }
}

impl Error for StartError {}

/// A supervisor that runs. Dropping this changes nothing for it.
pub struct SupervisorHandle {
    node: Arc<Node>,
    /// Whether it runs without somebody who waits for its start.
    detached: bool,
}

impl SupervisorHandle {
    /// Stops the children, the last one first, each as its [`ChildSpec::stop`] says, and waits until they have ended. If `stop` has a limit, those that are there after it are killed.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, the stopping goes on.
    pub async fn stop(&self, stop: Stop) -> Ended {
        self.node.request_stop(StopRequest { stop, last: true, by_supervisor: false });
        self.node.ended().await
    }

    /// Waits until it has ended.
    ///
    /// *Cancel safety*: dropping it has no effect.
    pub async fn ended(&self) -> Ended {
        self.node.ended().await
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.node.is_closed()
    }
}

impl Drop for SupervisorHandle {
    fn drop(&mut self) {
        if !self.detached {
            self.node.request_stop(StopRequest { stop: Stop::discard(), last: true, by_supervisor: false });
        }
    }
}

impl fmt::Debug for SupervisorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisorHandle").field("node", &self.node).finish()
    }
}
