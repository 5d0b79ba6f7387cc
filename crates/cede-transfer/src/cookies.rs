//! Cookies: what servers set, kept for the run and heeded in redirects and later requests; and the file in which curl, wget and browsers' exports keep them.
//!
//! Which cookie goes where is decided by `cookie_store` (RFC 6265: domain, path, expiry, `Secure`). What it leaves out is here, because a cookie that reaches the
//! wrong server is a login that reaches it:
//!
//! - K1: no cookie is for a public suffix (`co.uk`), which would be all sites below it; the list is compiled in. What a host that is one itself (`github.io`) sets
//!   is for that host alone.
//! - K2: over `http`, no `Secure` cookie is set, nor one of the same name that would be sent in the place of a `Secure` one, or beside it; the prefixes `__Secure-`
//!   and `__Host-` mean what they say.
//! - K3: what the user gives as text (`--cookie NAME=VALUE`) is not in the jar: it is a header of the user's, and goes to the origin of the URL only.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use cookie_store::{Cookie, CookieDomain, CookieExpiration, CookieStore};
use hyper::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use psl::Psl;
use url::{Host, Url};

use crate::failure::printable;
use crate::sink::lock;

/// What the line says that a cookie is not for scripts.
const HTTP_ONLY: &str = "#HttpOnly_";
const TITLE: &str = "# Netscape HTTP Cookie File\n# Written by cede; edit at your own risk.\n\n";

/// A jar; clones are the same jar.
///
/// ```
/// use cede_transfer::cookies::Cookies;
/// let cookies = Cookies::default();
/// cookies.read("example.com\tFALSE\t/\tTRUE\t4102444800\tname\tvalue\n").unwrap();
/// assert!(cookies.write().ends_with("example.com\tFALSE\t/\tTRUE\t4102444800\tname\tvalue\n"));
/// ```
#[derive(Clone)]
pub struct Cookies(Arc<Mutex<Option<CookieStore>>>);

impl Default for Cookies {
    /// An empty jar.
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(CookieStore::new()))))
    }
}

impl fmt::Debug for Cookies {
    /// Without the values, which are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = lock(&self.0).as_ref().map(|store| store.iter_any().count());
        f.debug_struct("Cookies").field("count", &count).finish()
    }
}

impl Cookies {
    /// A jar that takes nothing and gives nothing.
    pub fn refused() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    /// Adds what a Netscape cookie file says. What has expired is passed over.
    ///
    /// # Errors
    /// Which line is wrong, and why.
    pub fn read(&self, text: &str) -> Result<(), String> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut jar = lock(&self.0);
        let Some(store) = jar.as_mut() else { return Ok(()) };
        for (number, line) in text.lines().enumerate() {
            let is_comment = line.starts_with('#') && !line.starts_with(HTTP_ONLY);
            if line.trim().is_empty() || is_comment {
                continue;
            }
            let wrong = |why: &str| format!("line {}: {why}", number + 1);
            let (text, url) = line_of_file(line.trim_end_matches('\r'), now).map_err(|why| wrong(&why))?;
            let Some(text) = text else { continue };
            // The user's own file may say what servers may not.
            store.parse(&text, &url).map_err(|error| wrong(&error.to_string()))?;
        }
        Ok(())
    }

    /// The jar as a Netscape cookie file; cookies of the session have the expiry 0, as curl has it.
    pub fn write(&self) -> String {
        let mut lines: Vec<String> =
            lock(&self.0).as_ref().map(|store| store.iter_unexpired().filter_map(line_for_file).collect()).unwrap_or_default();
        lines.sort();
        TITLE.to_owned() + &lines.concat()
    }

    /// Writes the jar to a file that only its owner can read, which appears whole or not at all. What is there and is no regular file (a link, `/dev/null`) stays
    /// what it is, and is written to. A jar that [refuses](Self::refused) leaves the file alone.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        if lock(&self.0).is_none() {
            return Ok(());
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).mode(0o600);
        if std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
            return options.create(true).truncate(true).open(path)?.write_all(self.write().as_bytes());
        }
        // Nobody knows the name beforehand, so nobody puts a link there; and if somebody did, this fails.
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".{:016x}", RandomState::new().hash_one(std::process::id())));
        let mut file = options.create_new(true).open(&draft)?;
        let written = file.write_all(self.write().as_bytes()).and_then(|()| std::fs::rename(&draft, path));
        if written.is_err() {
            // The first error is the one to tell.
            let _: Result<(), _> = std::fs::remove_file(&draft);
        }
        written
    }

    /// Takes what an answer sets. Returns whether the same question may get another answer now.
    pub(crate) fn heed(&self, url: &Url, headers: &HeaderMap) -> bool {
        if !headers.contains_key(SET_COOKIE) {
            return false;
        }
        let mut jar = lock(&self.0);
        let Some(store) = jar.as_mut() else { return false };
        let mut changed = false;
        for value in headers.get_all(SET_COOKIE) {
            let Some(cookie) = value.to_str().ok().and_then(|text| Cookie::parse(text, url).ok()) else { continue };
            let Some(cookie) = allowed(cookie.into_owned(), url) else { continue };
            if url.scheme() != "https" && store.iter_unexpired().any(|known| is_guarded(known, &cookie)) {
                continue;
            }
            let known =
                store.iter_any().find(|known| known.name() == cookie.name() && known.domain == cookie.domain && known.path == cookie.path);
            let is_new = known.is_none_or(|known| known.value() != cookie.value());
            changed |= store.insert(cookie, url).is_ok() && is_new;
        }
        changed
    }

    /// Adds to a request for `url` what the jar has for it, beside what the user wants to be sent.
    pub(crate) fn add(&self, url: &Url, headers: &mut HeaderMap) {
        let mine = {
            let jar = lock(&self.0);
            let Some(store) = jar.as_ref() else { return };
            let mut mine = store.matches(url);
            // Longer paths first, as RFC 6265 wants it.
            mine.sort_by_key(|cookie| (std::cmp::Reverse(cookie.path.len()), cookie.name().to_owned()));
            mine.iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect::<Vec<_>>()
        };
        if mine.is_empty() {
            return;
        }
        let given = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned);
        let all = given.chain(mine).collect::<Vec<_>>().join("; ");
        if let Ok(mut value) = HeaderValue::from_str(&all) {
            value.set_sensitive(true);
            headers.insert(COOKIE, value);
        }
    }
}

/// K1 and K2: the cookie as it may be kept, if it may.
fn allowed(mut cookie: Cookie<'static>, url: &Url) -> Option<Cookie<'static>> {
    let is_safe = url.scheme() == "https";
    let secure = cookie.secure() == Some(true);
    if secure && !is_safe {
        return None;
    }
    if let CookieDomain::Suffix(domain) = &cookie.domain {
        let domain = domain.trim_start_matches('.');
        let suffix = psl::List.suffix(domain.as_bytes());
        let is_public = suffix.is_none_or(|suffix| suffix.as_bytes().eq_ignore_ascii_case(domain.as_bytes()));
        let is_host = matches!(url.host(), Some(Host::Domain(host)) if host.eq_ignore_ascii_case(domain));
        match (is_public, is_host) {
            (true, true) => cookie.domain = CookieDomain::host_only(url).ok()?,
            (true, false) => return None,
            (false, _) => {}
        }
    }
    let name = cookie.name().to_ascii_lowercase();
    // With an attribute `Domain`, whatever it has come to.
    let is_of_host = cookie.domain().is_none();
    let is_as_named =
        if name.starts_with("__host-") { secure && is_of_host && &*cookie.path == "/" } else { secure || !name.starts_with("__secure-") };
    is_as_named.then_some(cookie)
}

/// K2: whether the new cookie, which comes without encryption, could stand for the known one.
fn is_guarded(known: &Cookie<'_>, new: &Cookie<'_>) -> bool {
    let (Some(known_domain), Some(new_domain)) = (bare_domain(known), bare_domain(new)) else { return false };
    let (known_path, new_path) = (&*known.path, &*new.path);
    let is_below =
        |path: &str, dir: &str| path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || dir.ends_with('/') || rest.starts_with('/'));
    known.secure() == Some(true)
        && known.name() == new.name()
        && (is_same_or_below(known_domain, new_domain) || is_same_or_below(new_domain, known_domain))
        && is_below(new_path, known_path)
}

fn bare_domain<'a>(cookie: &'a Cookie<'_>) -> Option<&'a str> {
    match &cookie.domain {
        CookieDomain::HostOnly(domain) | CookieDomain::Suffix(domain) => Some(domain.trim_start_matches('.')),
        _ => None,
    }
}

fn is_same_or_below(domain: &str, above: &str) -> bool {
    domain.strip_suffix(above).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// What a `Set-Cookie` with the same meaning says, and from where it would come; `None` for what has expired.
fn line_of_file(line: &str, now: Duration) -> Result<(Option<String>, Url), String> {
    let (line, http_only) = line.strip_prefix(HTTP_ONLY).map_or((line, false), |rest| (rest, true));
    let fields: Vec<&str> = line.split('\t').collect();
    // An empty value may lack its tab.
    let (&[domain, below, path, secure, expiry, name], value) =
        (fields.first_chunk().ok_or("a cookie has 7 fields, with tabs between them")?, fields.get(6));
    let expiry: i64 = expiry.trim().parse().map_err(|_| format!("{} is not a time", printable(expiry)))?;
    let bare = domain.trim_start_matches('.');
    let url = Url::parse(&format!("https://{bare}{}", if path.starts_with('/') { path } else { "/" }))
        .map_err(|_| format!("{} is not a host", printable(domain)))?;
    let left = expiry.saturating_sub_unsigned(now.as_secs());
    if expiry != 0 && left <= 0 {
        return Ok((None, url));
    }
    let mut text = format!("{name}={}; Path={path}", value.unwrap_or(&""));
    for (is_set, attribute) in [
        (below.eq_ignore_ascii_case("TRUE"), format!("; Domain={bare}")),
        (secure.eq_ignore_ascii_case("TRUE"), "; Secure".to_owned()),
        (http_only, "; HttpOnly".to_owned()),
        (expiry != 0, format!("; Max-Age={left}")),
    ] {
        text.push_str(if is_set { &attribute } else { "" });
    }
    Ok((Some(text), url))
}

fn line_for_file(cookie: &Cookie<'_>) -> Option<String> {
    let (domain, below) = match &cookie.domain {
        CookieDomain::HostOnly(host) => (host.clone(), "FALSE"),
        CookieDomain::Suffix(domain) => (format!(".{}", domain.trim_start_matches('.')), "TRUE"),
        _ => return None,
    };
    let http_only = if cookie.http_only() == Some(true) { HTTP_ONLY } else { "" };
    let secure = if cookie.secure() == Some(true) { "TRUE" } else { "FALSE" };
    let expiry = match cookie.expires {
        CookieExpiration::AtUtc(at) => at.unix_timestamp(),
        CookieExpiration::SessionEnd => 0,
    };
    let (path, name, value) = (&*cookie.path, cookie.name(), cookie.value());
    Some(format!("{http_only}{domain}\t{below}\t{path}\t{secure}\t{expiry}\t{name}\t{value}\n"))
}

#[cfg(test)]
mod tests;
