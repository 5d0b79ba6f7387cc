//! Signals, by number.
//!
//! # What
//! A [`Signal`] yields once for any number of signals of its kind since it last did. All listeners of all runtimes see each. The handler stays for the rest of the process:
//! once somebody listened, the kernel's default (often: to end the process) does not come back.
//!
//! # Why not the obvious way
//! A handler may do next to nothing, so somebody else must wake the tasks. If that were a worker, a signal would wait for a runtime to look, and it would have to be
//! settled which of several runtimes that is, and what becomes of it when that one ends. Here one thread of the process does nothing else; it sleeps until a
//! signal comes. Listeners belong to no runtime, so they survive the end of any. See [`dispatch`].

pub(crate) mod dispatch;
mod kind;
#[cfg(not(feature = "process"))]
mod no_children;

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use cede_context::budget;
use cede_context::wait::{WaitKind, waiting_for};

#[cfg(feature = "process")]
use crate::process as children;
use dispatch::{Dispatch, Listener};
#[cfg(not(feature = "process"))]
use no_children as children;

pub use kind::SignalKind;

/// A stream of signals of one kind; see [`signal`].
///
/// ```no_run
/// # cede::block_on(async {
/// use cede::signal::unix::{SignalKind, signal};
///
/// let mut hangups = signal(SignalKind::hangup())?;
/// while hangups.recv().await.is_some() {
///     println!("reading the configuration again");
/// }
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "does nothing unless it is asked for signals"]
pub struct Signal {
    listener: Listener,
}

/// Listens for signals of a kind that come from now on. If one came while nobody listened any more (there were listeners, and all are gone), it is received too. In a child made by `fork(2)` without `exec`, earlier listeners are silent; make new ones.
///
/// # Errors
/// If the signal cannot be handled (`SIGKILL`, `SIGSTOP`, `SIGSEGV`, `SIGFPE`, `SIGILL`, or no such number), if the first listener cannot have its thread, and in a
/// simulated run.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    crate::io::home::home()?;
    Ok(Signal { listener: listen(kind)? })
}

/// As [`signal`], for any thread.
pub(crate) fn listen(kind: SignalKind) -> io::Result<Listener> {
    let dispatch: Arc<Dispatch> = dispatch::current()?;
    dispatch.listen(kind.as_raw_value())
}

impl Signal {
    /// Waits for a signal that came since the last one was received. Never returns `None`.
    ///
    /// *Cancel safety*: dropping it loses no signal.
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for a signal; see [`Signal::recv`].
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let unit = ready!(budget::poll_proceed(cx));
        if self.listener.poll(cx).is_pending() {
            waiting_for(WaitKind::Signal, self.listener.number());
            return Poll::Pending;
        }
        unit.spend();
        Poll::Ready(Some(()))
    }
}
