//! One job from its URL to its file.
//!
//! Stages: ask (with redirects) → name → open the `.part` → move the body → check → rename. Each stage can fail, and each waits for the interruption too, so
//! that Ctrl-C is answered at once wherever the transfer is. From the moment the `.part` is open, every way out goes through [`Destination`]: it is either
//! committed or kept, never forgotten.
//!
//! Segments and resuming will replace "move the body"; the stages before and after stay.

use std::path::Path;

use cede::task::spawn_blocking;
use http_body_util::BodyExt;
use hyper::header::CONTENT_DISPOSITION;

use crate::cli::NameFrom;
use crate::connect::Connector;
use crate::destination::{self, Claims, Destination, Opened};
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::interrupt::Interrupt;
use crate::name;
use crate::plan::{Job, Place, Rules};
use crate::progress::{Board, Phase};
use crate::request::{self, Answer};
use crate::units;
use crate::writer::Writer;

/// What all transfers of a run share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) connector: Connector,
    pub(crate) rules: Rules,
    pub(crate) claims: Claims,
    pub(crate) board: Board,
    pub(crate) interrupt: Option<Interrupt>,
}

/// Why a transfer ended without its file.
#[derive(Debug)]
enum Stop {
    Failed(Failure),
    Interrupted(Exit),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Shared {
    /// Runs `work` unless the user interrupts it.
    async fn unless_interrupted<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Stop> {
        let Some(mut interrupt) = self.interrupt.clone() else { return work.await.map_err(Stop::Failed) };
        cede::select! {
            biased;
            exit = interrupt.requested() => Err(Stop::Interrupted(exit)),
            result = work => result.map_err(Stop::Failed),
        }
    }
}

/// Downloads one file, reports to the board, and returns the code of the result.
pub(crate) async fn run(shared: &Shared, index: usize, job: Job) -> Exit {
    shared.board.begin(index);
    let url = printable(job.url.as_str());
    let (phase, exit) = match download(shared, index, job).await {
        Ok(note) => (Phase::Saved(note), Exit::Done),
        Err((Stop::Failed(failure), kept)) => {
            let failure = match kept {
                Some(kept) => failure.help(kept),
                None => failure,
            };
            (Phase::Failed(format!("{url}: {failure}")), failure.exit())
        }
        Err((Stop::Interrupted(exit), kept)) => {
            let kept = kept.unwrap_or_else(|| "nothing had come yet".to_owned());
            (Phase::Stopped(format!("{url}: {kept}")), exit)
        }
    };
    shared.board.settle(index, phase);
    exit
}

/// The note about a saved file, or why there is none and what was kept of it.
async fn download(shared: &Shared, index: usize, job: Job) -> Result<String, (Stop, Option<String>)> {
    let nothing_kept = |stop| (stop, None);
    let answer = shared.unless_interrupted(request::get(&shared.connector, job.url.clone(), &shared.rules)).await.map_err(nothing_kept)?;
    let (dir, name) = match job.place.clone() {
        Place::Named { dir, name } => (dir, name),
        Place::In { dir, from } => (dir, choose_name(from, &job.url, &answer)),
    };
    let claims = shared.claims.clone();
    let if_exists = shared.rules.if_exists;
    let opened = blocking(move || destination::open(&dir, &name, if_exists, &claims)).await;
    let destination = match opened.map_err(|failure| nothing_kept(failure.into()))? {
        Opened::Ready(destination) => destination,
        Opened::Skip(target) => return Ok(format!("{} exists and was left alone", shown(&target))),
    };
    shared.board.receiving(index, &shown(destination.target()), answer.length);
    match receive(shared, index, answer, &destination, job.sha256).await {
        Ok(note) => match blocking(move || destination.commit()).await {
            Ok(_) => Ok(note),
            Err(failure) => Err(nothing_kept(failure.into())),
        },
        Err(stop) => Err((stop, keep(destination).await)),
    }
}

/// Moves the body to the `.part` and checks it.
async fn receive(
    shared: &Shared,
    index: usize,
    answer: Answer,
    destination: &Destination,
    expected: Option<[u8; 32]>,
) -> Result<String, Stop> {
    let could_not_write = |error| Failure::of_file("write", destination.part(), &error);
    let file = destination.file().map_err(could_not_write)?;
    let mut writer = Writer::new(file, expected.is_some());
    let moved = shared.unless_interrupted(move_body(shared, index, answer, &mut writer, destination)).await;
    // Also after a failure: what has come is worth keeping.
    let written = writer.finish().await;
    moved?;
    let sum = written.map_err(could_not_write)?;
    match (sum, expected) {
        (Some(sum), Some(expected)) if sum != expected => {
            let what = format!("the SHA-256 is {}, not {}", units::hex(&sum), units::hex(&expected));
            Err(Failure::new(Exit::Checksum, what).help("the file is damaged, or not the one that the sum is for").into())
        }
        (Some(_), Some(_)) => Ok("sha-256 right".to_owned()),
        _ => Ok(String::new()),
    }
}

async fn move_body(
    shared: &Shared,
    index: usize,
    mut answer: Answer,
    writer: &mut Writer,
    destination: &Destination,
) -> Result<(), Failure> {
    let patience = shared.rules.stall_timeout;
    let mut received = 0_u64;
    loop {
        let frame = match cede::time::timeout(patience, answer.body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) if is_early_end(&error) => return Err(short(received, answer.length)),
            Ok(Some(Err(error))) => return Err(request::broken(&error)),
            Ok(None) => break,
            Err(_) => {
                let what = format!("after {} the server sent nothing", units::bytes(received));
                return Err(request::stalled(patience, &what));
            }
        };
        let Ok(data) = frame.into_data() else { continue };
        let count = data.len() as u64;
        writer.push(data).await.map_err(|error| Failure::of_file("write", destination.part(), &error))?;
        received += count;
        shared.board.received(index, count);
    }
    match answer.length {
        Some(length) if length != received => Err(short(received, answer.length)),
        _ => Ok(()),
    }
}

fn is_early_end(error: &hyper::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof) {
            return true;
        }
        cause = error.source();
    }
    error.is_incomplete_message()
}

fn short(received: u64, length: Option<u64>) -> Failure {
    let what = match length {
        Some(length) => format!("the file ended early: {received} of {length} bytes came"),
        None => format!("the file ended early, after {received} bytes"),
    };
    Failure::new(Exit::Network, what)
}

/// Leaves the `.part` for later and says where.
async fn keep(destination: Destination) -> Option<String> {
    let part = shown(destination.part());
    match blocking(move || destination.keep()).await {
        Ok(Some((path, size))) => Some(format!("what came is kept in {} ({})", shown(&path), units::bytes(size))),
        Ok(None) => None,
        Err(error) => Some(format!("what came could not be kept in {part}: {error}")),
    }
}

fn choose_name(from: NameFrom, given: &url::Url, answer: &Answer) -> String {
    let header = || name::from_content_disposition(answer.headers.get(CONTENT_DISPOSITION)?.as_bytes());
    let chosen = match from {
        NameFrom::Auto => header().or_else(|| name::from_url(given)).or_else(|| name::from_url(&answer.url)),
        NameFrom::Url => name::from_url(given),
        NameFrom::FinalUrl => name::from_url(&answer.url),
    };
    chosen.unwrap_or_else(|| name::FALLBACK.to_owned())
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(job).await.expect("file operations report errors and do not panic")
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}
