//! The requests of an upload in parts, signed, and what the store says to them.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use md5::Md5;
use rusty_s3::actions::{CompleteMultipartUploadResponse, CreateMultipartUpload, ListParts};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use sha2::Digest;
use url::Url;

use super::super::Order;
use super::super::journal::Place;
use super::super::local::{Course, Segment};
use super::super::plan::refusal;
use super::super::wire::{Heard, Spoken, speak};
use crate::connect::authority;
use crate::control::Control;
use crate::engine::Shared;
use crate::exit::Exit;
use crate::failure::{Failure, Setback};
use crate::outgoing::{Moved, Outgoing};
use crate::plan::Trouble;
use crate::units::{hex, unhex};

/// How long a signature is good for: longer than any single request.
const SIGNED_FOR: Duration = Duration::from_secs(3600);
/// Pages of a list; more parts than these hold there cannot be.
const PAGES: usize = 20;

/// Where an object goes, and who says so.
#[derive(Clone)]
pub struct Store {
    /// The service.
    pub endpoint: Url,
    /// Whether the bucket is in the path instead of the host name.
    pub path_style: bool,
    /// The bucket.
    pub bucket: String,
    /// The name of the object.
    pub object: String,
    /// The region.
    pub region: String,
    /// Access key, secret, and perhaps a session token. `None`: requests are not signed.
    pub login: Option<(String, String, Option<String>)>,
    /// The smallest size of a part.
    pub part_size: u64,
    /// How many parts are sent at a time.
    pub width: usize,
}

impl Store {
    /// What of it is written down.
    pub(in super::super) fn place(&self) -> Place {
        let (endpoint, region) = (self.endpoint.to_string(), self.region.clone());
        // One with a token is good for an hour, and the next one has another name.
        let login = self.login.as_ref().filter(|(_, _, token)| token.is_none()).map(|(key, _, _)| Place::hash_of(key));
        Place { endpoint, region, path_style: self.path_style, signed: self.login.is_some(), login }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("endpoint", &self.endpoint.as_str())
            .field("bucket", &self.bucket)
            .field("object", &self.object)
            .finish_non_exhaustive()
    }
}

/// What the store says.
#[derive(Debug)]
pub(super) enum Said {
    Begun(String),
    /// Number, tag and size.
    Parts(Vec<(u16, String, u64)>),
    Part(u16, String),
    Completed,
    Checked(bool),
    /// It does not let the object be looked at.
    Unseen(Failure),
    /// It does not know the upload.
    Lost(Failure),
    /// It has other parts than it has confirmed.
    Doubt(Failure),
    No(Failure, Trouble),
}

/// What has become of an upload that is to be forgotten.
#[derive(Debug)]
pub(super) enum Forgotten {
    Now,
    /// The store did not know it.
    Before,
}

/// Speaks with one store about one object.
pub(super) struct Client {
    pub(super) shared: Arc<Shared>,
    host: String,
    pub(super) control: Control,
    bucket: Bucket,
    login: Option<Credentials>,
    object: String,
    pub(super) url: Url,
    pub(super) only_new: bool,
    pub(super) place: Place,
    pub(super) check: bool,
    /// What the object is marked with, to be known by where its tag says nothing.
    pub(super) mark: String,
}

/// The mark's name. Stores keep such headers with the object, and tell them with it.
const MARK: &str = "x-amz-meta-cede-upload";

impl Client {
    pub(super) fn new(shared: Arc<Shared>, order: &Order, store: Store, control: Control) -> Result<Self, Failure> {
        let place = store.place();
        let style = if store.path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket = Bucket::new(store.endpoint, style, store.bucket, store.region)
            .map_err(|error| Failure::new(Exit::Usage, format!("this bucket cannot be: {error}")))?;
        let login = store.login.map(|(key, secret, token)| match token {
            Some(token) => Credentials::new_with_token(key, secret, token),
            None => Credentials::new(key, secret),
        });
        let host = authority(bucket.base_url());
        let (object, url) = (store.object, order.url.clone());
        Ok(Self {
            shared,
            host,
            control,
            bucket,
            login,
            object,
            url,
            only_new: order.only_new,
            place,
            check: order.check,
            mark: String::new(),
        })
    }

    pub(super) fn now(&self) -> Duration {
        self.shared.epoch.elapsed()
    }

    async fn ask(&self, method: Method, url: Url, headers: HeaderMap, body: Bytes, moved: &Arc<Moved>) -> Result<Heard, Setback> {
        // Parts are given up by whoever does not go on.
        let even_paused = method == Method::DELETE;
        // A part is looked for before it is sent again.
        let look_first = method == Method::PUT;
        self.speak(Spoken { method, url, headers, repeatable: true, fresh: false, look_first, even_paused }, body, moved).await
    }

    async fn speak(&self, spoken: Spoken, body: Bytes, moved: &Arc<Moved>) -> Result<Heard, Setback> {
        let first = spoken.url.clone();
        let course = Course { shared: Arc::clone(&self.shared), host: self.host.clone(), control: self.control.clone() };
        // Only parts are limited and can be paused.
        let make = || match spoken.method == Method::PUT {
            true => course.body(vec![Segment::Text(body.clone())], moved),
            false => Outgoing::Memory(Some(body.clone()).filter(|body| !body.is_empty()), Arc::clone(moved)),
        };
        speak(&self.shared, &first, &spoken, (moved, &self.control), make).await
    }

    async fn small(&self, method: Method, url: Url, headers: HeaderMap, body: impl Into<Bytes>) -> Result<Heard, Setback> {
        self.ask(method, url, headers, body.into(), &Arc::default()).await
    }

    /// Asks for an upload; `moved` tells afterwards whether the request may have arrived. A setback: it may have been obeyed if it has.
    pub(super) async fn begin(&self, moved: &Arc<Moved>) -> Result<Said, Setback> {
        let mut action = self.bucket.create_multipart_upload(self.login.as_ref(), &self.object);
        let mut headers = HeaderMap::new();
        action.headers_mut().insert(MARK, self.mark.clone());
        set(&mut headers, MARK, &self.mark);
        // What is begun twice leaves an empty one behind: so each request that may have arrived is one that the caller knows of.
        let url = action.sign(SIGNED_FOR);
        let spoken = Spoken { method: Method::POST, url, headers, repeatable: true, fresh: true, look_first: false, even_paused: false };
        let heard = self.speak(spoken, Bytes::new(), moved).await?;
        let text = String::from_utf8_lossy(&heard.body);
        match CreateMultipartUpload::parse_response(&text) {
            Ok(begun) if heard.status == 200 => return Ok(Said::Begun(begun.upload_id().to_owned())),
            Err(error) if heard.status == 200 => {
                return Err(Setback::fatal(Failure::new(Exit::Server, format!("the store's answer makes no sense: {error}"))));
            }
            _ => {}
        }
        match other(&heard) {
            // Whoever stands between may have passed it on.
            Said::No(failure, trouble) if matches!(heard.status, 500 | 502 | 504) => Err(Setback { failure, trouble }),
            said => Ok(said),
        }
    }

    pub(super) async fn list(&self, id: &str) -> Result<Said, Setback> {
        let mut parts = Vec::new();
        let mut marker = None;
        for _ in 0..PAGES {
            let mut action = self.bucket.list_parts(self.login.as_ref(), &self.object, id);
            if let Some(marker) = marker {
                action.set_part_number_marker(marker);
            }
            let heard = self.small(Method::GET, action.sign(SIGNED_FOR), HeaderMap::new(), Bytes::new()).await?;
            if heard.status != 200 {
                return Ok(other(&heard));
            }
            let listed = match ListParts::parse_response(&String::from_utf8_lossy(&heard.body)) {
                Ok(listed) => listed,
                Err(error) => {
                    return Ok(Said::No(Failure::new(Exit::Server, format!("the store's list makes no sense: {error}")), Trouble::Passing));
                }
            };
            parts.extend(listed.parts.into_iter().map(|part| (part.number, part.etag, part.size)));
            // A marker that does not move is the end, whatever the store says.
            if listed.next_part_number_marker.is_none_or(|next| next == 0 || marker.is_some_and(|marker| next <= marker)) {
                break;
            }
            marker = listed.next_part_number_marker;
        }
        Ok(Said::Parts(parts))
    }

    /// The tag of a part that the store has, if it is of this size; the answer to an earlier try may be all that was lost. A store that refuses to say has none; one that is
    /// busy, or whose answer makes no sense, has to be asked again before the part is sent again.
    pub(super) async fn find(&self, id: &str, number: u16, size: u64) -> Result<Option<String>, Setback> {
        let mut action = self.bucket.list_parts(self.login.as_ref(), &self.object, id);
        action.set_max_parts(1);
        if number > 1 {
            action.set_part_number_marker(number - 1);
        }
        let heard = self.small(Method::GET, action.sign(SIGNED_FOR), HeaderMap::new(), Bytes::new()).await?;
        if heard.status != 200 {
            return match other(&heard) {
                Said::No(failure, trouble @ Trouble::Busy(_)) => Err(Setback { failure, trouble }),
                _ => Ok(None),
            };
        }
        let listed = ListParts::parse_response(&String::from_utf8_lossy(&heard.body))
            .map_err(|error| Setback::passing(Failure::new(Exit::Server, format!("the store's list makes no sense: {error}"))))?;
        let found = listed.parts.into_iter().find(|part| part.number == number && part.size == size);
        Ok(found.map(|part| part.etag))
    }

    pub(super) async fn part(&self, id: &str, number: u16, bytes: Bytes, moved: &Arc<Moved>) -> Result<Said, Setback> {
        let mut action = self.bucket.upload_part(self.login.as_ref(), &self.object, number, id);
        let mut headers = HeaderMap::new();
        if self.check {
            let summed = bytes.clone();
            // The one that is understood everywhere: the others have to be promised when the upload is begun, and some stores then want them again at its end.
            let sum = cede::task::spawn_blocking(move || STANDARD.encode(Md5::digest(&summed))).await;
            let sum = sum.map_err(|error| Setback::fatal(Failure::new(Exit::Failed, error.to_string())))?;
            action.headers_mut().insert("content-md5", sum.clone());
            set(&mut headers, "content-md5", &sum);
        }
        let heard = self.ask(Method::PUT, action.sign(SIGNED_FOR), headers, bytes, moved).await?;
        match heard.header("etag") {
            Some(tag) if heard.status == 200 => Ok(Said::Part(number, tag.to_owned())),
            None if heard.status == 200 => {
                Ok(Said::No(Failure::new(Exit::Server, "the store took a part but gave no tag"), Trouble::Fatal))
            }
            _ => Ok(other(&heard)),
        }
    }

    pub(super) async fn complete(&self, id: &str, tags: &[String]) -> Result<Said, Setback> {
        let list = || tags.iter().map(String::as_str);
        let action = self.bucket.complete_multipart_upload(self.login.as_ref(), &self.object, id, list());
        let url = action.sign(SIGNED_FOR);
        let body = self.bucket.complete_multipart_upload(self.login.as_ref(), &self.object, id, list()).body();
        let mut headers = HeaderMap::new();
        set(&mut headers, "content-type", "application/xml");
        if self.only_new {
            set(&mut headers, "if-none-match", "*");
        }
        let heard = self.small(Method::POST, url, headers, body).await?;
        // A store may say 200 first and find out later.
        let is_done = heard.status == 200 && CompleteMultipartUploadResponse::parse(&String::from_utf8_lossy(&heard.body)).is_ok();
        Ok(if is_done { Said::Completed } else { other(&heard) })
    }

    /// Has the store forget the upload and its parts, which nobody will go on with: they cost money.
    ///
    /// # Errors
    /// Why it may still have them.
    pub(super) async fn abort(&self, id: &str, limit: Duration) -> Result<Forgotten, String> {
        let action = self.bucket.abort_multipart_upload(self.login.as_ref(), &self.object, id);
        let asked = self.small(Method::DELETE, action.sign(SIGNED_FOR), HeaderMap::new(), Bytes::new());
        match cede::time::timeout(limit, asked).await {
            Ok(Ok(heard)) if heard.status / 100 == 2 => Ok(Forgotten::Now),
            Ok(Ok(heard)) if heard.status == 404 => Ok(Forgotten::Before),
            Ok(Ok(heard)) => Err(format!("it answered {}", heard.status)),
            Ok(Err(setback)) => Err(setback.failure.what().to_owned()),
            Err(_) => Err(format!("it did not answer for {} s", limit.as_secs())),
        }
    }

    /// Whether the object is the one with this tag, or has our mark and this size: where a store encrypts, tags are not what they are elsewhere.
    pub(super) async fn check(&self, object: Option<&str>, size: u64) -> Result<Said, Setback> {
        let action = self.bucket.head_object(self.login.as_ref(), &self.object);
        let heard = self.small(Method::HEAD, action.sign(SIGNED_FOR), HeaderMap::new(), Bytes::new()).await?;
        match heard.status {
            200 => {
                let has_tag =
                    object.is_some_and(|object| !object.is_empty()) && heard.header("etag").map(|tag| tag.trim_matches('"')) == object;
                let has_size = heard.header("content-length").and_then(|text| text.parse().ok()) == Some(size);
                Ok(Said::Checked(has_tag || has_size && heard.header(MARK) == Some(&self.mark)))
            }
            404 => Ok(Said::Checked(false)),
            _ => Ok(match other(&heard) {
                Said::No(failure, Trouble::Fatal) => Said::Unseen(failure),
                said => said,
            }),
        }
    }
}

/// The tag of an object that was made of parts with these tags: the MD5 of their MD5s, and their number.
pub(super) fn tag_of(tags: &[String]) -> Option<String> {
    let mut sum = Md5::new();
    for tag in tags {
        sum.update(unhex(tag.trim_matches('"')).filter(|digest| digest.len() == 16)?);
    }
    Some(format!("{}-{}", hex(&sum.finalize()), tags.len()))
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    // Base64 and fixed words are always values.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// What an answer other than the right one means.
fn other(heard: &Heard) -> Said {
    let mut answered = heard.answered();
    let code = between(&answered.text, "<Code>", "</Code>").unwrap_or_default().to_owned();
    let message = between(&answered.text, "<Message>", "</Message>").unwrap_or_default();
    answered.text = if code.is_empty() { String::new() } else { format!("{code}: {message}") };
    let failure = refusal(&answered);
    match (heard.status, code.as_str()) {
        (404, "NoSuchUpload") => Said::Lost(failure),
        (_, "InvalidPart" | "InvalidPartOrder") => Said::Doubt(failure),
        (_, "SlowDown" | "InternalError" | "RequestTimeout" | "ServiceUnavailable") | (408 | 429 | 500 | 502 | 503 | 504, _) => {
            Said::No(failure, Trouble::Busy(answered.retry_after))
        }
        (403, _) => Said::No(failure.help("check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, the region and the clock"), Trouble::Fatal),
        _ => Said::No(failure, Trouble::Fatal),
    }
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let start = text.find(open)? + open.len();
    Some(&text[start..start + text[start..].find(close)?])
}
