//! What a run is going to do, decided before anything is done: the list of transfers and the rules for all of them.
//!
//! A plan is made from the command line alone (and from the netrc file that it names). It asks nobody, so a mistake in the last URL is told before the first byte is
//! fetched.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cede_transfer::cookies::Cookies;
use cede_transfer::credentials::{Credentials, parse_netrc};
use cede_transfer::engine::{self, Check, Job, Output, Resume, Settings};
use cede_transfer::extract::Limits;
use cede_transfer::manifest::{self, Manifest};
use cede_transfer::plan::Rules;
use cede_transfer::{Exit, Proxies, printable, redirect};
use hyper::header::{COOKIE, HeaderName, HeaderValue, USER_AGENT};
use url::Url;

use crate::cli::{GetArgs, IfExists, NameFrom, NetworkArgs, SumArg};
use crate::progress::lines::say;
use crate::repair::is_manifest;
use crate::{device, limits};

/// Everything that `get` will do.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) jobs: Vec<Job>,
    /// A list of further jobs; `-` is standard input.
    pub(crate) list: Option<PathBuf>,
    /// Where the jobs of the list go, if they do not say.
    pub(crate) defaults: Defaults,
    pub(crate) settings: Settings,
    /// How many jobs run at a time.
    pub(crate) width: usize,
    /// Where the one job is unpacked.
    pub(crate) extract: Option<(PathBuf, Limits)>,
}

/// What a line of a list need not say.
#[derive(Clone, Debug)]
pub(crate) struct Defaults {
    pub(crate) output: Output,
    pub(crate) check: Check,
}

impl Plan {
    /// # Errors
    /// What is wrong with the command line, in one line.
    pub(crate) fn new(args: &GetArgs) -> Result<Self, String> {
        let (manifests, urls): (Vec<_>, Vec<_>) = args.urls.iter().partition(|text| is_manifest(text).is_some());
        let manifests: Vec<PathBuf> = manifests.into_iter().filter_map(|text| is_manifest(text)).chain(args.metalink.clone()).collect();
        let one = urls.len() == 1 && args.input.is_none() && manifests.is_empty();
        if args.output.is_some() && !one {
            return Err("--output names one file, but there are several URLs; use --dir".to_owned());
        }
        if !args.mirror.is_empty() && !one {
            return Err("--mirror is for one URL, but there are several; a list for --input can give mirrors for each".to_owned());
        }
        let check = match (&args.sum, &args.sha256) {
            // A sum that is known is never given up for one that the server tells.
            (Some(SumArg::Given(sum)), _) | (_, Some(sum)) => Check::Sum(sum.clone()),
            (Some(SumArg::Auto), None) => Check::Auto,
            (None, None) => Check::Size,
        };
        if matches!(check, Check::Sum(_)) && !one {
            let flag = if args.sha256.is_some() { "--sha256" } else { "--sum" };
            return Err(format!("{flag} is for one URL, but there are several"));
        }
        if args.extract.is_some() && !one {
            return Err("--extract is for one URL, but there are several".to_owned());
        }
        let output = output(args)?;
        if let (Output::Stdout, Some(rival)) = (&output, args.show.json.then_some("--json").or(args.tui.then_some("--tui"))) {
            return Err(format!("{rival} and --output - both want standard output"));
        }
        let mirrors = args.mirror.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
        let mut jobs = urls
            .iter()
            .map(|text| Ok(Job { url: parse(text)?, mirrors: mirrors.clone(), output: output.clone(), check: check.clone() }))
            .collect::<Result<Vec<_>, String>>()?;
        let below = args.dir.clone().unwrap_or_default();
        for path in &manifests {
            jobs.extend(described(path, &below)?);
        }
        let mut settings = settings(&args.network)?;
        settings.metalinks = true;
        settings.if_exists = match args.if_exists {
            _ if args.force => cede_transfer::IfExists::Overwrite,
            IfExists::Error => cede_transfer::IfExists::Error,
            IfExists::Skip => cede_transfer::IfExists::Skip,
            IfExists::Overwrite => cede_transfer::IfExists::Overwrite,
            IfExists::Rename => cede_transfer::IfExists::Rename,
        };
        settings.resume = match (args.restart, args.resume) {
            (true, _) => Resume::Never,
            (false, true) => Resume::AnyUrl,
            (false, false) => Resume::SameUrl,
        };
        let width = usize::from(args.network.jobs);
        let limits = Limits { bytes: args.max_extracted, ratio: args.max_ratio, ..Limits::default() };
        let extract = args.extract.clone().map(|dir| (dir, limits));
        Ok(Self { jobs, list: args.input.clone(), defaults: Defaults { output, check }, settings, width, extract })
    }
}

/// The downloads that a manifest describes, into a directory. Its names are safe already.
fn described(path: &Path, dir: &Path) -> Result<Vec<Job>, String> {
    let manifests = manifest::load(path).map_err(|failure| failure.to_string())?;
    jobs_of(manifests, &path.to_string_lossy(), dir)
}

/// The downloads that manifests from somewhere describe.
pub(crate) fn jobs_of(manifests: Vec<Manifest>, from: &str, dir: &Path) -> Result<Vec<Job>, String> {
    let job = |manifest: Manifest| {
        let mut urls = manifest.urls.iter().cloned();
        let url = urls.next().ok_or_else(|| format!("{} names no http or https URL for a file", printable(from)))?;
        let mirrors = urls.collect();
        let named = manifest.name.as_ref().map(|name| dir.join(name));
        let output = match named.as_deref().and_then(crate::get::split) {
            Some((dir, name)) => Output::Named { dir, name },
            None => Output::In { dir: dir.to_owned(), from: engine::NameFrom::Url },
        };
        Ok(Job { url, mirrors, output, check: Check::Manifest(Arc::new(manifest)) })
    };
    manifests.into_iter().map(job).collect()
}

/// The settings that all commands share.
pub(crate) fn settings(args: &NetworkArgs) -> Result<Settings, String> {
    let rules = Rules {
        retries: args.retry,
        wait: args.retry_wait..Duration::from_secs(30).max(args.retry_wait),
        retry_after_cap: args.retry_after_cap,
        give_up: args.retry_max_time,
        stall: args.stall_timeout,
        min_speed: Some(args.min_speed),
        segments: usize::from(args.segments),
        min_split: args.min_split,
        restart: !args.no_restart,
        ..Rules::default()
    };
    let proxies = match &args.proxy {
        Some(proxy) => Proxies::everything_through(proxy).map_err(|why| format!("--proxy: {why}"))?,
        None if args.no_proxy => Proxies::default(),
        None => Proxies::from_environment(|name| std::env::var(name).ok())?,
    };
    Ok(Settings {
        rules,
        redirects: redirect::Policy { limit: args.max_redirects, downgrade: args.allow_downgrade },
        connect_timeout: args.connect_timeout,
        cacert: args.cacert.clone(),
        proxies,
        http2: !args.http1,
        credentials: credentials(args)?,
        cookies: cookies(args)?,
        rate: args.limit_rate,
        rate_per_host: args.limit_rate_host,
        per_host: usize::from(args.per_host),
        claim_every: args.journal_every,
        settles: !args.no_sync,
        connections: limits::connections(usize::from(args.jobs)),
        ..Settings::default()
    })
}

fn credentials(args: &NetworkArgs) -> Result<Credentials, String> {
    let mut credentials = Credentials::default();
    if let Some(agent) = &args.user_agent {
        let value = HeaderValue::from_str(agent).map_err(|_| "--user-agent: it has characters that a header cannot have".to_owned())?;
        credentials.headers.insert(USER_AGENT, value);
    }
    for header in &args.header {
        let shown = || printable(header.split(':').next().unwrap_or_default());
        let (name, value) = header.split_once(':').ok_or_else(|| format!("--header {}: write it as 'Name: value'", shown()))?;
        let name: HeaderName = name.trim().parse().map_err(|_| format!("--header {}: this cannot be the name of a header", shown()))?;
        let mut value =
            HeaderValue::from_str(value.trim()).map_err(|_| format!("--header {}: the value has forbidden characters", shown()))?;
        if ["range", "if-range", "host", "accept-encoding", "connection"].contains(&name.as_str()) {
            return Err(format!("--header {name}: the download itself depends on this header"));
        }
        value.set_sensitive(true);
        credentials.headers.append(name, value);
    }
    let given: Vec<&str> = args.cookie.iter().filter(|text| text.contains('=')).map(|text| text.trim()).collect();
    if !given.is_empty() {
        let mut value =
            HeaderValue::from_str(&given.join("; ")).map_err(|_| "--cookie: it has characters that a header cannot have".to_owned())?;
        value.set_sensitive(true);
        credentials.headers.append(COOKIE, value);
    }
    if let Some(login) = &args.user {
        let (user, password) = login.split_once(':').ok_or("--user: write it as NAME:PASSWORD")?;
        credentials.basic(user, password);
    }
    if let Some(token) = &args.bearer {
        credentials.bearer(token);
    }
    if !args.no_netrc {
        credentials.netrc = netrc(args.netrc.as_deref())?;
    }
    Ok(credentials)
}

fn cookies(args: &NetworkArgs) -> Result<Cookies, String> {
    let cookies = if args.no_cookies { Cookies::refused() } else { Cookies::default() };
    for file in args.cookie.iter().filter(|text| !text.contains('=') && !text.is_empty()) {
        let told = |why: &dyn std::fmt::Display| format!("--cookie {}: {why}", printable(file));
        match std::fs::read_to_string(file) {
            Ok(text) => cookies.read(&text).map_err(|why| told(&why))?,
            // The first run of a command that keeps its cookies in one file.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && args.cookie_jar.as_deref() == Some(Path::new(file)) => {}
            Err(error) => return Err(told(&error)),
        }
    }
    Ok(cookies)
}

/// Writes the jar at the end of a run, if the user wants it.
pub(crate) fn keep_cookies(cookies: &Cookies, args: &NetworkArgs, exit: Exit) -> Exit {
    let Some(path) = &args.cookie_jar else { return exit };
    match cookies.save(path) {
        Ok(()) => exit,
        Err(error) => {
            say(&format!("error: --cookie-jar {}: {error}", printable(&path.to_string_lossy())));
            if exit == Exit::Done { Exit::Files } else { exit }
        }
    }
}

fn netrc(given: Option<&Path>) -> Result<Vec<cede_transfer::credentials::Login>, String> {
    if let Some(path) = given {
        let text = std::fs::read_to_string(path).map_err(|error| format!("--netrc {}: {error}", printable(&path.to_string_lossy())))?;
        return Ok(parse_netrc(&text));
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let text = home.and_then(|home| std::fs::read_to_string(home.join(".netrc")).ok());
    Ok(text.map(|text| parse_netrc(&text)).unwrap_or_default())
}

fn output(args: &GetArgs) -> Result<Output, String> {
    let dir = args.dir.clone().unwrap_or_default();
    let Some(output) = &args.output else { return Ok(Output::In { dir, from: name_from(args.name_from) }) };
    let path = if output == Path::new("-") { output.clone() } else { dir.join(output) };
    if device::is_stdout(&path) {
        return Ok(Output::Stdout);
    }
    let name = match (path.file_name(), path.to_string_lossy().ends_with('/')) {
        (Some(name), false) => name.to_str().ok_or("--output must be UTF-8")?.to_owned(),
        _ => return Err(format!("--output {} names no file; use --dir for a directory", printable(&output.to_string_lossy()))),
    };
    if device::is_open_file(&path) {
        let shown = printable(&output.to_string_lossy());
        return Err(format!("--output {shown} names a descriptor, not a file; name the file itself, or use '-' for standard output"));
    }
    if device::is_one(&path) {
        return Ok(Output::Pipe(if args.dry_run { device::untouched(&path) } else { device::pipe(path) }));
    }
    Ok(Output::Named { dir: path.parent().map(Path::to_owned).unwrap_or_default(), name })
}

fn name_from(from: NameFrom) -> engine::NameFrom {
    match from {
        NameFrom::Auto => engine::NameFrom::Auto,
        NameFrom::Url => engine::NameFrom::Url,
        NameFrom::FinalUrl => engine::NameFrom::FinalUrl,
    }
}

/// # Errors
/// Why this cannot be downloaded.
pub(crate) fn parse(text: &str) -> Result<Url, String> {
    let shown = || printable(text);
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => return Err(format!("{0} is not a URL; did you mean https://{0}?", shown())),
        Err(error) => return Err(format!("{} is not a URL: {error}", shown())),
    };
    if !matches!(url.scheme(), "http" | "https") {
        let hint = if text.contains("://") { String::new() } else { format!("; did you mean https://{}?", shown()) };
        return Err(format!("{}: only http and https URLs can be downloaded{hint}", shown()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // They are not to be shown.
        let (scheme, rest) = (url.scheme(), &url[url::Position::BeforeHost..url::Position::AfterPath]);
        return Err(format!("{scheme}://…@{rest}: user names and passwords in URLs are not supported; use --user"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
