//! Where a redirect leads, and when not to follow it.
//!
//! - Only `http` and `https`; from `https` to `http` only when the user allowed it, because the rest of the chain could then be read and changed on the way.
//! - A location that was visited before is a loop, because the same question gets the same answer; unless a cookie was set since.
//! - Credentials in a location are dropped: they are not the user's.
//! - The fragment is never sent.

use std::fmt;

use url::Url;

use crate::exit::Exit;
use crate::failure::{Failure, printable};

/// What the user allows.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The number of redirects after which a chain is given up.
    pub limit: usize,
    /// Whether `https` may lead to `http`.
    pub downgrade: bool,
}

/// The URLs of one transfer so far; the last one is to be asked next.
#[derive(Debug)]
pub(crate) struct Trail {
    policy: Policy,
    visited: Vec<Url>,
    /// From here on, coming back is a loop.
    since: usize,
}

/// Why a redirect is not followed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoLocation,
    BadLocation(String),
    Scheme(String),
    Downgrade(String),
    Loop(String),
    TooMany(usize),
}

/// Whether the status sends the client elsewhere. (300 offers a choice, 304 answers a condition, 305 and 306 are history.)
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

impl Trail {
    pub(crate) fn new(mut start: Url, policy: Policy) -> Self {
        start.set_fragment(None);
        Self { policy, visited: vec![start], since: 0 }
    }

    /// The URL to ask now.
    pub(crate) fn current(&self) -> &Url {
        self.visited.last().expect("a trail starts with one URL")
    }

    /// A cookie was set: who comes back may get another answer. The limit stays what it is.
    pub(crate) fn answers_may_differ(&mut self) {
        self.since = self.visited.len();
    }

    /// Goes where `location` points.
    pub(crate) fn follow(&mut self, location: Option<&[u8]>) -> Result<&Url, Refusal> {
        let next = self.next(location)?;
        self.visited.push(next);
        Ok(self.current())
    }

    fn next(&self, location: Option<&[u8]>) -> Result<Url, Refusal> {
        let location = location.ok_or(Refusal::NoLocation)?;
        let text = String::from_utf8_lossy(location);
        let bad = || Refusal::BadLocation(text.clone().into_owned());
        if text.trim().is_empty() {
            return Err(bad());
        }
        let mut next = self.current().join(&text).map_err(|_| bad())?;
        if !matches!(next.scheme(), "http" | "https") {
            return Err(Refusal::Scheme(next.scheme().to_owned()));
        }
        next.set_fragment(None);
        if next.set_username("").is_err() || next.set_password(None).is_err() {
            return Err(bad());
        }
        if self.current().scheme() == "https" && next.scheme() == "http" && !self.policy.downgrade {
            return Err(Refusal::Downgrade(next.into()));
        }
        if self.visited[self.since..].contains(&next) {
            return Err(Refusal::Loop(next.into()));
        }
        if self.visited.len() > self.policy.limit {
            return Err(Refusal::TooMany(self.policy.limit));
        }
        Ok(next)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLocation => write!(f, "the server redirects without saying where to"),
            Self::BadLocation(location) => write!(f, "the server redirects to something that is not a URL: {}", printable(location)),
            Self::Scheme(scheme) => write!(f, "the server redirects to a {scheme}: URL"),
            Self::Downgrade(url) => write!(f, "the server redirects from https to unprotected http: {}", printable(url)),
            Self::Loop(url) => write!(f, "redirect loop: {} comes again", printable(url)),
            Self::TooMany(limit) => write!(f, "more than {limit} redirects"),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let failure = Self::new(Exit::Redirects, refusal.to_string());
        match refusal {
            Refusal::Downgrade(_) => failure.help("--allow-downgrade follows it all the same"),
            Refusal::TooMany(_) => failure.help("--max-redirects N allows more"),
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests;
