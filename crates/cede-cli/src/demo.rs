//! `cede demo`: the same downloads twice, as tasks on one thread and as one thread each, from a server inside this process.
//!
//! The first half is the code of `cede get`; nothing is made easier for it. While files still arrive, those that are complete are read back and hashed on the
//! blocking pool. The demo succeeds only if every hash of both halves is right.
//!
//! Threads are counted by asking the kernel, ten times a second, for the most that this process had at once; the server's threads are not counted.
//! Tasks are counted where they are spawned; the server's are not counted either.

mod content;
mod origin;
mod table;
mod threads;

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::cli::DemoArgs;
use crate::get::Row as Watched;
use crate::interrupt;
use crate::limits;
use crate::out::print;
use crate::progress::bars::Settled;
use crate::progress::lines::say;
use crate::progress::view::{Drawing, View, Wish};
use crate::progress::{Board, Phase};
use cede_transfer::Exit;
use cede_transfer::engine::{Check, Engine, Job, Output, Settings, Stop};
use cede_transfer::plan::Rules;
use cede_transfer::sum::Algorithm;
use cede_transfer::tasks;
use cede_transfer::units;
use origin::Origin;
use table::Row;

/// Hashing threads: more than the cores would only wait.
const POOL: usize = 2;

/// A directory that is removed at the end.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("cede-demo-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The most threads seen at once, and the tasks spawned since.
#[derive(Clone, Debug)]
struct Census {
    tasks_before: usize,
    before: usize,
    most: Arc<AtomicUsize>,
}

impl Census {
    fn start() -> Self {
        Self { tasks_before: tasks::spawned(), before: threads_now().unwrap_or(0), most: Arc::default() }
    }

    fn look(&self) {
        self.most.fetch_max(threads_now().unwrap_or(0), Ordering::Relaxed);
    }

    /// The tasks that the work was made of.
    fn tasks(&self) -> usize {
        tasks::spawned() - self.tasks_before
    }

    /// The threads that the work used, with the main thread; `None` where the kernel does not tell.
    fn used(&self) -> Option<usize> {
        match self.most.load(Ordering::Relaxed) {
            0 => None,
            most => Some(most.saturating_sub(self.before) + 1),
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &DemoArgs) -> Exit {
    let interrupt = interrupt::install();
    match demo(args, &interrupt) {
        // Whatever else happened, it happened because of that.
        _ if interrupt.now().is_some() => interrupt.now().unwrap_or(Exit::Interrupted),
        Ok(true) => Exit::Done,
        Ok(false) => {
            say("error: not every file arrived with the right hash");
            Exit::Checksum
        }
        Err(error) => {
            say(&format!("error: the demo could not run: {error}"));
            Exit::Failed
        }
    }
}

/// Whether all hashes were right. An interruption ends it early; its files are removed all the same.
fn demo(args: &DemoArgs, interrupt: &Stop) -> io::Result<bool> {
    let scratch = Scratch::new()?;
    // Both ends of each connection are in this process.
    let files = usize::from(args.files).min(limits::transfers_at_once() / 2).max(1);
    let origin = Origin::start(&scratch.0.join("site"), files, args.fault.as_deref())?;
    let total = origin.exhibits().iter().map(|exhibit| exhibit.size).sum();
    say(&format!("{files} files, {} in all, from a server in this process at {}\n", units::bytes(total), origin.address()));

    let tasks = as_tasks(&origin, &scratch.0.join("tasks"), args.progress, interrupt)?;
    if interrupt.now().is_some() {
        return Ok(false);
    }
    say("");
    let threads = as_threads(&origin, &scratch.0.join("threads"), args.progress, interrupt)?;
    if interrupt.now().is_some() {
        return Ok(false);
    }

    let fancy = io::stdout().is_terminal() && crate::progress::view::use_color();
    print(format!("\n{}\n", table::render(&[tasks, threads], fancy)));
    if let (Some(few), Some(many)) = (tasks.threads, threads.threads) {
        print(format!("\nThe same downloads with {few} threads instead of {many}.\n"));
    }
    Ok([tasks, threads].iter().all(|row| row.right == row.files))
}

fn as_tasks(origin: &Origin, dir: &Path, wish: Wish, interrupt: &Stop) -> io::Result<Row> {
    let census = Census::start();
    let board = Board::default();
    let view = View::choose(wish, false, Settled::Stay);
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(POOL).build()?;
    let started = Instant::now();
    let right = runtime.block_on(download_all(origin, dir, &board, view, census.clone(), interrupt.clone()));
    let files = origin.exhibits().len();
    Ok(Row {
        name: "cede, a task each",
        files,
        bytes: board.totals().received,
        time: started.elapsed(),
        tasks: census.tasks(),
        threads: census.used(),
        right,
    })
}

/// Returns how many files arrived with the right hash.
async fn download_all(origin: &Origin, dir: &Path, board: &Board, view: View, census: Census, interrupt: Stop) -> usize {
    // The server limits each connection, and the threads have one for each file.
    let rules = Rules { segments: 1, ..Rules::default() };
    let engine = Engine::new(Settings { rules, per_host: limits::connections(1), ..Settings::default() });
    let downloads: Vec<_> = origin
        .exhibits()
        .iter()
        .map(|exhibit| {
            let index = board.add(&exhibit.name, Some(exhibit.size));
            let output = Output::Named { dir: dir.to_owned(), name: exhibit.name.clone() };
            let job = Job { url: origin.url(exhibit), mirrors: Vec::new(), output, check: Check::Size };
            let row = Watched::new(board.clone(), index);
            tasks::spawn(download_and_verify(engine.clone(), row, job, exhibit.sha256, interrupt.clone()))
        })
        .collect();
    let drawing = Drawing::start(board.clone(), view, move |_, _| census.look());
    let mut right = 0;
    for download in downloads {
        right += usize::from(download.await.is_ok_and(|right| right));
    }
    drawing.finish().await;
    right
}

async fn download_and_verify(engine: Engine, row: Watched, job: Job, sha256: [u8; 32], interrupt: Stop) -> bool {
    row.board.begin(row.index);
    let url = job.url.clone();
    let row = Arc::new(row);
    let phase = match engine.download(job, Arc::clone(&row) as _, interrupt).await {
        Ok(complete) => {
            row.board.verifying(row.index);
            let path = complete.path.unwrap_or_default();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let sum = cede::task::spawn_blocking(move || hash_of(&path)).await.map_err(io::Error::other).and_then(|sum| sum);
            verified(&name, sum, sha256)
        }
        Err(unfinished) => Phase::Failed(unfinished.told(&url).0),
    };
    let right = matches!(phase, Phase::Saved(_));
    row.board.settle(row.index, phase);
    right
}

fn verified(name: &str, sum: io::Result<[u8; 32]>, expected: [u8; 32]) -> Phase {
    match sum {
        Ok(sum) if sum == expected => Phase::Saved("sha-256 right".to_owned()),
        Ok(sum) => Phase::Failed(format!("{name}: the SHA-256 is {}, not {}", units::hex(&sum), units::hex(&expected))),
        Err(error) => Phase::Failed(format!("{name}: the file could not be read back: {error}")),
    }
}

fn as_threads(origin: &Origin, dir: &Path, wish: Wish, interrupt: &Stop) -> io::Result<Row> {
    let census = Census::start();
    let board = Board::default();
    let bytes: u64 = origin.exhibits().iter().map(|exhibit| exhibit.size).sum();
    let index = board.add("a thread each", Some(bytes));
    let mut view = View::choose(wish, false, Settled::Scroll);
    let started = Instant::now();
    let mut crowd = threads::Crowd::start(origin, dir, &board, index)?;
    let right = loop {
        census.look();
        view.draw(&board.frame(Instant::now()));
        match crowd.finished() {
            Some(right) => break right,
            // Blocked threads cannot be told to stop; they end with the process.
            None if interrupt.now().is_some() => break 0,
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let time = started.elapsed();
    let files = origin.exhibits().len();
    board.settle(index, Phase::Saved(format!("{right} of {files} sha-256 right")));
    view.draw(&board.frame(Instant::now()));
    view.finish();
    Ok(Row {
        name: "a thread each",
        files: origin.exhibits().len(),
        bytes: board.totals().received,
        time,
        tasks: census.tasks(),
        threads: census.used(),
        right,
    })
}

fn hash_of(path: &Path) -> io::Result<[u8; 32]> {
    let sum = cede_transfer::sum_of(path, Algorithm::Sha256).map_err(|failure| io::Error::other(failure.to_string()))?;
    Ok(sum.value.try_into().expect("a SHA-256 has 32 bytes"))
}

/// How many threads this process has besides the server's.
fn threads_now() -> Option<usize> {
    let is_servers = |task: &fs::DirEntry| fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim_end() == origin::NAME);
    Some(fs::read_dir("/proc/self/task").ok()?.flatten().filter(|task| !is_servers(task)).count())
}
