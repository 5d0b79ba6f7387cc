//! The cooperative budget: how many operations a task may complete in one poll before it must let others run.
//!
//! A future cannot be preempted. A task whose channel is never empty or whose socket is always ready would run for ever, and its neighbours
//! would starve. So each poll of a task starts with [`INITIAL`] units, each operation that completes takes one, and at zero every leaf returns
//! `Pending` after waking its own task: the task goes to the back of the queue. Scheme and number are those of tokio 1.x.
//!
//! A leaf calls [`poll_proceed`] first and [`Unit::spend`]s what it got when it made progress; a `Unit` that is dropped costs nothing.

use core::task::{Context, Poll};

use crate::cells;
use crate::wait::{self, WaitKind};

/// Units that a task gets for each poll.
pub const INITIAL: u8 = 128;

/// The budget of code that runs outside a task, or in [`unconstrained`]: it never ends.
pub const UNLIMITED: u8 = u8::MAX;

/// The right to complete one operation; see [`poll_proceed`].
#[derive(Debug)]
#[must_use = "spend the unit when the operation completed"]
pub struct Unit(());

impl Unit {
    /// The operation completed: takes one unit from the budget.
    #[inline]
    pub fn spend(self) {
        let units = cells::budget();
        if units != UNLIMITED {
            cells::set_budget(units.saturating_sub(1));
        }
    }
}

/// Asks whether the running task may complete another operation.
///
/// Returns `Pending` when its budget is used up, after it woke the task; the caller returns `Pending` too.
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<Unit> {
    if cells::budget() != 0 {
        return Poll::Ready(Unit(()));
    }
    exhausted(cx)
}

#[cold]
fn exhausted(cx: &mut Context<'_>) -> Poll<Unit> {
    wait::waiting_for(WaitKind::Budget, 0);
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Whether the running task has budget left; `true` outside of tasks.
#[inline]
#[must_use]
pub fn has_remaining() -> bool {
    cells::budget() != 0
}

/// What is left of the running task's budget; [`UNLIMITED`] outside of tasks.
#[inline]
#[must_use]
pub fn units() -> u8 {
    cells::budget()
}

/// Sets what is left of the running task's budget: for combinators that count by themselves and give back what they did not use.
#[inline]
pub fn set_units(units: u8) {
    cells::set_budget(units);
}

/// Runs `poll` with a fresh budget of [`INITIAL`] units, as an executor does for each poll of a task.
#[inline]
pub fn with_initial<R>(poll: impl FnOnce() -> R) -> R {
    with(INITIAL, poll)
}

/// Runs `poll` without a limit.
#[inline]
pub fn unconstrained<R>(poll: impl FnOnce() -> R) -> R {
    with(UNLIMITED, poll)
}

fn with<R>(units: u8, poll: impl FnOnce() -> R) -> R {
    let _restore = Restore(cells::budget());
    cells::set_budget(units);
    poll()
}

/// Puts the outer budget back, also when the poll panics.
struct Restore(u8);

impl Drop for Restore {
    fn drop(&mut self) {
        cells::set_budget(self.0);
    }
}

#[cfg(all(test, feature = "std", not(loom)))]
mod tests {
    use super::*;
    use core::task::Waker;

    #[test]
    fn ends_after_the_initial_units_and_only_inside_a_task() {
        let mut cx = Context::from_waker(Waker::noop());
        with_initial(|| {
            for _ in 0..INITIAL {
                let Poll::Ready(unit) = poll_proceed(&mut cx) else { panic!("ended early") };
                unit.spend();
            }
            assert!(!has_remaining());
            assert!(poll_proceed(&mut cx).is_pending());
            unconstrained(|| assert!(has_remaining()));
            assert!(!has_remaining());
        });
        assert!(has_remaining());
    }

    #[test]
    fn an_unspent_unit_costs_nothing() {
        let mut cx = Context::from_waker(Waker::noop());
        with_initial(|| {
            for _ in 0..1000 {
                assert!(poll_proceed(&mut cx).is_ready());
            }
        });
    }
}
