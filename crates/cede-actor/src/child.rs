//! What a supervisor supervises: actors and other supervisors.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::cell::Cell;
use crate::node::Node;
use crate::{Actor, ExitReason, Stop};

/// When a child that has ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Restart {
    /// Always.
    Permanent,
    /// If it has not ended well. When it has, it is closed.
    Transient,
    /// Never; also not when others are restarted together.
    Temporary,
}

/// A child to be given to a [`Supervisor`](crate::Supervisor); made by [`System::child`](crate::System::child).
#[must_use = "a child is started by a supervisor"]
pub struct ChildSpec {
    pub(crate) child: Box<dyn Child>,
    pub(crate) restart: Restart,
    pub(crate) stop: Stop,
    pub(crate) start_within: Duration,
    /// Where it was described.
    pub(crate) site: &'static Location<'static>,
}

impl ChildSpec {
    #[track_caller]
    pub(crate) fn new(child: Box<dyn Child>, restart: Restart) -> Self {
        // A transient one may yet fail while it drains.
        if restart != Restart::Temporary {
            child.node().set_restarts();
        }
        let stop = Stop::drain().within(Duration::from_secs(5));
        Self { child, restart, stop, start_within: Duration::from_secs(60), site: Location::caller() }
    }

    /// How its supervisor stops it for good. The default is to drain its mail within 5 s, and for supervisors without a limit. If it is stopped in order to be restarted, its mail is kept, and the
    /// time is the same.
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// How long starting may take, until [`Actor::started`] has returned. After that it is killed, and has failed. The default is a minute.
    pub fn start_within(mut self, limit: Duration) -> Self {
        self.start_within = limit;
        self
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("node", self.child.node())
            .field("restart", &self.restart)
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}

/// What a supervisor needs of a child.
pub(crate) trait Child: Send {
    fn node(&self) -> &Arc<Node>;

    /// One incarnation. Calls `started` when it is up.
    fn live(&mut self, started: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ExitReason>;

    /// No more incarnations. Returns how many messages nobody handles.
    fn close(&mut self, reason: ExitReason) -> usize;
}

impl<A: Actor> Child for Cell<A> {
    fn node(&self) -> &Arc<Node> {
        Cell::node(self)
    }

    fn live(&mut self, started: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ExitReason> {
        Box::pin(Cell::live(self, started))
    }

    fn close(&mut self, reason: ExitReason) -> usize {
        Cell::close(self, reason)
    }
}
