//! What a server says about a file, from one request whose body is not read.

use std::time::SystemTime;

use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, SERVER};
use url::Url;

use crate::engine::{Engine, Shared};
use crate::failure::Failure;
use crate::head::{ContentRange, Head};
use crate::name;
use crate::plan::{Ask, Id, refusal};
use crate::request::{Answer, exchange};
use crate::sum;
use crate::units;

/// The facts.
#[derive(Clone, Debug)]
pub struct Facts(Vec<(&'static str, String)>);

impl Facts {
    pub(crate) fn of(lines: Vec<(&'static str, String)>) -> Self {
        Self(lines)
    }

    /// Names and values, in the order in which people want to know them.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.0.iter().cloned()
    }
}

impl Engine {
    /// Asks a server about a file.
    ///
    /// # Errors
    /// Why there is no file.
    ///
    /// # Cancel safety
    /// Dropping the future drops the connection.
    pub async fn probe(&self, url: &Url) -> Result<Facts, Failure> {
        probe(&self.0, url).await
    }
}

/// The answer of a server that has the file.
pub(crate) async fn ask(shared: &Shared, url: &Url) -> Result<Answer, Failure> {
    let ask = Ask { id: Id(0), source: 0, range: Some((0, None)), if_range: None };
    let patience = shared.settings.rules.stall;
    let answer = match cede::time::timeout(patience, exchange(shared, url, &ask, 0, || {})).await {
        Ok(answer) => answer.map_err(|setback| setback.failure)?,
        Err(_) => {
            let what = format!("the server did not answer for {} s", patience.as_secs_f64());
            return Err(Failure::new(crate::Exit::TimedOut, what).help("--stall-timeout SECONDS waits longer"));
        }
    };
    let head = Head::of(answer.status, &answer.headers, SystemTime::now());
    if !matches!(head.status, 200 | 203 | 206) && head.range != ContentRange::Unsatisfied(0) {
        return Err(refusal(head.status));
    }
    Ok(answer)
}

/// The name that the server or the URLs give.
pub(crate) fn told_name(given: &Url, led: &Url, headers: &HeaderMap) -> String {
    let name = headers.get(CONTENT_DISPOSITION).and_then(|value| name::from_content_disposition(value.as_bytes()));
    name.or_else(|| name::from_url(given)).or_else(|| name::from_url(led)).unwrap_or_else(|| name::FALLBACK.to_owned())
}

async fn probe(shared: &Shared, url: &Url) -> Result<Facts, Failure> {
    let answer = ask(shared, url).await?;
    let head = Head::of(answer.status, &answer.headers, SystemTime::now());
    let text =
        |name| answer.headers.get(name).map(|value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let identity = &head.identity;
    let unknown = || "not told".to_owned();
    let ranges = match (head.status, head.accepts_ranges) {
        (206, _) => "supported",
        (_, Some(true)) => "promised, but the request for one was answered with the whole file",
        _ => "not supported: one connection, and no resuming",
    };
    let name = told_name(url, &answer.url, &answer.headers);
    let resume = match (head.status == 206, identity.strong_tag(), identity.proven_date()) {
        (false, ..) => "a broken download begins anew",
        (_, Some(_), _) => "by its ETag",
        (_, _, Some(_)) => "by its date",
        _ => "by comparing the last bytes, as the server names no version",
    };
    let mut lines = Vec::new();
    if answer.hops > 0 {
        lines.push(("redirects", format!("{}, to {}", answer.hops, answer.url)));
    }
    lines.push(("name", name));
    lines.push(("size", identity.total.map_or_else(unknown, |total| format!("{} ({total} bytes)", units::bytes(total)))));
    lines.push(("ranges", ranges.to_owned()));
    lines.push(("resuming", resume.to_owned()));
    lines.push(("etag", identity.tag.clone().unwrap_or_else(unknown)));
    lines.push(("modified", identity.modified.clone().unwrap_or_else(unknown)));
    lines.extend(sum::told_by(answer.status, &answer.headers).map(|sum| ("checksum", sum.to_string())));
    lines.extend(identity.coding.clone().map(|coding| ("packed", coding)));
    lines.extend(text(CONTENT_TYPE).map(|kind| ("type", kind)));
    lines.extend(text(SERVER).map(|server| ("server", server)));
    let tls = if answer.url.scheme() == "https" { " with TLS" } else { "" };
    lines.push(("protocol", format!("{}{tls}", if answer.body.is_http2() { "HTTP/2" } else { "HTTP/1.1" })));
    let pieces = identity.total.filter(|_| head.status == 206).map_or(1, |total| (total / shared.settings.rules.min_split.max(1)).max(1));
    lines.push(("connections", format!("1 to {}", pieces.min(shared.settings.rules.segments as u64))));
    Ok(Facts(lines))
}
