//! Waiting to be killed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use cede::time::{Sleep, sleep_until};

use crate::ExitReason;
use crate::node::Node;

/// Ready when its node is killed, or did not stop in time.
pub(crate) struct Killer {
    node: Arc<Node>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Killer {
    pub(crate) fn new(node: &Arc<Node>) -> Self {
        Self { node: Arc::clone(node), sleep: None }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ExitReason> {
        let at = match self.node.killed(cx.waker()) {
            Ok(reason) => return Poll::Ready(reason),
            Err(None) => return Poll::Pending,
            Err(Some(at)) => at,
        };
        if self.sleep.as_ref().is_none_or(|sleep| sleep.deadline() != at) {
            self.sleep = Some(Box::pin(sleep_until(at)));
        }
        let sleep = self.sleep.as_mut().expect("it was just made");
        sleep.as_mut().poll(cx).map(|()| ExitReason::Killed)
    }
}
