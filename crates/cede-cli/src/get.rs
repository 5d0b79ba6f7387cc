//! `cede get`: runs the jobs of a plan, a few at a time, and says how it went. `cede put` runs its uploads by the same workers, with the same progress and steering.

mod follow;
mod row;
mod steer;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use cede::sync::{Mutex, mpsc};
use cede_transfer::engine::{Cause, Engine, Job, Output, Settings, Stop, Unfinished};
use cede_transfer::extract::Limits;
use cede_transfer::queue::Queue;
use cede_transfer::upload::Order;
use cede_transfer::{Exit, Failure, printable, units};
use url::Url;

use crate::cli::{GetArgs, ShowArgs};
use crate::closed::{why_no_stdin, why_no_stdout};
use crate::device::is_stdin;
use crate::jobs::List;
use crate::plan::{Defaults, Plan, keep_cookies};
use crate::progress::events::{self, News};
use crate::progress::lines::say;
use crate::progress::view::{Drawing, View};
use crate::progress::{Board, Phase, Totals, WORTH_A_REASON};
use crate::start::Start;
use crate::tui::screen::{Screen, Shown};
use crate::{interrupt, limits, put, rehearse};
pub(crate) use row::Row;
use steer::Crew;

/// How far the list is read ahead.
const AHEAD: usize = 256;
/// How many lines of a file come at a time: its reader is woken once for all of them.
const LINES: usize = 128;

/// Lines of the list.
pub(crate) type Lines = Vec<Result<Job, String>>;

/// Where further jobs come from, when those of the command line have been taken.
#[derive(Debug)]
struct Source {
    list: Option<mpsc::Receiver<Lines>>,
    /// What has come from the list, and is not yet taken.
    read: VecDeque<Result<Job, String>>,
    /// The user's wish to stop, if it left lines untaken, or lines of which nobody knows whether they come.
    cut: Option<Exit>,
}

/// What is to be done for one row of the board.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a list has a million downloads, and no uploads")]
pub(crate) enum Work {
    Down(Job),
    Up(Box<Order>),
}

impl Work {
    pub(crate) fn url(&self) -> &Url {
        match self {
            Self::Down(job) => &job.url,
            Self::Up(order) => &order.url,
        }
    }
}

/// Everything that a run is about.
struct Batch {
    works: Vec<Work>,
    list: Option<mpsc::Receiver<Lines>>,
    settings: Settings,
    /// How many of them run at a time.
    width: usize,
    extract: Option<(PathBuf, Limits)>,
}

/// What a worker got.
enum Next {
    Work(usize, Work),
    /// A line of the list was wrong; this is its place on the board.
    Wrong(usize, String),
}

/// Everything is paused, and no line of the list is taken.
struct Held;

/// What all workers share.
#[derive(Clone)]
struct Run {
    engine: Engine,
    /// What waits to be begun.
    queue: Arc<std::sync::Mutex<Queue<Work>>>,
    source: Arc<Mutex<Source>>,
    /// Of those who take jobs.
    crew: Crew,
    /// How many jobs run at a time if there are as many.
    width: usize,
    board: Board,
    stop: Stop,
    extract: Option<(PathBuf, Limits)>,
}

/// What shows a run.
enum Display {
    Drawing(Drawing),
    Screen(Shown),
}

impl Display {
    async fn finish(self) {
        match self {
            Self::Drawing(drawing) => drawing.finish().await,
            Self::Screen(shown) => shown.finish().await,
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &GetArgs) -> Exit {
    match Plan::new(args) {
        Ok(plan) => {
            if let (Some(true), Some(why)) = (plan.list.as_deref().map(is_stdin), why_no_stdin()) {
                say(&format!("error: --input - reads standard input, but that {why}"));
                return Exit::Files;
            }
            if args.dry_run {
                return rehearse::get(plan);
            }
            if let (Output::Stdout, Some(why)) = (&plan.defaults.output, why_no_stdout()) {
                say(&format!("error: --output - writes to standard output, but that {why}"));
                return Exit::Files;
            }
            let cookies = plan.settings.cookies.clone();
            keep_cookies(&cookies, &args.network, run_plan(plan, &args.show, args.tui))
        }
        Err(mistake) => {
            say(&format!("error: {mistake}"));
            Exit::Usage
        }
    }
}

/// Runs a plan, wherever it comes from; with `tui`, the user steers it.
pub(crate) fn run_plan(plan: Plan, show: &ShowArgs, tui: bool) -> Exit {
    let start = Start::now();
    let list = match plan.list.as_deref().map(|path| open_list(path, plan.defaults.clone())).transpose() {
        Ok(list) => list,
        Err(mistake) => {
            say(&format!("error: {mistake}"));
            return Exit::Usage;
        }
    };
    let works = plan.jobs.into_iter().map(Work::Down).collect();
    run_batch(Batch { works, list, settings: plan.settings, width: plan.width, extract: plan.extract }, start, show, tui)
}

/// Runs uploads, wherever they come from.
pub(crate) fn run_orders(settings: Settings, orders: Vec<Order>, width: usize, show: &ShowArgs, tui: bool) -> Exit {
    let start = Start::now();
    let works = orders.into_iter().map(|order| Work::Up(Box::new(order))).collect();
    run_batch(Batch { works, list: None, settings, width, extract: None }, start, show, tui)
}

fn run_batch(batch: Batch, start: Start, show: &ShowArgs, tui: bool) -> Exit {
    let screen = match tui.then(Screen::open).transpose() {
        Ok(screen) => screen,
        Err(mistake) => {
            say(&format!("error: {mistake}"));
            return Exit::Usage;
        }
    };
    let stop = if tui { interrupt::install_restoring(ratatui::restore) } else { interrupt::install() };
    start.run(transfer_all(batch, screen, stop, show))
}

/// Reads the list in a thread of its own: standard input may be slow, and the runtime must not wait for it.
pub(crate) fn open_list(path: &Path, defaults: Defaults) -> Result<mpsc::Receiver<Lines>, String> {
    let mut lines = 1;
    let reader: Box<dyn BufRead + Send> = if path == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let file = std::fs::File::open(path).map_err(|error| format!("--input {}: {error}", printable(&path.to_string_lossy())))?;
        // A pipe's lines come when they come, and are wanted then.
        if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            lines = LINES;
        }
        Box::new(BufReader::new(file))
    };
    let (sender, receiver) = mpsc::channel(AHEAD / lines);
    let read = move || {
        let mut list = List::new(reader, defaults);
        loop {
            let read: Lines = list.by_ref().take(lines).collect();
            if read.is_empty() || sender.blocking_send(read).is_err() {
                return;
            }
        }
    };
    // The thread ends with the list, or with the process.
    std::thread::Builder::new().name("cede-list".to_owned()).spawn(read).map_err(|error| format!("--input: {error}"))?;
    Ok(receiver)
}

async fn transfer_all(batch: Batch, screen: Option<Screen>, stop: Stop, show: &ShowArgs) -> Exit {
    let Batch { works, list, settings, width, extract } = batch;
    let started = Instant::now();
    let (view, board) = View::of(show);
    let mut queue = Queue::default();
    works.into_iter().for_each(|work| queue.push(board.add(printable(work.url().as_str()), None), work));
    let most = if list.is_some() { usize::MAX } else { queue.len() };
    let wish = width.min(limits::transfers_at_once());
    let width = wish.min(most);
    let run = Run {
        engine: Engine::new(settings),
        queue: Arc::new(std::sync::Mutex::new(queue)),
        source: Arc::new(Mutex::new(Source { list, read: VecDeque::new(), cut: None })),
        crew: Crew::default(),
        width: wish,
        board: board.clone(),
        stop: stop.clone(),
        extract,
    };
    let (engine, mut stopped) = (run.engine.clone(), stop.clone());
    let display = match screen {
        Some(screen) => run.clone().steer(screen),
        None => Display::Drawing(Drawing::start(board.clone(), view, announce_interruption(stop))),
    };
    (0..width).for_each(|_| run.crew.add(run.clone()));
    let mut exit = None;
    while let Some(worker) = run.crew.next() {
        let code = worker.await.expect("a transfer reports failures and does not panic");
        exit = both(exit, code);
    }
    // Before the run is called done. Who interrupts does not wait for that.
    let unsettled = engine.unsettled();
    if unsettled > 0 && stopped.now().is_none() {
        board.wait_for_disk(unsettled);
    }
    let settled = cede::select! {
        biased;
        stop = stopped.requested() => {
            exit = both(exit, Some(stop));
            Ok(())
        }
        settled = engine.settle() => settled,
    };
    let exit = match &settled {
        Err(failure) if exit.is_none_or(|exit| exit == Exit::Done) => Some(failure.exit()),
        Err(failure) => both(exit, Some(failure.exit())),
        Ok(()) => exit,
    };
    // Until then, a table may hide what is said.
    display.finish().await;
    let exit = both(exit, run.crew.has_cancelled().then_some(Exit::Interrupted));
    // Otherwise a list of which only the first lines were taken would be called done.
    let exit = both(exit, run.source.lock().await.cut).unwrap_or(Exit::Done);
    conclude(&board, started, exit, settled.err().as_ref(), show);
    exit
}

/// The last word about a run; also `why` it failed as a whole, whatever became of its files.
pub(crate) fn conclude(board: &Board, started: Instant, exit: Exit, why: Option<&Failure>, show: &ShowArgs) {
    if let Some(failure) = why.filter(|_| !(show.json && show.quiet)) {
        say(&format!("failed: {failure}"));
    }
    let totals = board.totals();
    let slow = board.slow().filter(|_| started.elapsed() >= WORTH_A_REASON);
    if show.json {
        events::summarize(&totals, slow, started, exit, why);
    } else if totals.files > 1 && !show.quiet {
        let slow = slow.map(|slow| format!(", {}", slow.phrase())).unwrap_or_default();
        say(&format!("{}{slow}", summary(&totals, started)));
    }
}

fn both(one: Option<Exit>, other: Option<Exit>) -> Option<Exit> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.and(other)),
        (one, other) => one.or(other),
    }
}

impl Run {
    /// Takes jobs until there are none, and returns the code of all of them.
    async fn work(self) -> Option<Exit> {
        let mut exit = None;
        while let Some(next) = self.next().await {
            let (Next::Wrong(index, _) | Next::Work(index, _)) = next;
            let code = match next {
                Next::Wrong(index, why) => {
                    self.board.tell(index, News::Ended(Exit::Usage, None));
                    self.board.settle(index, Phase::Failed(why));
                    Exit::Usage
                }
                Next::Work(index, work) => match self.stop.now() {
                    Some(exit) => {
                        self.board.tell(index, News::Ended(exit, None));
                        self.board.settle(index, Phase::Stopped(format!("{}: not started", printable(work.url().as_str()))));
                        exit
                    }
                    None => self.transfer(index, work).await,
                },
            };
            exit = both(exit, Some(code));
            // It has settled (H2 of `steer`).
            self.crew.restore(index);
            // Those whose answers are there come first. Then the requests of all leave together, and a server that would be woken for each of them is woken once.
            cede::task::yield_now().await;
        }
        exit
    }

    async fn next(&self) -> Option<Next> {
        loop {
            if self.crew.is_too_many() {
                return None;
            }
            let changed = self.crew.changed();
            let stopped = self.stop.now().is_some();
            let is_empty = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((index, work)) = if stopped { queue.pop_any() } else { queue.pop() } {
                    return Some(Next::Work(index, work));
                }
                queue.is_empty()
            };
            if is_empty && let Ok(next) = self.next_of_list().await {
                return next;
            }
            // All that wait are held; the user may let them go on.
            let mut stop = self.stop.clone();
            cede::select! {
                _ = stop.requested() => {}
                () = changed => {}
            }
        }
    }

    /// The next line. `None`: there are no more, or none is wanted any more.
    async fn next_of_list(&self) -> Result<Option<Next>, Held> {
        let mut source = self.source.lock().await;
        if let Some(exit) = self.stop.now() {
            source.cut = (source.list.is_some() || !source.read.is_empty()).then_some(exit);
            return Ok(None);
        }
        if source.read.is_empty() {
            let mut stop = self.stop.clone();
            let lines = cede::select! {
                biased;
                exit = stop.requested() => {
                    source.cut = source.list.is_some().then_some(exit);
                    return Ok(None);
                }
                lines = async { source.list.as_mut()?.recv().await } => lines,
            };
            match lines {
                Some(lines) => source.read = lines.into(),
                None => {
                    source.list = None;
                    return Ok(None);
                }
            }
        }
        let take = || {
            Some(match source.read.pop_front()? {
                Ok(job) => Next::Work(self.board.add(printable(job.url.as_str()), None), Work::Down(job)),
                Err(why) => Next::Wrong(self.board.add(printable(&why), None), why),
            })
        };
        // Either the line is on the board before everything there is paused, or it stays in the list.
        self.crew.take(take).ok_or(Held)
    }

    async fn transfer(&self, index: usize, work: Work) -> Exit {
        self.board.begin(index);
        self.board.tell_if_asked(index, || News::Began(work.url().to_string()));
        let row = Arc::new(Row::new(self.board.clone(), index));
        let stop = self.stop.clone().steered_by(&self.board.control(index).unwrap_or_default());
        match work {
            Work::Down(job) => self.download(row, job, stop).await,
            // Boxed, so that downloads do not carry it.
            Work::Up(order) => Box::pin(put::upload(&self.engine, row, *order, stop)).await,
        }
    }

    async fn download(&self, row: Arc<Row>, job: Job, stop: Stop) -> Exit {
        let index = row.index;
        let url = job.url.clone();
        let dir = follow::dir_of(&job);
        let watch = Arc::clone(&row) as _;
        let result = match &self.extract {
            Some((dir, limits)) => self.engine.extract(job, dir, *limits, watch, stop.clone()).await,
            None => self.engine.download(job, watch, stop.clone()).await,
        };
        let path = result.as_ref().ok().and_then(|complete| complete.path.clone());
        let (phase, exit) = match result {
            Ok(complete) if complete.kept => (Phase::Kept(complete.remark), Exit::Done),
            Ok(complete) => {
                let mut notes = row.take_notes();
                notes.extend((!complete.remark.is_empty()).then_some(complete.remark));
                (Phase::Saved(notes.join("; ")), Exit::Done)
            }
            Err(Unfinished { cause: Cause::Failed(failure), .. }) if failure.is_metalink() => {
                self.follow(&url, &dir, Arc::clone(&row) as _, stop).await
            }
            Err(unfinished) => {
                let stopped = matches!(unfinished.cause, Cause::Stopped(_));
                let (told, exit) = unfinished.told(&url);
                (if stopped { Phase::Stopped(told) } else { Phase::Failed(told) }, exit)
            }
        };
        self.board.tell(index, News::Ended(exit, path));
        self.board.settle(index, phase);
        exit
    }
}

/// Says once that the interruption was understood.
pub(crate) fn announce_interruption(stop: Stop) -> impl FnMut(&View, &crate::progress::Frame) + Send + 'static {
    let mut announced = false;
    move |view, _| {
        if !announced && stop.now().is_some() {
            announced = true;
            view.say("interrupted: writing down what has come; again to leave at once");
        }
    }
}

fn summary(totals: &Totals, started: Instant) -> String {
    let mut text =
        format!("{} of {} files, {} in {}", totals.saved, totals.files, units::bytes(totals.received), units::duration(started.elapsed()));
    for (count, what) in [(totals.kept, "kept"), (totals.failed, "failed"), (totals.stopped, "stopped")] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

/// The directory and the name of a path.
pub(crate) fn split(path: &Path) -> Option<(PathBuf, String)> {
    Some((path.parent()?.to_owned(), path.file_name()?.to_str()?.to_owned()))
}

#[cfg(test)]
mod tests;
