//! The terminal of `--tui`: keys and pictures in, drawings and commands out.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cede::sync::{mpsc, oneshot};
use cede_transfer::engine::{Engine, Stop};
use cede_transfer::queue::Queue;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event;

use super::Command;
use super::draw::draw;
use super::picture::Gatherer;
use super::view::View;
use crate::get::Work;
use crate::keys::key_of;
use crate::progress::lines::{say, settled_line};
use crate::progress::{Board, Phase};

/// How often the picture changes.
const PERIOD: Duration = Duration::from_millis(150);
/// How many last words about files are said at the end; of failures, all are.
const SAID: usize = 1000;

/// A terminal that was taken over. It is given back once: with [`Screen::restore`], or with this.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: DefaultTerminal,
    is_ours: bool,
}

/// What the screen shows, and how it is heard.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) board: Board,
    pub(crate) queue: Arc<Mutex<Queue<Work>>>,
    pub(crate) engine: Engine,
    pub(crate) stop: Stop,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
}

/// The thread of a screen.
#[derive(Debug)]
pub(crate) struct Shown {
    over: Arc<AtomicBool>,
    ended: oneshot::Receiver<()>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn open() -> Result<Self, String> {
        if !std::io::stdout().is_terminal() {
            return Err("--tui needs a terminal, and standard output is none; without it, progress goes to standard error".to_owned());
        }
        ratatui::try_init()
            .map(|terminal| Self { terminal, is_ours: true })
            .map_err(|error| format!("--tui: the terminal cannot be used: {error}"))
    }

    /// Shows the scene until [`Shown::finish`].
    pub(crate) fn show(mut self, scene: Scene) -> Shown {
        let (tell, ended) = oneshot::channel();
        let over = Arc::new(AtomicBool::new(false));
        let thread_over = Arc::clone(&over);
        let show = move || {
            let said = run(&mut self, &scene, &thread_over);
            self.restore();
            said.iter().for_each(|line| say(line));
            drop(tell);
        };
        if let Err(error) = std::thread::Builder::new().name("cede-screen".to_owned()).spawn(show) {
            // The screen went with the thread's work, and the terminal is as it was.
            say(&format!("warning: --tui: no thread can be made: {error}"));
        }
        Shown { over, ended }
    }

    /// Gives the terminal back, if it is still ours: keys are the terminal's again, and Ctrl-C a signal.
    fn restore(&mut self) {
        if std::mem::take(&mut self.is_ours) {
            ratatui::restore();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.restore();
    }
}

impl Shown {
    /// Gives the terminal back, and says what became of the files.
    pub(crate) async fn finish(self) {
        self.over.store(true, Ordering::Release);
        // It only ends; nothing is sent.
        let _ended: Result<(), _> = self.ended.await;
    }
}

/// Draws and hears until it is over; returns what there is to say then.
fn run(screen: &mut Screen, scene: &Scene, over: &AtomicBool) -> Vec<String> {
    let (mut view, mut gatherer) = (View::new(), Gatherer::default());
    let (mut said, mut unsaid) = (Vec::new(), 0_usize);
    loop {
        let last = over.load(Ordering::Acquire);
        let now = Instant::now();
        let (mut picture, settled) = gatherer.gather(&scene.board, &scene.queue.lock().unwrap_or_else(PoisonError::into_inner), now);
        for (_, item) in settled {
            if said.len() < SAID || matches!(item.phase, Phase::Failed(_)) {
                said.push(settled_line(&item, now));
            } else {
                unsaid += 1;
            }
        }
        if last {
            said.extend((unsaid > 0).then(|| format!("and {unsaid} more files")));
            return said;
        }
        (picture.limit, picture.stopping) = (scene.engine.limit(), scene.stop.now().is_some());
        view.update(picture);
        if let Err(error) = show_and_hear(&mut screen.terminal, &mut view, scene) {
            // The transfers go on without a screen, and what is said has to be seen.
            screen.restore();
            say(&format!("warning: the terminal cannot be used any more: {error}"));
            while !over.load(Ordering::Acquire) {
                std::thread::sleep(PERIOD);
            }
        }
    }
}

/// Draws, and takes keys until the picture is old.
fn show_and_hear(terminal: &mut DefaultTerminal, view: &mut View, scene: &Scene) -> std::io::Result<()> {
    let old = Instant::now() + PERIOD;
    loop {
        let mut page = 0;
        terminal.draw(|frame| page = draw(view, frame))?;
        if !event::poll(old.saturating_duration_since(Instant::now()))? {
            return Ok(());
        }
        if let Some(command) = key_of(&event::read()?).and_then(|key| view.press(key, page)) {
            // Who steers is there until the screen is over.
            let _gone: Result<(), _> = scene.commands.send(command);
        }
    }
}
