//! A URL whose answer is a Metalink: not the file, but what it is and where. The files that it names are downloaded in its place, by the same workers.
//!
//! The engine knows it by the answer (the type, or a name that ends in `.meta4`) and ends that download without a file. Here it is asked for once more, into memory.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cede_transfer::engine::{Cause, Check, Job, Output, Pipe, Stop, Watch};
use cede_transfer::{Exit, manifest, printable};
use url::Url;

use super::{Run, Work};
use crate::plan::jobs_of;
use crate::progress::Phase;

/// Gathers what comes, up to the size that a manifest may have.
#[derive(Clone, Debug, Default)]
struct Gathered(Arc<Mutex<Vec<u8>>>);

impl Write for Gathered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if (known.len() + bytes.len()) as u64 > manifest::LONGEST {
            return Err(io::Error::other("it is too long for a Metalink"));
        }
        known.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the files of a Metalink go that is at the URL of this job.
pub(super) fn dir_of(job: &Job) -> PathBuf {
    match &job.output {
        Output::Named { dir, .. } | Output::In { dir, .. } => dir.clone(),
        Output::Stdout | Output::Pipe(_) | Output::Kept { .. } => PathBuf::new(),
    }
}

impl Run {
    /// Fetches the Metalink, and has what it names downloaded. Returns what there is to say about the Metalink itself.
    pub(super) async fn follow(&self, url: &Url, dir: &Path, watch: Arc<dyn Watch>, stop: Stop) -> (Phase, Exit) {
        let shown = printable(url.as_str());
        let gathered = Gathered::default();
        let output = Output::Pipe(Pipe::new(gathered.clone()));
        let job = Job { url: url.clone(), mirrors: Vec::new(), output, check: Check::Size };
        if let Err(unfinished) = self.engine.download(job, watch, stop).await {
            let stopped = matches!(unfinished.cause, Cause::Stopped(_));
            let (told, exit) = unfinished.told(url);
            return (if stopped { Phase::Stopped(told) } else { Phase::Failed(told) }, exit);
        }
        let bytes = std::mem::take(&mut *gathered.0.lock().unwrap_or_else(PoisonError::into_inner));
        let read = cede::task::spawn_blocking(move || manifest::read(&bytes)).await.unwrap_or_else(|error| Err(error.to_string()));
        let jobs = match read.map_err(|why| format!("it is not a Metalink: {why}")).and_then(|files| jobs_of(files, url.as_str(), dir)) {
            Ok(jobs) => jobs,
            Err(why) => {
                return (
                    Phase::Failed(format!("{shown}: {why}\n  help: --output FILE keeps what the server sends as it is")),
                    Exit::Failed,
                );
            }
        };
        let count = jobs.len();
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            jobs.into_iter().for_each(|job| queue.push(self.board.add(printable(job.url.as_str()), None), Work::Down(job)));
        }
        // This worker takes one of them next.
        self.crew.grow(self, count.saturating_sub(1));
        (Phase::Kept(format!("{shown}: a Metalink of {count} {}, followed", if count == 1 { "file" } else { "files" })), Exit::Done)
    }
}
