//! Turns of a scheduler while tasks with a rank are queued.

#![forbid(unsafe_code)]

use cede_core::task::TaskRef;

use super::Lanes;
use super::lanes::Choice;

/// While nothing above them waits, so many ordinary tasks in a row are one turn: then what waits below them costs them little.
const ORDINARY_IN_A_ROW: usize = 16;

/// What a scheduler can do at a turn.
pub(crate) trait Turns {
    /// Whether it has ordinary tasks.
    fn has_ordinary(&self) -> bool;

    /// Takes an ordinary task; there may be none by now.
    fn next_ordinary(&self) -> Option<TaskRef>;

    /// Gives a task that it took from a queue its turn. If that is a task with a rank and is runnable again, it goes back to the lanes.
    fn run(&mut self, task: TaskRef, ranked: bool) -> Flow;

    /// The time of its clock.
    fn now(&self) -> u64;
}

/// Whether a scheduler goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Flow {
    /// With the next turn.
    On,
    /// Not now: it has something else to do.
    Stop,
    /// Never: what it ran is another thread's.
    Lost,
}

/// Turns by rank, until the lanes are empty or the scheduler says otherwise.
pub(super) fn take_turns(lanes: &Lanes, scheduler: &mut dyn Turns) -> Flow {
    let mut before = None;
    let mut none_found = false;
    while let Some(choice) = lanes.choose(!none_found && scheduler.has_ordinary(), before.take()) {
        let began = scheduler.now();
        none_found = false;
        let (flow, account) = match choice {
            Choice::Ranked(task, account) => (scheduler.run(task, true), account),
            Choice::Ordinary(account) => match scheduler.next_ordinary() {
                Some(first) => (ordinary(lanes, scheduler, first), account),
                // They were seen, but others took them.
                None => {
                    none_found = true;
                    continue;
                }
            },
        };
        if flow == Flow::Lost || !lanes.is_waiting() {
            return flow;
        }
        let took = scheduler.now().saturating_sub(began);
        if flow == Flow::Stop {
            lanes.pay(&account, took, scheduler.has_ordinary());
            return flow;
        }
        before = Some((account, took));
    }
    Flow::On
}

fn ordinary(lanes: &Lanes, scheduler: &mut dyn Turns, first: TaskRef) -> Flow {
    let mut next = Some(first);
    for _ in 0..ORDINARY_IN_A_ROW {
        let Some(task) = next else { break };
        let flow = scheduler.run(task, false);
        if flow != Flow::On {
            return flow;
        }
        if lanes.is_waiting_above_normal() {
            break;
        }
        next = scheduler.next_ordinary();
    }
    Flow::On
}
