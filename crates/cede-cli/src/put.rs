//! `cede put`: uploads, a few at a time, by the workers of [`get`](crate::get): with the same progress, the same steering and the same exit codes as downloads.

pub(crate) mod orders;

use std::io::IsTerminal;
use std::sync::Arc;

use cede_transfer::cookies::Cookies;
use cede_transfer::engine::{Cause, Engine, Stop};
use cede_transfer::upload::{How, Order, Source, Stored};
use cede_transfer::{Exit, printable, units};

use crate::cli::PutArgs;
use crate::closed::why_no_stdin;
use crate::get::{Row, run_orders};
use crate::progress::Phase;
use crate::progress::events::News;
use crate::progress::lines::say;
use crate::{plan, rehearse};

/// Runs the command.
pub(crate) fn run(args: &PutArgs) -> Exit {
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
    if args.tui && orders.iter().any(|order| matches!(order.source, Source::Stdin(_))) && std::io::stdin().is_terminal() {
        say("error: --tui takes its keys from the terminal, which is what is to be uploaded");
        return Exit::Usage;
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
    let exit = run_orders(settings, orders, usize::from(args.network.jobs), &args.show, args.tui);
    plan::keep_cookies(&cookies, &args.network, exit)
}

/// Uploads what one row of the board is about, and settles that.
pub(crate) async fn upload(engine: &Engine, row: Arc<Row>, order: Order, stop: Stop) -> Exit {
    let url = order.url.clone();
    let (phase, exit) = match engine.upload(order, Arc::clone(&row) as _, stop).await {
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
    row.board.tell(row.index, News::Ended(exit, None));
    row.board.settle(row.index, phase);
    exit
}

fn remark(stored: &Stored, url: &url::Url) -> String {
    let place = stored.location.as_deref().unwrap_or(url.as_str());
    let mut remark = format!("at {}", printable(place));
    if stored.before > 0 {
        remark.push_str(&format!(", {} were there", units::bytes(stored.before)));
    }
    remark
}
