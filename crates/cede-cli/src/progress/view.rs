//! Which view suits the place that standard error goes to, and the one task that draws.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use cede::sync::oneshot;

use super::bars::{Bars, Settled};
use super::events::Events;
use super::lines::{Lines, say};
use super::{Board, Frame};
use crate::cli::ShowArgs;

/// Ten times a second is as fast as an eye follows, and slow enough to cost nothing.
const PERIOD: Duration = Duration::from_millis(100);

/// A way to show progress.
#[derive(Debug)]
pub(crate) enum View {
    Bars(Box<Bars>),
    Lines(Lines),
    Events(Events),
}

/// Whether to draw bars, if the terminal can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Wish {
    /// Bars on a terminal, lines elsewhere
    Auto,
    /// Bars on every terminal, even a dumb one or in CI
    Bars,
    /// A line for each file, and one every 30 seconds
    Lines,
}

/// The drawing task; it draws until [`finish`](Drawing::finish).
#[derive(Debug)]
pub(crate) struct Drawing {
    stop: oneshot::Sender<()>,
    task: cede::task::JoinHandle<()>,
}

impl View {
    /// What the user wants to see, and the board for it.
    pub(crate) fn of(show: &ShowArgs) -> (Self, Board) {
        if show.json {
            return (Self::Events(Events::new(show.quiet)), Board::recording());
        }
        (Self::choose(show.progress, show.quiet, Settled::Scroll), Board::default())
    }

    pub(crate) fn choose(wish: Wish, quiet: bool, settled: Settled) -> Self {
        let bars = match wish {
            Wish::Auto => !quiet && std::io::stderr().is_terminal() && !is_dumb() && !is_set("CI"),
            Wish::Bars => !quiet && std::io::stderr().is_terminal(),
            Wish::Lines => false,
        };
        if bars { Self::Bars(Box::new(Bars::new(settled, use_color()))) } else { Self::Lines(Lines::new(quiet)) }
    }

    pub(crate) fn draw(&mut self, frame: &Frame) {
        match self {
            Self::Bars(bars) => bars.draw(frame),
            Self::Lines(lines) => lines.draw(frame),
            Self::Events(events) => events.draw(frame),
        }
    }

    /// The last step: leaves what should stay on the screen.
    pub(crate) fn finish(&mut self) {
        if let Self::Bars(bars) = self {
            bars.finish();
        }
    }

    /// A line of its own, above the bars if there are any.
    pub(crate) fn say(&self, line: &str) {
        match self {
            Self::Bars(bars) => bars.say(line),
            Self::Lines(_) | Self::Events(_) => say(line),
        }
    }
}

impl Drawing {
    /// Starts to draw the board; `news` is called with each frame first.
    pub(crate) fn start(board: Board, mut view: View, mut news: impl FnMut(&View, &Frame) + Send + 'static) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let task = cede_transfer::tasks::spawn(async move {
            loop {
                let last = cede::time::timeout(PERIOD, &mut stopped).await.is_ok();
                let frame = board.frame(Instant::now());
                news(&view, &frame);
                view.draw(&frame);
                if last {
                    return view.finish();
                }
            }
        });
        Self { stop, task }
    }

    /// Draws the last frame and returns when it is on the screen.
    pub(crate) async fn finish(self) {
        // The task may be gone only if it panicked; then there is nothing more to draw.
        if self.stop.send(()).is_ok() {
            drop(self.task.await);
        }
    }
}

/// Whether standard error may be coloured (<https://no-color.org>).
pub(crate) fn use_color() -> bool {
    std::io::stderr().is_terminal() && !is_dumb() && !is_set("NO_COLOR")
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}
