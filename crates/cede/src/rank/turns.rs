//! The turns of a scheduler while tasks with a rank are queued.

#![forbid(unsafe_code)]

use cede_core::task::TaskRef;

use super::Lanes;
use super::lanes::{Account, Choice};

/// While nothing above them waits, so many ordinary tasks in a row are one turn: then what waits below them costs them little.
const ORDINARY_IN_A_ROW: u32 = 16;

/// What a scheduler can say.
pub(crate) trait Scheduler {
    /// Whether it has ordinary tasks.
    fn has_ordinary(&self) -> bool;

    /// Takes an ordinary task; there may be none by now.
    fn next_ordinary(&self) -> Option<TaskRef>;

    /// How many tasks it has polled; that may begin again at zero.
    fn polls(&self) -> u32;

    /// The time of its clock.
    fn now(&self) -> u64;
}

/// What one scheduler has still to pay for.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    last: Option<Turn>,
}

/// One task with a rank, or some ordinary ones.
#[derive(Debug)]
struct Turn {
    account: Account,
    began: u64,
    /// How many tasks had been polled before it.
    polls: u32,
    ordinary: bool,
}

impl Turns {
    /// The next task, and whether it has a rank. To be asked whenever the lanes are not empty; `None` if they are by now.
    #[inline]
    pub(super) fn next(&mut self, lanes: &Lanes, scheduler: &dyn Scheduler) -> Option<(TaskRef, bool)> {
        let polls = scheduler.polls();
        // If it was not asked meanwhile, there was nothing to share: what was polled since then was nobody's turn. The future of `block_on` may have been polled after each task.
        let most = |turn: &Turn| 2 * if turn.ordinary { ORDINARY_IN_A_ROW } else { 1 };
        let mut last = self.last.take().filter(|turn| polls.checked_sub(turn.polls).is_some_and(|count| count <= most(turn)));
        if last.as_ref().is_some_and(|turn| turn.ordinary && polls - turn.polls < ORDINARY_IN_A_ROW)
            && !lanes.is_waiting_above_normal()
            && let Some(task) = scheduler.next_ordinary()
        {
            self.last = last;
            return Some((task, false));
        }
        let now = scheduler.now();
        let mut ordinary = scheduler.has_ordinary();
        loop {
            let before = last.take().map(|turn| (turn.account, now.saturating_sub(turn.began)));
            let (task, account) = match lanes.choose(ordinary, before)? {
                Choice::Ranked(task, account) => (Some(task), account),
                Choice::Ordinary(account) => (None, account),
            };
            let is_ordinary = task.is_none();
            if let Some(task) = task.or_else(|| scheduler.next_ordinary()) {
                self.last = Some(Turn { account, began: now, polls, ordinary: is_ordinary });
                return Some((task, !is_ordinary));
            }
            // They were seen, but others took them.
            ordinary = false;
        }
    }
}
