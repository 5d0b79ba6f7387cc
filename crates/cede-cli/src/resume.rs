//! `cede resume`: goes on with every download below a directory that has a journal, and with the resumable uploads of files there.

use std::path::{Path, PathBuf};

use cede_transfer::engine::{Check, Job, Output};
use cede_transfer::extract::{self, Limits};
use cede_transfer::journal::{self, Journal};
use cede_transfer::upload::Order;
use cede_transfer::{Exit, name, printable};

use crate::cli::ResumeArgs;
use crate::get;
use crate::plan::{Defaults, Plan, keep_cookies, parse, settings};
use crate::progress::lines::say;
use crate::put::orders::begun_below;

/// Directories below directories, so that a loop of mounts ends.
const DEPTH: usize = 64;

/// Runs the command.
pub(crate) fn run(args: &ResumeArgs) -> Exit {
    let mut found = Vec::new();
    if let Err(error) = find(&args.dir, DEPTH, &mut found) {
        say(&format!("error: {}: {error}", printable(&args.dir.to_string_lossy())));
        return Exit::Files;
    }
    found.sort();
    let mut exit = None;
    let mut jobs = Vec::new();
    for path in found {
        match job(&path) {
            Ok(job) => jobs.push(job),
            Err(why) => {
                say(&format!("failed {}: {why}", printable(&path.to_string_lossy())));
                exit = Some(Exit::CannotResume);
            }
        }
    }
    let uploads = uploads(args, &mut exit);
    let (archives, jobs): (Vec<_>, Vec<_>) = jobs.into_iter().map(|job| (unpacked_into(&job), job)).partition(|(dir, _)| dir.is_some());
    let jobs: Vec<Job> = jobs.into_iter().map(|(_, job)| job).collect();
    if archives.is_empty() && jobs.is_empty() && uploads.is_empty() {
        if exit.is_none() && !args.show.quiet {
            say(&format!("nothing to resume below {}", printable(&args.dir.to_string_lossy())));
        }
        return exit.unwrap_or(Exit::Done);
    }
    let settings = match settings(&args.network) {
        Ok(settings) => settings,
        Err(mistake) => {
            say(&format!("error: {mistake}"));
            return Exit::Usage;
        }
    };
    let cookies = settings.cookies.clone();
    let width = usize::from(args.network.jobs);
    if !jobs.is_empty() {
        let defaults = Defaults { output: Output::Stdout, check: Check::Size };
        let plan = Plan { jobs, list: None, defaults, settings: settings.clone(), width, extract: None };
        let code = get::run_plan(plan, &args.show, args.tui);
        exit = Some(exit.map_or(code, |exit| exit.and(code)));
    }
    for (dir, job) in archives {
        if matches!(exit, Some(Exit::Interrupted | Exit::Terminated)) {
            break;
        }
        let (defaults, settings) = (Defaults { output: Output::Stdout, check: Check::Size }, settings.clone());
        let extract = dir.map(|dir| (dir, Limits::default()));
        let code = get::run_plan(Plan { jobs: vec![job], list: None, defaults, settings, width, extract }, &args.show, args.tui);
        exit = Some(exit.map_or(code, |exit| exit.and(code)));
    }
    let is_over = matches!(exit, Some(Exit::Interrupted | Exit::Terminated));
    if !uploads.is_empty() && !is_over {
        let code = get::run_orders(settings, uploads, usize::from(args.uploads), &args.show, args.tui);
        exit = Some(exit.map_or(code, |exit| exit.and(code)));
    }
    keep_cookies(&cookies, &args.network, exit.unwrap_or(Exit::Done))
}

/// The directory that a download is an archive for.
fn unpacked_into(job: &Job) -> Option<PathBuf> {
    let Output::Named { dir, name } = &job.output else { return None };
    extract::directory_of(name).map(|name| dir.join(name))
}

/// The uploads to go on with.
fn uploads(args: &ResumeArgs, exit: &mut Option<Exit>) -> Vec<Order> {
    match begun_below(&args.dir, args.journals.as_deref()) {
        Ok((orders, others)) => {
            for other in others {
                say(&format!("failed {other}"));
                *exit = Some(Exit::CannotResume);
            }
            orders
        }
        Err(error) => {
            say(&format!("failed to look for uploads: {error}"));
            *exit = Some(Exit::Files);
            Vec::new()
        }
    }
}

/// Collects the journals. What cannot be read below is passed over; links are not followed.
fn find(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)?.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() && depth > 0 {
            drop(find(&path, depth - 1, found));
        } else if kind.is_file() && entry.file_name().to_string_lossy().ends_with(&format!("{}{}", name::SUFFIX, name::JOURNAL)) {
            // A crash just after the rename leaves a journal of nothing.
            if path.with_extension("").exists() {
                found.push(path);
            } else {
                drop(std::fs::remove_file(path));
            }
        }
    }
    Ok(())
}

/// The download that a journal is about.
fn job(path: &Path) -> Result<Job, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let Journal { subject, .. } = journal::read(&bytes).ok_or("this is not a journal, or it was damaged; download the file again")?;
    let (dir, name) = get::split(path).ok_or("its name is not UTF-8")?;
    let name = name.strip_suffix(name::JOURNAL).and_then(|name| name.strip_suffix(name::SUFFIX)).unwrap_or_default().to_owned();
    let check = match &subject.sum {
        Some(sum) => Check::Sum(sum.parse()?),
        None => Check::Size,
    };
    let mirrors = subject.mirrors.iter().map(|url| parse(url)).collect::<Result<_, _>>()?;
    Ok(Job { url: parse(&subject.url)?, mirrors, output: Output::Named { dir, name }, check })
}
