//! The user's commands of `--tui`, carried out; and the crew of workers, which has as many hands as files may run at a time.
//!
//! A paused file keeps its worker, which waits; so that the others go on, another worker comes in its place. When the file goes on or ends, there is one too
//! many, and whoever next looks for a job leaves.
//!
//! Where everything is paused, nobody comes in anybody's place, and no line of the list is taken: it would begin. If the user then lets a waiting file go on, it
//! needs a worker, and has the place of one that is paused.
//!
//! - H1: there are as many workers as files may run at a time, and one for each file that is replaced, and those that are too many; fewer only when no job is
//!   left.
//! - H2: a file that has settled is not replaced. So whether a file has settled is asked under the crew's lock, and told it afterwards.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cede::sync::{Notify, mpsc};
use cede::task::JoinHandle;
use cede_transfer::{Exit, tasks};

use super::{Display, Run};
use crate::interrupt;
use crate::progress::Phase;
use crate::tui::Command;
use crate::tui::screen::{Scene, Screen};

/// The workers of a run; clones are the same crew.
#[derive(Clone, Debug, Default)]
pub(super) struct Crew(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Told when something that was held may go on.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    workers: Vec<JoinHandle<Option<Exit>>>,
    /// How many have not left.
    working: usize,
    /// How many are too many.
    surplus: usize,
    /// The paused files in whose place another worker came.
    replaced: HashSet<usize>,
    /// Whether everything is paused, also what is not read yet.
    held: bool,
    /// Whether a file was cancelled before it began.
    cancelled: bool,
}

impl Crew {
    /// Another worker.
    pub(super) fn add(&self, run: Run) {
        self.lock().working += 1;
        let crew = self.clone();
        let work = async move {
            let exit = run.work().await;
            crew.lock().working -= 1;
            exit
        };
        let worker = tasks::spawn(work);
        self.lock().workers.push(worker);
    }

    /// There are so many more jobs than before: workers who have left because there were none come back, as far as the user wants so many.
    pub(super) fn grow(&self, run: &Run, jobs: usize) {
        let room = run.width.saturating_sub(self.lock().working);
        (0..jobs.min(room)).for_each(|_| self.add(run.clone()));
    }

    /// A worker to be waited for. `None`: all have been.
    pub(super) fn next(&self) -> Option<JoinHandle<Option<Exit>>> {
        self.lock().workers.pop()
    }

    /// Whether who asks has to leave.
    pub(super) fn is_too_many(&self) -> bool {
        let mut state = self.lock();
        let too_many = state.surplus > 0;
        state.surplus -= usize::from(too_many);
        too_many
    }

    /// Takes something new, unless everything is paused.
    pub(super) fn take<T>(&self, take: impl FnOnce() -> T) -> Option<T> {
        let state = self.lock();
        (!state.held).then(take)
    }

    /// The file goes on, or has settled: it has its worker again, if another came in its place.
    pub(super) fn restore(&self, index: usize) {
        let mut state = self.lock();
        if state.replaced.remove(&index) {
            state.surplus += 1;
            drop(state);
            self.0.changed.notify_waiters();
        }
    }

    /// Whether a file was cancelled before it began: then not all that was asked for was done.
    pub(super) fn has_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Returns when something that was held may go on, or somebody has to leave; as of this call.
    pub(super) fn changed(&self) -> impl Future<Output = ()> + '_ {
        self.0.changed.notified()
    }

    fn hold(&self, held: bool) {
        self.lock().held = held;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// Shows the run on a screen and does what is asked for there, until the screen is over.
    pub(super) fn steer(self, screen: Screen) -> Display {
        let (commands, mut asked) = mpsc::unbounded_channel();
        let scene = Scene {
            board: self.board.clone(),
            queue: Arc::clone(&self.queue),
            engine: self.engine.clone(),
            stop: self.stop.clone(),
            commands,
        };
        tasks::spawn(async move {
            while let Some(command) = asked.recv().await {
                self.obey(command);
            }
        });
        Display::Screen(screen.show(scene))
    }

    pub(super) fn obey(&self, command: Command) {
        match command {
            Command::Pause(index) => self.pause(index),
            Command::Resume(index) => self.resume(index),
            Command::PauseAll => self.pause_all(),
            Command::ResumeAll => self.resume_all(),
            Command::Cancel(index) => self.cancel(index),
            Command::Priority(index, by) => {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                let priority = queue.priority(index).saturating_add(by);
                queue.set_priority(index, priority);
            }
            Command::Limit(index, rate) => {
                if let Some(control) = self.board.control(index) {
                    control.set_limit(rate);
                }
            }
            Command::LimitAll(rate) => self.engine.set_limit(rate),
            Command::Quit => interrupt::interrupt(),
        }
    }

    /// Whether the file waits; then it is held, or no more.
    fn hold(&self, index: usize, held: bool) -> bool {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).hold(index, held)
    }

    fn is_held(&self, index: usize) -> bool {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).is_held(index)
    }

    fn is_paused(&self, index: usize) -> bool {
        self.board.control(index).is_some_and(|control| control.is_paused())
    }

    fn pause(&self, index: usize) {
        let Some(control) = self.board.control(index).filter(|control| !control.is_paused()) else { return };
        if !self.hold(index, true) {
            control.pause();
            if !self.crew.lock().held {
                self.replace(index);
            }
        }
    }

    /// Another worker comes in the place of this file's, unless one has or the file has settled (H2). Returns whether one comes.
    fn replace(&self, index: usize) -> bool {
        let comes = {
            let mut state = self.crew.lock();
            self.board.control(index).is_some() && state.replaced.insert(index)
        };
        if comes {
            self.crew.add(self.clone());
        }
        comes
    }

    fn resume(&self, index: usize) {
        if self.hold(index, false) {
            // Somebody has to take it. Where not everything is paused, somebody does sooner or later.
            let held = self.crew.lock().held;
            if held {
                let _comes = self.board.indices().into_iter().any(|other| self.is_paused(other) && self.replace(other));
            }
        } else {
            let Some(control) = self.board.control(index).filter(|control| control.is_paused()) else { return };
            control.resume();
            self.crew.restore(index);
        }
        // After the last one, nothing on the screen would say what the list waits for.
        if !self.board.indices().into_iter().any(|other| self.is_paused(other) || self.is_held(other)) {
            self.crew.hold(false);
        }
        self.crew.0.changed.notify_waiters();
    }

    /// First nothing is begun any more, then what runs is paused: there is no gap that something else could begin in.
    fn pause_all(&self) {
        self.crew.hold(true);
        let mut running = self.board.indices();
        running.retain(|index| !self.hold(*index, true));
        running.into_iter().filter_map(|index| self.board.control(index)).for_each(|control| control.pause());
    }

    fn resume_all(&self) {
        self.crew.hold(false);
        for index in self.board.indices() {
            if !self.hold(index, false)
                && let Some(control) = self.board.control(index)
            {
                control.resume();
                self.crew.restore(index);
            }
        }
        self.crew.0.changed.notify_waiters();
    }

    fn cancel(&self, index: usize) {
        let waiting = self.queue.lock().unwrap_or_else(PoisonError::into_inner).remove(index);
        if let Some(work) = waiting {
            let url = cede_transfer::printable(work.url().as_str());
            self.board.settle(index, Phase::Stopped(format!("{url}: not started")));
            self.crew.lock().cancelled = true;
            return self.crew.0.changed.notify_waiters();
        }
        // If another worker came in its place, that counts when it settles.
        if let Some(control) = self.board.control(index) {
            control.cancel();
        }
    }
}

#[cfg(test)]
mod tests;
