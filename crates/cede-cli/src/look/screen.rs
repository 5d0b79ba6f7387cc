//! The terminal of `cede top`: keys and pictures in, drawings out.
//!
//! A thread of its own asks the program, so that the keys answer also while the program is slow. It asks once a second, and at once when another task's detail is wanted; it ends with the
//! connection, or when nobody listens to it any more.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event;

use super::draw::draw;
use super::link::Link;
use super::picture::Picture;
use super::view::{Flow, View};
use crate::keys::key_of;

const PERIOD: Duration = Duration::from_secs(1);
/// How long a picture may lie before it is drawn.
const GLANCE: Duration = Duration::from_millis(50);

/// What the asking thread brings.
enum News {
    Picture(Picture, Duration),
    Detail(u64, String),
    Lost(String),
}

/// Shows the program until the user or the program ends it; the latter is an error.
pub(super) fn run(link: Link, view: View) -> Result<(), String> {
    let (news, arrivals) = mpsc::channel();
    let (wishes, wanted) = mpsc::channel();
    thread::Builder::new()
        .name("asker".into())
        .spawn(move || ask(link, &wanted, &news))
        .map_err(|error| format!("no thread can be made: {error}"))?;
    let mut terminal = ratatui::try_init().map_err(|error| format!("the terminal cannot be used: {error}"))?;
    let outcome = show(&mut terminal, view, &arrivals, &wishes);
    ratatui::restore();
    outcome
}

/// Asks until the connection or the screen is gone.
fn ask(mut link: Link, wanted: &Receiver<Option<u64>>, news: &Sender<News>) {
    let mut last: Option<Instant> = None;
    let mut detail = None;
    loop {
        let brought = match detail {
            None => Ok(()),
            Some(task) => link.ask(&format!("task {task}")).map(|text| drop(news.send(News::Detail(task, text)))),
        };
        let picture = match last {
            // Only the detail was wanted.
            Some(last) if last.elapsed() < PERIOD => Ok(None),
            _ => link.picture().map(Some),
        };
        match brought.and(picture) {
            Ok(None) => {}
            Ok(Some(picture)) => {
                let since = last.map_or(Duration::ZERO, |last| last.elapsed());
                last = Some(Instant::now());
                if news.send(News::Picture(picture, since)).is_err() {
                    return;
                }
            }
            Err(message) => {
                // Nobody is there to be told.
                let _unheard = news.send(News::Lost(message));
                return;
            }
        }
        match wanted.recv_timeout(PERIOD.saturating_sub(last.map_or(Duration::ZERO, |last| last.elapsed()))) {
            Ok(wish) => detail = wish,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn show(terminal: &mut DefaultTerminal, mut view: View, arrivals: &Receiver<News>, wishes: &Sender<Option<u64>>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("the terminal cannot be used: {error}");
    loop {
        let mut page = 0;
        terminal.draw(|frame| page = draw(&view, frame)).map_err(failed)?;
        let mut changed = false;
        while !changed {
            if event::poll(GLANCE).map_err(failed)? {
                changed = true;
                let wanted = view.wanted();
                if let Some(key) = key_of(&event::read().map_err(failed)?)
                    && view.press(key, page) == Flow::Quit
                {
                    return Ok(());
                }
                if view.wanted() != wanted {
                    // If the asker is gone, it has said why.
                    let _gone = wishes.send(view.wanted());
                }
            }
            for news in arrivals.try_iter() {
                changed = true;
                match news {
                    News::Picture(picture, since) => view.update(picture, since),
                    News::Detail(task, text) => view.explain(task, text),
                    News::Lost(message) => return Err(message),
                }
            }
        }
    }
}
