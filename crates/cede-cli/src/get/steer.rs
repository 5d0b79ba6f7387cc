//! The user's commands of `--tui`, carried out; and the crew of workers, which has as many hands as files may run at a time.
//!
//! A paused file keeps its worker, which waits; so that the others go on, another worker comes in its place. When the file goes on, there is one too many, and
//! whoever next looks for a job leaves.

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
    /// How many are too many.
    surplus: usize,
    /// Whether a file was cancelled before it began.
    cancelled: bool,
}

impl Crew {
    /// Another worker.
    pub(super) fn add(&self, run: Run) {
        let worker = tasks::spawn(run.work());
        self.lock().workers.push(worker);
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

    /// Whether a file was cancelled before it began: then not all that was asked for was done.
    pub(super) fn has_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Returns when something that was held may go on; as of this call.
    pub(super) fn changed(&self) -> impl Future<Output = ()> + '_ {
        self.0.changed.notified()
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
            Command::PauseAll => self.all().into_iter().for_each(|index| self.pause(index)),
            Command::ResumeAll => self.all().into_iter().for_each(|index| self.resume(index)),
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

    /// What has not settled.
    fn all(&self) -> Vec<usize> {
        self.board.indices()
    }

    /// Whether the file waits; then it is held, or no more.
    fn hold(&self, index: usize, held: bool) -> bool {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).hold(index, held)
    }

    fn pause(&self, index: usize) {
        let Some(control) = self.board.control(index).filter(|control| !control.is_paused()) else { return };
        if !self.hold(index, true) {
            control.pause();
            self.crew.add(self.clone());
        }
    }

    fn resume(&self, index: usize) {
        if self.hold(index, false) {
            return self.crew.0.changed.notify_waiters();
        }
        let Some(control) = self.board.control(index).filter(|control| control.is_paused()) else { return };
        control.resume();
        self.crew.lock().surplus += 1;
    }

    fn cancel(&self, index: usize) {
        let waiting = self.queue.lock().unwrap_or_else(PoisonError::into_inner).remove(index);
        if let Some(job) = waiting {
            let url = cede_transfer::printable(job.url.as_str());
            self.board.settle(index, Phase::Stopped(format!("{url}: not started")));
            self.crew.lock().cancelled = true;
            return self.crew.0.changed.notify_waiters();
        }
        let Some(control) = self.board.control(index) else { return };
        if control.is_paused() {
            self.crew.lock().surplus += 1;
        }
        control.cancel();
    }
}
