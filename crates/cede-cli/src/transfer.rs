//! One job from its URL to its file.
//!
//! Stages: ask (with redirects) → name → open the `.part` → move the body → check → rename. Each stage can fail, and each waits for the interruption too, so
//! that Ctrl-C is answered at once wherever the transfer is. From the moment the `.part` is open, every way out goes through [`Destination`]: it is either
//! committed or kept, never forgotten.
//!
//! Segments and resuming will replace "move the body"; the stages before and after stay.

use std::path::{Path, PathBuf};

use cede::task::spawn_blocking;
use http_body_util::BodyExt;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_ENCODING};
use url::Url;

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
    pub(crate) interrupt: Interrupt,
}

/// A complete file under its name, and how it ends on the board: saved or kept.
#[derive(Debug)]
pub(crate) struct Complete {
    pub(crate) path: PathBuf,
    phase: Phase,
}

/// A transfer that ended without its file, and what is known about the rest.
#[derive(Debug)]
pub(crate) struct Unfinished {
    stop: Stop,
    kept: Option<String>,
}

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
        let mut interrupt = self.interrupt.clone();
        cede::select! {
            biased;
            exit = interrupt.requested() => Err(Stop::Interrupted(exit)),
            result = work => result.map_err(Stop::Failed),
        }
    }
}

impl Unfinished {
    /// How the file ends on the board, and the code for it.
    pub(crate) fn settled(self, url: &Url) -> (Phase, Exit) {
        let url = printable(url.as_str());
        match self.stop {
            Stop::Failed(failure) => {
                let failure = self.kept.into_iter().fold(failure, Failure::help);
                (Phase::Failed(format!("{url}: {failure}")), failure.exit())
            }
            Stop::Interrupted(exit) => {
                let kept = self.kept.unwrap_or_else(|| "nothing had come yet".to_owned());
                (Phase::Stopped(format!("{url}: {kept}")), exit)
            }
        }
    }
}

/// A stop before there was anything to keep.
impl<T: Into<Stop>> From<T> for Unfinished {
    fn from(stop: T) -> Self {
        Self { stop: stop.into(), kept: None }
    }
}

/// Downloads one file from begin to end on the board, and returns the code of the result.
pub(crate) async fn run(shared: &Shared, index: usize, job: Job) -> Exit {
    shared.board.begin(index);
    let url = job.url.clone();
    let (phase, exit) = match download(shared, index, job).await {
        Ok(complete) => (complete.phase, Exit::Done),
        Err(unfinished) => unfinished.settled(&url),
    };
    shared.board.settle(index, phase);
    exit
}

/// Downloads one file; the caller settles it on the board.
pub(crate) async fn download(shared: &Shared, index: usize, job: Job) -> Result<Complete, Unfinished> {
    let answer = shared.unless_interrupted(request::get(&shared.connector, job.url.clone(), &shared.rules)).await?;
    let (dir, name) = match job.place.clone() {
        Place::Named { dir, name } => (dir, name),
        Place::In { dir, from } => (dir, choose_name(from, &job.url, &answer)),
    };
    let claims = shared.claims.clone();
    let if_exists = shared.rules.if_exists;
    let destination = match blocking(move || destination::open(&dir, &name, if_exists, &claims)).await? {
        Opened::Ready(destination) => destination,
        Opened::Skip(path) => {
            drop(answer);
            return keep_existing(shared, index, path, job.sha256).await;
        }
    };
    shared.board.receiving(index, &file_name(destination.target()), answer.length);
    match receive(shared, index, answer, &destination, job.sha256).await {
        Ok(note) => Ok(Complete { path: blocking(move || destination.commit()).await?, phase: Phase::Saved(note) }),
        Err(stop) => Err(Unfinished { stop, kept: keep(destination).await }),
    }
}

/// Is content with a file that exists, if it is the one that the checksum is for.
async fn keep_existing(shared: &Shared, index: usize, path: PathBuf, expected: Option<[u8; 32]>) -> Result<Complete, Unfinished> {
    let mut remark = "it exists and was left alone";
    if let Some(expected) = expected {
        shared.board.verifying(index);
        let read = path.clone();
        let sum = shared.unless_interrupted(blocking(move || destination::sha256_of(&read))).await?;
        if sum != expected {
            let what = format!("{} exists, but its SHA-256 is {}, not {}", shown(&path), units::hex(&sum), units::hex(&expected));
            let failure = Failure::new(Exit::Checksum, what);
            return Err(failure.help("--force replaces it; if it should stay, check that the sum is the right one").into());
        }
        remark = "it exists, sha-256 right";
    }
    Ok(Complete { phase: Phase::Kept(format!("{}: {remark}", shown(&path))), path })
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
    let packing = packing(&answer);
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
        _ => Ok(packing),
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

/// A remark if the server packed the file although it was asked not to.
fn packing(answer: &Answer) -> String {
    match answer.headers.get(CONTENT_ENCODING).map(|value| String::from_utf8_lossy(value.as_bytes())) {
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => format!("left as the server packed it ({})", printable(&coding)),
        _ => String::new(),
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

fn choose_name(from: NameFrom, given: &Url, answer: &Answer) -> String {
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

/// The short form for a bar.
fn file_name(path: &Path) -> String {
    printable(&path.file_name().unwrap_or_default().to_string_lossy())
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}
