//! One request: counted, perhaps spoiled by a fault, handed to those who answer it, and given a body that obeys the limits.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use cede::time::{Duration, Instant};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};

use crate::answer;
use crate::body::source::Source;
use crate::body::{Answer, Shape};
use crate::fault::Decision;
use crate::line::Line;
use crate::note::Note;
use crate::pace::Bucket;
use crate::server::Shared;
use crate::upload;

/// An answer before it has a body that hyper can send.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) source: Source,
    /// For the log.
    pub(crate) remark: Option<String>,
}

impl Reply {
    pub(crate) fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), source: Source::empty(), remark: None }
    }

    /// A sentence for people.
    pub(crate) fn text(status: StatusCode, text: &str) -> Self {
        let mut reply = Self::new(status).with(header::CONTENT_TYPE, "text/plain; charset=utf-8");
        reply.source = Source::text(format!("{text}\n"));
        reply
    }

    /// A failed system call.
    pub(crate) fn of_error(error: &io::Error) -> Self {
        use rustix::io::Errno;
        let known = error.raw_os_error().map(Errno::from_raw_os_error);
        let (status, text) = match known {
            Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NAMETOOLONG) => (StatusCode::NOT_FOUND, "not found"),
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => (StatusCode::FORBIDDEN, "the server may not do that"),
            Some(Errno::MFILE | Errno::NFILE) => (StatusCode::SERVICE_UNAVAILABLE, "too many open files, try again soon"),
            Some(Errno::NOSPC) => (StatusCode::INSUFFICIENT_STORAGE, "there is no space left"),
            Some(Errno::DQUOT) => (StatusCode::INSUFFICIENT_STORAGE, "the server's quota is used up"),
            Some(Errno::FBIG) => (StatusCode::INSUFFICIENT_STORAGE, "the server may make no file as large as that (ulimit -f)"),
            Some(Errno::ISDIR | Errno::EXIST) => (StatusCode::CONFLICT, "there is something else with this name"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "the server could not do that"),
        };
        let mut reply = Self::text(status, text);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            reply = reply.with(header::RETRY_AFTER, "1");
        }
        reply.remark = Some(error.to_string()).filter(|_| status != StatusCode::NOT_FOUND);
        reply
    }

    /// Adds a header; a value that cannot be one is left out.
    pub(crate) fn with(mut self, name: impl Into<HeaderName>, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.insert(name.into(), value);
        }
        self
    }
}

/// Everything about a request but its body.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) shared: Arc<Shared>,
    pub(crate) line: Arc<Line>,
    pub(crate) head: Parts,
    pub(crate) decision: Decision,
    pub(crate) received: Arc<AtomicU64>,
}

impl Asked {
    pub(crate) fn header(&self, name: impl hyper::header::AsHeaderName) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn path(&self) -> &str {
        self.head.uri.path()
    }
}

/// Answers one request. An error ends the connection (HTTP/1.1) or the stream (HTTP/2) without an answer.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    line: Arc<Line>,
    is_http2: bool,
    request: Request<Incoming>,
) -> io::Result<Response<Answer>> {
    let (head, body) = request.into_parts();
    let mut note = Note::new(&shared.desk, &line, &format!("{} {}", head.method, head.uri.path()));
    let decision = shared.decide(&head);
    note.remarks.extend(decision.named.iter().map(|name| (*name).to_owned()));
    if decision.delay > 0 {
        cede::time::sleep(Duration::from_millis(decision.delay)).await;
    }
    if decision.silent {
        std::future::pending::<()>().await;
    }
    let is_head = head.method == Method::HEAD;
    let is_upload = matches!(head.method, Method::PUT | Method::POST | Method::PATCH);
    let early = spoiled(&shared, &decision, head.uri.path());
    let received = Arc::new(AtomicU64::new(0));
    let asked = Arc::new(Asked { shared: Arc::clone(&shared), line, head, decision, received });
    let deadline = shared.settings.request.map(|limit| note.began() + limit);
    let result = match early {
        Some(reply) => Ok(if is_upload { upload::refuse(&asked, body, reply).await } else { reply }),
        None => in_time(deadline, handle(&asked, body)).await,
    };
    note.received = asked.received.load(Ordering::Relaxed);
    let decision = &asked.decision;
    let reply = result?;
    if decision.lost {
        return Err(io::Error::other("lost by a fault"));
    }
    note.status = reply.status.as_u16();
    note.remarks.extend(reply.remark.clone());
    // In an upload the cut and the pace were for the request's body.
    let slow = decision.slow.filter(|_| !is_upload).map(|rate| Arc::new(Bucket::new(rate)));
    let buckets = shared.rate.iter().cloned().chain(slow).collect();
    let shape = Shape::new(is_http2, buckets, decision.cut.filter(|_| !is_upload), deadline);
    Ok(respond(reply, shape, note, decision.no_length, is_head))
}

fn respond(reply: Reply, shape: Shape, note: Note, no_length: bool, is_head: bool) -> Response<Answer> {
    let Reply { status, mut headers, source, .. } = reply;
    let is_http2 = shape.is_http2;
    if let Some(left) = source.left().filter(|_| !no_length && status != StatusCode::NOT_MODIFIED && status != StatusCode::NO_CONTENT) {
        headers.insert(header::CONTENT_LENGTH, left.into());
    }
    headers.insert(header::SERVER, HeaderValue::from_static("cede"));
    let source = if is_head { Source::empty() } else { source };
    let mut response = Response::new(Answer::new(source, shape, note, no_length));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if no_length && !is_http2 {
        // So the end of the connection is the end of the body.
        *response.version_mut() = Version::HTTP_10;
    }
    response
}

async fn in_time(deadline: Option<Instant>, handling: impl Future<Output = io::Result<Reply>>) -> io::Result<Reply> {
    match deadline {
        None => handling.await,
        Some(deadline) => match cede::time::timeout_at(deadline, handling).await {
            Ok(result) => result,
            Err(_) => Ok(Reply::text(StatusCode::REQUEST_TIMEOUT, "the request took too long")),
        },
    }
}

async fn handle(asked: &Arc<Asked>, body: Incoming) -> io::Result<Reply> {
    match asked.head.method {
        Method::GET | Method::HEAD if !upload::is_theirs(asked) => answer::get(asked).await,
        Method::OPTIONS | Method::PUT | Method::POST | Method::PATCH | Method::DELETE | Method::HEAD => upload::handle(asked, body).await,
        _ => Ok(upload::not_allowed(asked)),
    }
}

/// Answers that a fault gives instead.
fn spoiled(shared: &Shared, decision: &Decision, path: &str) -> Option<Reply> {
    let status = |code| StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if decision.connections.is_some_and(|most| shared.desk.busy() as u64 > most) {
        return Some(Reply::text(StatusCode::SERVICE_UNAVAILABLE, "too many at a time"));
    }
    if let Some(fault) = &decision.status {
        let reply = Reply::text(status(fault.code), "a fault, as it was asked for");
        return Some(match &fault.retry_after {
            Some(after) => reply.with(header::RETRY_AFTER, after),
            None => reply,
        });
    }
    if decision.redirect_loop {
        return Some(Reply::new(StatusCode::FOUND).with(header::LOCATION, path));
    }
    if decision.page {
        let mut reply = Reply::new(StatusCode::OK).with(header::CONTENT_TYPE, "text/html; charset=utf-8");
        reply.source = Source::text("<!doctype html><title>Log in</title><p>Please log in to use this network.</p>\n");
        return Some(reply);
    }
    None
}

impl Shared {
    fn decide(&self, head: &Parts) -> Decision {
        let Some(plan) = &self.faults else { return Decision::default() };
        plan.lock().unwrap_or_else(PoisonError::into_inner).decide(head.method.as_str(), head.uri.path())
    }
}
