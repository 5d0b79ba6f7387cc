//! Resumable uploads: tus 1.0 with creation (also with bytes, also with a length that comes later), checksum and termination.
//!
//! The offset of an upload *is* the length of its `.part`, so there is nothing that a crash could leave at odds with it. One request at a time has an upload; a client that comes back on
//! a new connection, while the old one looks alive, makes the old request stop. Bytes with a checksum count only when they were checked: until then a mark says
//! where they begin, and whoever opens the upload next cuts them off.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cede::sync::OwnedMutexGuard;
use hyper::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};

use super::check::{self, Expected, Sums};
use super::put::{blocking, unnamed};
use super::receive::{Keeper, Receiving, Stopped, too_large};
use super::store::{Live, Uploads};
use crate::answer::refuse;
use crate::path::{self, PRIVATE, file_name};
use crate::service::{Asked, Reply};

/// How long a request waits for the one before it to stop.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the checksum extension says about a wrong sum.
const CHECKSUM_MISMATCH: u16 = 460;

/// What an upload is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Info {
    target: PathBuf,
    length: Option<u64>,
    metadata: String,
    only_new: bool,
    done: bool,
}

/// An upload that this request has for itself.
struct Held {
    info: Info,
    file: Arc<File>,
    offset: u64,
    live: Arc<Live>,
    hold: Arc<OwnedMutexGuard<()>>,
}

/// The upload that a path names.
pub(super) fn id(path: &str) -> Option<&str> {
    let id = path.strip_prefix('/')?.strip_prefix(PRIVATE)?.strip_prefix('/')?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

pub(super) fn options(asked: &Asked) -> Reply {
    let reply = Reply::new(StatusCode::NO_CONTENT)
        .with(header::ALLOW, super::allowed(asked))
        .with(name("tus-version"), "1.0.0")
        .with(name("tus-extension"), "creation,creation-with-upload,creation-defer-length,checksum,termination")
        .with(name("tus-checksum-algorithm"), check::TUS);
    let reply = match asked.shared.settings.max_upload {
        Some(most) => reply.with(name("tus-max-size"), most.to_string()),
        None => reply,
    };
    resumable(reply)
}

pub(super) async fn handle(asked: &Arc<Asked>, uploads: &Arc<Uploads>, receiving: &mut Receiving) -> Result<Reply, Stopped> {
    if asked.header("tus-resumable") != Some("1.0.0") {
        let reply = Reply::text(StatusCode::PRECONDITION_FAILED, "Tus-Resumable: 1.0.0 is needed").with(name("tus-version"), "1.0.0");
        return Err(Stopped::refused(resumable(reply)));
    }
    if let Some(id) = id(asked.path()).filter(|_| asked.decision.forget) {
        forget(uploads, id).await.map_err(Stopped::Gone)?;
    }
    let result = match (id(asked.path()), &asked.head.method) {
        (None, &Method::POST) => create(asked, uploads, receiving).await,
        (Some(id), &Method::HEAD) => look(uploads, id).await,
        (Some(id), &Method::PATCH) => patch(asked, uploads, id, receiving).await,
        (Some(id), &Method::DELETE) => end(uploads, id).await,
        _ => Ok(super::not_allowed(asked)),
    };
    match result {
        Err(Stopped::Refused(reply)) => Err(Stopped::refused(resumable(*reply))),
        other => other.map(resumable),
    }
}

fn name(text: &'static str) -> header::HeaderName {
    header::HeaderName::from_static(text)
}

fn resumable(reply: Reply) -> Reply {
    reply.with(name("tus-resumable"), "1.0.0")
}

fn refused(status: StatusCode, text: &str) -> Stopped {
    Stopped::refused(Reply::text(status, text))
}

fn number(asked: &Asked, header: &str) -> Result<Option<u64>, Stopped> {
    let Some(text) = asked.header(header) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| refused(StatusCode::BAD_REQUEST, &format!("{header} is not a number")))
}

async fn create(asked: &Arc<Asked>, uploads: &Arc<Uploads>, receiving: &mut Receiving) -> Result<Reply, Stopped> {
    let length = number(asked, "upload-length")?;
    if length.is_none() && asked.header("upload-defer-length") != Some("1") {
        return Err(refused(StatusCode::BAD_REQUEST, "Upload-Length or Upload-Defer-Length: 1 is needed"));
    }
    if asked.shared.settings.max_upload.is_some_and(|most| length.is_some_and(|length| length > most)) {
        return Err(Stopped::refused(too_large()));
    }
    let metadata = asked.header("upload-metadata").unwrap_or_default().to_owned();
    let only_new = asked.header(header::IF_NONE_MATCH) == Some("*");
    let info = Info { target: target(asked, &metadata)?, length, metadata, only_new, done: false };
    let id = uploads.fresh();
    let (maker, fresh, text) = (Arc::clone(uploads), id.clone(), info.write());
    blocking(move || {
        if only_new && maker.validators(&Info::read(&text)?.target)?.is_some() {
            return Err(refused(StatusCode::PRECONDITION_FAILED, "the file exists"));
        }
        maker.create(&format!("{fresh}.part"))?;
        Ok(maker.write(&format!("{fresh}.info"), &text)?)
    })
    .await?;
    let mut reply = Reply::new(StatusCode::CREATED);
    let has_bytes = asked.header(header::CONTENT_TYPE) == Some("application/offset+octet-stream");
    if has_bytes || length == Some(0) {
        let held = hold(uploads, &id).await?;
        let offset = append(asked, uploads, &id, held, receiving).await?;
        reply = reply.with(name("upload-offset"), offset.to_string());
    }
    Ok(reply.with(header::LOCATION, format!("/{PRIVATE}/{id}")))
}

/// Where the file goes: the path of the URL, with the name from the metadata if that is a directory.
fn target(asked: &Asked, metadata: &str) -> Result<PathBuf, Stopped> {
    let place = path::decode(asked.path()).map_err(|why| Stopped::refused(refuse(why)))?;
    if !asked.path().ends_with('/') {
        return Ok(place.path);
    }
    let value =
        metadata.split(',').find_map(|pair| pair.trim().strip_prefix("filename ")).and_then(|value| STANDARD.decode(value.trim()).ok());
    let text = value.and_then(|value| String::from_utf8(value).ok());
    match text.as_deref().and_then(file_name) {
        Some(name) => Ok(place.path.join(name)),
        None => Err(refused(StatusCode::BAD_REQUEST, "Upload-Metadata with a usable filename is needed at a URL that ends in a slash")),
    }
}

async fn look(uploads: &Arc<Uploads>, id: &str) -> Result<Reply, Stopped> {
    let Held { info, offset, .. } = hold(uploads, id).await?;
    let reply = Reply::new(StatusCode::OK).with(header::CACHE_CONTROL, "no-store").with(name("upload-offset"), offset.to_string());
    let reply = match info.length {
        Some(length) => reply.with(name("upload-length"), length.to_string()),
        None => reply.with(name("upload-defer-length"), "1"),
    };
    Ok(if info.metadata.is_empty() { reply } else { reply.with(name("upload-metadata"), info.metadata) })
}

async fn patch(asked: &Arc<Asked>, uploads: &Arc<Uploads>, id: &str, receiving: &mut Receiving) -> Result<Reply, Stopped> {
    if asked.header(header::CONTENT_TYPE) != Some("application/offset+octet-stream") {
        return Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type: application/offset+octet-stream is needed"));
    }
    let offset = number(asked, "upload-offset")?.ok_or_else(|| refused(StatusCode::BAD_REQUEST, "Upload-Offset is needed"))?;
    let mut held = hold(uploads, id).await?;
    if offset != held.offset {
        let text = format!("the upload is at {}", held.offset);
        let reply = Reply::text(StatusCode::CONFLICT, &text).with(name("upload-offset"), held.offset.to_string());
        return Err(Stopped::refused(reply));
    }
    if let Some(length) = number(asked, "upload-length")? {
        if held.info.length.is_some_and(|known| known != length) || length < offset {
            return Err(refused(StatusCode::BAD_REQUEST, "Upload-Length is another one than before"));
        }
        held.info.length = Some(length);
        let (writer, id, text) = (Arc::clone(uploads), id.to_owned(), held.info.write());
        blocking(move || Ok(writer.write(&format!("{id}.info"), &text)?)).await?;
    }
    let offset = append(asked, uploads, id, held, receiving).await?;
    Ok(Reply::new(StatusCode::NO_CONTENT).with(name("upload-offset"), offset.to_string()))
}

async fn end(uploads: &Arc<Uploads>, id: &str) -> Result<Reply, Stopped> {
    drop(hold(uploads, id).await?);
    forget(uploads, id).await.map_err(Stopped::Gone)?;
    Ok(Reply::new(StatusCode::NO_CONTENT))
}

async fn forget(uploads: &Arc<Uploads>, id: &str) -> io::Result<()> {
    let (uploads, id) = (Arc::clone(uploads), id.to_owned());
    let removed =
        cede::task::spawn_blocking(move || ["info", "part", "unchecked"].iter().for_each(|end| uploads.remove(&format!("{id}.{end}"))));
    removed.await.map_err(|error| io::Error::other(error.to_string()))
}

/// Takes the upload for this request, from another one if need be.
async fn hold(uploads: &Arc<Uploads>, id: &str) -> Result<Held, Stopped> {
    let live = uploads.live(id);
    let locked = cede::time::timeout(PATIENCE, live.take()).await;
    let hold = Arc::new(locked.map_err(|_| refused(StatusCode::LOCKED, "another request is busy with this upload"))?);
    let (reader, id) = (Arc::clone(uploads), id.to_owned());
    blocking(move || {
        let info = Info::read(&reader.read(&format!("{id}.info")).map_err(|_| refused(StatusCode::NOT_FOUND, "there is no such upload"))?)?;
        if info.done {
            let file = Arc::new(reader.open(&format!("{id}.info"))?);
            let offset = info.length.unwrap_or(0);
            return Ok(Held { info, file, offset, live, hold });
        }
        let file = match reader.open(&format!("{id}.part")) {
            Ok(file) => file,
            Err(_) => return Err(refused(StatusCode::NOT_FOUND, "there is no such upload")),
        };
        let mark = format!("{id}.unchecked");
        if let Ok(start) = reader.read(&mark) {
            file.set_len(start.parse().unwrap_or(0))?;
            reader.remove(&mark);
        }
        let offset = file.metadata()?.len();
        // The request that brought the last byte may not have come to its end.
        let done = info.length == Some(offset);
        if done {
            complete(&reader, &id, &file, &info)?;
        }
        Ok(Held { info: Info { done, ..info }, file: Arc::new(file), offset, live, hold })
    })
    .await
}

/// Appends the body to the upload, and ends it if it is complete. Returns where it is now.
async fn append(asked: &Arc<Asked>, uploads: &Arc<Uploads>, id: &str, held: Held, receiving: &mut Receiving) -> Result<u64, Stopped> {
    if held.info.done {
        return Ok(held.offset);
    }
    let expected = match asked.header("upload-checksum").map(check::of_tus) {
        Some(Err(())) => return Err(refused(StatusCode::BAD_REQUEST, "this Upload-Checksum is not understood")),
        Some(Ok(expected)) => vec![expected],
        None => Vec::new(),
    };
    if !expected.is_empty() {
        let (writer, mark, start) = (Arc::clone(uploads), format!("{id}.unchecked"), held.offset.to_string());
        blocking(move || Ok(writer.write(&mark, &start)?)).await?;
    }
    let mut keeper = Keeper::new(Arc::clone(&held.file), held.offset, Sums::of(&expected), Some(Arc::clone(&held.hold)));
    let mut offset = held.offset;
    let stopped = loop {
        let next = cede::select! {
            biased;
            () = held.live.wanted() => Err(refused(StatusCode::LOCKED, "the upload was taken over by another request")),
            next = receiving.next() => next,
        };
        match next {
            Ok(Some(bytes)) => {
                offset += bytes.len() as u64;
                if held.info.length.is_some_and(|length| offset > length) {
                    return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, "this is more than Upload-Length"));
                }
                if asked.shared.settings.max_upload.is_some_and(|most| offset > most) {
                    return Err(Stopped::refused(too_large()));
                }
                keeper.push(&bytes).await?;
            }
            Ok(None) => break None,
            Err(stopped) => break Some(stopped),
        }
    };
    // Also what came before the connection broke is kept.
    let (offset, sums) = keeper.finish().await?;
    match stopped {
        Some(stopped) => Err(stopped),
        None => settle(asked, uploads, id, held, offset, sums, expected).await,
    }
}

/// Checks what came, and gives a complete upload its name.
async fn settle(
    asked: &Arc<Asked>,
    uploads: &Arc<Uploads>,
    id: &str,
    held: Held,
    offset: u64,
    sums: Sums,
    expected: Vec<Expected>,
) -> Result<u64, Stopped> {
    let (uploads, id, work) = (Arc::clone(uploads), id.to_owned(), asked.line.work());
    blocking(move || {
        let _work = work;
        let mismatch = sums.mismatch(&expected);
        if mismatch.is_some() {
            held.file.set_len(held.offset)?;
        }
        if !expected.is_empty() {
            uploads.remove(&format!("{id}.unchecked"));
        }
        if mismatch.is_some() {
            let status = StatusCode::from_u16(CHECKSUM_MISMATCH).unwrap_or(StatusCode::BAD_REQUEST);
            return Err(refused(status, "the checksum of what came is another one"));
        }
        if held.info.length == Some(offset) {
            complete(&uploads, &id, &held.file, &held.info)?;
        }
        Ok(offset)
    })
    .await
}

/// Gives an upload its name; that it has it is written down after that, because the opposite could be a lie. Blocks.
fn complete(uploads: &Uploads, id: &str, file: &File, info: &Info) -> Result<(), Stopped> {
    let mut headers = HeaderMap::new();
    if info.only_new {
        headers.insert(header::IF_NONE_MATCH, header::HeaderValue::from_static("*"));
    }
    uploads.commit(&format!("{id}.part"), file, &info.target, &headers).map_err(unnamed)?;
    Ok(uploads.write(&format!("{id}.info"), &Info { done: true, ..info.clone() }.write())?)
}

impl Info {
    fn write(&self) -> String {
        let target = STANDARD.encode(std::os::unix::ffi::OsStrExt::as_bytes(self.target.as_os_str()));
        json!({ "target": target, "length": self.length, "metadata": self.metadata, "only_new": self.only_new, "done": self.done })
            .to_string()
    }

    fn read(text: &str) -> io::Result<Self> {
        let bad = || io::Error::new(io::ErrorKind::InvalidData, "the record of an upload is damaged");
        let value: Value = serde_json::from_str(text).map_err(|_| bad())?;
        let target = value["target"].as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or_else(bad)?;
        Ok(Self {
            target: PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(target)),
            length: value["length"].as_u64(),
            metadata: value["metadata"].as_str().unwrap_or_default().to_owned(),
            only_new: value["only_new"].as_bool().unwrap_or(false),
            done: value["done"].as_bool().unwrap_or(false),
        })
    }
}

#[cfg(test)]
mod tests {
    //! Records come back, and only ids are ids.

    use super::{Info, id};

    #[test]
    fn records() {
        let info = Info { target: "a b/ü".into(), length: Some(7), metadata: "filename eA==".to_owned(), only_new: true, done: false };
        assert_eq!(Info::read(&info.write()).unwrap(), info);
        assert!(Info::read("{}").is_err() && Info::read("x").is_err());
    }

    #[test]
    fn ids() {
        let good = "0123456789abcdef0123456789abcdef";
        assert_eq!(id(&format!("/.cede-upload/{good}")), Some(good));
        assert!(
            ["/.cede-upload/", "/.cede-upload/../x", "/.cede-upload/0123", "/x/.cede-upload/0123456789abcdef0123456789abcdef"]
                .iter()
                .all(|path| id(path).is_none())
        );
    }
}
