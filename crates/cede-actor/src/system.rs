//! What actors share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cede::sync::Notify;

use crate::cell::Cell;
use crate::circle::WaitGraph;
use crate::node::{Node, StopRequest};
use crate::registry::Names;
use crate::{Actor, ActorId, Address, ChildSpec, Ended, Mailbox, Restart, Stop, locked};

/// What actors share: names, and the knowledge who waits for whom. It can be cloned. Nothing is global; programs and tests have as many as they like. Circles of actors of different systems are not
/// seen.
///
/// ```
/// # use cede_actor::{Actor, BoxError, Context, Mailbox, Reply, Stop, System};
/// # struct Echo;
/// # impl Actor for Echo {
/// #     type Message = (String, Reply<String>);
/// #     async fn handle(&mut self, (text, reply): Self::Message, _: &mut Context<Self>) -> Result<(), BoxError> {
/// #         reply.send(text);
/// #         Ok(())
/// #     }
/// # }
/// # cede::block_on(async {
/// let system = System::new();
/// for name in ["one", "two"] {
///     drop(system.spawn(name, Mailbox::bounded(8)?, Echo));
/// }
/// let ended = system.shutdown(Stop::drain()).await;
/// assert!(ended.len() == 2 && ended.iter().all(|actor| actor.reason.is_normal() && actor.unhandled == 0));
/// # Ok::<(), BoxError>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct System {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    numbers: AtomicU64,
    waits: Mutex<WaitGraph>,
    names: Mutex<Names>,
    named: Notify,
    /// Those without a supervisor. Their ids grow in the order in which they were made.
    roots: Mutex<BTreeMap<ActorId, Arc<Node>>>,
}

impl System {
    /// A system without actors.
    #[must_use]
    pub fn new() -> Self {
        Self { shared: Arc::default() }
    }

    /// Starts an actor without a supervisor: when it ends, it has ended for good.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<A: Actor>(&self, name: &str, mailbox: Mailbox, actor: A) -> Address<A> {
        let mut actor = Some(actor);
        let once = move || actor.take().expect("an actor without a supervisor lives once");
        let mut cell = Cell::new(self, name, &mailbox, Box::new(once));
        let address = cell.address.clone();
        self.add_root(cell.node());
        cede::spawn(async move {
            let reason = cell.live(|| {}).await;
            cell.close(reason);
        });
        address
    }

    /// Describes a child of a supervisor, which is made by `factory` for each incarnation. Its address is right from now on: what is told before the start waits in the mailbox.
    #[track_caller]
    pub fn child<A: Actor>(
        &self,
        name: &str,
        mailbox: Mailbox,
        restart: Restart,
        factory: impl FnMut() -> A + Send + 'static,
    ) -> (ChildSpec, Address<A>) {
        let cell = Cell::new(self, name, &mailbox, Box::new(factory));
        let address = cell.address.clone();
        (ChildSpec::new(Box::new(cell), restart), address)
    }

    /// Stops all actors and supervisors that were started from outside, the last one first, and waits until they have ended for good.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, those that were not asked to stop yet go on.
    pub async fn shutdown(&self, stop: Stop) -> Vec<Ended> {
        let mut ended = Vec::new();
        loop {
            let last = locked(&self.shared.roots).last_key_value().map(|(_, root)| Arc::clone(root));
            let Some(root) = last else { return ended };
            root.request_stop(StopRequest { stop, last: true, by_supervisor: true });
            ended.push(root.ended().await);
            self.forget(&root);
        }
    }

    pub(crate) fn is(&self, other: &System) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.shared.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn waits(&self) -> &Mutex<WaitGraph> {
        &self.shared.waits
    }

    pub(crate) fn names(&self) -> &Mutex<Names> {
        &self.shared.names
    }

    pub(crate) fn named(&self) -> &Notify {
        &self.shared.named
    }

    pub(crate) fn add_root(&self, node: &Arc<Node>) {
        locked(&self.shared.roots).insert(node.id(), Arc::clone(node));
    }

    /// One has ended for good.
    pub(crate) fn forget(&self, node: &Arc<Node>) {
        let root = locked(&self.shared.roots).remove(&node.id());
        let names = locked(&self.shared.names).forget(node);
        drop((root, names));
    }
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("roots", &locked(&self.shared.roots).values()).finish_non_exhaustive()
    }
}
