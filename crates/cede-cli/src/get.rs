//! `cede get`: runs the jobs of a plan, a few at a time, and says how it went.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::cli::GetArgs;
use crate::connect::Connector;
use crate::destination::Claims;
use crate::exit::Exit;
use crate::failure::printable;
use crate::interrupt::Interrupt;
use crate::limits;
use crate::plan::{Job, Plan};
use crate::progress::bars::Settled;
use crate::progress::lines::say;
use crate::progress::view::{Drawing, View};
use crate::progress::{Board, Phase, Totals};
use crate::transfer::{self, Shared};
use crate::units;

/// The jobs that no worker has taken, with their places on the board.
type Queue = Arc<Mutex<VecDeque<(usize, Job)>>>;

/// Runs the command.
pub(crate) fn run(args: &GetArgs) -> Exit {
    let plan = match Plan::new(args) {
        Ok(plan) => plan,
        Err(mistake) => {
            say(&format!("error: {mistake}"));
            return Exit::Usage;
        }
    };
    let interrupt = Interrupt::install();
    let view = View::choose(args.progress, args.quiet, Settled::Scroll);
    match cede::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let exit = runtime.block_on(download_all(plan, view, interrupt, args.quiet));
            // A name lookup that nobody waits for any more must not hold up the end.
            runtime.shutdown_background();
            exit
        }
        Err(error) => {
            say(&format!("error: the runtime could not start: {error}"));
            Exit::Failed
        }
    }
}

async fn download_all(plan: Plan, view: View, interrupt: Interrupt, quiet: bool) -> Exit {
    let started = Instant::now();
    let count = plan.jobs.len();
    let board = Board::default();
    let queue: Queue = Arc::new(Mutex::new(plan.jobs.into_iter().map(|job| (board.add(printable(job.url.as_str()), None), job)).collect()));
    let shared = Shared {
        connector: Connector::new(plan.rules.connect_timeout, plan.rules.cacert.clone()),
        rules: plan.rules,
        claims: Claims::default(),
        board: board.clone(),
        interrupt: interrupt.clone(),
    };
    let drawing = Drawing::start(board.clone(), view, announce_interruption(interrupt));
    let width = plan.width.min(count).min(limits::transfers_at_once());
    let workers: Vec<_> = (0..width).map(|_| crate::tasks::spawn(work(shared.clone(), Arc::clone(&queue)))).collect();
    let mut codes = Vec::with_capacity(count);
    for worker in workers {
        codes.extend(worker.await.expect("a transfer reports failures and does not panic"));
    }
    drawing.finish().await;
    if count > 1 && !quiet {
        say(&summary(&board.totals(), started));
    }
    Exit::of_all(codes)
}

/// Takes jobs until there are none, and returns their codes.
async fn work(shared: Shared, queue: Queue) -> Vec<Exit> {
    let mut codes = Vec::new();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some((index, job)) = next else { return codes };
        codes.push(match shared.interrupt.now() {
            Some(exit) => {
                shared.board.settle(index, Phase::Stopped(format!("{}: not started", printable(job.url.as_str()))));
                exit
            }
            None => transfer::run(&shared, index, job).await,
        });
    }
}

/// Says once that the interruption was understood.
fn announce_interruption(interrupt: Interrupt) -> impl FnMut(&View, &crate::progress::Frame) + Send + 'static {
    let mut announced = false;
    move |view, _| {
        if !announced && interrupt.now().is_some() {
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
