//! A supervisor at work.
//!
//! All waiting is in `event`, so exits, requests to stop and kills are seen wherever the supervisor is: while it starts a child, stops one, or does nothing. What is seen is written down
//! (`Slot::exit`, `stop`, `killed`), and the main loop sees to it; the waits in between only end early.

use std::fmt;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use cede::sync::mpsc;
use cede::time::{Instant, sleep};
use futures_util::future::BoxFuture;

use super::intensity::Intensity;
use super::line::Line;
use super::slot::{Exit, Slot, State};
use super::{StartError, Strategy};
use crate::child::Child;
use crate::kill::Killer;
use crate::node::{Node, Request, StopRequest};
use crate::stop::Mail;
use crate::{ChildSpec, Ended, ExitReason, Restart, RestartLimit, Stop};

pub(super) struct Branch {
    node: Arc<Node>,
    pub(super) strategy: Strategy,
    intensity: Intensity,
    slots: Vec<Slot>,
    unhandled: usize,
    killer: Killer,
    stop: Option<StopRequest>,
    killed: Option<ExitReason>,
    exits: mpsc::UnboundedReceiver<Exit>,
    /// For the tasks of children.
    exited: mpsc::UnboundedSender<Exit>,
}

enum Event {
    Exit(usize),
    /// To be found in `stop`.
    Stop,
    /// To be found in `killed`.
    Kill,
}

/// How the start of a child went.
enum Start {
    Up,
    Failed(ExitReason),
    /// The supervisor is to stop.
    Interrupted,
}

impl Branch {
    pub(super) fn new(node: Arc<Node>) -> Self {
        let (exited, exits) = mpsc::unbounded_channel();
        let intensity = Intensity::new(1, Duration::from_secs(5));
        let killer = Killer::new(&node);
        let (stop, killed) = (None, None);
        Self { node, strategy: Strategy::default(), intensity, slots: Vec::new(), unhandled: 0, killer, stop, killed, exits, exited }
    }

    pub(super) fn set_intensity(&mut self, restarts: usize, within: Duration) {
        self.intensity = Intensity::new(restarts, within);
    }

    pub(super) fn add(&mut self, child: ChildSpec) {
        self.slots.push(Slot::new(child));
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if self.killed.is_none()
            && let Poll::Ready(reason) = self.killer.poll(cx)
        {
            self.killed = Some(reason);
            return Poll::Ready(Event::Kill);
        }
        while self.stop.is_none() {
            match self.node.take_request(cx.waker()) {
                Some(Request::Stop(request)) => {
                    self.stop = Some(request);
                    return Poll::Ready(Event::Stop);
                }
                Some(Request::Signal(_)) => {}
                None => break,
            }
        }
        match self.exits.poll_recv(cx) {
            Poll::Ready(Some((place, child, reason))) => {
                child.node().forget_requests();
                self.slots[place].state = State::Idle(child);
                self.slots[place].exit = Some(reason);
                Poll::Ready(Event::Exit(place))
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    async fn event(&mut self) -> Event {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn must_end(&self) -> bool {
        self.stop.is_some() || self.killed.is_some()
    }

    async fn run(&mut self, started: Box<dyn FnOnce() + Send>) -> ExitReason {
        let mut line = Line::of(&self.slots, 0..self.slots.len());
        for place in 0..self.slots.len() {
            match self.start(place).await {
                Start::Up => line.up(place),
                Start::Interrupted => return self.end().await,
                Start::Failed(reason) => {
                    let child = self.slots[place].node.name();
                    self.stop_all(false).await;
                    return ExitReason::Failed(Arc::new(StartError { child, reason }));
                }
            }
        }
        started();
        loop {
            if self.must_end() {
                return self.end().await;
            }
            let ended = self.slots.iter().position(|slot| slot.exit.is_some());
            match ended {
                // It is written down.
                None => _ = self.event().await,
                Some(place) => {
                    if let Err(limit) = self.see_to(place).await {
                        self.stop_all(false).await;
                        return ExitReason::RestartLimit(Arc::new(limit));
                    }
                }
            }
        }
    }

    /// Ends as it is asked to.
    async fn end(&mut self) -> ExitReason {
        let last = self.stop.is_some_and(|request| request.last);
        self.stop_all(last).await;
        match (self.killed.take(), self.stop.take()) {
            (Some(reason), _) => reason,
            (None, Some(request)) => request.reason(),
            (None, None) => ExitReason::Normal,
        }
    }

    async fn start(&mut self, place: usize) -> Start {
        if !self.slots[place].is_idle() {
            return Start::Up;
        }
        let slot = &mut self.slots[place];
        let mut up = slot.spawn(place, &self.exited);
        let mut limit = pin!(sleep(slot.start_within));
        let mut overdue = false;
        loop {
            let event = poll_fn(|cx| {
                if !up.is_terminated() && Future::poll(std::pin::Pin::new(&mut up), cx) == Poll::Ready(Ok(())) {
                    return Poll::Ready(None);
                }
                if !overdue && limit.as_mut().poll(cx).is_ready() {
                    overdue = true;
                    self.slots[place].node.kill(ExitReason::Killed);
                }
                self.poll_event(cx).map(Some)
            });
            match event.await {
                None => return Start::Up,
                Some(Event::Exit(other)) if other == place => {
                    return Start::Failed(self.slots[place].exit.take().unwrap_or(ExitReason::Killed));
                }
                // The main loop sees to it.
                Some(Event::Exit(_)) => {}
                Some(Event::Stop | Event::Kill) => return Start::Interrupted,
            }
        }
    }

    /// A child has ended: restarts what is to be restarted.
    async fn see_to(&mut self, place: usize) -> Result<(), RestartLimit> {
        let Some(mut reason) = self.slots[place].exit.take() else { return Ok(()) };
        let restart = match self.slots[place].restart {
            Restart::Permanent => true,
            Restart::Transient => !reason.is_normal(),
            Restart::Temporary => false,
        };
        if !restart {
            self.unhandled += self.slots[place].close(reason);
            return Ok(());
        }
        let mut failed = place;
        loop {
            if !self.intensity.allow(Instant::now()) {
                return Err(self.limit(failed, reason));
            }
            match self.restart(failed).await {
                Ok(()) => return Ok(()),
                Err((next, why)) => (failed, reason) = (next, why),
            }
        }
    }

    fn limit(&self, failed: usize, reason: ExitReason) -> RestartLimit {
        let Intensity { restarts, within, .. } = self.intensity;
        RestartLimit { supervisor: self.node.name(), child: self.slots[failed].node.name(), reason, restarts, within }
    }

    fn concerned(&self, failed: usize) -> Range<usize> {
        match self.strategy {
            Strategy::OneForOne => failed..failed + 1,
            Strategy::OneForAll => 0..self.slots.len(),
            Strategy::RestForOne => failed..self.slots.len(),
        }
    }

    /// Stops those concerned, then starts them. The error: which one did not come up.
    async fn restart(&mut self, failed: usize) -> Result<(), (usize, ExitReason)> {
        let concerned = self.concerned(failed);
        for place in concerned.clone().rev() {
            self.stop_child(place, false).await;
        }
        let mut line = Line::of(&self.slots, concerned.clone());
        for place in concerned {
            if self.must_end() {
                return Ok(());
            }
            if self.slots[place].restart == Restart::Temporary && self.slots[place].is_idle() {
                let reason = self.slots[place].exit.take().unwrap_or(ExitReason::Shutdown);
                self.unhandled += self.slots[place].close(reason);
            }
            if let Start::Failed(reason) = self.start(place).await {
                return Err((place, reason));
            }
            line.up(place);
        }
        Ok(())
    }

    /// Stops one that runs, and waits for its end. If it is not the last time, its mail is kept.
    async fn stop_child(&mut self, place: usize, last: bool) {
        let slot = &mut self.slots[place];
        if !slot.is_running() {
            return;
        }
        let mail = if last { slot.stop.mail } else { Mail::Keep };
        slot.node.request_stop(StopRequest { stop: Stop { mail, ..slot.stop }, last, by_supervisor: true });
        if self.killed.is_some() {
            slot.node.kill(ExitReason::Killed);
        }
        while self.slots[place].is_running() {
            if let Event::Kill = self.event().await {
                self.slots[place].node.kill(ExitReason::Killed);
            }
        }
        // A stop that was asked for is no failure. What remains is the reason with which it is closed.
        if !last {
            self.slots[place].exit = None;
        }
    }

    async fn stop_all(&mut self, last: bool) {
        for place in (0..self.slots.len()).rev() {
            self.stop_child(place, last).await;
            let slot = &mut self.slots[place];
            if last {
                let reason = slot.exit.take().unwrap_or(ExitReason::Shutdown);
                self.unhandled += slot.close(reason);
            } else {
                slot.exit = None;
            }
        }
    }
}

impl Child for Branch {
    fn node(&self) -> &Arc<Node> {
        &self.node
    }

    fn live(&mut self, started: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ExitReason> {
        Box::pin(async move {
            self.node.begin();
            self.killer = Killer::new(&self.node);
            self.intensity.forget();
            let reason = self.run(started).await;
            (self.stop, self.killed) = (None, None);
            self.node.exit(&reason);
            reason
        })
    }

    fn close(&mut self, reason: ExitReason) -> usize {
        for slot in self.slots.iter_mut().rev() {
            self.unhandled += slot.close(reason.clone());
        }
        self.node.close(Ended { reason, unhandled: self.unhandled });
        self.unhandled
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        if !self.node.is_closed() {
            self.close(ExitReason::Killed);
        }
    }
}

impl fmt::Debug for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branch")
            .field("node", &self.node)
            .field("strategy", &self.strategy)
            .field("children", &self.slots.len())
            .finish_non_exhaustive()
    }
}
