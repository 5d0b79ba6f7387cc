//! Commands, and how many workers there are after them. The server says nothing, so what runs goes on running until it is told otherwise.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use cede::sync::{Mutex, mpsc};
use cede_transfer::IfExists;
use cede_transfer::engine::{Check, Engine, Job, Output, Settings, Stop};
use cede_transfer::queue::Queue;

use super::super::{Run, Source, Work};
use super::Crew;
use crate::progress::{Board, Phase};
use crate::tui::Command;

/// A run on a silent server, with so many files in the queue and so many lines of a list.
struct Case {
    run: Run,
    _server: TcpListener,
}

impl Case {
    fn new(waiting: usize, lines: usize) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let dir = std::env::temp_dir().join("cede-steer-nothing-comes");
        let job = |name: String| Job {
            url: format!("http://{address}/{name}").parse().unwrap(),
            mirrors: Vec::new(),
            output: Output::Named { dir: dir.clone(), name },
            check: Check::Size,
        };
        let board = Board::default();
        let mut queue = Queue::default();
        (0..waiting).for_each(|number| queue.push(board.add(number.to_string(), None), Work::Down(job(format!("waiting-{number}")))));
        let (sender, list) = mpsc::channel(1);
        let read: VecDeque<_> = (0..lines).map(|number| Ok(job(format!("line-{number}")))).collect();
        drop(sender);
        let run = Run {
            engine: Engine::new(Settings { if_exists: IfExists::Overwrite, ..Settings::default() }),
            queue: Arc::new(std::sync::Mutex::new(queue)),
            source: Arc::new(Mutex::new(Source { list: Some(list), read, cut: None })),
            crew: Crew::default(),
            width: 1,
            board,
            stop: Stop::never(),
            extract: None,
        };
        Self { run, _server: server }
    }

    /// Begins with one worker, and waits until it has a file.
    async fn start(&self) {
        self.run.crew.add(self.run.clone());
        self.runs(&[0]).await;
    }

    fn running(&self) -> Vec<usize> {
        let runs = |index: &usize| self.run.board.item(*index).is_some_and(|item| item.phase == Phase::Connecting && !item.is_paused());
        self.run.board.indices().into_iter().filter(runs).collect()
    }

    async fn runs(&self, wanted: &[usize]) {
        while self.running() != wanted {
            cede::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Lets whatever can go on do so.
    async fn settle(&self) {
        for _ in 0..20 {
            cede::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// How many workers there were, and how many of them are too many.
    fn workers(&self) -> (usize, usize) {
        let state = self.run.crew.lock();
        (state.workers.len(), state.surplus)
    }

    async fn end(self) {
        self.run.board.indices().into_iter().for_each(|index| self.run.obey(Command::Cancel(index)));
        self.run.obey(Command::ResumeAll);
        while let Some(worker) = self.run.crew.next() {
            while !worker.is_finished() {
                self.run.board.indices().into_iter().for_each(|index| self.run.obey(Command::Cancel(index)));
                cede::time::sleep(Duration::from_millis(1)).await;
            }
        }
        assert_eq!(self.run.board.indices(), [0; 0], "a job was left");
    }
}

fn run(test: impl Future<Output = ()>) {
    cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn with_everything_paused_the_list_waits() {
    run(async {
        let case = Case::new(0, 5);
        case.start().await;
        for _ in 0..10 {
            case.run.obey(Command::PauseAll);
        }
        case.settle().await;
        assert_eq!((case.workers(), case.run.board.indices()), ((1, 0), vec![0]));
        // Its worker is free then, and still takes nothing.
        case.run.obey(Command::Cancel(0));
        while !case.run.board.indices().is_empty() {
            cede::time::sleep(Duration::from_millis(1)).await;
        }
        case.settle().await;
        assert_eq!(case.run.board.indices(), [0; 0]);
        case.run.obey(Command::ResumeAll);
        case.runs(&[1]).await;
        assert_eq!(case.workers(), (1, 0));
        case.end().await;
    });
}

#[test]
fn with_everything_paused_one_that_waited_can_go_on() {
    run(async {
        let case = Case::new(2, 1);
        case.start().await;
        case.run.obey(Command::PauseAll);
        case.run.obey(Command::Resume(1));
        case.runs(&[1]).await;
        case.run.obey(Command::PauseAll);
        case.run.obey(Command::Resume(1));
        case.runs(&[1]).await;
        assert_eq!(case.workers(), (2, 0));
        case.run.obey(Command::ResumeAll);
        case.runs(&[0, 1]).await;
        assert_eq!(case.workers(), (2, 1));
        case.end().await;
    });
}

#[test]
fn after_the_last_paused_one_the_list_goes_on() {
    run(async {
        let case = Case::new(1, 1);
        case.start().await;
        case.run.obey(Command::PauseAll);
        case.run.obey(Command::Resume(0));
        case.run.obey(Command::Cancel(0));
        case.runs(&[1]).await;
        case.end().await;
    });
}

#[test]
fn a_replaced_file_counts_once_however_it_goes_on() {
    run(async {
        let case = Case::new(4, 0);
        case.start().await;
        case.run.obey(Command::Pause(0));
        case.runs(&[1]).await;
        case.run.obey(Command::Pause(1));
        case.runs(&[2]).await;
        assert_eq!(case.workers(), (3, 0));
        // It ends by itself, as it may while it is being verified. Its worker is to leave, and so is nobody else.
        let control = case.run.board.control(1).unwrap();
        case.run.board.settle(1, Phase::Failed(String::new()));
        case.run.crew.restore(1);
        case.run.crew.restore(1);
        case.run.obey(Command::Cancel(1));
        assert_eq!(case.workers(), (3, 1));
        assert!(case.run.crew.is_too_many() && !case.run.crew.is_too_many());
        // What has settled is not replaced.
        assert!(!case.run.replace(1));
        // This one is cancelled, and its worker leaves: the waiting one waits on.
        case.run.obey(Command::Cancel(0));
        while case.run.board.indices() != [2, 3] {
            cede::time::sleep(Duration::from_millis(1)).await;
        }
        case.settle().await;
        assert_eq!((case.workers(), case.running()), ((3, 0), vec![2]));
        control.cancel();
        case.end().await;
    });
}
