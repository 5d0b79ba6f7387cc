//! One request with a body, and its answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cede::time::Instant;
use http_body_util::{BodyExt, Limited};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response};
use url::Url;

use super::plan::Answered;
use crate::body::Body;
use crate::connect::authority;
use crate::control::Control;
use crate::engine::Shared;
use crate::exit::Exit;
use crate::failure::{Failure, Setback};
use crate::host::{Load, Slot};
use crate::identity::retry_after;
use crate::outgoing::{Moved, Outgoing};
use crate::plan::Rules;
use crate::pool::Lease;
use crate::redirect::Trail;
use crate::request::{USER_AGENT, setback};
use crate::slow::Wait;
use crate::units;

/// What is read of an answer.
const MOST_TEXT: usize = 4 << 20;
/// How many times longer than within a body the silence may be while the server deals with what it has.
const PATIENCE: u32 = 4;

/// A request to be sent.
#[derive(Clone, Debug)]
pub(super) struct Spoken {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// Whether a request that may have arrived can be sent again without asking.
    pub(super) repeatable: bool,
    /// Whether it goes on a connection that nobody has used before. Then it is not sent again unless the caller does so, or the server leads elsewhere.
    pub(super) fresh: bool,
    /// Whether it is to be looked whether it has arrived, before it is sent again. So it is not, where it may have.
    pub(super) look_first: bool,
    /// Whether it is sent even while the upload is paused, because it is the end of it.
    pub(super) even_paused: bool,
}

impl Spoken {
    /// Whether it may not be sent for now (C1 of [`control`](crate::control)).
    fn is_held(&self, control: &Control) -> bool {
        control.is_paused() && !self.even_paused
    }
}

/// An answer, with its body.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) url: Url,
}

impl Heard {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the plan decides by.
    pub(super) fn answered(&self) -> Answered {
        let location = self.header("location").and_then(|to| self.url.join(to).ok()).map(String::from);
        Answered {
            status: self.status,
            location,
            offset: self.header("upload-offset").and_then(|text| text.trim().parse().ok()),
            speaks_tus: self.headers.contains_key("tus-resumable") || self.headers.contains_key("tus-version"),
            retry_after: retry_after(&self.headers, SystemTime::now()),
            text: String::from_utf8_lossy(&self.body[..self.body.len().min(4096)]).into_owned(),
        }
    }
}

/// Sends a request, through redirects that keep its method, and reads the answer. `first` is the URL that the user gave, which the logins are for. The account of `control`
/// has the waits for a connection; those for what the body is made of are the body's.
///
/// # Cancel safety
/// Dropping the future drops the connection.
pub(super) async fn speak(
    shared: &Shared,
    first: &Url,
    spoken: &Spoken,
    (moved, control): (&Arc<Moved>, &Control),
    mut body: impl FnMut() -> Outgoing,
) -> Result<Heard, Setback> {
    let mut trail = Trail::new(spoken.url.clone(), shared.settings.redirects);
    loop {
        let url = trail.current().clone();
        let slot = turn(shared, &url, spoken, control).await;
        let Some((response, lease)) = send(shared, first, &url, spoken, (moved, control), &mut body).await? else { continue };
        let status = response.status().as_u16();
        if shared.settings.cookies.heed(&url, response.headers()) {
            trail.answers_may_differ();
        }
        let keeps_method = matches!(status, 307 | 308) || matches!(status, 301 | 302) && spoken.method != Method::POST;
        if keeps_method && spoken.repeatable {
            let location = response.headers().get(header::LOCATION).map(HeaderValue::as_bytes);
            trail.follow(location).map_err(|refusal| Setback::fatal(refusal.into()))?;
            continue;
        }
        match status {
            429 | 503 => {
                let after = retry_after(response.headers(), SystemTime::now());
                slot.tell(Load::TooMuch(after.map(|after| after.min(shared.settings.rules.retry_after_cap))));
            }
            200..=399 => slot.tell(Load::Fine),
            _ => {}
        }
        let (head, mut body) = Body::of(response, lease);
        let limit = shared.settings.rules.stall;
        let read = cede::time::timeout(limit, Limited::new(&mut body, MOST_TEXT).collect()).await;
        let text = match read {
            Ok(Ok(text)) => {
                // An answer may come before the request is through; then the connection is of no more use.
                if moved.is_done() {
                    body.give_back(&shared.pool);
                }
                text.to_bytes()
            }
            // The status says enough, unless what it is about is in the body.
            _ if status / 100 != 2 || spoken.method != Method::POST => Bytes::new(),
            _ => return Err(Setback::passing(Failure::new(Exit::Network, "the connection broke within the answer"))),
        };
        return Ok(Heard { status, headers: head.headers, body: text, url });
    }
}

/// A turn at the host. While the upload is paused, it is the others'.
async fn turn(shared: &Shared, url: &Url, spoken: &Spoken, control: &Control) -> Slot {
    let ledger = control.ledger();
    let _flying = ledger.fly();
    loop {
        let slot = ledger.wait(Wait::Turn, shared.hosts.of(&authority(url)).enter()).await;
        if !spoken.is_held(control) {
            return slot;
        }
        drop(slot);
        let _resting = ledger.rest();
        control.resumed().await;
    }
}

/// Sends it. `None`: it was not sent, because the upload was paused meanwhile.
async fn send(
    shared: &Shared,
    first: &Url,
    url: &Url,
    spoken: &Spoken,
    (moved, control): (&Arc<Moved>, &Control),
    body: &mut impl FnMut() -> Outgoing,
) -> Result<Option<(Response<hyper::body::Incoming>, Lease)>, Setback> {
    // A connection from the pool may have been closed just now, and then it is not known what has arrived.
    let mut fresh = spoken.fresh || !spoken.repeatable;
    // What must be new would be found to be there, if it was this one that has arrived.
    let may_arrive_twice = spoken.method != Method::PATCH && !spoken.headers.contains_key("if-none-match");
    loop {
        let flying = control.ledger().fly();
        let mut lease = control.ledger().wait(Wait::Answer, shared.pool.lease(url, 0, fresh)).await?;
        drop(flying);
        if spoken.is_held(control) {
            shared.pool.give_back(lease);
            return Ok(None);
        }
        let request = build(shared, first, url, spoken, &lease, body())
            .map_err(|error| Setback::fatal(Failure::new(Exit::Usage, format!("this URL cannot be asked for: {error}"))))?;
        match watched(&shared.settings.rules, (moved, control), lease.send(request)).await? {
            Ok(response) => return Ok(Some((response, lease))),
            // That says nothing about the request, unless some of it may have arrived where twice is not once.
            Err(error)
                if lease.is_reused()
                    && !fresh
                    && !error.is_parse()
                    && (moved.bytes() == 0 || may_arrive_twice && !(spoken.look_first && moved.is_done())) =>
            {
                fresh = true;
            }
            Err(error) => return Err(setback(url, &error)),
        }
    }
}

/// Waits for the answer as long as bytes move, and fast enough. From when everything is sent, the account has that as a wait for the answer.
pub(super) async fn watched<T>(rules: &Rules, (moved, control): (&Moved, &Control), answer: impl Future<Output = T>) -> Result<T, Setback> {
    let mut answer = std::pin::pin!(answer);
    let (slowest, over) = rules.min_speed.filter(|(slowest, _)| *slowest > 0).unwrap_or((0, Duration::MAX));
    let pace = || (Instant::now(), moved.bytes(), moved.excuses());
    let mut since = pace();
    loop {
        let ended = moved.ended();
        let (before, is_done) = (moved.life(), moved.is_done());
        let limit = if is_done { rules.stall * PATIENCE } else { rules.stall.min(over) };
        let turn = async {
            cede::select! {
                biased;
                answer = &mut answer => Some(answer),
                () = ended, if !is_done => None,
                () = cede::time::sleep(limit) => None,
            }
        };
        let answered = if is_done {
            let _flying = control.ledger().fly();
            control.ledger().wait(Wait::Answer, turn).await
        } else {
            turn.await
        };
        if let Some(answer) = answered {
            return Ok(answer);
        }
        if moved.life() == before && limit >= rules.stall {
            let what =
                if moved.is_done() { "the server did not answer after everything was sent" } else { "the server took no more bytes" };
            return Err(Setback::passing(Failure::new(Exit::TimedOut, what).help("--stall-timeout SECONDS waits longer")));
        }
        let (passed, bytes) = (since.0.elapsed(), moved.bytes() - since.1);
        if moved.excuses() != since.2 || passed >= over {
            let is_slow =
                !moved.is_done() && moved.excuses() == since.2 && u128::from(bytes) * 1000 < u128::from(slowest) * passed.as_millis();
            if is_slow {
                let what = format!("the server took fewer than {} for {} s", units::rate(slowest as f64), over.as_secs_f64());
                return Err(Setback::passing(Failure::new(Exit::TimedOut, what).help("--min-speed accepts less")));
            }
            since = pace();
        }
    }
}

fn build(
    shared: &Shared,
    first: &Url,
    url: &Url,
    spoken: &Spoken,
    lease: &Lease,
    body: Outgoing,
) -> Result<Request<Outgoing>, hyper::http::Error> {
    let proxy = shared.pool.connector().forwarding_proxy(url);
    let target = if proxy.is_some() || lease.is_http2() { url::Position::BeforeScheme } else { url::Position::BeforePath };
    let mut request = Request::builder().method(spoken.method.clone()).uri(&url[target..url::Position::AfterQuery]);
    if !lease.is_http2() {
        request = request.header(header::HOST, authority(url));
    }
    if let Some(login) = proxy.and_then(|proxy| proxy.authorization.as_ref()) {
        request = request.header(header::PROXY_AUTHORIZATION, login);
    }
    let mut request = request.body(body)?;
    let headers = request.headers_mut();
    for (name, value) in &shared.settings.credentials.of(first, url) {
        headers.append(name.clone(), value.clone());
    }
    shared.settings.cookies.add(url, headers);
    for (name, value) in &spoken.headers {
        // What the user said with --header wins, except where the protocol depends on it.
        if *name != header::CONTENT_TYPE || !headers.contains_key(name) || value.as_bytes().starts_with(b"application/offset") {
            headers.insert(name.clone(), value.clone());
        }
    }
    headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
    headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    Ok(request)
}
