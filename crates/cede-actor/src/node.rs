//! What is known of an actor or supervisor, apart from its state and mail.
//!
//! Everybody leaves requests here; the task of the actor takes them. Two nodes are never locked at once.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use cede::sync::{SetOnce, oneshot};
use cede::time::Instant;

use crate::exit::LinkedExit;
use crate::{Ended, ExitReason, Peer, Signal, Stop, System, locked};

/// Which actor it is, among those of its [`System`]. It stays the same over restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(u64);

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "actor {}", self.0)
    }
}

pub(crate) struct Node {
    id: ActorId,
    name: Arc<str>,
    system: System,
    control: Mutex<Control>,
    ended: SetOnce<Ended>,
}

#[derive(Default)]
struct Control {
    phase: Phase,
    stop: Option<StopRequest>,
    kill: Option<ExitReason>,
    kill_at: Option<Instant>,
    traps: bool,
    watchers: Vec<Watcher>,
    links: Vec<Arc<Node>>,
    signals: VecDeque<Signal>,
    /// Of the one who takes stop requests and signals.
    life: Option<Waker>,
    /// Of the one who takes kills.
    death: Option<Waker>,
    restarts: bool,
}

#[derive(Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Alive,
    Closed,
}

enum Watcher {
    Actor(Arc<Node>),
    Task(oneshot::Sender<ExitReason>),
}

/// A request to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopRequest {
    pub(crate) stop: Stop,
    /// No incarnation follows, so new mail is refused.
    pub(crate) last: bool,
    pub(crate) by_supervisor: bool,
}

impl StopRequest {
    pub(crate) fn reason(&self) -> ExitReason {
        if self.by_supervisor { ExitReason::Shutdown } else { ExitReason::Normal }
    }
}

/// What the task of an actor has to see to before mail.
pub(crate) enum Request {
    Stop(StopRequest),
    Signal(Signal),
}

impl Node {
    pub(crate) fn new(system: &System, name: &str) -> Arc<Self> {
        let id = ActorId(system.next_number());
        Arc::new(Self { id, name: name.into(), system: system.clone(), control: Mutex::default(), ended: SetOnce::new() })
    }

    pub(crate) fn number(&self) -> u64 {
        self.id.0
    }

    pub(crate) fn id(&self) -> ActorId {
        self.id
    }

    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(crate) fn system(&self) -> &System {
        &self.system
    }

    pub(crate) fn peer(&self) -> Peer {
        Peer { id: self.id, name: self.name() }
    }

    /// Changes the control under its lock, then wakes whom it concerns.
    fn change<T>(&self, change: impl FnOnce(&mut Control) -> T) -> T {
        let (value, life, death) = {
            let mut control = locked(&self.control);
            let value = change(&mut control);
            let life = (control.stop.is_some() || !control.signals.is_empty()).then(|| control.life.take());
            let death = (control.kill.is_some() || control.kill_at.is_some()).then(|| control.death.take());
            (value, life.flatten(), death.flatten())
        };
        life.into_iter().chain(death).for_each(Waker::wake);
        value
    }

    /// A supervisor may restart it, so its mailbox stays open until that has decided.
    pub(crate) fn set_restarts(&self) {
        locked(&self.control).restarts = true;
    }

    /// An incarnation begins.
    pub(crate) fn begin(&self) {
        locked(&self.control).phase = Phase::Alive;
    }

    /// An incarnation has ended: tells all whom it concerns, once. (I4)
    pub(crate) fn exit(self: &Arc<Self>, reason: &ExitReason) {
        let (watchers, links, signals) = self.change(|control| {
            if control.phase != Phase::Closed {
                control.phase = Phase::Idle;
            }
            (control.stop, control.kill, control.kill_at, control.traps) = (None, None, None, false);
            (std::mem::take(&mut control.watchers), std::mem::take(&mut control.links), std::mem::take(&mut control.signals))
        });
        drop(signals);
        for link in links {
            link.peer_exited(self, reason);
        }
        for watcher in watchers {
            watcher.tell(self, reason.clone());
        }
    }

    /// Its supervisor has got it back: what that asked of the life that is over does not concern the next one.
    pub(crate) fn forget_requests(&self) {
        self.change(|control| {
            control.kill = None;
            if control.stop.is_none_or(|request| request.by_supervisor) {
                (control.stop, control.kill_at) = (None, None);
            }
        });
    }

    /// There are no more incarnations. Only the first call counts.
    pub(crate) fn close(self: &Arc<Self>, ended: Ended) {
        let reason = ended.reason.clone();
        let closed = self.change(|control| std::mem::replace(&mut control.phase, Phase::Closed) == Phase::Closed);
        if closed {
            return;
        }
        let _ = self.ended.set(ended);
        self.exit(&reason);
        self.system.forget(self);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.ended.initialized()
    }

    pub(crate) fn end_reason(&self) -> Option<ExitReason> {
        self.ended.get().map(|ended| ended.reason.clone())
    }

    pub(crate) async fn ended(&self) -> Ended {
        self.ended.wait().await.clone()
    }

    /// A request by whoever has the address.
    pub(crate) fn stop(&self, stop: Stop) {
        let last = !locked(&self.control).restarts;
        self.request_stop(StopRequest { stop, last, by_supervisor: false });
    }

    pub(crate) fn request_stop(&self, request: StopRequest) {
        let kill_at = request.stop.within.and_then(|limit| Instant::now().checked_add(limit));
        self.change(|control| {
            if control.phase == Phase::Closed {
                return;
            }
            // What a supervisor wants comes before what others want.
            if control.stop.is_none_or(|before| !before.by_supervisor) {
                control.stop = Some(request);
            }
            if request.stop.is_kill() {
                control.kill.get_or_insert(ExitReason::Killed);
            }
            control.kill_at = match (control.kill_at, kill_at) {
                (Some(before), Some(at)) => Some(before.min(at)),
                (before, at) => before.or(at),
            };
        });
    }

    pub(crate) fn kill(&self, reason: ExitReason) {
        self.change(|control| {
            if control.phase != Phase::Closed {
                control.kill.get_or_insert(reason);
            }
        });
    }

    pub(crate) fn set_traps(&self, traps: bool) {
        locked(&self.control).traps = traps;
    }

    /// Takes the next request, or leaves a waker.
    pub(crate) fn take_request(&self, waker: &Waker) -> Option<Request> {
        let mut waker = Some(waker.clone());
        let mut control = locked(&self.control);
        let request = match control.signals.pop_front() {
            Some(signal) => Some(Request::Signal(signal)),
            None => control.stop.take().map(Request::Stop),
        };
        if request.is_none() {
            std::mem::swap(&mut control.life, &mut waker);
        }
        drop(control);
        drop(waker);
        request
    }

    /// Whether it is killed, or else when it will be. Leaves a waker for changes.
    pub(crate) fn killed(&self, waker: &Waker) -> Result<ExitReason, Option<Instant>> {
        let waker = Some(waker.clone());
        let mut control = locked(&self.control);
        let state = control.kill.clone().ok_or(control.kill_at);
        let before = std::mem::replace(&mut control.death, waker);
        drop(control);
        drop(before);
        state
    }

    /// `watcher` gets a signal for the next exit; at once if this has ended for good.
    pub(crate) fn watch(self: &Arc<Self>, watcher: &Arc<Node>) {
        self.add_watcher(Watcher::Actor(Arc::clone(watcher)));
    }

    pub(crate) fn watch_exit(self: &Arc<Self>) -> oneshot::Receiver<ExitReason> {
        let (sender, receiver) = oneshot::channel();
        self.add_watcher(Watcher::Task(sender));
        receiver
    }

    fn add_watcher(self: &Arc<Self>, watcher: Watcher) {
        let (late, gone) = self.change(|control| {
            let gone: Vec<_> = control.watchers.extract_if(.., |other| other.is_gone(&watcher)).collect();
            if control.phase == Phase::Closed {
                return (Some(watcher), gone);
            }
            control.watchers.push(watcher);
            (None, gone)
        });
        drop(gone);
        if let Some(watcher) = late {
            watcher.tell(self, self.end_reason().unwrap_or(ExitReason::Normal));
        }
    }

    pub(crate) fn unwatch(&self, watcher: &Node) {
        let gone: Vec<_> = self.change(|control| {
            control.watchers.extract_if(.., |other| matches!(other, Watcher::Actor(node) if node.id == watcher.id)).collect()
        });
        drop(gone);
        watcher.change(|control| control.signals.retain(|signal| !matches!(signal, Signal::Down { peer, .. } if peer.id == self.id)));
    }

    /// Links both ways. If one has ended for good, the other learns it at once.
    pub(crate) fn link(self: &Arc<Self>, other: &Arc<Node>) {
        if self.id == other.id {
            return;
        }
        self.add_link(other);
        if !other.add_link(self) {
            self.peer_exited(other, &other.end_reason().unwrap_or(ExitReason::Normal));
        }
    }

    fn add_link(self: &Arc<Self>, other: &Arc<Node>) -> bool {
        self.change(|control| {
            let open = control.phase != Phase::Closed;
            if open && !control.links.iter().any(|node| node.id == other.id) {
                control.links.push(Arc::clone(other));
            }
            open
        })
    }

    pub(crate) fn unlink(&self, other: &Node) {
        let mine = self.change(|control| control.links.extract_if(.., |node| node.id == other.id).next());
        let theirs = other.change(|control| control.links.extract_if(.., |node| node.id == self.id).next());
        drop((mine, theirs));
    }

    fn peer_exited(&self, other: &Arc<Node>, reason: &ExitReason) {
        let link = self.change(|control| {
            let link = control.links.extract_if(.., |node| node.id == other.id).next()?;
            if control.traps {
                control.signals.push_back(Signal::Exit { peer: other.peer(), reason: reason.clone() });
            } else if !reason.is_normal() {
                let exit = LinkedExit { name: other.name(), reason: reason.clone() };
                control.kill.get_or_insert(ExitReason::Linked(Arc::new(exit)));
            }
            Some(link)
        });
        drop(link);
    }
}

impl Watcher {
    fn tell(self, of: &Arc<Node>, reason: ExitReason) {
        match self {
            Self::Task(sender) => drop(sender.send(reason)),
            Self::Actor(node) => node.change(|control| {
                if control.phase != Phase::Closed {
                    control.signals.push_back(Signal::Down { peer: of.peer(), reason });
                }
            }),
        }
    }

    /// Whether nobody misses it when `new` comes.
    fn is_gone(&self, new: &Watcher) -> bool {
        match (self, new) {
            (Self::Task(sender), _) => sender.is_closed(),
            (Self::Actor(node), Self::Actor(new)) => node.id == new.id,
            (Self::Actor(_), Self::Task(_)) => false,
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}
