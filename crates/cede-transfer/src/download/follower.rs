//! What wants the bytes in their order while they come in any: a checksum, and a pipe.
//!
//! It follows the frontier, up to which there is no gap, and reads from the file what the connections wrote there. That costs a copy from the page cache, and it is
//! the same with one connection and with sixteen. Each step is one job: on the compute pool where there is only a checksum to make, on the blocking pool where a
//! pipe may make it wait. One step is under way at a time, while more is received.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use crate::engine::{Check, Job, Output, Pipe};
use crate::journal::Hash;
use crate::plan::Plan;
use crate::sink::{Sink, lock};
use crate::sum::{Algorithm, Hasher, Sum};

/// What a step reads at a time, and the least that is worth a step before the end.
const CHUNK: usize = 256 * 1024;
/// The most that a step does, so that the end of a download can wait for it.
const STEP: u64 = 8 << 20;

pub(super) struct Follower {
    pipe: Option<Pipe>,
    /// Whether what was passed on stays in the file.
    keeps: bool,
    state: State,
    at: u64,
    algorithm: Option<Algorithm>,
    /// The checksum as it was after the last step, for the journal.
    known: Option<Hash>,
    /// What an earlier run had made of the bytes that it left.
    earlier: Option<Hash>,
    /// They are not those any more.
    damaged: bool,
}

#[expect(clippy::large_enum_variant, reason = "there is one for each download, and it stays where it is")]
enum State {
    Idle(Option<Hasher>),
    Busy(Pin<Box<dyn Future<Output = io::Result<Step>> + Send>>),
    Failed(io::Error),
}

/// Where a step got to.
type Step = (u64, Option<Hasher>, io::Result<()>);

impl Follower {
    pub(super) fn new(job: &Job) -> Self {
        let algorithm = match &job.check {
            Check::Sum(sum) => Some(sum.algorithm),
            // Most servers that tell one tell this.
            Check::Auto => Some(Algorithm::Sha256),
            Check::Manifest(manifest) => manifest.sum().map(|sum| sum.algorithm),
            Check::Size => None,
        };
        Self {
            pipe: job.output.pipe(),
            keeps: matches!(job.output, Output::Kept { .. }),
            state: State::Idle(algorithm.map(Algorithm::hasher)),
            at: 0,
            algorithm,
            known: None,
            earlier: None,
            damaged: false,
        }
    }

    pub(super) fn is_needed(&self) -> bool {
        self.pipe.is_some() || self.algorithm.is_some()
    }

    /// What an earlier run left is read again, because a checksum speaks of what is in the file and not of what was there. It has to come to the same as then.
    pub(super) fn expect_prefix(&mut self, hash: Hash) {
        let is_of_use = self.at == 0 && self.pipe.is_none() && self.algorithm == Some(hash.algorithm);
        if is_of_use && matches!(self.state, State::Idle(_)) {
            self.earlier = Some(hash);
        }
    }

    /// Reads as far as that takes.
    pub(super) async fn verify_prefix(&mut self, sink: &Arc<Sink>) {
        while let Some(end) = self.earlier.as_ref().map(|earlier| earlier.at)
            && sink.file().is_some()
        {
            match self.state {
                State::Failed(_) => return,
                State::Busy(_) => self.stepped().await,
                State::Idle(_) => self.start(sink, end.min(self.at + STEP)),
            }
        }
    }

    /// Whether it did not.
    pub(super) fn found_damage(&self) -> bool {
        self.damaged
    }

    /// The same, once.
    pub(super) fn take_damage(&mut self) -> bool {
        std::mem::take(&mut self.damaged)
    }

    /// Waits for a step under way whose end would say more of the checksum; not for a pipe, which may never take another byte.
    pub(super) async fn settle(&mut self) {
        if self.pipe.is_none() && matches!(self.state, State::Busy(_)) {
            self.stepped().await;
        }
    }

    /// The checksum of a prefix, if there is one that can be written down.
    pub(super) fn known(&self) -> Option<&Hash> {
        self.known.as_ref()
    }

    /// The server told another kind of checksum than was expected.
    pub(super) async fn expect(&mut self, algorithm: Algorithm) {
        if self.algorithm != Some(algorithm) && self.pipe.is_none() {
            self.algorithm = Some(algorithm);
            self.start_over().await;
        }
    }

    /// Starts a step if there is enough to do.
    pub(super) fn step(&mut self, sink: &Arc<Sink>, plan: &Mutex<Plan>) {
        if !matches!(self.state, State::Idle(_)) {
            return;
        }
        let ready = sink.frontier().saturating_sub(self.at);
        if self.is_needed_now(ready) {
            if self.pipe.is_some() {
                let mut plan = lock(plan);
                // What an earlier run left is not passed on before the server has shown that it is still the file.
                if !plan.is_vouched_for() {
                    return;
                }
                plan.pin();
            }
            self.start(sink, self.at + ready.min(STEP));
        }
    }

    fn start(&mut self, sink: &Arc<Sink>, end: u64) {
        let (State::Idle(hasher), Some(file)) = (&mut self.state, sink.file()) else { return };
        let (file, at, hasher) = (Arc::clone(file), self.at, hasher.take());
        let keeps = self.keeps;
        let end = self.earlier.as_ref().filter(|earlier| earlier.at > at).map_or(end, |earlier| end.min(earlier.at));
        self.state = State::Busy(if let Some(pipe) = self.pipe.clone() {
            let job = cede::task::spawn_blocking(move || follow(&file, at, end, hasher, Some((&pipe, keeps))));
            Box::pin(async move { job.await.map_err(io::Error::other) })
        } else {
            let job = cede::compute::spawn(move |_| follow(&file, at, end, hasher, None));
            Box::pin(async move { job.await.map_err(io::Error::other) })
        });
    }

    fn is_needed_now(&self, ready: u64) -> bool {
        self.is_needed() && (ready >= CHUNK as u64 || (self.pipe.is_some() && ready > 0))
    }

    /// Returns when the step under way has ended; never, if there is none.
    pub(super) async fn stepped(&mut self) {
        let State::Busy(job) = &mut self.state else { return std::future::pending().await };
        let result = job.await;
        self.state = match result {
            Ok((at, hasher, Ok(()))) => {
                self.at = at;
                let state = hasher.as_ref().and_then(Hasher::state);
                self.known = state.zip(self.algorithm).map(|(state, algorithm)| Hash { algorithm, at, state });
                if let Some(earlier) = self.earlier.take_if(|earlier| earlier.at <= at) {
                    self.damaged |= self.known.as_ref() != Some(&earlier);
                }
                State::Idle(hasher)
            }
            Ok((_, _, Err(error))) => State::Failed(error),
            Err(error) => State::Failed(error),
        };
    }

    /// Up to where everything was followed.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) async fn start_over(&mut self) {
        if matches!(self.state, State::Busy(_)) {
            self.stepped().await;
        }
        self.at = 0;
        self.known = None;
        self.earlier = None;
        self.damaged = false;
        self.state = State::Idle(self.algorithm.map(Algorithm::hasher));
    }

    /// What went wrong with the pipe, if something did.
    pub(super) fn error(&mut self) -> Option<io::Error> {
        match &mut self.state {
            State::Failed(error) => Some(io::Error::new(error.kind(), error.to_string())),
            State::Idle(_) | State::Busy(_) => None,
        }
    }

    /// Follows to the end of a file of which everything is written, and returns its checksum.
    pub(super) async fn finish(&mut self, sink: &Arc<Sink>, total: u64) -> io::Result<Option<Sum>> {
        while self.is_needed() && sink.file().is_some() {
            match &mut self.state {
                State::Failed(error) => return Err(io::Error::new(error.kind(), error.to_string())),
                State::Busy(_) => self.stepped().await,
                State::Idle(_) if self.at >= total => break,
                State::Idle(_) => self.start(sink, (self.at + STEP).min(total)),
            }
        }
        if let Some(pipe) = self.pipe.clone().filter(|_| total == 0) {
            open(pipe).await?;
        }
        let State::Idle(hasher) = &mut self.state else { return Ok(None) };
        Ok(hasher.take().map(Hasher::finish))
    }
}

/// Gives a pipe that gets no bytes the chance to tell its reader so. It may wait as long as a write.
async fn open(pipe: Pipe) -> io::Result<()> {
    cede::task::spawn_blocking(move || lock(&pipe.0).flush()).await.map_err(io::Error::other)?
}

fn follow(file: &File, mut at: u64, end: u64, mut hasher: Option<Hasher>, pipe: Option<(&Pipe, bool)>) -> Step {
    let mut buffer = vec![0; CHUNK];
    let start = at;
    while at < end {
        let size = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
        let chunk = &mut buffer[..size];
        let mut result = file.read_exact_at(chunk, at);
        if let Some(hasher) = &mut hasher {
            hasher.update(chunk);
        }
        if let Some((pipe, _)) = pipe
            && result.is_ok()
        {
            result = lock(&pipe.0).write_all(chunk);
        }
        if let Err(error) = result {
            return (at, hasher, Err(error));
        }
        at += size as u64;
    }
    if let Some((pipe, keeps)) = pipe {
        if !keeps {
            // Passed on: the room it took can be had by others. Where that is impossible, the file just stays as long as it is.
            let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
            let _: Result<(), _> = rustix::fs::fallocate(file, flags, start, end - start);
        }
        if let Err(error) = lock(&pipe.0).flush() {
            return (at, hasher, Err(error));
        }
    }
    (at, hasher, Ok(()))
}
