//! The runnable tasks of a simulated one-thread scheduler, and the trace of what ran.

use std::collections::HashMap;
use std::sync::Arc;

use cede_core::lock::Lock;
use cede_core::task::TaskRef;

use super::policy::Chooser;
use crate::runtime::Order;

/// What ran when, as a number.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    polls: u64,
    /// Tasks are numbered in the order in which they were first runnable, because their ids differ from run to run.
    ordinals: HashMap<u64, u64>,
}

impl Trace {
    #[inline]
    pub(crate) fn ordinal(&mut self, id: u64) -> u64 {
        let next = self.ordinals.len() as u64;
        *self.ordinals.entry(id).or_insert(next)
    }

    /// Adds an event (FNV-1a by words).
    #[inline]
    pub(crate) fn record(&mut self, event: u64) {
        self.hash = (self.hash ^ event).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(23);
    }

    #[inline]
    pub(crate) fn record_poll(&mut self, id: u64) {
        let ordinal = self.ordinal(id);
        self.polls += 1;
        self.record(ordinal);
    }

    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    #[inline]
    pub(crate) fn polls(&self) -> u64 {
        self.polls
    }
}

/// See the module's description.
pub(crate) struct ChosenQueue {
    tasks: Vec<TaskRef>,
    chooser: Chooser,
    trace: Arc<Lock<Trace>>,
}

impl ChosenQueue {
    #[inline]
    pub(crate) fn new(chooser: Chooser, trace: Arc<Lock<Trace>>) -> Self {
        Self { tasks: Vec::new(), chooser, trace }
    }
}

impl Order for ChosenQueue {
    #[inline]
    fn is_by_number(&self) -> bool {
        false
    }

    #[inline]
    fn push(&mut self, task: TaskRef, _number: u64) {
        self.trace.lock().ordinal(task.id());
        self.tasks.push(task);
    }

    #[inline]
    fn pop(&mut self) -> Option<TaskRef> {
        if self.tasks.is_empty() {
            return None;
        }
        let mut trace = self.trace.lock();
        let place = self.chooser.choose(self.tasks.len(), |place| trace.ordinals[&self.tasks[place].id()]);
        let task = self.tasks.remove(place);
        trace.record_poll(task.id());
        Some(task)
    }

    #[inline]
    fn len(&self) -> usize {
        self.tasks.len()
    }

    #[inline]
    fn clear(&mut self) {
        self.tasks.clear();
    }
}
