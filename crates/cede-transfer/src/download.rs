//! One download: asks the plan what to do, does it, and tells it what came of that.
//!
//! The driver is the caller's task. Each ask ([`flow`]) hands its bytes to the plan and to the sink by itself; the driver only hears of heads and ends. So bytes are
//! never queued between tasks. The first ask flies in the driver's own task: most files need no other, and a task more for each small file costs as much as the file.
//! Further ones are tasks, so that they have other processors.
//!
//! - D1: a flight's writes are done before it ends, also when it is cancelled; so after all have landed, everything that the plan counts is written.
//! - D2: the name appears only after that, and after `written` was found to hold every byte.

mod flight;
mod flow;
mod follower;
mod mend;
mod outcome;
mod place;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cede::sync::{CancellationToken, Notify};
use cede::task::{JoinError, JoinHandle};
use url::Url;

use crate::control::Control;
use crate::engine::{Cause, Check, Complete, Job, Output, Shared, Stop, Unfinished, Watch};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::{Hash, Subject};
use crate::meter::Meter;
use crate::plan::{Action, Id, Plan};
use crate::sink::{Sink, lock};
use crate::slow::Wait;
use crate::sum::Sum;
use flight::{Flight, fly_own};
use follower::Follower;
pub use place::sum_of;

/// How far a pipe's reader may be behind.
const WINDOW: u64 = 64 << 20;
/// A smaller file is sooner fetched again than claimed.
const CLAIM_FROM: u64 = 1 << 20;
/// How long whoever presses Ctrl-C waits for what is being written.
const LEAVE: Duration = Duration::from_millis(150);

/// What the driver and the flights of one download share.
pub(crate) struct Transfer {
    shared: Arc<Shared>,
    job: Job,
    sources: Vec<Url>,
    plan: Mutex<Plan>,
    /// Set when there is a place: with the first bytes, or before, if an earlier run left some.
    sink: Mutex<Option<Arc<Sink>>>,
    /// What ended the download without the plan: a file that is good enough, or one that cannot be written.
    early: Mutex<Option<Result<Complete, Unfinished>>>,
    control: Control,
    /// Answers on lines that others may be on, too.
    lines: Mutex<Vec<(Id, Arc<Meter>)>>,
    /// The checksum as far as an earlier run got, until the follower has it.
    hashed: Mutex<Option<Hash>>,
    /// What the answers told besides bytes.
    told: Mutex<Told>,
    watch: Arc<dyn Watch>,
    wake: Notify,
    /// Told when the reader of a pipe has moved on.
    consumed: Notify,
    claims: Claims,
}

/// How far the journal is.
#[derive(Debug, Default)]
struct Claims {
    /// Whether there is one, and more can be claimed: a server may turn out not to answer ranges.
    open: AtomicBool,
    /// How much had been written when the last claim that is durable began.
    until: AtomicU64,
    /// Told when there is one more.
    moved: Notify,
}

#[derive(Debug, Default)]
struct Told {
    name: String,
    /// The name beside which there was no `.part` when the download began.
    bare: Option<String>,
    sum: Option<Sum>,
    packing: String,
}

struct Driver {
    transfer: Arc<Transfer>,
    flights: Vec<Flight>,
    follower: Follower,
    claim: Option<JoinHandle<std::io::Result<()>>>,
    claimed: (Duration, u64),
    stop: Stop,
}

pub(crate) async fn run(shared: Arc<Shared>, job: Job, watch: Arc<dyn Watch>, stop: Stop) -> Result<Complete, Unfinished> {
    let sources: Vec<Url> = std::iter::once(&job.url).chain(&job.mirrors).cloned().collect();
    let rules =
        crate::plan::Rules { has_sum: job.check.is_proof(), window: is_pipe(&job).then_some(WINDOW), ..shared.settings.rules.clone() };
    let plan = Plan::new(rules, sources.len(), seed(&job.url));
    let transfer = Arc::new(Transfer {
        shared,
        job,
        sources,
        plan: Mutex::new(plan),
        sink: Mutex::default(),
        early: Mutex::default(),
        control: stop.control().clone(),
        lines: Mutex::default(),
        hashed: Mutex::default(),
        told: Mutex::default(),
        watch,
        wake: Notify::new(),
        consumed: Notify::new(),
        claims: Claims::default(),
    });
    transfer.find_earlier_part().await?;
    let follower = Follower::new(&transfer.job);
    let began = transfer.now();
    let mut driver = Driver { transfer, flights: Vec::new(), follower, claim: None, claimed: (began, 0), stop };
    let end = driver.drive().await;
    let has_landed = match &end {
        Err(Cause::Stopped(_)) => cede::time::timeout(LEAVE, driver.land()).await.is_ok(),
        _ => {
            driver.land().await;
            true
        }
    };
    match end {
        Ok(()) => driver.complete().await,
        Err(cause) if !has_landed => Err(driver.leave(cause)),
        Err(cause) => driver.give_up(cause).await,
    }
}

/// Jitter has to differ between downloads and processes; it need not be secret.
fn seed(url: &Url) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(url)
}

impl Transfer {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        lock(&self.plan)
    }

    fn sink(&self) -> Option<Arc<Sink>> {
        lock(&self.sink).clone()
    }

    fn put_sink(&self, sink: Sink) -> Arc<Sink> {
        let sink = Arc::new(sink.followed(self.job.check != Check::Size || self.job.output.pipe().is_some()));
        *lock(&self.sink) = Some(Arc::clone(&sink));
        sink
    }

    fn control(&self) -> &Control {
        &self.control
    }

    fn now(&self) -> Duration {
        self.shared.epoch.elapsed()
    }

    /// A claim that failed ends the download, also one whose bytes are all there: the sync may have lost some, and the next one would not say so.
    fn end_of_claim(&self, until: u64, result: Result<std::io::Result<()>, JoinError>) {
        match result.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok(()) => self.claims.until.store(until, Ordering::Relaxed),
            Err(error) => self.fail_on_file("write the journal of", &error),
        }
        self.claims.moved.notify_waiters();
    }

    /// Whether as much is written and not claimed as may be.
    fn is_far_from_claimed(&self) -> bool {
        let written = || self.sink().map_or(0, |sink| sink.written_len());
        // Of nothing nobody would ever come near.
        let most = self.shared.settings.unclaimed.max(1);
        self.claims.open.load(Ordering::Relaxed) && written().saturating_sub(self.claims.until.load(Ordering::Relaxed)) >= most
    }

    /// Something that no server is to blame for, such as a full disk.
    fn end_early(&self, end: Result<Complete, Unfinished>) {
        lock(&self.early).get_or_insert(end);
        self.wake.notify_one();
    }
}

impl Driver {
    /// Until all bytes are there, or never will be.
    async fn drive(&mut self) -> Result<(), Cause> {
        loop {
            self.flights.retain(|flight| !flight.is_finished());
            if lock(&self.transfer.early).is_some() {
                return Ok(());
            }
            if self.follower.take_damage() {
                self.transfer.plan().handle_damage();
            }
            let now = self.transfer.now();
            if self.transfer.control.is_paused() {
                Box::pin(self.pause()).await.map_err(Cause::Stopped)?;
                continue;
            }
            let retry = self.transfer.plan().take_retry(now);
            if let Some((source, why, wait)) = retry {
                self.transfer.watch.retry(&self.transfer.sources[source], &why, Some(wait));
            }
            self.transfer.tell_lines();
            let action = self.transfer.plan().poll_action(now);
            match action {
                Action::Ask(ask) => {
                    let cancel = CancellationToken::new();
                    let (id, is_first) = (ask.id, self.flights.is_empty());
                    // Boxed at once, because it is large, and a future is copied whenever it is handed on.
                    let flow = Box::pin(flow::fly(Arc::clone(&self.transfer), ask, self.flights.len(), cancel.clone()));
                    self.flights.push(Flight::new(id, cancel, flow, is_first));
                }
                Action::Cancel(id) => self.flights.iter().filter(|flight| flight.id == id).for_each(Flight::cancel),
                Action::Restart(why) => self.start_over(why).await.map_err(Cause::Failed)?,
                Action::Done => {
                    self.verify_prefix().await.map_err(Cause::Stopped)?;
                    if !self.follower.found_damage() {
                        return Ok(());
                    }
                }
                Action::Failed(failure) => return Err(Cause::Failed(failure)),
                Action::Wait(until) => self.wait(now, until).await.map_err(Cause::Stopped)?,
            }
        }
    }

    /// Asks for nothing (C1 of [`control`](crate::control)), while what has come is still written, claimed and passed on.
    async fn pause(&mut self) -> Result<(), Exit> {
        self.transfer.plan().handle_pause();
        while self.transfer.control.is_paused() && lock(&self.transfer.early).is_none() {
            self.wait(self.transfer.now(), None).await?;
        }
        self.transfer.plan().handle_pause();
        Ok(())
    }

    async fn wait(&mut self, now: Duration, until: Option<Duration>) -> Result<(), Exit> {
        self.start_claim(now);
        self.follow();
        let transfer = Arc::clone(&self.transfer);
        let sink = transfer.sink();
        // The next second may bring bytes to claim.
        let tick = now + self.transfer.shared.settings.claim_every;
        let until = transfer.shared.epoch + until.map_or(tick, |until| until.min(tick));
        let control = &transfer.control;
        let paused = control.is_paused();
        let idle = self.flights.is_empty() && !paused && !transfer.plan().is_complete();
        let retrying = async {
            let sleep = cede::time::sleep_until(until);
            if idle {
                let _flying = control.ledger().fly();
                control.ledger().wait(Wait::Retry, sleep).await;
            } else {
                sleep.await;
            }
        };
        cede::select! {
            biased;
            exit = self.stop.requested() => return Err(exit),
            () = fly_own(&mut self.flights) => {}
            () = transfer.wake.notified() => {}
            () = async { match &sink { Some(sink) => sink.progress.notified().await, None => std::future::pending().await } } => {}
            result = async { match &mut self.claim { Some(claim) => claim.await, None => std::future::pending().await } } => {
                self.claim = None;
                self.transfer.end_of_claim(self.claimed.1, result);
            }
            () = self.follower.stepped() => {
                self.transfer.plan().handle_consumed(self.follower.at());
                self.transfer.consumed.notify_waiters();
            }
            () = async { if paused { control.resumed().await } else { control.paused().await } } => {}
            () = retrying => {}
        }
        Ok(())
    }

    /// Starts to write a claim, if there is enough to claim.
    fn start_claim(&mut self, now: Duration) {
        let Some(sink) = self.transfer.sink() else { return };
        let written = sink.written_len();
        let (last, claimed) = self.claimed;
        let settings = &self.transfer.shared.settings;
        // When it is time, or after half of what may be unclaimed: it takes a moment, during which more comes.
        if self.claim.is_some()
            || written <= claimed
            || (now - last.min(now) < settings.claim_every && written - claimed < settings.unclaimed / 2)
        {
            return;
        }
        let job = self.claim_job();
        // Nobody waits for claims that will not be written.
        self.transfer.claims.open.store(job.is_some(), Ordering::Relaxed);
        match job {
            Some(job) => {
                self.claimed = (now, written);
                self.claim = Some(cede::task::spawn_blocking(job));
            }
            None => self.transfer.claims.moved.notify_waiters(),
        }
    }

    /// The job that claims what is written by now. `None`: this download has no journal.
    fn claim_job(&self) -> Option<impl FnOnce() -> std::io::Result<()> + Send + 'static> {
        let transfer = &self.transfer;
        let sink = transfer.sink()?;
        let destination = sink.destination()?;
        let plan = transfer.plan();
        // What is passed on is found by its journal alone: nothing else tells a later run where it came from.
        let least = if matches!(transfer.job.output, Output::Kept { .. }) { 1 } else { CLAIM_FROM };
        if !plan.is_resumable() || plan.total().is_none_or(|total| total < least) {
            return None;
        }
        let mut subject = Subject {
            url: transfer.job.url.to_string(),
            mirrors: transfer.job.mirrors.iter().map(Url::to_string).collect(),
            identity: plan.identity()?.clone(),
            sum: transfer.job.check.expected().map(Sum::to_string),
            file: (0, 0),
        };
        drop(plan);
        let (written, hash) = (sink.written(), self.follower.known().cloned());
        Some(move || {
            let mut guard = lock(&destination);
            let Some(destination) = guard.as_mut() else { return Ok(()) };
            if !destination.has_journal() {
                subject.file = destination.identity()?;
                destination.begin_journal(&subject)?;
            }
            destination.claim(&written, hash.as_ref())
        })
    }

    /// All bytes are here; what an earlier run left may not have been read again yet.
    async fn verify_prefix(&mut self) -> Result<(), Exit> {
        self.adopt_hash();
        let Some(sink) = self.transfer.sink().filter(|_| self.follower.is_needed()) else { return Ok(()) };
        Box::pin(async {
            cede::select! {
                biased;
                exit = self.stop.requested() => Err(exit),
                () = self.follower.verify_prefix(&sink) => Ok(()),
            }
        })
        .await
    }

    /// Hands the follower what an earlier run left of the checksum.
    fn adopt_hash(&mut self) {
        if let Some(hash) = lock(&self.transfer.hashed).take() {
            self.follower.expect_prefix(hash);
        }
    }

    fn follow(&mut self) {
        self.adopt_hash();
        if let Some(sink) = self.transfer.sink() {
            self.follower.step(&sink, &self.transfer.plan);
        }
        if let Some(error) = self.follower.error() {
            let failure = Failure::of_reader(&error);
            self.transfer.end_early(Err(failure.into()));
        }
    }

    /// Drops all bytes, after everybody who might still write has ended (D1).
    async fn start_over(&mut self, why: &str) -> Result<(), Failure> {
        self.land().await;
        lock(&self.transfer.hashed).take();
        self.follower.start_over().await;
        if let Some(sink) = self.transfer.sink() {
            sink.start_over().await.map_err(|error| self.transfer.file_failure("empty", &error))?;
        }
        // The other version may not be small.
        lock(&self.transfer.sink).take_if(|sink| sink.file().is_none());
        self.claimed = (self.transfer.now(), 0);
        self.transfer.claims.until.store(0, Ordering::Relaxed);
        self.transfer.watch.have(0);
        self.transfer.watch.note(&format!("starting over: {why}"));
        self.transfer.plan().handle_restarted();
        Ok(())
    }

    /// Waits until nobody writes any more: flights and the claim under way.
    async fn land(&mut self) {
        self.flights.iter().for_each(Flight::cancel);
        for flight in self.flights.drain(..) {
            flight.land().await;
        }
        if let Some(claim) = self.claim.take() {
            let result = claim.await;
            self.transfer.end_of_claim(self.claimed.1, result);
        }
    }
}

impl std::fmt::Debug for Transfer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transfer").field("job", &self.job).finish_non_exhaustive()
    }
}

/// Whether the bytes pass through, and only so many of them may wait.
fn is_pipe(job: &Job) -> bool {
    matches!(job.output, Output::Stdout | Output::Pipe(_))
}
