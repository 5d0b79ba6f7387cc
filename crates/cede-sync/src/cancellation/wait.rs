//! The futures that wait for a cancellation.
#![forbid(unsafe_code)]

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use cede_context::wait::{WaitKind, waiting_for};
use pin_project_lite::pin_project;

use super::{CancellationToken, Node};
use crate::Notify;
use crate::futures::Notified;
use crate::notify::{Holder, NotifiedBy};

pin_project! {
    /// Waits until a token is cancelled; made by [`CancellationToken::cancelled`].
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct WaitForCancellationFuture<'a> {
        token: &'a CancellationToken,
        #[pin]
        told: Notified<'a>,
    }
}

pin_project! {
    /// Waits until a token that it owns is cancelled; made by [`CancellationToken::cancelled_owned`].
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct WaitForCancellationFutureOwned {
        token: CancellationToken,
        #[pin]
        told: NotifiedBy<Arc<Node>>,
    }
}

impl Holder for Arc<Node> {
    #[inline]
    fn held(&self) -> &Notify {
        &self.told
    }
}

impl<'a> WaitForCancellationFuture<'a> {
    #[inline]
    pub(super) fn new(token: &'a CancellationToken) -> Self {
        Self { token, told: token.node.told.notified() }
    }
}

impl WaitForCancellationFutureOwned {
    #[inline]
    pub(super) fn new(token: CancellationToken) -> Self {
        let told = Notify::notified_by(Arc::clone(&token.node));
        Self { token, told }
    }
}

/// The notification comes once, after the mark: who does not see the mark will be told.
#[inline]
fn poll(token: &CancellationToken, told: Pin<&mut impl Future<Output = ()>>, cx: &mut Context<'_>) -> Poll<()> {
    if token.is_cancelled() || told.poll(cx).is_ready() {
        return Poll::Ready(());
    }
    waiting_for(WaitKind::Cancellation, Arc::as_ptr(&token.node).addr() as u64);
    Poll::Pending
}

impl Future for WaitForCancellationFuture<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        poll(this.token, this.told, cx)
    }
}

impl Future for WaitForCancellationFutureOwned {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        poll(this.token, this.told, cx)
    }
}

impl fmt::Debug for WaitForCancellationFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFuture").finish()
    }
}

impl fmt::Debug for WaitForCancellationFutureOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFutureOwned").finish()
    }
}
