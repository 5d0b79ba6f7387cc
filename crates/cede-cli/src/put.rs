//! `cede put`: uploads, a few at a time, with the same progress and the same exit codes as downloads.

pub(crate) mod orders;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use cede_transfer::cookies::Cookies;
use cede_transfer::engine::{Cause, Engine, Settings, Stop};
use cede_transfer::upload::{How, Order, Source, Stored};
use cede_transfer::{Exit, printable, tasks, units};

use crate::cli::{PutArgs, ShowArgs};
use crate::closed::why_no_stdin;
use crate::get::{Row, announce_interruption, conclude};
use crate::progress::events::News;
use crate::progress::lines::say;
use crate::progress::view::{Drawing, View};
use crate::progress::{Board, Phase};
use crate::start::Start;
use crate::{interrupt, limits, plan, rehearse};

/// What all workers share.
#[derive(Clone)]
struct Run {
    engine: Engine,
    orders: Arc<Mutex<VecDeque<(usize, Order)>>>,
    board: Board,
    stop: Stop,
}

/// Runs the command.
pub(crate) fn run(args: &PutArgs) -> Exit {
    if args.tui {
        say(
            "error: --tui is for downloads; uploads show their progress as bars, and --json tells it to programs. Ctrl-C stops them, and the same command with --tus or to s3:// goes on",
        );
        return Exit::Usage;
    }
    let prepared = plan::settings(&args.network).and_then(|settings| Ok((settings, orders::of(args)?)));
    let (mut settings, orders) = match prepared {
        Ok(prepared) => prepared,
        Err(mistake) => {
            say(&format!("error: {mistake}"));
            return Exit::Usage;
        }
    };
    if let (Some(why), true) = (why_no_stdin(), orders.iter().any(|order| matches!(order.source, Source::Stdin(_)))) {
        say(&format!("error: standard input is to be uploaded, but that {why}"));
        return Exit::Files;
    }
    if args.dry_run {
        return rehearse::put(&orders);
    }
    if orders.iter().any(|order| matches!(order.how, How::S3(_))) {
        // Their URLs are signed; a login beside that would be refused. As no cookies are taken, the jar is left as it is.
        settings.credentials.netrc.clear();
        settings.cookies = Cookies::refused();
    }
    let cookies = settings.cookies.clone();
    let exit = run_orders(settings, orders, usize::from(args.network.jobs), &args.show);
    plan::keep_cookies(&cookies, &args.network, exit)
}

/// Runs uploads, wherever they come from.
pub(crate) fn run_orders(settings: Settings, orders: Vec<Order>, jobs: usize, show: &ShowArgs) -> Exit {
    let start = Start::now();
    let stop = interrupt::install();
    let width = jobs.min(orders.len()).min(limits::transfers_at_once());
    start.run(upload_all(settings, orders, width, stop, show))
}

async fn upload_all(settings: Settings, orders: Vec<Order>, width: usize, stop: Stop, show: &ShowArgs) -> Exit {
    let started = Instant::now();
    let (view, board) = View::of(show);
    let orders: VecDeque<_> = orders.into_iter().map(|order| (board.add(printable(order.url.as_str()), None), order)).collect();
    let run = Run { engine: Engine::new(settings), orders: Arc::new(Mutex::new(orders)), board: board.clone(), stop: stop.clone() };
    let drawing = Drawing::start(board.clone(), view, announce_interruption(stop));
    let workers: Vec<_> = (0..width).map(|_| tasks::spawn(run.clone().work())).collect();
    let mut codes = Vec::new();
    for worker in workers {
        codes.extend(worker.await.expect("an upload reports failures and does not panic"));
    }
    drawing.finish().await;
    let exit = Exit::of_all(codes);
    conclude(&board, started, exit, show);
    exit
}

impl Run {
    async fn work(self) -> Vec<Exit> {
        let mut codes = Vec::new();
        while let Some((index, order)) = self.next() {
            codes.push(match self.stop.now() {
                Some(exit) => {
                    self.board.tell(index, News::Ended(exit, None));
                    self.board.settle(index, Phase::Stopped(format!("{}: not started", printable(order.url.as_str()))));
                    exit
                }
                None => self.upload(index, order).await,
            });
        }
        codes
    }

    fn next(&self) -> Option<(usize, Order)> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    async fn upload(&self, index: usize, order: Order) -> Exit {
        self.board.begin(index);
        self.board.tell(index, News::Began(order.url.to_string()));
        let url = order.url.clone();
        let row = Arc::new(Row::new(self.board.clone(), index));
        let (phase, exit) = match self.engine.upload(order, Arc::clone(&row) as _, self.stop.clone()).await {
            Ok(stored) => {
                let mut notes = row.take_notes();
                notes.insert(0, remark(&stored, &url));
                (Phase::Saved(notes.join("; ")), Exit::Done)
            }
            Err(unfinished) => {
                let stopped = matches!(unfinished.cause, Cause::Stopped(_));
                let (told, exit) = unfinished.told(&url);
                (if stopped { Phase::Stopped(told) } else { Phase::Failed(told) }, exit)
            }
        };
        self.board.tell(index, News::Ended(exit, None));
        self.board.settle(index, phase);
        exit
    }
}

fn remark(stored: &Stored, url: &url::Url) -> String {
    let place = stored.location.as_deref().unwrap_or(url.as_str());
    let mut remark = format!("at {}", printable(place));
    if stored.before > 0 {
        remark.push_str(&format!(", {} were there", units::bytes(stored.before)));
    }
    remark
}
