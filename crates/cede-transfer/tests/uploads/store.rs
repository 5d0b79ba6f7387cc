//! A store that speaks as much of S3 as uploads in parts need, and that does what a script says.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cede::net::TcpListener;
use cede::sync::oneshot;
use cede_transfer::units::hex;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use md5::{Digest, Md5};

use crate::signature;

/// The secret that belongs to the access key `key`.
pub(crate) const SECRET: &str = "secret";

/// What goes wrong with one request.
#[allow(dead_code, reason = "two test programs share this file, and each uses what it needs")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 503, and nothing is done.
    Busy,
    /// 403, and nothing is done.
    Denied,
    /// The connection closes, and nothing is done.
    Before,
    /// It is done, but the connection closes.
    After,
    /// All uploads are forgotten first.
    Forget,
    /// 200, and an error in the body.
    LateError,
    /// It is done, and confirmed with a tag that is not the part's.
    WrongTag,
    /// It is confirmed, and not done.
    Dropped,
    /// Nothing is done, and no answer comes.
    Silent,
    /// It is done, and no answer comes.
    Unanswered,
    /// It is done, and 502 is answered by whoever stands between.
    Gateway,
}

#[derive(Default)]
struct State {
    uploads: HashMap<String, BTreeMap<u16, Bytes>>,
    object: Option<(Bytes, String)>,
    /// What each upload, and the object, was marked with.
    marks: HashMap<String, String>,
    mark: String,
    /// What makes its tags other than MD5 sums: nothing, or a key as where a store encrypts.
    key: &'static [u8],
    asked: Vec<&'static str>,
    completed: u32,
    script: Vec<(&'static str, usize, Fault)>,
    unsigned: usize,
    /// How many parts came without their sum.
    unchecked: usize,
    /// The numbers of all parts that came, in their order.
    stored: Vec<u16>,
    /// What happens when an answer does not come.
    when_silent: Option<Box<dyn FnOnce() + Send>>,
}

pub(crate) struct Stand {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[allow(dead_code, reason = "two test programs share this file, and each uses what it needs")]
impl Stand {
    /// Faults are for the n-th request of a kind; the first is 1. `part` is any of them, `first` is part 1.
    pub(crate) fn start(script: Vec<(&'static str, usize, Fault)>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { script, ..State::default() }));
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = Arc::clone(&state);
        let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let thread = std::thread::spawn(move || runtime.block_on(serve(listener, shared, stopped)));
        Self { address, state, stop: Some(stop), thread: Some(thread) }
    }

    /// Does this as soon as somebody waits for an answer that does not come.
    pub(crate) fn when_silent(&self, then: impl FnOnce() + Send + 'static) {
        self.state.lock().unwrap().when_silent = Some(Box::new(then));
    }

    /// From now on its tags are no sums of what it has.
    pub(crate) fn encrypt(&self) {
        self.state.lock().unwrap().key = b"a key that nobody else has";
    }

    pub(crate) fn asked(&self, kind: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|known| **known == kind).count()
    }

    pub(crate) fn object(&self) -> Option<Bytes> {
        self.state.lock().unwrap().object.as_ref().map(|(bytes, _)| bytes.clone())
    }

    /// Puts another object into its place.
    pub(crate) fn replace(&self, bytes: &'static [u8]) {
        let mut state = self.state.lock().unwrap();
        state.object = Some((Bytes::from_static(bytes), "\"another\"".to_owned()));
        state.mark.clear();
    }

    /// Cuts the object off, and leaves its mark.
    pub(crate) fn cut(&self, size: usize) {
        let mut state = self.state.lock().unwrap();
        state.object = state.object.take().map(|(bytes, _)| (bytes.slice(..size), "\"another\"".to_owned()));
    }

    /// How often an object was made.
    pub(crate) fn completed(&self) -> u32 {
        self.state.lock().unwrap().completed
    }

    /// How many uploads were begun and neither completed nor given up.
    pub(crate) fn left(&self) -> usize {
        self.state.lock().unwrap().uploads.len()
    }

    /// The numbers of the parts that were stored, in the order in which they came.
    pub(crate) fn stored(&self) -> Vec<u16> {
        self.state.lock().unwrap().stored.clone()
    }

    pub(crate) fn unchecked(&self) -> usize {
        self.state.lock().unwrap().unchecked
    }

    pub(crate) fn unsigned(&self) -> usize {
        self.state.lock().unwrap().unsigned
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.thread.take().map(std::thread::JoinHandle::join));
    }
}

async fn serve(listener: std::net::TcpListener, state: Arc<Mutex<State>>, mut stopped: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let stream = cede::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted.unwrap().0,
        };
        let state = Arc::clone(&state);
        cede::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            drop(http1::Builder::new().serve_connection(stream, service).await);
        });
    }
}

fn query<'a>(request: &'a Request<Incoming>, name: &str) -> Option<&'a str> {
    let query = request.uri().query()?;
    query
        .split('&')
        .find_map(|pair| pair.split_once('=').unwrap_or((pair, "")).0.eq(name).then(|| pair.split_once('=').map_or("", |(_, value)| value)))
}

fn kind(request: &Request<Incoming>) -> &'static str {
    match (request.method().as_str(), query(request, "uploads").is_some()) {
        ("POST", true) => "begin",
        ("POST", false) => "complete",
        ("PUT", _) => "part",
        ("GET", _) => "list",
        ("DELETE", _) => "abort",
        _ => "check",
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    match obey(&state, request).await? {
        Some(response) => Ok(response),
        None => {
            let then = state.lock().unwrap().when_silent.take();
            then.into_iter().for_each(|then| then());
            std::future::pending().await
        }
    }
}

/// Does what is asked. `None`: no answer comes.
async fn obey(state: &Mutex<State>, request: Request<Incoming>) -> io::Result<Option<Response<Full<Bytes>>>> {
    let kind = kind(&request);
    let id = query(&request, "uploadId").unwrap_or_default().to_owned();
    let number: u16 = query(&request, "partNumber").and_then(|text| text.parse().ok()).unwrap_or(0);
    let is_signed = signature::is_right(&request, SECRET);
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (mark, sum) = (header("x-amz-meta-cede-upload"), header("content-md5"));
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let mut state = state.lock().unwrap();
    state.unsigned += usize::from(!is_signed);
    state.asked.push(kind);
    let is_first = kind == "part" && number == 1;
    if is_first {
        state.asked.push("first");
    }
    if !is_signed {
        return Ok(Some(respond(403, "", "<Error><Code>SignatureDoesNotMatch</Code><Message>who are you?</Message></Error>")));
    }
    state.unchecked += usize::from(kind == "part" && sum.is_empty());
    if !sum.is_empty() && sum != STANDARD.encode(Md5::digest(&body)) {
        return Ok(Some(respond(400, "", "<Error><Code>BadDigest</Code><Message>damaged</Message></Error>")));
    }
    let is_now = |(wanted, nth, _): &&(&'static str, usize, Fault)| {
        (*wanted == kind || is_first && *wanted == "first") && state.asked.iter().filter(|known| *known == wanted).count() == *nth
    };
    let fault = state.script.iter().find(is_now).map(|(_, _, fault)| *fault);
    match fault {
        Some(Fault::Busy) => return Ok(Some(respond(503, "", "<Error><Code>SlowDown</Code><Message>later</Message></Error>"))),
        Some(Fault::Denied) => return Ok(Some(respond(403, "", "<Error><Code>AccessDenied</Code><Message>not you</Message></Error>"))),
        Some(Fault::Before) => return Err(io::Error::other("closed")),
        Some(Fault::LateError) => return Ok(Some(respond(200, "", "<Error><Code>InternalError</Code><Message>later</Message></Error>"))),
        Some(Fault::Silent) => return Ok(None),
        Some(Fault::Forget) => state.uploads.clear(),
        Some(Fault::Dropped) => return Ok(Some(respond(200, &format!("\"{}\"", hex(&Md5::digest(&body))), ""))),
        _ => {}
    }
    let list = body.clone();
    let response = state.perform(kind, if kind == "begin" { &mark } else { &id }, number, body, &list);
    if fault == Some(Fault::WrongTag) {
        return Ok(Some(respond(200, "\"00000000000000000000000000000000\"", "")));
    }
    match fault {
        Some(Fault::After) => Err(io::Error::other("closed")),
        Some(Fault::Unanswered) => Ok(None),
        Some(Fault::Gateway) => Ok(Some(respond(502, "", "<html>Bad Gateway</html>"))),
        _ => Ok(Some(response)),
    }
}

fn respond(status: u16, tag: &str, body: &str) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("etag", tag);
    response.body(Full::new(Bytes::from(body.to_owned()))).map_err(|_| unreachable!()).unwrap_or_else(|error: Infallible| match error {})
}

const SPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

impl State {
    fn perform(&mut self, kind: &str, id: &str, number: u16, body: Bytes, list: &[u8]) -> Response<Full<Bytes>> {
        let unknown = || respond(404, "", "<Error><Code>NoSuchUpload</Code><Message>unknown</Message></Error>");
        match kind {
            "begin" => {
                let mark = id.to_owned();
                let id = format!("upload-{}", self.uploads.len() + self.asked.len());
                self.marks.insert(id.clone(), mark);
                self.uploads.insert(id.clone(), BTreeMap::new());
                let body = format!(
                    "<InitiateMultipartUploadResult xmlns=\"{SPACE}\"><Bucket>b</Bucket><Key>k</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                );
                respond(200, "", &body)
            }
            "part" => match self.uploads.get_mut(id) {
                Some(parts) => {
                    let tag = format!("\"{}\"", tag_of(self.key, &body));
                    parts.insert(number, body);
                    self.stored.push(number);
                    respond(200, &tag, "")
                }
                None => unknown(),
            },
            "list" => match self.uploads.get(id) {
                Some(parts) => respond(200, "", &listed(self.key, parts)),
                None => unknown(),
            },
            "abort" => match self.uploads.remove(id) {
                Some(_) => respond(204, "", ""),
                None => unknown(),
            },
            // All parts that are listed have to be there, with these tags.
            "complete" if self.uploads.get(id).is_some_and(|parts| !are_there(self.key, parts, list)) => {
                respond(400, "", "<Error><Code>InvalidPart</Code><Message>not what is here</Message></Error>")
            }
            "complete" => match self.uploads.remove(id) {
                Some(parts) => {
                    let mut sum = Md5::new_with_prefix(self.key);
                    self.mark = self.marks.remove(id).unwrap_or_default();
                    parts.values().for_each(|part| sum.update(Md5::digest(part)));
                    let tag = format!("\"{}-{}\"", hex(&sum.finalize()), parts.len());
                    self.object = Some((parts.values().flat_map(|part| part.iter().copied()).collect(), tag.clone()));
                    self.completed += 1;
                    let body =
                        format!("<CompleteMultipartUploadResult xmlns=\"{SPACE}\"><ETag>{tag}</ETag></CompleteMultipartUploadResult>");
                    respond(200, "", &body)
                }
                None => unknown(),
            },
            _ => match &self.object {
                Some((bytes, tag)) => {
                    let mut response = respond(200, tag, "");
                    response.headers_mut().insert("content-length", bytes.len().into());
                    response.headers_mut().insert("x-amz-meta-cede-upload", self.mark.parse().unwrap());
                    response
                }
                None => respond(404, "", ""),
            },
        }
    }
}

/// The tag of a part.
fn tag_of(key: &[u8], bytes: &[u8]) -> String {
    hex(&Md5::new_with_prefix(key).chain_update(bytes).finalize())
}

/// Whether a list of numbers and tags is about these parts, and all of them.
fn are_there(key: &[u8], parts: &BTreeMap<u16, Bytes>, list: &[u8]) -> bool {
    let list = String::from_utf8_lossy(list).replace("&quot;", "");
    let field = |text: &str, name: &str| -> String {
        text.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once('<')).map_or("", |(value, _)| value).replace('"', "")
    };
    let named: Vec<(u16, String)> =
        list.split("<Part>").skip(1).map(|part| (field(part, "PartNumber").parse().unwrap(), field(part, "ETag"))).collect();
    let here: Vec<(u16, String)> = parts.iter().map(|(number, bytes)| (*number, tag_of(key, bytes))).collect();
    named == here
}

fn listed(key: &[u8], parts: &BTreeMap<u16, Bytes>) -> String {
    let lines: String = parts
        .iter()
        .map(|(number, bytes)| {
            let tag = tag_of(key, bytes);
            format!(
                "<Part><PartNumber>{number}</PartNumber><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;{tag}&quot;</ETag><Size>{}</Size></Part>",
                bytes.len()
            )
        })
        .collect();
    format!(
        "<ListPartsResult xmlns=\"{SPACE}\"><PartNumberMarker>0</PartNumberMarker><MaxParts>1000</MaxParts><IsTruncated>false</IsTruncated>{lines}</ListPartsResult>"
    )
}
