//! Uploads: nothing stored twice, nothing lost, and never a mixture of two versions of a file that is called complete.
//!
//! ```text
//! plan ──── one upload after PUT, POST or tus: what to ask next, what an answer means     no I/O, no clock
//! parts ─── one in parts (S3): which part next, when it is complete                       no I/O, no clock
//! ───────────────────────────────────────────────────────────────────────────────
//! serial, s3 ─► wire ─► pool ─► connect        moves bytes
//!        └────► local (the file, standard input), journal (what survives a crash)
//! ```
//!
//! # What is promised
//! - A file that changes while it is uploaded, or between two tries, is refused: its last bytes do not leave.
//! - After any doubt the server is asked what it has. What cannot be asked and must not be repeated (`POST`) is not repeated, and the user is told.
//! - After kill -9, the same command goes on where the server is (tus, S3), or begins anew (`PUT`).

mod form;
mod journal;
mod local;
pub mod parts;
pub mod plan;
mod s3;
mod serial;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::engine::{Cause, Engine, Shared, Stop, Unfinished, Watch};
use crate::failure::{Failure, printable};
pub use form::Part;
pub use journal::{Journal, Place, journals};
pub use local::Facts;
pub use s3::Store;

/// One upload.
#[derive(Clone, Debug)]
pub struct Order {
    /// What.
    pub source: Source,
    /// Where to.
    pub url: Url,
    /// How.
    pub how: How,
    /// Whether something that is there already is to stay.
    pub only_new: bool,
    /// Whether the server is told a checksum, so that it can refuse what was damaged on the way. Costs one more reading of the file.
    pub check: bool,
    /// Drop what an earlier run began.
    pub restart: bool,
    /// The directory of journals; without it, nothing survives a crash.
    pub state: Option<PathBuf>,
}

/// What is uploaded.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input, under this name.
    Stdin(String),
    /// A form.
    Form(Vec<Part>),
}

/// How it is uploaded.
#[derive(Clone, Debug)]
pub enum How {
    /// `PUT`.
    Put,
    /// `POST`.
    Post,
    /// tus; with `probe`, only if the server says that it speaks it.
    Tus {
        /// Whether to ask first.
        probe: bool,
    },
    /// In parts, to a store that speaks S3; the URL is that of the object and only for the user's eyes.
    S3(Box<Store>),
}

/// A complete upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// How many bytes there are.
    pub bytes: u64,
    /// How many of them an earlier run had brought.
    pub before: u64,
    /// Where the server says that it is.
    pub location: Option<String>,
}

impl Engine {
    /// Uploads one file, or one form.
    ///
    /// # Errors
    /// Why the server does not have it, and what can be gone on with.
    ///
    /// # Cancel safety
    /// Dropping the future breaks the upload off; what the server has by then, it has.
    pub async fn upload(&self, order: Order, watch: Arc<dyn Watch>, stop: Stop) -> Result<Stored, Unfinished> {
        let shared = Arc::clone(&self.0);
        match order.how.clone() {
            How::S3(store) => s3::run(shared, order, *store, watch, stop).await,
            How::Put => serial::run(shared, order, plan::Protocol::Put, watch, stop).await,
            How::Post => serial::run(shared, order, plan::Protocol::Post, watch, stop).await,
            How::Tus { probe } => serial::run(shared, order, plan::Protocol::Tus { probe }, watch, stop).await,
        }
    }
}

/// The upload failed; this much can be gone on with.
fn unfinished(failure: Failure, kept: Option<String>) -> Unfinished {
    Unfinished { cause: Cause::Failed(failure), kept }
}

/// Opens what is uploaded, or reads it before anything is sent: a disk that takes its time is not waited for after a stop.
async fn opened<T>(stop: &mut Stop, opening: impl Future<Output = Result<T, Failure>>) -> Result<T, Unfinished> {
    cede::select! {
        biased;
        exit = stop.requested() => Err(Unfinished { cause: Cause::Stopped(exit), kept: Some("nothing was kept".to_owned()) }),
        opened = opening => Ok(opened?),
    }
}

/// Opens the journal of an upload of this file, and drops what is not to be gone on with.
async fn journal_for(order: &Order, local: &local::Local) -> Result<Option<journal::Kept>, Failure> {
    use crate::exit::Exit;
    let Some(dir) = order.state.clone() else { return Ok(None) };
    let (source, url, shown) = (local.path.clone(), order.url.to_string(), dir.join("…"));
    let opened = cede::task::spawn_blocking(move || journal::Kept::open(&dir, &source, &url)).await;
    let mut kept = match opened {
        Ok(Ok(kept)) => kept,
        Ok(Err(journal::Refused::Busy)) => {
            return Err(Failure::new(Exit::Exists, "another process is uploading this file to this URL").help("wait for it, or end it"));
        }
        Ok(Err(journal::Refused::Io(error))) => return Err(Failure::of_file("open the journal", &shown, &error)),
        Err(error) => return Err(Failure::new(Exit::Files, error.to_string())),
    };
    if order.restart {
        kept.dropped = kept.journal.take();
    }
    if kept.journal.as_ref().is_some_and(|journal| journal.facts != local.facts) {
        return Err(local.has_changed());
    }
    let Some(journal) = kept.journal.clone() else { return Ok(Some(kept)) };
    if let (Some(place), How::S3(store)) = (&journal.place, &order.how)
        && place.is_elsewhere(&store.place())
    {
        let what = format!("this upload was begun at {}, where its parts are", printable(&place.endpoint));
        return Err(Failure::new(Exit::Usage, what).help("finish it there, or begin anew here with --restart"));
    }
    if (journal.only_new, journal.check) == (order.only_new, order.check) {
        return Ok(Some(kept));
    }
    // Whoever resumes it wants what was wanted last.
    let journal = Journal { only_new: order.only_new, check: order.check, ..journal };
    let rewritten = cede::task::spawn_blocking(move || kept.rewrite(journal).map(|()| kept)).await;
    let kept = rewritten.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    kept.map(Some).map_err(|error| Failure::of_file("write the journal", &shown, &error))
}

/// Seeds the waits between tries.
fn seed(shared: &Shared) -> u64 {
    shared.epoch.elapsed().as_nanos() as u64 ^ u64::from(std::process::id()) << 32
}
