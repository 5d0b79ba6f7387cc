//! One GET, through its redirects, to the answer that is a file.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use cede::task::JoinHandle;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap};
use hyper::{Request, Response};
use url::Url;

use crate::connect::{Connector, authority};
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::plan::Rules;
use crate::redirect::{Trail, is_redirect};

const USER_AGENT: &str = concat!("cede/", env!("CARGO_PKG_VERSION"));

/// An answer whose body is the file.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The URL that gave it, after redirects.
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) length: Option<u64>,
    pub(crate) body: Incoming,
    _driver: Driver,
}

/// The task that moves the bytes of one connection. It ends with the answer.
#[derive(Debug)]
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks for `url` and follows redirects.
pub(crate) async fn get(connector: &Connector, url: Url, rules: &Rules) -> Result<Answer, Failure> {
    let mut trail = Trail::new(url, rules.redirects);
    loop {
        let (response, driver) = exchange(connector, trail.current(), rules.stall_timeout).await?;
        let status = response.status();
        if is_redirect(status.as_u16()) {
            let location = response.headers().get(header::LOCATION).map(|value| value.as_bytes().to_vec());
            trail.follow(location.as_deref())?;
            continue;
        }
        let (head, body) = response.into_parts();
        if !matches!(status.as_u16(), 200 | 203) {
            return Err(refusal(status));
        }
        let length = head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        return Ok(Answer { url: trail.current().clone(), headers: head.headers, length, body, _driver: driver });
    }
}

async fn exchange(connector: &Connector, url: &Url, patience: Duration) -> Result<(Response<Incoming>, Driver), Failure> {
    let connection = connector.connect(url).await?;
    let (mut sender, driver) = http1::handshake(connection).await.map_err(|error| broken(&error))?;
    // Errors of the connection also reach the request or the body, where they are reported.
    let driver = Driver(crate::tasks::spawn(async move { drop(driver.await) }));
    let request = Request::get(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header(header::HOST, authority(url))
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        // The bytes on disk are to be the server's file, not a packed form of it.
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| Failure::new(Exit::Usage, format!("this URL cannot be asked for: {error}")))?;
    match cede::time::timeout(patience, sender.send_request(request)).await {
        Ok(Ok(response)) => Ok((response, driver)),
        Ok(Err(error)) => Err(broken(&error)),
        Err(_) => Err(stalled(patience, "the server accepted the connection but did not answer")),
    }
}

/// The failure when nothing came for `patience`.
pub(crate) fn stalled(patience: Duration, what: &str) -> Failure {
    Failure::new(Exit::TimedOut, format!("{what} for {} s", patience.as_secs_f64())).help("--stall-timeout SECONDS waits longer")
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

fn refusal(status: hyper::StatusCode) -> Failure {
    let failure = Failure::new(Exit::of_status(status.as_u16()), format!("the server answered {status}"));
    match status.as_u16() {
        401 | 403 | 407 => failure.help("the server wants a login or does not allow this"),
        404 | 410 => failure.help("there is no such file; check the URL"),
        429 | 503 => failure.help("the server is busy; try again later, perhaps with fewer --jobs"),
        500..=599 => failure.help("the server is in trouble; try again later"),
        204 | 205 => failure.help("the answer has no content"),
        _ => failure,
    }
}
