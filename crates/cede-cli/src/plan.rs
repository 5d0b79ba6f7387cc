//! What a run is going to do, decided before anything is done: the list of transfers and the rules for all of them.
//!
//! A plan is made from the command line alone. It opens nothing and asks nobody, so a mistake in the last URL is told before the first byte is fetched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::cli::{GetArgs, IfExists, NameFrom};
use crate::failure::printable;
use crate::redirect;

/// Everything that `get` will do.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) jobs: Vec<Job>,
    pub(crate) rules: Rules,
    /// How many jobs run at a time.
    pub(crate) width: usize,
}

/// One file to download.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) url: Url,
    pub(crate) place: Place,
    pub(crate) sha256: Option<[u8; 32]>,
}

/// Where a file goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The user named it.
    Named { dir: PathBuf, name: String },
    /// The answer names it.
    In { dir: PathBuf, from: NameFrom },
}

/// What holds for every job.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) if_exists: IfExists,
    pub(crate) redirects: redirect::Policy,
    pub(crate) connect_timeout: Duration,
    pub(crate) stall_timeout: Duration,
    pub(crate) cacert: Option<PathBuf>,
}

impl Plan {
    /// # Errors
    /// What is wrong with the command line, in one line.
    pub(crate) fn new(args: &GetArgs) -> Result<Self, String> {
        let one = args.urls.len() == 1;
        if args.output.is_some() && !one {
            return Err("--output names one file, but there are several URLs; use --dir".to_owned());
        }
        if args.sha256.is_some() && !one {
            return Err("--sha256 is for one URL, but there are several".to_owned());
        }
        let place = place(args)?;
        let jobs = args
            .urls
            .iter()
            .map(|text| Ok(Job { url: parse(text)?, place: place.clone(), sha256: args.sha256 }))
            .collect::<Result<_, String>>()?;
        let rules = Rules {
            if_exists: if args.force { IfExists::Overwrite } else { args.if_exists },
            redirects: redirect::Policy { limit: args.max_redirects, downgrade: args.allow_downgrade },
            connect_timeout: args.connect_timeout,
            stall_timeout: args.stall_timeout,
            cacert: args.cacert.clone(),
        };
        Ok(Self { jobs, rules, width: usize::from(args.jobs) })
    }
}

fn place(args: &GetArgs) -> Result<Place, String> {
    let dir = args.dir.clone().unwrap_or_default();
    let Some(output) = &args.output else { return Ok(Place::In { dir, from: args.name_from }) };
    if output == Path::new("-") {
        return Err("writing to standard output is not possible yet; name a file".to_owned());
    }
    let path = dir.join(output);
    let name = match (path.file_name(), path.to_string_lossy().ends_with('/')) {
        (Some(name), false) => name.to_str().ok_or("--output must be UTF-8")?.to_owned(),
        _ => return Err(format!("--output {} names no file; use --dir for a directory", printable(&output.to_string_lossy()))),
    };
    Ok(Place::Named { dir: path.parent().map(Path::to_owned).unwrap_or_default(), name })
}

fn parse(text: &str) -> Result<Url, String> {
    let shown = printable(text);
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => return Err(format!("{shown} is not a URL; did you mean https://{shown}?")),
        Err(error) => return Err(format!("{shown} is not a URL: {error}")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        let hint = if text.contains("://") { String::new() } else { format!("; did you mean https://{shown}?") };
        return Err(format!("{shown}: only http and https URLs can be downloaded{hint}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("https://…@{}: user names and passwords in URLs are not supported", url.host_str().unwrap_or_default()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
