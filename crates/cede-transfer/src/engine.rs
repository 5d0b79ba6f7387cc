//! What all downloads of a process share: connections, limits, names, and the user's wishes.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cede::sync::watch;
use cede::time::Instant;
use url::Url;

use crate::bare::Directories;
use crate::connect::{Connector, Proxies};
use crate::control::Control;
use crate::cookies::Cookies;
use crate::credentials::Credentials;
use crate::desk::Desk;
use crate::destination::{Claims, IfExists};
use crate::disk::{Disk, System};
use crate::download;
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::host::Hosts;
use crate::manifest::Manifest;
use crate::plan::Rules;
use crate::pool::Pool;
use crate::rate::{Bucket, Throttle};
use crate::redirect;
use crate::sink::lock;
use crate::slow::Wait;
use crate::sum::Sum;
use crate::unsynced::Unsynced;

/// The user's wishes for all downloads.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For each of them.
    pub rules: Rules,
    /// What to do about files that exist.
    pub if_exists: IfExists,
    /// Which redirects are followed.
    pub redirects: redirect::Policy,
    /// For name lookup, connection and TLS together.
    pub connect_timeout: Duration,
    /// A PEM file of the only authorities to be trusted.
    pub cacert: Option<PathBuf>,
    /// Through what to connect.
    pub proxies: Proxies,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// Headers and logins.
    pub credentials: Credentials,
    /// What servers set.
    pub cookies: Cookies,
    /// Bytes per second over everything.
    pub rate: Option<u64>,
    /// Bytes per second from each host.
    pub rate_per_host: Option<u64>,
    /// Connections to one host.
    pub per_host: usize,
    /// Connections in all.
    pub connections: usize,
    /// What of an earlier run is gone on with.
    pub resume: Resume,
    /// How often the journal is written; as much may be fetched again after a crash.
    pub claim_every: Duration,
    /// Nothing more is taken while so many bytes are written and not claimed by the journal: what a crash may cost, whatever the disk does.
    pub unclaimed: u64,
    /// Whether a download that turns out to be a Metalink ends as [such](Failure::is_metalink), for the caller to follow it. One that has a name given by the
    /// user, or a checksum, is a file like any other.
    pub metalinks: bool,
    /// Whether [`Engine::settle`] waits.
    pub settles: bool,
    /// What the files are on.
    pub disk: Arc<dyn Disk>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            if_exists: IfExists::Error,
            redirects: redirect::Policy { limit: 10, downgrade: false },
            connect_timeout: Duration::from_secs(10),
            cacert: None,
            proxies: Proxies::default(),
            http2: true,
            credentials: Credentials::default(),
            cookies: Cookies::default(),
            rate: None,
            rate_per_host: None,
            per_host: 16,
            connections: 256,
            resume: Resume::SameUrl,
            claim_every: Duration::from_secs(1),
            unclaimed: 64 << 20,
            metalinks: false,
            settles: true,
            disk: Arc::new(System),
        }
    }
}

/// What of an earlier run is gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Nothing: every download begins anew.
    Never,
    /// What came from the same URL.
    SameUrl,
    /// What came from any URL to the same name, if the server proves that it is the same file. For URLs with signatures that expire.
    AnyUrl,
}

/// One file to download.
#[derive(Clone, Debug)]
pub struct Job {
    /// Where it is.
    pub url: Url,
    /// Where else it is.
    pub mirrors: Vec<Url>,
    /// Where it goes.
    pub output: Output,
    /// How it is checked.
    pub check: Check,
}

/// Where a file goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The user named it.
    Named {
        /// The directory.
        dir: PathBuf,
        /// The name in it.
        name: String,
    },
    /// The answer or the URL names it.
    In {
        /// The directory.
        dir: PathBuf,
        /// Whose name is taken.
        from: NameFrom,
    },
    /// Standard output, in order.
    Stdout,
    /// Something else that takes it in order.
    Pipe(Pipe),
    /// The same; and until it has taken everything, what came is kept as `dir/name.part`, so that a later run goes on from there. Whoever gives this removes
    /// that when it is of no use any more.
    Kept {
        /// What takes it.
        pipe: Pipe,
        /// Where it is kept.
        dir: PathBuf,
        /// Under which name.
        name: String,
    },
}

/// What takes a download in order; clones are the same. It is written to on a thread that may block. It is flushed now and then, and also if there is nothing to write.
#[derive(Clone)]
pub struct Pipe(pub(crate) Arc<Mutex<Box<dyn Write + Send>>>, pub(crate) Option<Arc<str>>);

impl Pipe {
    /// A pipe into a writer.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(writer))), None)
    }

    /// The same, with a name for people: where it leads.
    #[must_use]
    pub fn called(self, name: &str) -> Self {
        Self(self.0, Some(printable(name).into()))
    }
}

impl std::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pipe")
    }
}

impl PartialEq for Pipe {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Pipe {}

/// Standard output as the system has it. The standard library's takes what cannot be written, because it is open only for reading, for written.
struct StandardOutput;

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(io::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    /// The pipe that the bytes go into in order, if they do.
    pub(crate) fn pipe(&self) -> Option<Pipe> {
        match self {
            Self::Stdout => Some(Pipe::new(StandardOutput)),
            Self::Pipe(pipe) | Self::Kept { pipe, .. } => Some(pipe.clone()),
            Self::Named { .. } | Self::In { .. } => None,
        }
    }
}

/// Where a file name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFrom {
    /// The server's `Content-Disposition`, else the URL, else the URL after redirects.
    Auto,
    /// The URL as given.
    Url,
    /// The URL after redirects.
    FinalUrl,
}

/// How a file is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Only its size.
    Size,
    /// Against this checksum.
    Sum(Sum),
    /// Against the checksum that the server tells, or that is beside the file; if there is none, only its size.
    Auto,
    /// Against what a manifest says: size, checksum, pieces. Wrong pieces are fetched again.
    Manifest(Arc<Manifest>),
}

impl Check {
    /// The checksum that is known beforehand.
    pub fn expected(&self) -> Option<&Sum> {
        match self {
            Self::Sum(sum) => Some(sum),
            Self::Manifest(manifest) => manifest.sum(),
            Self::Size | Self::Auto => None,
        }
    }

    /// Whether a wrong content would be found out.
    pub fn is_proof(&self) -> bool {
        match self {
            Self::Manifest(manifest) => manifest.is_proof(),
            other => other.expected().is_some(),
        }
    }
}

/// Who watches a download. Called often, so it has to be quick.
pub trait Watch: Send + Sync {
    /// The file has a name, and perhaps a size.
    fn named(&self, name: &str, total: Option<u64>);
    /// So many bytes of it are there.
    fn have(&self, bytes: u64);
    /// All bytes are there; they are being checked.
    fn verifying(&self);
    /// Something that the user should know now.
    fn note(&self, note: &str);

    /// What an earlier run left is gone on with: so many bytes.
    fn resumed(&self, _bytes: u64) {}

    /// A request led elsewhere.
    fn redirected(&self, _from: &Url, _to: &Url) {}

    /// A request failed in a way that may pass; there is another try, after this wait if it is known.
    fn retry(&self, _url: &Url, _why: &Failure, _wait: Option<Duration>) {}
}

/// Tells when the user wants everything to end, or this transfer. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Stop {
    all: watch::Receiver<Option<Exit>>,
    control: Control,
}

impl Stop {
    /// Stops when the value is set.
    pub fn new(receiver: watch::Receiver<Option<Exit>>) -> Self {
        Self { all: receiver, control: Control::new() }
    }

    /// Never stops.
    pub fn never() -> Self {
        Self::new(watch::channel(None).1)
    }

    /// The same, for a transfer that this handle steers; a cancelled one stops as if it were interrupted.
    #[must_use]
    pub fn steered_by(self, control: &Control) -> Self {
        Self { control: control.clone(), ..self }
    }

    /// The handle that steers the transfer which this is given to.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Returns when it is time to stop, with the exit code that this asks for.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn requested(&mut self) -> Exit {
        let all = async {
            let told = self.all.wait_for(Option::is_some).await.ok().and_then(|value| *value);
            match told {
                Some(exit) => exit,
                // Nobody is left who could ask for it.
                None => std::future::pending().await,
            }
        };
        cede::select! {
            biased;
            exit = all => exit,
            () = self.control.cancelled() => Exit::Interrupted,
        }
    }

    /// What [`requested`](Self::requested) would return, if it would return now.
    pub fn now(&self) -> Option<Exit> {
        let all = *self.all.borrow();
        all.or_else(|| self.control.is_cancelled().then_some(Exit::Interrupted))
    }
}

/// Downloads files; clones share everything.
///
/// ```no_run
/// # cede::block_on(async {
/// use std::sync::Arc;
/// use cede_transfer::engine::{Check, Engine, Job, NameFrom, Output, Settings, Silent, Stop};
/// let engine = Engine::new(Settings::default());
/// let job = Job {
///     url: "https://example.com/file".parse().unwrap(),
///     mirrors: Vec::new(),
///     output: Output::In { dir: ".".into(), from: NameFrom::Auto },
///     check: Check::Size,
/// };
/// engine.download(job, Arc::new(Silent), Stop::never()).await.unwrap();
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Engine(pub(crate) Arc<Shared>);

/// A [`Watch`] that does not look.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Watch for Silent {
    fn named(&self, _: &str, _: Option<u64>) {}
    fn have(&self, _: u64) {}
    fn verifying(&self) {}
    fn note(&self, _: &str) {}
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) pool: Pool,
    pub(crate) hosts: Hosts,
    pub(crate) claims: Claims,
    pub(crate) desk: Desk,
    pub(crate) directories: Directories,
    /// Where small files were filed.
    pub(crate) unsynced: Unsynced,
    pub(crate) epoch: Instant,
    pub(crate) throttle: Throttle,
    host_rates: Mutex<std::collections::HashMap<String, Bucket>>,
}

/// A complete file.
#[derive(Debug)]
pub struct Complete {
    /// Its path, unless it went to standard output.
    pub path: Option<PathBuf>,
    /// Whether it was there before.
    pub kept: bool,
    /// What there is to say about it.
    pub remark: String,
}

/// A download that ended without its file, and what is known about the rest.
#[derive(Debug)]
pub struct Unfinished {
    /// Why.
    pub cause: Cause,
    /// What was kept, and where.
    pub kept: Option<String>,
}

/// Why a download ended.
#[derive(Debug)]
pub enum Cause {
    /// Something failed.
    Failed(Failure),
    /// The user wanted it.
    Stopped(Exit),
}

impl From<Failure> for Unfinished {
    fn from(failure: Failure) -> Self {
        Self { cause: Cause::Failed(failure), kept: None }
    }
}

impl Unfinished {
    /// The message and the code.
    pub fn told(self, url: &Url) -> (String, Exit) {
        let url = printable(url.as_str());
        match self.cause {
            Cause::Failed(failure) => {
                let failure = self.kept.into_iter().fold(failure, Failure::help);
                (format!("{url}: {failure}"), failure.exit())
            }
            Cause::Stopped(exit) => (format!("{url}: {}", self.kept.unwrap_or_else(|| "nothing had come yet".to_owned())), exit),
        }
    }
}

impl Engine {
    /// An engine without connections yet.
    pub fn new(settings: Settings) -> Self {
        let connector = Connector::new(settings.connect_timeout, settings.cacert.clone(), settings.proxies.clone(), settings.http2);
        Self(Arc::new(Shared {
            pool: Pool::new(connector, settings.connections),
            hosts: Hosts::new(settings.per_host),
            claims: Claims::default(),
            desk: Desk::default(),
            directories: Directories::default(),
            unsynced: Unsynced::default(),
            epoch: Instant::now(),
            throttle: Throttle::new(settings.rate),
            host_rates: Mutex::default(),
            settings,
        }))
    }

    /// Downloads one file.
    ///
    /// # Errors
    /// Why there is no file, and what was kept.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the `.part` with what its journal claims. To have everything claimed that has come, use the [`Stop`].
    pub async fn download(&self, job: Job, watch: Arc<dyn Watch>, stop: Stop) -> Result<Complete, Unfinished> {
        download::run(Arc::clone(&self.0), job, watch, stop).await
    }
}

impl Engine {
    /// How many small files [`settle`](Self::settle) would wait for.
    pub fn unsettled(&self) -> usize {
        if self.0.settings.settles { self.0.unsynced.count() } else { 0 }
    }

    /// Returns when the small files that were downloaded so far would survive a power cut. Large ones do when they have their names; small ones nobody waits for
    /// one by one. Whoever downloads many calls this once, at the end.
    ///
    /// # Errors
    /// The disk did not take them.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the system writing.
    pub async fn settle(&self) -> Result<(), Failure> {
        let shared = Arc::clone(&self.0);
        if !shared.settings.settles {
            return Ok(());
        }
        let settled = cede::task::spawn_blocking(move || shared.unsynced.settle(&*shared.settings.disk)).await;
        settled.unwrap_or_else(|error| Err(Failure::new(Exit::Failed, error.to_string())))
    }

    /// The most bytes per second over everything, from now on; `None` is no limit. What waits for the earlier limit goes on at once.
    pub fn set_limit(&self, rate: Option<u64>) {
        self.0.throttle.set(rate);
    }

    /// The limit over everything, in bytes per second.
    pub fn limit(&self) -> Option<u64> {
        self.0.throttle.rate()
    }
}

impl Shared {
    /// The time at which so many more bytes are within the limits.
    pub(crate) fn debt(&self, host: &str, count: usize) -> Duration {
        self.charge(host, count).0
    }

    /// The same, and which of the limits it is that wants the wait.
    pub(crate) fn charge(&self, host: &str, count: usize) -> (Duration, Wait) {
        let now = self.epoch.elapsed();
        let until = self.throttle.take(now, count);
        let Some(rate) = self.settings.rate_per_host else { return (until, Wait::Rate) };
        let mut buckets = lock(&self.host_rates);
        let host_until = buckets.entry(host.to_owned()).or_insert_with(|| Bucket::new(rate)).take(now, count as u64);
        if host_until > until { (host_until, Wait::HostRate) } else { (until, Wait::Rate) }
    }
}

#[cfg(test)]
mod tests;
