//! `cede repair`: fetches the pieces of a file that are wrong; and the manifests that other commands take.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use cede_transfer::engine::{Cause, Engine, Stop};
use cede_transfer::manifest::{self, Manifest};
use cede_transfer::repair::{Order, Repaired, listed};
use cede_transfer::{Exit, Failure, journal, journal_of, name, printable, units};
use url::Url;

use crate::cli::{RepairArgs, ShowArgs};
use crate::get::{Row, announce_interruption, conclude};
use crate::interrupt;
use crate::plan::{keep_cookies, parse, settings};
use crate::progress::Phase;
use crate::progress::events::News;
use crate::progress::lines::say;
use crate::progress::view::{Drawing, View};
use crate::start::Start;
use crate::sum::beside;

/// Runs the command.
pub(crate) fn run(args: &RepairArgs) -> Exit {
    let order = match order(args) {
        Ok(order) => order,
        Err(failure) => {
            say(&format!("error: {failure}"));
            return failure.exit();
        }
    };
    let settings = match settings(&args.network) {
        Ok(settings) => settings,
        Err(mistake) => {
            say(&format!("error: {mistake}"));
            return Exit::Usage;
        }
    };
    let start = Start::now();
    let stop = interrupt::install();
    let cookies = settings.cookies.clone();
    keep_cookies(&cookies, &args.network, start.run(mend(Engine::new(settings), order, stop, &args.show)))
}

async fn mend(engine: Engine, order: Order, stop: Stop, show: &ShowArgs) -> Exit {
    let started = Instant::now();
    let (view, board) = View::of(show);
    let label = printable(&order.path.to_string_lossy());
    let index = board.add(label.clone(), None);
    let drawing = Drawing::start(board.clone(), view, announce_interruption(stop.clone()));
    board.begin(index);
    board.tell(index, News::Began(order.path.to_string_lossy().into_owned()));
    let path = order.path.clone();
    let row = Arc::new(Row::new(board.clone(), index));
    let (phase, exit, report) = match engine.repair(order, Arc::clone(&row) as _, stop).await {
        Ok(repaired) => {
            let report = report(&label, &repaired, started);
            for piece in &repaired.mended {
                let (offset, bytes) = (piece.range.start, piece.range.end - piece.range.start);
                board.tell(index, News::Piece { index: piece.index, offset, bytes, url: piece.from.to_string() });
            }
            (outcome(&label, &repaired), Exit::Done, report)
        }
        Err(unfinished) => {
            let kept = unfinished.kept.unwrap_or_default();
            match unfinished.cause {
                Cause::Failed(failure) => (Phase::Failed(format!("{label}: {failure}")), failure.exit(), Vec::new()),
                Cause::Stopped(exit) => (Phase::Stopped(format!("{label}: {kept}")), exit, Vec::new()),
            }
        }
    };
    let notes = row.take_notes();
    board.tell(index, News::Ended(exit, (exit == Exit::Done).then_some(path)));
    board.settle(index, phase);
    drawing.finish().await;
    conclude(&board, started, exit, None, show);
    if !show.quiet && !show.json {
        notes.iter().chain(&report).for_each(|line| say(line));
    }
    exit
}

/// One line for the file.
fn outcome(label: &str, repaired: &Repaired) -> Phase {
    match (repaired.mended.len(), repaired.cut) {
        (0, 0) => Phase::Kept(format!("{label}: nothing was wrong; all {} pieces are right", repaired.pieces)),
        (0, cut) => Phase::Saved(format!("{} after the end were cut off; all {} pieces are right", units::bytes(cut), repaired.pieces)),
        (count, _) => Phase::Saved(format!("{count} of {} pieces were wrong and are right now", repaired.pieces)),
    }
}

/// Which pieces came from where.
fn report(label: &str, repaired: &Repaired, started: Instant) -> Vec<String> {
    let mut sources: Vec<&Url> = repaired.mended.iter().map(|piece| &piece.from).collect();
    sources.dedup();
    let mut seen = Vec::new();
    let mut lines = Vec::new();
    for source in sources {
        if seen.contains(&source) {
            continue;
        }
        seen.push(source);
        let of: Vec<_> = repaired.mended.iter().filter(|piece| piece.from == *source).collect();
        let mut numbers: Vec<usize> = of.iter().map(|piece| piece.index).collect();
        numbers.sort_unstable();
        let bytes = of.iter().map(|piece| piece.range.end - piece.range.start).sum();
        let (pieces, from) = (listed(&numbers), printable(source.as_str()));
        lines.push(format!("mended {label} piece {pieces} ({}) from {from}", units::bytes(bytes)));
    }
    if !lines.is_empty() {
        lines.push(format!("took {}", units::duration(started.elapsed())));
    }
    lines
}

/// What is to be done, from the command line and from what lies beside the file.
fn order(args: &RepairArgs) -> Result<Order, Failure> {
    let path = args.manifest.clone().or_else(|| {
        [manifest::SUFFIX, ".meta4", ".metalink"].map(|suffix| beside(&args.file, suffix)).into_iter().find(|path| path.exists())
    });
    let shown = printable(&args.file.to_string_lossy());
    let Some(path) = path else {
        let failure = Failure::new(Exit::Usage, format!("there is no {shown}{} and no {shown}.meta4", manifest::SUFFIX));
        return Err(failure.help("--manifest FILE names another; without a manifest it cannot be known which bytes are wrong"));
    };
    let manifest = manifest_for(&path, &args.file)?;
    let mut sources: Vec<Url> =
        args.urls.iter().map(|url| parse(url)).collect::<Result<_, _>>().map_err(|why| Failure::new(Exit::Usage, why))?;
    // Who names a source wants that one.
    if sources.is_empty() {
        sources.clone_from(&manifest.urls);
    }
    if sources.is_empty() {
        sources = of_journal(&args.file);
    }
    Ok(Order { path: args.file.clone(), manifest: Arc::new(manifest), sources })
}

/// The URLs of the download that a file came from, if its journal is still there.
fn of_journal(file: &Path) -> Vec<Url> {
    let places = [journal_of(file), journal_of(&beside(file, name::SUFFIX))];
    let journal = places.iter().find_map(|path| journal::read(&std::fs::read(path).ok()?));
    journal
        .map(|journal| [vec![journal.subject.url], journal.subject.mirrors].concat())
        .unwrap_or_default()
        .iter()
        .filter_map(|url| parse(url).ok())
        .collect()
}

/// What a manifest says about one file: the only one that it knows, or the one of that name.
pub(crate) fn manifest_for(path: &Path, file: &Path) -> Result<Manifest, Failure> {
    let mut found = manifest::load(path)?;
    if found.len() == 1 {
        return Ok(found.remove(0));
    }
    let wanted = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let wanted = wanted.strip_suffix(name::SUFFIX).unwrap_or(wanted);
    let is_it = |manifest: &Manifest| manifest.name.as_deref().is_some_and(|name| name.rsplit('/').next() == Some(wanted));
    let known = found.len();
    found.into_iter().find(is_it).ok_or_else(|| {
        let shown = printable(&path.to_string_lossy());
        Failure::new(Exit::Usage, format!("{shown} is about {known} files, none of which is called {}", printable(wanted)))
    })
}

/// Whether an argument of `get` means a local manifest and not a URL.
pub(crate) fn is_manifest(text: &str) -> Option<PathBuf> {
    let is_named_so = [".meta4", ".metalink", manifest::SUFFIX].iter().any(|end| text.ends_with(end));
    (is_named_so && !text.contains("://")).then(|| PathBuf::from(text))
}
