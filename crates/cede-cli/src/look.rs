//! `cede dump`, `cede top` and `cede trace`: what a running program does, seen from outside.
//!
//! ```text
//! link ─→ picture ─→ view ─→ draw ─→ screen      the terminal
//!                      └───→ plain               one picture as text
//! ```
//! The program answers on a Unix socket, if it was started with `CEDE_INSPECT=1` ([`cede::inspect::listen`]). [`link`] asks, [`picture`] reads the answers, [`view`] decides what is to be
//! seen, and knows neither terminal, clock nor socket; [`draw`] and [`plain`] put it on cells and into lines.

mod draw;
mod link;
mod picture;
mod plain;
mod screen;
mod view;

use std::fs;
use std::io::{self, IsTerminal};
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::{DumpArgs, TopArgs, TraceArgs};
use cede_transfer::Exit;
use link::Link;
use view::View;

pub(crate) use view::Column;

/// For so long the program counts which task has the threads, for `cede top --once`.
const COUNTED: Duration = Duration::from_millis(500);

/// Runs `cede dump`.
pub(crate) fn dump(args: &DumpArgs) -> Exit {
    let Some(process) = args.process else { return list() };
    told(Link::to(process).and_then(|mut link| match args.chains {
        None => link.ask("dump"),
        Some(seconds) => link.ask_for_long(&format!("chains {}", seconds * 1000), Duration::from_secs(seconds)),
    }))
}

/// Runs `cede top`.
pub(crate) fn top(args: &TopArgs) -> Exit {
    let Some(process) = args.process else { return list() };
    let link = match Link::to(process) {
        Ok(link) => link,
        Err(message) => return failed(&message),
    };
    let view = View::of(process, args.sort);
    if args.once || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return told(once(link, view));
    }
    match screen::run(link, view) {
        Ok(()) => Exit::Done,
        Err(message) => failed(&message),
    }
}

/// Runs `cede trace`.
pub(crate) fn trace(args: &TraceArgs) -> Exit {
    let Some(process) = args.process else { return list() };
    let file = args.output.clone().unwrap_or_else(|| format!("cede-trace-{process}.json").into());
    match Link::to(process).and_then(|mut link| link.trace(args.seconds)) {
        Ok(trace) if file.as_os_str() == "-" => told(Ok(trace)),
        Ok(trace) => match fs::write(&file, trace) {
            Ok(()) => told(Ok(format!("{}: open it in https://ui.perfetto.dev or chrome://tracing\n", file.display()))),
            Err(error) => failed(&format!("{}: {error}", file.display())),
        },
        Err(message) => failed(&message),
    }
}

/// One picture as text. The first request begins the counting, so there are two.
fn once(mut link: Link, mut view: View) -> Result<String, String> {
    view.update(link.picture()?, Duration::ZERO);
    let begun = Instant::now();
    thread::sleep(COUNTED);
    view.update(link.picture()?, begun.elapsed());
    Ok(plain::table(&view))
}

/// The processes that listen.
fn list() -> Exit {
    let processes = link::listening();
    if processes.is_empty() {
        return failed(&format!("no program of this user listens in {}\n  help: {}", link::directory().display(), link::HELP));
    }
    told(Ok(processes.iter().map(|(process, command)| format!("{process:>8}  {command}\n")).collect()))
}

fn told(answer: Result<String, String>) -> Exit {
    match answer {
        Ok(text) => {
            crate::out::print(text);
            Exit::Done
        }
        Err(message) => failed(&message),
    }
}

fn failed(message: &str) -> Exit {
    eprintln!("cede: {message}");
    Exit::Failed
}
