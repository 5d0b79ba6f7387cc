//! `--dry-run`: says what `get` and `put` would do, and does nothing of it.

use cede_transfer::engine::{Engine, Job};
use cede_transfer::upload::{How, Order, Part, Source, journals};
use cede_transfer::{Exit, printable, units};

use crate::get::open_list;
use crate::plan::Plan;
use crate::probe::print;
use crate::progress::lines::say;
use crate::start::Start;

/// Says what a plan would do. Each URL is asked for, and no answer is read.
pub(crate) fn get(plan: Plan) -> Exit {
    let list = match plan.list.as_deref().map(|path| open_list(path, plan.defaults.clone())).transpose() {
        Ok(list) => list,
        Err(mistake) => {
            say(&format!("error: {mistake}"));
            return Exit::Usage;
        }
    };
    let unpacked = plan.extract.map(|(dir, _)| dir);
    let (engine, jobs) = (Engine::new(plan.settings), plan.jobs);
    Start::now().run(async move {
        let mut codes = Vec::new();
        let one = async |job: &Job| {
            let url = printable(job.url.as_str());
            match engine.preview(job).await {
                Ok(facts) => {
                    let place = unpacked.as_ref().map(|dir| ("unpacked", format!("into {}", dir.to_string_lossy())));
                    // What is unpacked has no other target.
                    let facts = facts.lines().filter(|(name, _)| unpacked.is_none() || *name != "target");
                    print(&url, facts.chain(place));
                    Exit::Done
                }
                Err(failure) => {
                    say(&format!("failed {url}: {failure}"));
                    failure.exit()
                }
            }
        };
        for job in &jobs {
            codes.push(one(job).await);
        }
        let Some(mut list) = list else { return Exit::of_all(codes) };
        while let Some(lines) = list.recv().await {
            for line in lines {
                codes.push(match line {
                    Ok(job) => one(&job).await,
                    Err(why) => {
                        say(&format!("failed {why}"));
                        Exit::Usage
                    }
                });
            }
        }
        Exit::of_all(codes)
    })
}

/// Says what orders would do. Nobody is asked.
pub(crate) fn put(orders: &[Order]) -> Exit {
    Exit::of_all(orders.iter().map(|order| {
        let sources: Vec<_> = match &order.source {
            Source::File(path) => vec![path.as_path()],
            Source::Stdin(_) => Vec::new(),
            Source::Form(parts) => {
                parts.iter().filter_map(|part| if let Part::File { path, .. } = part { Some(path.as_path()) } else { None }).collect()
            }
        };
        let mut facts = Vec::new();
        let mut exit = Exit::Done;
        for path in sources {
            let shown = path.to_string_lossy();
            match std::fs::metadata(path) {
                Ok(metadata) if metadata.is_file() => {
                    facts.push(("file", format!("{shown}, {} ({} bytes)", units::bytes(metadata.len()), metadata.len())))
                }
                Ok(_) => {
                    facts.push(("file", format!("{shown} is no file; the upload would fail")));
                    exit = Exit::Files;
                }
                Err(error) => {
                    facts.push(("file", format!("{shown}: {error}; the upload would fail")));
                    exit = Exit::Files;
                }
            }
        }
        facts.extend(matches!(order.source, Source::Stdin(_)).then(|| ("file", "standard input, to its end".to_owned())));
        let way = match &order.how {
            How::Put => "PUT".to_owned(),
            How::Post if matches!(order.source, Source::Form(_)) => "a form, by POST".to_owned(),
            How::Post => "POST".to_owned(),
            How::Tus { probe: false } => "tus, resumable".to_owned(),
            How::Tus { probe: true } => "tus if the server speaks it, otherwise PUT".to_owned(),
            How::S3(store) => {
                let parts = format!("parts of at least {}, {} at a time", units::bytes(store.part_size), store.width);
                format!("{}/{} at {}, in {parts}", store.bucket, store.object, store.endpoint)
            }
        };
        facts.push(("way", way));
        facts.extend(order.only_new.then(|| ("if it exists", "it is left alone, and the upload fails".to_owned())));
        if is_begun(order) {
            let fate = if order.restart {
                "an earlier run began it; that is dropped"
            } else {
                "an earlier run began it; the server is asked how far it came"
            };
            facts.push(("resumes", fate.to_owned()));
        }
        print(order.url.as_str(), facts);
        exit
    }))
}

/// Whether a journal is about this upload.
fn is_begun(order: &Order) -> bool {
    let (Source::File(path), Some(state)) = (&order.source, &order.state) else { return false };
    let Ok(path) = path.canonicalize() else { return false };
    journals(state).is_ok_and(|journals| journals.iter().any(|journal| journal.source == path && journal.url == order.url.as_str()))
}
