//! Threads of the runtime that have no worker, and seats that have no thread.
//!
//! # What
//! A seat that is offered goes to an idle spare thread, or to one that is started for it. A thread whose seat went to another one becomes a spare itself when it is done; a spare that
//! gets nothing for a while ends. So there are as many threads as workers, plus as many as are blocked at the same time, for some seconds.
//!
//! # Who may touch what
//! Offers and counts: under the lock. Threads are started outside of it.
//!
//! # Invariants
//! - I1: a seat is here only between [`Spares::offer`] and the one [`Spares::take_back`] or [`Spares::wait`] that takes it out.
//! - I2: for each offer a spare is idle, or on its way from being idle, or `coming`; a spare ends only when it has seen no offer under the lock, or takes what would be left with it.

#![forbid(unsafe_code)]

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::seat::Seat;
use crate::runtime::placement::Placement;
use crate::sys;

/// How worker threads are made.
pub(crate) struct Threads {
    pub(crate) name: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) stack_size: Option<usize>,
    /// How long a spare thread stays.
    pub(crate) keep_alive: Duration,
    pub(crate) placement: Arc<Placement>,
}

impl Threads {
    pub(super) fn start(&self, body: Box<dyn FnOnce() + Send>) -> io::Result<thread::JoinHandle<()>> {
        let mut builder = thread::Builder::new().name((self.name)());
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        sys::thread::spawn(builder, body)
    }
}

pub(super) struct Spares {
    state: Mutex<State>,
    changed: Condvar,
    keep_alive: Duration,
}

#[derive(Default)]
struct State {
    /// The first is the oldest. There are never many.
    offers: Vec<Offer>,
    next_ticket: u64,
    idle: usize,
    /// Spares that were started and have not waited yet.
    coming: usize,
    closed: bool,
}

impl State {
    fn take_oldest(&mut self) -> Option<Seat> {
        (!self.offers.is_empty()).then(|| self.offers.remove(0).seat)
    }
}

struct Offer {
    ticket: u64,
    seat: Seat,
}

/// What came of an offer.
pub(super) struct Offered {
    /// With this it can be taken back.
    pub(super) ticket: u64,
    /// No idle spare was there: a thread must be started.
    pub(super) needs_thread: bool,
}

impl Spares {
    pub(super) fn new(keep_alive: Duration) -> Self {
        Self { state: Mutex::new(State::default()), changed: Condvar::new(), keep_alive }
    }

    #[inline(never)]
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a spare waits that no offer is meant for.
    pub(super) fn has_idle(&self) -> bool {
        let state = self.state();
        state.idle + state.coming > state.offers.len()
    }

    /// Offers a seat to the spare threads.
    pub(super) fn offer(&self, seat: Seat) -> Offered {
        let (ticket, needs_thread) = {
            let mut state = self.state();
            let needs_thread = state.idle + state.coming <= state.offers.len();
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            state.offers.push(Offer { ticket, seat });
            (ticket, needs_thread)
        };
        if !needs_thread {
            self.changed.notify_one();
        }
        Offered { ticket, needs_thread }
    }

    /// Takes an offer back. `None` if a spare has taken it.
    pub(super) fn take_back(&self, ticket: u64) -> Option<Seat> {
        let mut state = self.state();
        let place = state.offers.iter().position(|offer| offer.ticket == ticket)?;
        Some(state.offers.remove(place).seat)
    }

    /// A spare is being started. It has to be [`Spares::arrived`], or counts for ever.
    pub(super) fn expect(&self) {
        self.state().coming += 1;
    }

    /// The spare that was expected is there, or will never be.
    pub(super) fn arrived(&self) {
        self.state().coming -= 1;
    }

    /// A spare leaves without having waited to the end: an offer that no other spare will take, if there is one.
    pub(super) fn take_uncovered(&self) -> Option<Seat> {
        let mut state = self.state();
        if state.offers.len() > state.idle + state.coming { state.take_oldest() } else { None }
    }

    /// Waits for a seat. `None`: the spare thread is to end.
    pub(super) fn wait(&self) -> Option<Seat> {
        let mut state = self.state();
        let mut waited = false;
        loop {
            let oldest = state.take_oldest();
            if oldest.is_some() {
                return oldest;
            }
            if state.closed || waited {
                return None;
            }
            state.idle += 1;
            let (guard, timeout) = self.changed.wait_timeout(state, self.keep_alive).unwrap_or_else(PoisonError::into_inner);
            state = guard;
            state.idle -= 1;
            waited = timeout.timed_out();
        }
    }

    /// The runtime ends, and so do the spares.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }
}
