//! How many requests one host gets at a time, over all downloads of the process, and when it gets none.
//!
//! Additive increase, multiplicative decrease: each answer that worked lets a little more than one other follow, "too many" and broken connections halve the number.
//! A `Retry-After` closes the gate for everybody, because the server has asked the client and not the download.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cede::sync::Notify;
use cede::time::Instant;

/// The gates of all hosts.
#[derive(Debug)]
pub(crate) struct Hosts {
    most: usize,
    gates: Mutex<HashMap<String, Arc<Host>>>,
}

#[derive(Debug)]
pub(crate) struct Host {
    gate: Mutex<Gate>,
    changed: Notify,
    epoch: Instant,
}

/// The right to have one request on its way.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Host>);

/// How a request went, as far as the host's load is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    Fine,
    TooMuch(Option<Duration>),
}

/// The decisions, without the waiting.
#[derive(Debug)]
struct Gate {
    limit: f64,
    most: f64,
    busy: usize,
    closed_until: Duration,
}

impl Gate {
    fn new(most: usize) -> Self {
        Self { limit: most as f64, most: most as f64, busy: 0, closed_until: Duration::ZERO }
    }

    /// Enters, or says when to try again if only time is in the way.
    fn enter(&mut self, now: Duration) -> Result<(), Option<Duration>> {
        if now < self.closed_until {
            return Err(Some(self.closed_until));
        }
        if self.busy >= self.limit as usize {
            return Err(None);
        }
        self.busy += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.busy -= 1;
    }

    fn tell(&mut self, now: Duration, load: Load) {
        match load {
            Load::Fine => self.limit = (self.limit + 1.0 / self.limit).min(self.most),
            Load::TooMuch(after) => {
                self.limit = (self.limit.min(self.busy as f64) / 2.0).max(1.0);
                self.closed_until = self.closed_until.max(now + after.unwrap_or_default());
            }
        }
    }
}

impl Hosts {
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1), gates: Mutex::default() }
    }

    pub(crate) fn of(&self, authority: &str) -> Arc<Host> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = gates.get(authority) {
            return Arc::clone(known);
        }
        let host = Arc::new(Host { gate: Mutex::new(Gate::new(self.most)), changed: Notify::new(), epoch: Instant::now() });
        gates.insert(authority.to_owned(), Arc::clone(&host));
        host
    }
}

impl Host {
    /// Waits for a slot.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the line and nothing else.
    pub(crate) async fn enter(self: &Arc<Self>) -> Slot {
        loop {
            let changed = self.changed.notified();
            let result = self.locked(|gate, now| gate.enter(now));
            match result {
                Ok(()) => {
                    // While the gate was closed, notes may have reached some who could not use them.
                    self.changed.notify_one();
                    return Slot(Arc::clone(self));
                }
                Err(None) => changed.await,
                Err(Some(until)) => drop(cede::time::timeout_at(self.epoch + until, changed).await),
            }
        }
    }

    fn locked<T>(&self, act: impl FnOnce(&mut Gate, Duration) -> T) -> T {
        act(&mut self.gate.lock().unwrap_or_else(PoisonError::into_inner), self.epoch.elapsed())
    }
}

impl Slot {
    pub(crate) fn tell(&self, load: Load) {
        self.0.locked(|gate, now| gate.tell(now, load));
        self.0.changed.notify_one();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.locked(|gate, _| gate.leave());
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    //! The gate opens and closes.

    use std::time::Duration;

    use super::{Gate, Load};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn too_much_halves_and_success_grows() {
        let mut gate = Gate::new(8);
        for _ in 0..8 {
            assert_eq!(gate.enter(SECOND), Ok(()));
        }
        assert_eq!(gate.enter(SECOND), Err(None));
        gate.tell(SECOND, Load::TooMuch(None));
        (0..5).for_each(|_| gate.leave());
        assert_eq!(gate.enter(SECOND), Ok(()));
        assert_eq!(gate.enter(SECOND), Err(None));
        (0..100).for_each(|_| gate.tell(SECOND, Load::Fine));
        (0..4).for_each(|_| assert_eq!(gate.enter(SECOND), Ok(())));
        assert_eq!(gate.enter(SECOND), Err(None));
    }

    #[test]
    fn come_again_later_is_for_everybody() {
        let mut gate = Gate::new(8);
        gate.tell(SECOND, Load::TooMuch(Some(SECOND * 3)));
        assert_eq!(gate.enter(SECOND * 2), Err(Some(SECOND * 4)));
        assert_eq!(gate.enter(SECOND * 4), Ok(()));
    }
}
