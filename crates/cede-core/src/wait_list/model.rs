//! The list under the model checker, with the protocol of a primitive around it: waiters that leave beside others that wake.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Wake, Waker};

use loom::sync::Notify;
use loom::thread;

use super::{Node, WaitList};
use crate::lock::Lock;

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

struct Unpark(Notify);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// A gate that lets one through for each opening, in order. Those that wait have the right of way noted in their node.
struct Gate(Lock<State>);

struct State {
    open: usize,
    waiting: WaitList<bool>,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self(Lock::new(State { open: 0, waiting: WaitList::new() })))
    }

    /// Lets the oldest through, or the next one that comes.
    fn open(&self) {
        let waker = {
            let mut state = self.0.lock();
            let popped = state.waiting.pop_front(|passes| *passes = true);
            if popped.is_none() {
                state.open += 1;
            }
            popped.flatten()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether it may pass at once; else it waits from now on.
    fn enter(&self, node: Pin<&Node<bool>>, waker: Waker) -> bool {
        let mut state = self.0.lock();
        if let Some(left) = state.open.checked_sub(1) {
            state.open = left;
            return true;
        }
        // SAFETY: each node of this file is taken out, by `pass` or `leave`, before it ends.
        unsafe { state.waiting.push_back(node, Some(waker)) };
        false
    }

    /// Waits until it may pass.
    fn pass(&self) {
        let unpark = Arc::new(Unpark(Notify::new()));
        let node = pin!(Node::new(false));
        if self.enter(node.as_ref(), Waker::from(unpark.clone())) {
            return;
        }
        // SAFETY: the node is in this list or was popped from it.
        while !unsafe { self.0.lock().waiting.data(&node, |passes| *passes) } {
            unpark.0.wait();
        }
    }

    /// Begins to wait and gives up, whatever has happened meanwhile. A right of way is passed on.
    fn touch(&self) {
        let unpark = Arc::new(Unpark(Notify::new()));
        let node = pin!(Node::new(false));
        let passes = self.enter(node.as_ref(), Waker::from(unpark)) || {
            let (waker, passes) = {
                let mut state = self.0.lock();
                // SAFETY: the node is in this list or was popped from it.
                unsafe { (state.waiting.remove(&node), state.waiting.data(&node, |passes| *passes)) }
            };
            drop(waker);
            passes
        };
        if passes {
            self.open();
        }
    }
}

fn assert_empty(gate: &Gate) {
    let state = gate.0.lock();
    assert!(state.waiting.is_empty());
    assert_eq!(state.open, 0);
}

#[test]
fn loom_a_waiter_is_woken() {
    model(|| {
        let gate = Gate::new();
        let shared = gate.clone();
        let opener = thread::spawn(move || shared.open());
        gate.pass();
        opener.join().unwrap();
        assert_empty(&gate);
    });
}

#[test]
fn loom_a_waiter_that_leaves_takes_no_wake_with_it() {
    model(|| {
        let gate = Gate::new();
        let (opening, leaving) = (gate.clone(), gate.clone());
        let opener = thread::spawn(move || opening.open());
        let leaver = thread::spawn(move || leaving.touch());
        gate.pass();
        opener.join().unwrap();
        leaver.join().unwrap();
        assert_empty(&gate);
    });
}

#[test]
fn loom_two_waiters_get_an_opening_each() {
    model(|| {
        let gate = Gate::new();
        let waiters = [gate.clone(), gate.clone()].map(|gate| thread::spawn(move || gate.pass()));
        gate.open();
        gate.open();
        for waiter in waiters {
            waiter.join().unwrap();
        }
        assert_empty(&gate);
    });
}
