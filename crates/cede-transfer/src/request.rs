//! One request, through its redirects, to an answer that is not one.

use std::error::Error;

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Request, Response, Version};
use url::Url;

use crate::body::Body;
use crate::connect::{authority, late_refusal};
use crate::engine::Shared;
use crate::exit::Exit;
use crate::failure::{Failure, Setback, printable};
use crate::outgoing::Outgoing;
use crate::plan::Ask;
use crate::pool::Lease;
use crate::redirect::{Trail, is_redirect};

pub(crate) const USER_AGENT: &str = concat!("cede/", env!("CARGO_PKG_VERSION"));

/// An answer, and the connection that it comes on.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The URL that gave it, after redirects.
    pub(crate) url: Url,
    /// How many redirects there were.
    pub(crate) hops: usize,
    pub(crate) status: u16,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

/// Sends the ask and follows redirects. `sent` is called when the first request has a connection.
///
/// # Cancel safety
/// Dropping the future drops the connection.
pub(crate) async fn exchange(shared: &Shared, first: &Url, ask: &Ask, lane: usize, sent: impl Fn()) -> Result<Answer, Setback> {
    let mut trail = Trail::new(first.clone(), shared.settings.redirects);
    let mut hops = 0;
    loop {
        let url = trail.current().clone();
        let (response, lease) = send(shared, first, &url, ask, lane, &sent).await?;
        let status = response.status().as_u16();
        if shared.settings.cookies.heed(&url, response.headers()) {
            trail.answers_may_differ();
        }
        if is_redirect(status) {
            let location = response.headers().get(header::LOCATION).map(HeaderValue::as_bytes);
            trail.follow(location).map_err(|refusal| Setback::fatal(refusal.into()))?;
            hops += 1;
            continue;
        }
        let (head, body) = Body::of(response, lease);
        return Ok(Answer { url, hops, status, version: head.version, headers: head.headers, body });
    }
}

async fn send(
    shared: &Shared,
    first: &Url,
    url: &Url,
    ask: &Ask,
    lane: usize,
    sent: &impl Fn(),
) -> Result<(Response<Incoming>, Lease), Setback> {
    let mut fresh = false;
    loop {
        let mut lease = shared.pool.lease(url, lane, fresh).await?;
        sent();
        let request = build(shared, first, url, ask, &lease)
            .map_err(|error| Setback::fatal(Failure::new(Exit::Usage, format!("this URL cannot be asked for: {error}"))))?;
        match lease.send(request).await {
            Ok(response) => return Ok((response, lease)),
            // The server may have closed the connection just when it was taken from the pool; that says nothing about the request.
            Err(error) if lease.is_reused() && !fresh && !error.is_parse() => fresh = true,
            Err(error) => return Err(setback(url, &error)),
        }
    }
}

fn build(shared: &Shared, first: &Url, url: &Url, ask: &Ask, lease: &Lease) -> Result<Request<Outgoing>, hyper::http::Error> {
    let proxy = shared.pool.connector().forwarding_proxy(url);
    let target = if proxy.is_some() || lease.is_http2() { url::Position::BeforeScheme } else { url::Position::BeforePath };
    let mut request = Request::new(Outgoing::Empty);
    *request.uri_mut() = url[target..url::Position::AfterQuery].parse()?;
    let headers = request.headers_mut();
    if !lease.is_http2() {
        headers.insert(header::HOST, HeaderValue::try_from(authority(url))?);
    }
    if let Some(login) = proxy.and_then(|proxy| proxy.authorization.as_ref()) {
        headers.insert(header::PROXY_AUTHORIZATION, HeaderValue::try_from(login)?);
    }
    if let Some((start, end)) = ask.range {
        headers.insert(header::RANGE, range(start, end)?);
        if let Some(value) = &ask.if_range {
            headers.insert(header::IF_RANGE, HeaderValue::try_from(value)?);
        }
    }
    for (name, value) in &shared.settings.credentials.of(first, url) {
        headers.append(name.clone(), value.clone());
    }
    shared.settings.cookies.add(url, headers);
    let defaults = [
        (header::USER_AGENT, USER_AGENT),
        (header::ACCEPT, "*/*"),
        // The bytes on disk are to be the server's file, not a packed form of it.
        (header::ACCEPT_ENCODING, "identity"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    Ok(request)
}

/// The range from `start` to before `end`. All of a file, which is what is asked for first, costs no formatting.
fn range(start: u64, end: Option<u64>) -> Result<HeaderValue, hyper::http::Error> {
    match (start, end) {
        (0, None) => Ok(HeaderValue::from_static("bytes=0-")),
        (start, None) => Ok(HeaderValue::try_from(format!("bytes={start}-"))?),
        (start, Some(end)) => Ok(HeaderValue::try_from(format!("bytes={start}-{}", end - 1))?),
    }
}

/// What an error of the HTTP connection means for a request that has no answer yet.
pub(crate) fn setback(url: &Url, error: &hyper::Error) -> Setback {
    late_refusal(url, error).unwrap_or_else(|| Setback::passing(broken(error)))
}

/// The failure behind an error of the HTTP connection.
pub(crate) fn broken(error: &hyper::Error) -> Failure {
    let mut why = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !why.contains(&text) {
            why.push_str(": ");
            why.push_str(&text);
        }
        source = cause.source();
    }
    if error.is_incomplete_message() {
        Failure::new(Exit::Network, "the server closed the connection before the answer was complete")
    } else if error.is_parse() {
        Failure::new(Exit::Network, format!("the server's answer is not valid HTTP: {}", printable(&why))).help("is this the right port?")
    } else {
        Failure::new(Exit::Network, format!("the connection broke: {}", printable(&why)))
    }
}

/// Whether a body broke because the connection ended.
pub(crate) fn is_early_end(error: &hyper::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof) {
            return true;
        }
        cause = error.source();
    }
    error.is_incomplete_message()
}
