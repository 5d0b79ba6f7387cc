//! The handle by which one transfer is steered while it runs: paused, resumed, cancelled, limited; and asked where its time goes.
//!
//! A [`Control`] is a mailbox of wishes and not a wire into the transfer: it can be made before the transfer begins and kept after it has ended, and setting it
//! never waits. A transfer takes it with its [`Stop`](crate::engine::Stop), which already reaches every place where a transfer can end.
//!
//! ```text
//! running ─ pause ─► paused ─ resume ─► running ─► …
//!    └──── cancel ────┴─► ended, with what came kept for later
//! ```
//!
//! What a pause does with connections: where the rest can be asked for by ranges, they are let go, so that the turns and descriptors are the others'. What was on
//! its way by then comes again; what had come does not. Where there are no ranges, the one connection is kept and not read from, as that is the only way to go on.
//!
//! Uploads likewise: an `Append` of tus lets its connection go, and what the server has is asked when it goes on; a body of which the server would forget everything, or which is one of
//! several parts, waits with its connection. A request that still waits for its turn gives that away, and waits for another when the upload goes on.
//!
//! - C1: a paused transfer sends no request, and keeps no turn for one. But one that ends while it is paused may tell a store to forget what is there.
//! - C2: a wish that was there before the transfer began is heeded, too.

use std::sync::Arc;

use cede::sync::watch;

use crate::rate::Throttle;
use crate::slow::{Ledger, Spent};

/// Steers one transfer; clones steer the same.
///
/// ```
/// use cede_transfer::control::Control;
/// let control = Control::new();
/// control.pause();
/// control.set_limit(Some(500_000));
/// assert!(control.is_paused());
/// control.resume();
/// control.cancel();
/// assert!(control.is_cancelled() && !control.is_paused());
/// ```
#[derive(Clone, Debug)]
pub struct Control(Arc<Steered>);

#[derive(Debug)]
struct Steered {
    wish: watch::Sender<Wish>,
    throttle: Throttle,
    ledger: Ledger,
}

/// What the user wants of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Run,
    Pause,
    Cancel,
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

impl Control {
    /// A handle for a transfer that is to run, without a limit of its own.
    pub fn new() -> Self {
        Self(Arc::new(Steered { wish: watch::channel(Wish::Run).0, throttle: Throttle::new(None), ledger: Ledger::default() }))
    }

    /// No further request is sent, and no further byte taken, until [`resume`](Self::resume). Repairs do not heed it.
    pub fn pause(&self) {
        self.turn(Wish::Run, Wish::Pause);
    }

    /// Goes on where the pause began.
    pub fn resume(&self) {
        self.turn(Wish::Pause, Wish::Run);
    }

    /// Ends the transfer as if the user had interrupted it: what came is kept, and the same command goes on from there. There is no way back.
    pub fn cancel(&self) {
        self.0.wish.send_if_modified(|wish| std::mem::replace(wish, Wish::Cancel) != Wish::Cancel);
    }

    /// Whether it is to be paused.
    pub fn is_paused(&self) -> bool {
        *self.0.wish.borrow() == Wish::Pause
    }

    /// Whether it is to end.
    pub fn is_cancelled(&self) -> bool {
        *self.0.wish.borrow() == Wish::Cancel
    }

    /// The most bytes per second for this transfer; `None` is no limit. What waits for an earlier limit goes on at once.
    pub fn set_limit(&self, rate: Option<u64>) {
        self.0.throttle.set(rate);
    }

    /// The limit, in bytes per second.
    pub fn limit(&self) -> Option<u64> {
        self.0.throttle.rate()
    }

    /// Where the time of the transfer's connections went so far.
    pub fn spent(&self) -> Spent {
        self.0.ledger.spent()
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// Returns when it is cancelled.
    pub(crate) async fn cancelled(&self) {
        self.until(|wish| wish == Wish::Cancel).await;
    }

    /// Returns when it is not paused.
    pub(crate) async fn resumed(&self) {
        self.until(|wish| wish != Wish::Pause).await;
    }

    /// Returns when it is paused.
    pub(crate) async fn paused(&self) {
        self.until(|wish| wish == Wish::Pause).await;
    }

    async fn until(&self, wanted: impl Fn(Wish) -> bool) {
        let mut wishes = self.0.wish.subscribe();
        // `self` holds the sender, so it does not end.
        drop(wishes.wait_for(|wish| wanted(*wish)).await);
    }

    fn turn(&self, from: Wish, to: Wish) {
        self.0.wish.send_if_modified(|wish| {
            let turns = *wish == from;
            if turns {
                *wish = to;
            }
            turns
        });
    }
}

#[cfg(test)]
mod tests;
