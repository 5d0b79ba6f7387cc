//! `CancellationToken`: tells any number of tasks to stop, and those that stop because of them.
//!
//! # What
//! A token is a handle of a node in a tree; clones are handles of the same node. Cancelling a node cancels all below it, as one step. A node goes with its last
//! handle; what is below it then hangs on the node above, so a chain of tokens, each made from the last, does not grow.
//!
//! # Why not the obvious way
//! Nodes that own each other make dropping a chain recursive, and nodes with a lock each need several at a time. So the links of a whole tree lie in one table
//! under one lock ([`tree`]), and nodes own nothing but a share of the table. To ask whether a token is cancelled is one load.
//!
//! # States of a node
//! *live* → *cancelled*. A cancelled node is in no tree; a child of it is born cancelled.
//!
//! # Who may touch what
//! The links, and the change of `cancelled`: the holder of the tree's lock. `cancelled` and `reason` are read by anybody.
//!
//! # Invariants
//! - I1: if a node is cancelled, so is every node below it: they are under one lock.
//! - I2: `reason` is set, if at all, before `cancelled`, and only with it.
//! - I3: who cancels a node notifies those that wait for it after unlocking; who waits has a future of the `Notify` before it looks.
//! - I4: a node is dropped outside of the tree's lock, for dropping takes the lock.
//!
//! Few programs use this, so its functions are `#[inline]`: compiled by whoever calls them, and in no other program.
#![forbid(unsafe_code)]

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::error::Error;
use core::fmt;
use core::future::Future;
use core::hash::{Hash, Hasher};
use core::panic::{RefUnwindSafe, UnwindSafe};

use cede_core::prim::atomic::{AtomicBool, Ordering};

use crate::Notify;
use crate::once_slot::OnceSlot;

mod guard;
mod run;
mod tree;
mod wait;
pub use guard::{DropGuard, DropGuardRef};
pub use wait::{WaitForCancellationFuture, WaitForCancellationFutureOwned};

use tree::Place;

type Reason = Arc<dyn Error + Send + Sync>;

struct Node {
    place: Place,
    cancelled: AtomicBool,
    reason: OnceSlot<Reason>,
    told: Notify,
}

/// Asks tasks to stop. Clones stand for the same token; [`CancellationToken::child_token`] makes one that is cancelled with this one, but can be cancelled alone.
///
/// ```
/// use cede_sync::CancellationToken;
///
/// let server = CancellationToken::new();
/// let (first, second) = (server.child_token(), server.child_token());
/// first.cancel();
/// assert!(first.is_cancelled() && !second.is_cancelled());
/// server.cancel_with("shutting down");
/// assert_eq!(second.reason().unwrap().to_string(), "shutting down");
/// assert!(first.reason().is_none());
/// ```
#[derive(Clone)]
pub struct CancellationToken {
    node: Arc<Node>,
}

impl UnwindSafe for CancellationToken {}
impl RefUnwindSafe for CancellationToken {}

impl CancellationToken {
    /// A token that is not cancelled, with nothing above it.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self { node: Arc::new(Node::new(Place::root(), false)) }
    }

    /// A token that is cancelled when this one is; cancelling it does not cancel this one. If this one is cancelled, it is, too, from the beginning.
    #[inline]
    #[must_use]
    pub fn child_token(&self) -> Self {
        Self { node: tree::child(&self.node) }
    }

    /// Cancels this token and all below it, and wakes whoever waits for one of them. A second time it does nothing.
    #[inline]
    pub fn cancel(&self) {
        tree::cancel(&self.node, None);
    }

    /// Cancels like [`CancellationToken::cancel`], and says why. If it is cancelled already, nothing changes.
    #[inline]
    pub fn cancel_with(&self, reason: impl Into<Box<dyn Error + Send + Sync>>) {
        tree::cancel(&self.node, Some(Arc::from(reason.into())));
    }

    /// Whether it is cancelled.
    #[inline]
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.node.cancelled.load(Ordering::Acquire)
    }

    /// Why it was cancelled. None: it is not, or nobody said why.
    #[inline]
    #[must_use]
    pub fn reason(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        // The reason comes first [I2]; nobody shall see it without the other.
        self.is_cancelled().then(|| self.node.reason.get().cloned()).flatten()
    }

    /// A future that is ready when the token is cancelled.
    ///
    /// # Cancel safety
    /// It may be dropped and made anew at any time.
    #[inline]
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        WaitForCancellationFuture::new(self)
    }

    /// Like [`CancellationToken::cancelled`]; the future owns the token.
    ///
    /// # Cancel safety
    /// It may be dropped and made anew at any time.
    #[inline]
    pub fn cancelled_owned(self) -> WaitForCancellationFutureOwned {
        WaitForCancellationFutureOwned::new(self)
    }

    /// A guard that cancels the token when it is dropped.
    #[inline]
    pub fn drop_guard(self) -> DropGuard {
        DropGuard::new(self)
    }

    /// Like [`CancellationToken::drop_guard`], borrowed.
    #[inline]
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        DropGuardRef::new(self)
    }

    /// Runs `fut` until it is ready or the token is cancelled; none if it was cancelled first. If both happen between two polls, the output is returned; if the
    /// token is cancelled from the beginning, `fut` is not polled.
    ///
    /// # Cancel safety
    /// As for `fut`.
    pub async fn run_until_cancelled<F>(&self, fut: F) -> Option<F::Output>
    where
        F: Future,
    {
        if self.is_cancelled() { None } else { run::RunUntilCancelled::new(self.cancelled(), fut).await }
    }

    /// Like [`CancellationToken::run_until_cancelled`]; the future owns the token.
    ///
    /// # Cancel safety
    /// As for `fut`.
    pub async fn run_until_cancelled_owned<F>(self, fut: F) -> Option<F::Output>
    where
        F: Future,
    {
        self.run_until_cancelled(fut).await
    }
}

impl Node {
    #[inline]
    fn new(place: Place, cancelled: bool) -> Self {
        Self { place, cancelled: AtomicBool::new(cancelled), reason: OnceSlot::new(), told: Notify::new() }
    }
}

impl Drop for Node {
    #[inline]
    fn drop(&mut self) {
        self.place.leave();
    }
}

impl Default for CancellationToken {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for CancellationToken {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }
}

impl Eq for CancellationToken {}

impl Hash for CancellationToken {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.node).hash(state);
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken").field("is_cancelled", &self.is_cancelled()).finish()
    }
}
