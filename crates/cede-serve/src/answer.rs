//! GET and HEAD: a file, a range of it, several, or a directory.
//!
//! Opening, looking, deciding and, for small files, reading happen in one visit to the blocking pool.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode, header};

use crate::body::source::{Piece, Reader};
use crate::coding::{self, Coding, Packer};
use crate::conditions::{self, Validators, Verdict};
use crate::fault::Decision;
use crate::path::{self, Refused};
use crate::ranges::{self, Wanted};
use crate::service::{Asked, Reply};
use crate::{kind, listing};

pub(crate) async fn get(asked: &Arc<Asked>) -> io::Result<Reply> {
    let asked = Arc::clone(asked);
    let job = cede::task::spawn_blocking(move || find(&asked).unwrap_or_else(|error| Reply::of_error(&error)));
    job.await.map_err(|error| io::Error::other(error.to_string()))
}

/// The answer to a path that means nothing here.
pub(crate) fn refuse(refused: Refused) -> Reply {
    match refused {
        Refused::Bad => Reply::text(StatusCode::BAD_REQUEST, "this path is not allowed"),
        Refused::Private => Reply::text(StatusCode::NOT_FOUND, "not found"),
    }
}

fn find(asked: &Asked) -> io::Result<Reply> {
    let place = match path::decode(asked.path()) {
        Ok(place) => place,
        Err(refused) => return Ok(refuse(refused)),
    };
    let root = &asked.shared.root;
    let (found, metadata) = root.open(&place.path)?;
    if metadata.is_dir() {
        if !asked.path().ends_with('/') {
            // With two slashes in front it would be another host.
            let to = format!("/{}/", asked.path().trim_start_matches('/'));
            return Ok(Reply::new(StatusCode::MOVED_PERMANENTLY).with(header::LOCATION, to));
        }
        let index = place.path.join("index.html");
        match root.open(&index) {
            Ok((index_file, metadata)) if metadata.is_file() => return file(asked, &index, index_file, &metadata),
            _ if asked.shared.settings.listing => return listing::of(asked, &found),
            _ => return Ok(Reply::text(StatusCode::FORBIDDEN, "this directory is not listed")),
        }
    }
    if place.is_dir {
        return Ok(Reply::text(StatusCode::NOT_FOUND, "not found"));
    }
    if !metadata.is_file() {
        return Ok(Reply::text(StatusCode::FORBIDDEN, "this is not a file"));
    }
    file(asked, &place.path, found, &metadata)
}

fn file(asked: &Asked, path: &Path, file: File, metadata: &Metadata) -> io::Result<Reply> {
    let (decision, headers, size) = (&asked.decision, &asked.head.headers, metadata.len());
    let kind = kind::of(path);
    let is_packable = asked.shared.settings.compress && kind::is_text(kind);
    let coding = Coding::accepted(headers).filter(|_| is_packable && size >= coding::LEAST && !headers.contains_key(header::RANGE));
    let validators = validators(metadata, decision, coding);
    let mut reply = Reply::new(StatusCode::OK);
    if let Some(tag) = &validators.tag {
        reply = reply.with(header::ETAG, tag);
    }
    if let Some(modified) = validators.modified {
        reply = reply.with(header::LAST_MODIFIED, httpdate::fmt_http_date(modified));
    }
    reply = reply.with(header::ACCEPT_RANGES, if decision.deny_ranges { "none" } else { "bytes" });
    if is_packable {
        reply = reply.with(header::VARY, "accept-encoding");
    }
    match conditions::judge(true, headers, Some(&validators)) {
        Verdict::Go => {}
        Verdict::NotModified => return Ok(Reply { status: StatusCode::NOT_MODIFIED, ..reply }),
        Verdict::Failed => return Ok(Reply { status: StatusCode::PRECONDITION_FAILED, ..reply }),
    }
    reply = reply.with(header::CONTENT_TYPE, kind).with(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    let pieces = match wanted(asked, size, &validators) {
        Wanted::Whole if size == 0 => VecDeque::new(),
        Wanted::Whole => VecDeque::from([Piece::Range(0..size)]),
        Wanted::Nothing => {
            let reply = reply.with(header::CONTENT_RANGE, format!("bytes */{size}"));
            return Ok(Reply { status: StatusCode::RANGE_NOT_SATISFIABLE, ..reply });
        }
        Wanted::Parts(parts) => {
            reply.status = StatusCode::PARTIAL_CONTENT;
            partial(&mut reply, decision, kind, size, parts)
        }
    };
    let mut reader = Reader::new(file, metadata.clone(), pieces).twisted(decision.version, decision.flip);
    if let Some(coding) = coding {
        reply = reply.with(header::CONTENT_ENCODING, coding.name());
        reader = reader.packed(Packer::new(coding)?);
    }
    // What HEAD would only throw away need not be read; the length is told all the same.
    reply.source = if asked.head.method == Method::HEAD { reader.unread() } else { reader.start()? };
    Ok(reply)
}

/// The validators of the file as this request is to see it.
fn validators(metadata: &Metadata, decision: &Decision, coding: Option<Coding>) -> Validators {
    if decision.no_validators {
        return Validators::default();
    }
    let mut validators = Validators::of(metadata);
    let mut suffix = String::new();
    if decision.version > 0 {
        suffix.push_str(&format!("-v{}", decision.version));
        validators.modified = validators.modified.map(|modified| modified + Duration::from_secs(decision.version));
    }
    if decision.new_tag {
        suffix.push_str(&format!("-n{}", decision.attempt));
    }
    if let Some(coding) = coding {
        suffix.push_str(&format!("-{}", coding.name()));
    }
    let weak = if decision.weak_tag { "W/" } else { "" };
    validators.tag = validators.tag.map(|tag| format!("{weak}{}{suffix}\"", tag.trim_end_matches('"')));
    validators
}

fn wanted(asked: &Asked, size: u64, validators: &Validators) -> Wanted {
    let is_ranged = asked.head.method == Method::GET && !asked.decision.ignore_range;
    match asked.header(header::RANGE).filter(|_| is_ranged && conditions::allows_range(&asked.head.headers, validators)) {
        Some(range) => ranges::parse(range, size),
        None => Wanted::Whole,
    }
}

/// The headers and pieces of an answer with ranges, and what faults make of them.
fn partial(reply: &mut Reply, decision: &Decision, kind: &str, size: u64, mut parts: Vec<Range<u64>>) -> VecDeque<Piece> {
    for part in &mut parts {
        part.end = decision.short_range.map_or(part.end, |most| part.end.min(part.start.saturating_add(most)));
        if decision.wrong_start && part.end - part.start > 1 {
            part.start += 1;
        }
    }
    let total = match decision {
        Decision { unknown_total: true, .. } => "*".to_owned(),
        Decision { wrong_total: true, .. } => (size + 7).to_string(),
        _ => size.to_string(),
    };
    let place = |part: &Range<u64>| format!("bytes {}-{}/{total}", part.start, part.end - 1);
    let headers = std::mem::replace(reply, Reply::new(StatusCode::PARTIAL_CONTENT));
    if let [part] = &parts[..] {
        *reply = Reply { status: StatusCode::PARTIAL_CONTENT, ..headers }.with(header::CONTENT_RANGE, place(part));
        return VecDeque::from([Piece::Range(part.clone())]);
    }
    let boundary = format!("cede-{size:x}-{:x}", parts.iter().fold(0, |mixed: u64, part| mixed.rotate_left(9) ^ part.start ^ part.end));
    *reply = Reply { status: StatusCode::PARTIAL_CONTENT, ..headers }
        .with(header::CONTENT_TYPE, format!("multipart/byteranges; boundary={boundary}"));
    let mut pieces = VecDeque::new();
    for part in parts {
        pieces.push_back(Piece::Text(format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {}\r\n\r\n", place(&part))));
        pieces.push_back(Piece::Range(part));
    }
    pieces.push_back(Piece::Text(format!("\r\n--{boundary}--\r\n")));
    pieces
}
