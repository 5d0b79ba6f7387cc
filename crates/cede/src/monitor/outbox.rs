//! Reports on their way to the user: one after the other, on one thread.
//!
//! The thread is there while there are reports. A function of the user's that takes its time makes the next reports wait; only so many do, and what comes then is counted elsewhere and else forgotten.
//!
//! # Who may touch what
//! `state`: everybody, under its lock, in which no report is made or dropped. (A lock and a queue: no loom model.)

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::runtime::run::shielded;
use crate::sys;

/// So many reports wait for the one that is being made.
const WAITING_MAX: usize = 64;

type Report = Box<dyn FnOnce() + Send>;

/// See the module's description.
#[derive(Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Report>,
    /// The thread is there.
    runs: bool,
}

impl Outbox {
    #[inline(never)]
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a report made by the thread. Refused if too many wait, or there can be no thread.
    pub(super) fn send(self: &Arc<Self>, report: impl FnOnce() + Send + 'static) -> Result<(), Refused> {
        let mut state = self.state();
        if state.waiting.len() >= WAITING_MAX {
            return Err(Refused);
        }
        state.waiting.push_back(Box::new(report));
        if std::mem::replace(&mut state.runs, true) {
            return Ok(());
        }
        drop(state);
        let own = self.clone();
        if sys::thread::spawn(thread::Builder::new().name("cede-report".into()), Box::new(move || own.deliver())).is_ok() {
            return Ok(());
        }
        let mut state = self.state();
        state.runs = false;
        let forgotten = std::mem::take(&mut state.waiting);
        drop(state);
        drop(forgotten);
        Err(Refused)
    }

    fn deliver(&self) {
        loop {
            let mut state = self.state();
            let Some(report) = state.waiting.pop_front() else {
                state.runs = false;
                return;
            };
            drop(state);
            // The last handle on the runtime may be dropped there, and the closures of its owner with it.
            shielded(report);
        }
    }
}

/// The report was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused;

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("waiting", &self.state().waiting.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{channel, sync_channel};
    use std::thread;

    use super::{Outbox, Refused, WAITING_MAX};

    #[test]
    fn one_thread_makes_all_reports_in_order_and_only_so_many_wait() {
        let outbox = Arc::new(Outbox::default());
        let (entered, enters) = channel();
        let (go_on, gate) = sync_channel::<()>(0);
        outbox
            .send(move || {
                entered.send(()).unwrap();
                gate.recv().unwrap();
            })
            .unwrap();
        enters.recv().unwrap();
        let (made, reports) = channel();
        for number in 0..WAITING_MAX {
            let made = made.clone();
            outbox.send(move || made.send((number, thread::current().id())).unwrap()).unwrap();
        }
        assert_eq!(outbox.send(|| ()), Err(Refused));
        go_on.send(()).unwrap();
        let seen: Vec<_> = reports.iter().take(WAITING_MAX).collect();
        assert!(seen.iter().enumerate().all(|(number, report)| (number, seen[0].1) == *report), "{seen:?}");
    }

    #[test]
    fn a_report_that_panics_does_not_keep_the_next_from_being_made() {
        let outbox = Arc::new(Outbox::default());
        let (made, reports) = channel();
        for panics in [true, false, true, false] {
            let made = made.clone();
            outbox
                .send(move || {
                    made.send(()).unwrap();
                    assert!(!panics, "on purpose");
                })
                .unwrap();
        }
        drop(made);
        assert_eq!(reports.iter().count(), 4);
    }
}
