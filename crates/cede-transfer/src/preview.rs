//! What a download would do, from one request whose body is not read and a look at the disk. Nothing is written, and no part is locked.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use url::Url;

use crate::destination::{IfExists, journal_of};
use crate::engine::{Check, Engine, Job, NameFrom, Output, Resume, Shared};
use crate::extents::Extents;
use crate::failure::Failure;
use crate::head::Head;
use crate::identity::{Identity, Sameness};
use crate::journal::{self, Journal};
use crate::name;
use crate::probe::{Facts, ask, told_name};
use crate::units;

/// How many ranges are listed.
const LISTED: usize = 8;

impl Engine {
    /// Tells what [`download`](Self::download) would do with this job now.
    ///
    /// # Errors
    /// Why there would be no file.
    ///
    /// # Cancel safety
    /// Dropping the future drops the connection.
    pub async fn preview(&self, job: &Job) -> Result<Facts, Failure> {
        let shared = &self.0;
        let answer = ask(shared, &job.url).await?;
        let head = Head::of(answer.status, &answer.headers, SystemTime::now());
        let (ranges, total) = (head.status == 206, head.identity.total);
        let target = target(job, told_name(&job.url, &answer.url, &answer.headers), &answer.url);
        let mut lines = Vec::new();
        if answer.hops > 0 {
            lines.push(("redirects", format!("{}, to {}", answer.hops, answer.url)));
        }
        let place = target.as_ref().map_or_else(|| in_order(&job.output), |path| path.to_string_lossy().into_owned());
        lines.push(("target", place));
        if let Some(path) = target.as_ref().filter(|path| path.symlink_metadata().is_ok()) {
            lines.push(("exists", fate(path, shared.settings.if_exists)));
        }
        let size = total.map_or_else(|| "not told".to_owned(), |total| format!("{} ({total} bytes)", units::bytes(total)));
        lines.push(("size", size));
        lines.push(("ranges", if ranges { "supported" } else { "not supported: one connection, and no resuming" }.to_owned()));
        let most = total.filter(|_| ranges).map_or(1, |total| (total / shared.settings.rules.min_split.max(1)).max(1));
        let most = most.min(shared.settings.rules.segments as u64);
        lines.push(("connections", if most > 1 { format!("1 at first, at most {most}") } else { "1".to_owned() }));
        let earlier = target.as_deref().and_then(|path| earlier(shared, path, &job.url));
        lines.extend(resumed(earlier, &head.identity, ranges, total.unwrap_or(0)));
        lines.extend(job.mirrors.iter().map(|url| ("mirror", url.to_string())));
        lines.push(("check", check(&job.check)));
        Ok(Facts::of(lines))
    }
}

/// Where the file would be put, if nothing were there.
fn target(job: &Job, told: String, led: &Url) -> Option<PathBuf> {
    match &job.output {
        Output::Named { dir, name } => Some(dir.join(name)),
        Output::In { dir, from } => Some(dir.join(match from {
            NameFrom::Auto => told,
            NameFrom::Url => name::from_url(&job.url).unwrap_or_else(|| name::FALLBACK.to_owned()),
            NameFrom::FinalUrl => name::from_url(led).unwrap_or_else(|| name::FALLBACK.to_owned()),
        })),
        Output::Stdout | Output::Pipe(_) | Output::Kept { .. } => None,
    }
}

/// What takes the bytes where there is no file.
fn in_order(output: &Output) -> String {
    let name = match output {
        Output::Pipe(pipe) | Output::Kept { pipe, .. } => pipe.1.as_deref().unwrap_or("a pipe"),
        _ => "standard output",
    };
    format!("{name}, in order")
}

fn fate(path: &Path, if_exists: IfExists) -> String {
    match if_exists {
        IfExists::Error => "the download would fail; see --if-exists".to_owned(),
        IfExists::Skip => "it would be left alone, and the download be done".to_owned(),
        IfExists::Overwrite => "it would be replaced".to_owned(),
        IfExists::Rename => {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let free =
                (1..1000).map(|number| name::numbered(name, number)).find(|name| path.with_file_name(name).symlink_metadata().is_err());
            format!("the new file would be called {}", free.unwrap_or_default())
        }
    }
}

/// What an earlier run left that would be gone on with.
fn earlier(shared: &Shared, target: &Path, url: &Url) -> Option<Journal> {
    let mut part = target.as_os_str().to_owned();
    part.push(name::SUFFIX);
    let journal = journal::read(&std::fs::read(journal_of(Path::new(&part))).ok()?)?;
    let wanted = match shared.settings.resume {
        Resume::Never => false,
        Resume::SameUrl => journal.subject.url == url.as_str(),
        Resume::AnyUrl => true,
    };
    let size = std::fs::metadata(&part).ok()?.len();
    Some(journal).filter(|journal| wanted && !journal.extents.is_empty() && journal.extents.end() <= size)
}

fn resumed(earlier: Option<Journal>, identity: &Identity, ranges: bool, total: u64) -> Vec<(&'static str, String)> {
    let have = earlier.as_ref().map(|journal| journal.extents.clone()).unwrap_or_default();
    let Some(journal) = earlier else { return vec![("fetches", fetched(&have, total))] };
    let same = journal.subject.identity.compare(identity, false);
    if !ranges || same == Sameness::Different {
        let why = if ranges { "the file has changed since" } else { "the server has no ranges" };
        return vec![
            ("resumes", format!("no: {} are there, but {why}", units::bytes(have.len()))),
            ("fetches", fetched(&Extents::default(), total)),
        ];
    }
    let proof = if same == Sameness::Proven { "" } else { ", after a comparison of the last bytes" };
    vec![("resumes", format!("with {} that are there{proof}", units::bytes(have.len()))), ("fetches", fetched(&have, total))]
}

/// The gaps, as ranges of bytes.
fn fetched(have: &Extents, total: u64) -> String {
    if total == 0 {
        return "everything".to_owned();
    }
    let gaps: Vec<_> = have.missing(0..total).collect();
    let size = units::bytes(gaps.iter().map(|gap| gap.end - gap.start).sum());
    let mut listed: Vec<String> = gaps.iter().take(LISTED).map(|gap| format!("{}-{}", gap.start, gap.end - 1)).collect();
    listed.extend((gaps.len() > LISTED).then(|| format!("and {} more ranges", gaps.len() - LISTED)));
    if gaps.is_empty() { "nothing".to_owned() } else { format!("{size}: bytes {}", listed.join(", ")) }
}

fn check(check: &Check) -> String {
    match check {
        Check::Size => "the size".to_owned(),
        Check::Sum(sum) => sum.to_string(),
        Check::Auto => "the checksum that the server tells, if it does".to_owned(),
        Check::Manifest(manifest) => {
            manifest.sum().map_or_else(|| "the pieces of the manifest".to_owned(), |sum| format!("{sum}, of the manifest"))
        }
    }
}
