//! The token that makes a parked worker go on.
//!
//! # States
//! `IDLE` (running, no token) · `PARKED` (asleep or about to be) · `NOTIFIED` (a token is there). [`Parking::prepare`] is `IDLE → PARKED`, or takes the token;
//! [`Parking::notify`] is anything → `NOTIFIED` and says whether the worker must be interrupted; [`Parking::finish`] is anything → `IDLE`.
//!
//! # Orderings
//! One variable, all SeqCst: a token is one side of the protocol "put work there, then notify" against "prepare, then look for work".

use cede_core::prim::atomic::{AtomicU8, AtomicUsize, Ordering};

const IDLE: u8 = 0;
const PARKED: u8 = 1;
const NOTIFIED: u8 = 2;

#[derive(Debug)]
pub(crate) struct Parking {
    state: AtomicU8,
    interrupts: AtomicUsize,
}

impl Parking {
    pub(crate) fn new() -> Self {
        Self { state: AtomicU8::new(IDLE), interrupts: AtomicUsize::new(0) }
    }

    /// The worker is about to sleep. Returns false if there is a token: it must not sleep.
    pub(crate) fn prepare(&self) -> bool {
        self.state.compare_exchange(IDLE, PARKED, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// The worker goes on. Returns whether there was a token, which is taken.
    pub(crate) fn finish(&self) -> bool {
        self.state.swap(IDLE, Ordering::SeqCst) == NOTIFIED
    }

    /// Leaves a token. Returns true if the worker sleeps and is to be interrupted.
    pub(crate) fn notify(&self) -> bool {
        if self.state.load(Ordering::SeqCst) == NOTIFIED {
            return false;
        }
        let asleep = self.state.swap(NOTIFIED, Ordering::SeqCst) == PARKED;
        if asleep {
            self.interrupts.fetch_add(1, Ordering::Relaxed);
        }
        asleep
    }

    pub(crate) fn is_notified(&self) -> bool {
        self.state.load(Ordering::SeqCst) == NOTIFIED
    }

    pub(crate) fn interrupts(&self) -> u64 {
        self.interrupts.load(Ordering::Relaxed) as u64
    }
}

#[cfg(all(test, loom))]
mod model;
