//! The place of a child in its supervisor.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use cede::sync::{mpsc, oneshot};

use crate::child::Child;
use crate::node::Node;
use crate::{ChildSpec, ExitReason, Restart, Stop};

pub(super) struct Slot {
    pub(super) node: Arc<Node>,
    pub(super) restart: Restart,
    pub(super) stop: Stop,
    pub(super) start_within: Duration,
    pub(super) site: &'static Location<'static>,
    pub(super) state: State,
    /// It has ended, and nobody has seen to that yet.
    pub(super) exit: Option<ExitReason>,
}

pub(super) enum State {
    Idle(Box<dyn Child>),
    Running,
    /// Ended for good.
    Gone,
}

/// A child that is handed back: its place, itself, and why it ended.
pub(super) type Exit = (usize, Box<dyn Child>, ExitReason);

impl Slot {
    pub(super) fn new(spec: ChildSpec) -> Self {
        let ChildSpec { child, restart, stop, start_within, site } = spec;
        Self { node: Arc::clone(child.node()), restart, stop, start_within, site, state: State::Idle(child), exit: None }
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Running)
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle(_))
    }

    /// Starts it on a task of its own; the receiver tells when it is up.
    pub(super) fn spawn(&mut self, place: usize, exits: &mpsc::UnboundedSender<Exit>) -> oneshot::Receiver<()> {
        let (started, up) = oneshot::channel();
        let State::Idle(child) = std::mem::replace(&mut self.state, State::Running) else { panic!("only an idle child is started") };
        self.exit = None;
        let mut back = HandBack { child: Some(child), reason: ExitReason::Killed, place, exits: exits.clone() };
        cede::spawn(async move { back.live(Box::new(move || started.send(()).unwrap_or_default())).await });
        up
    }

    /// It has no more incarnations. Returns how many messages nobody handles.
    pub(super) fn close(&mut self, reason: ExitReason) -> usize {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Idle(mut child) => child.close(reason),
            State::Running | State::Gone => 0,
        }
    }
}

/// Hands the child back however its task ends.
struct HandBack {
    child: Option<Box<dyn Child>>,
    reason: ExitReason,
    place: usize,
    exits: mpsc::UnboundedSender<Exit>,
}

impl HandBack {
    async fn live(&mut self, started: Box<dyn FnOnce() + Send>) {
        if let Some(child) = &mut self.child {
            self.reason = child.live(started).await;
        }
    }
}

impl Drop for HandBack {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            let refused = self.exits.send((self.place, child, self.reason.clone()));
            drop(refused);
        }
    }
}
