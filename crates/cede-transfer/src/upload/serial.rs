//! One upload over one connection at a time: does what the [`plan`](super::plan) says.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use url::Url;

use super::form::{envelope, file_name};
use super::journal::{Journal, Kept};
use super::local::{Local, Piped, Segment, body, pay};
use super::plan::{Action, Ask, Plan, Protocol};
use super::wire::{Heard, Spoken, speak};
use super::{Order, Source, Stored, journal_for, seed, unfinished};
use crate::connect::authority;
use crate::engine::{Cause, Shared, Stop, Unfinished, Watch};
use crate::exit::Exit;
use crate::failure::{Failure, Setback, printable};
use crate::outgoing::{Moved, Outgoing};

/// What is sent at once of something that cannot be read again, or that is checked piece by piece.
const PIECE: usize = 8 << 20;
/// How often the watch is told how far it is.
const TICK: Duration = Duration::from_millis(50);

/// Where the bytes come from.
enum Bytes2Send {
    File(Local),
    Form { kind: String, segments: Vec<Segment>, files: Vec<Local> },
    Piped(Option<Piped>),
}

struct Serial {
    shared: Arc<Shared>,
    order: Order,
    from: Bytes2Send,
    plan: Plan,
    kept: Option<Kept>,
    watch: Arc<dyn Watch>,
    digest: Option<String>,
    location: Option<String>,
    /// What the last try sent: the size of what cannot be measured before.
    sent: u64,
}

pub(super) async fn run(
    shared: Arc<Shared>,
    order: Order,
    protocol: Protocol,
    watch: Arc<dyn Watch>,
    stop: Stop,
) -> Result<Stored, Unfinished> {
    let mut kept = None;
    let (from, name, size) = match &order.source {
        Source::File(path) => {
            let local = Local::open(path).await?;
            if matches!(protocol, Protocol::Tus { .. }) {
                kept = journal_for(&order, &local).await?;
                // What a server of tus is not asked about any more it forgets by itself.
                if let Some(kept) = &mut kept {
                    kept.dropped = None;
                }
            }
            let size = local.facts.size;
            (Bytes2Send::File(local), file_name(path), Some(size))
        }
        Source::Form(parts) => {
            let (kind, segments, files) = envelope(parts, seed(&shared)).await?;
            let name = files.first().map_or_else(|| "form".to_owned(), |local| file_name(&local.path));
            let size = segments.iter().map(Segment::length).sum();
            (Bytes2Send::Form { kind, segments, files }, name, Some(size))
        }
        Source::Stdin(name) => {
            let piped = Piped::stdin().map_err(|error| Failure::new(Exit::Files, format!("could not read standard input: {error}")))?;
            (Bytes2Send::Piped(Some(piped)), name.clone(), None)
        }
    };
    watch.named(&printable(&name), size);
    let remote = kept.as_ref().and_then(|kept| kept.journal.as_ref()).map(|journal| journal.remote.clone());
    let again = !matches!(from, Bytes2Send::Piped(_));
    let plan = Plan::new(&shared.settings.rules, protocol, size, remote, again, seed(&shared));
    let mut serial = Serial { shared, order, from, plan, kept, watch, digest: None, location: None, sent: 0 };
    serial.prepare().await?;
    serial.run(name, stop).await
}

impl Serial {
    /// The checksum that goes into the headers is of the whole, so it has to be known first.
    async fn prepare(&mut self) -> Result<(), Failure> {
        let Bytes2Send::File(local) = &self.from else { return Ok(()) };
        if self.order.check && matches!(self.order.how, super::How::Put | super::How::Post) {
            self.watch.note("checksum told to the server");
            let mut sum = Sha256::new();
            let mut at = 0;
            while at < local.facts.size {
                let bytes = local.read(at, PIECE).await.map_err(|error| Failure::of_file("read", &local.path, &error))?;
                at += bytes.len() as u64;
                sum = cede::task::spawn_blocking(move || sum.chain_update(&bytes))
                    .await
                    .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
            }
            self.digest = Some(STANDARD.encode(sum.finalize()));
        }
        Ok(())
    }

    async fn run(mut self, name: String, mut stop: Stop) -> Result<Stored, Unfinished> {
        let mut before = None;
        loop {
            let now = self.shared.epoch.elapsed();
            if let Some((why, wait)) = self.plan.take_retry(now) {
                self.watch.retry(&self.order.url, &why, Some(wait));
            }
            match self.plan.poll_action(now) {
                Action::Done => {
                    if let Some(kept) = &mut self.kept {
                        kept.journal = None;
                    }
                    let bytes = self.size();
                    self.watch.have(bytes);
                    return Ok(Stored { bytes, before: before.unwrap_or(0), location: self.location });
                }
                Action::Failed(failure) => {
                    let kept = self.remains(&failure);
                    return Err(unfinished(failure, kept));
                }
                Action::Wait(until) => cede::select! {
                    biased;
                    exit = stop.requested() => return Err(self.stopped(exit)),
                    () = cede::time::sleep(until.saturating_sub(now)) => {}
                },
                Action::Ask(ask) => {
                    if matches!(ask, Ask::Append(..)) && before.is_none() {
                        let there = *before.insert(self.plan.offset());
                        if there > 0 {
                            self.watch.resumed(there);
                        }
                    }
                    cede::select! {
                        biased;
                        exit = stop.requested() => return Err(self.stopped(exit)),
                        result = self.ask(&ask, &name) => result.map_err(|failure| {
                            let kept = self.remains(&failure);
                            unfinished(failure, kept)
                        })?,
                    }
                }
            }
        }
    }

    fn size(&self) -> u64 {
        match &self.from {
            Bytes2Send::File(local) => local.facts.size,
            Bytes2Send::Form { segments, .. } => segments.iter().map(Segment::length).sum(),
            Bytes2Send::Piped(piped) => piped.as_ref().map_or(self.sent, |piped| piped.end().unwrap_or_else(|| self.plan.offset())),
        }
    }

    fn remains(&self, failure: &Failure) -> Option<String> {
        let has_more = self.kept.as_ref().is_some_and(|kept| kept.journal.is_some()) && failure.exit() != Exit::Changed;
        has_more.then(|| "what has arrived is kept at the server; the same command goes on from there".to_owned())
    }

    fn stopped(&self, exit: Exit) -> Unfinished {
        let has_more = self.kept.as_ref().is_some_and(|kept| kept.journal.is_some());
        let kept = if has_more { "the same command goes on with it" } else { "nothing was kept" };
        Unfinished { cause: Cause::Stopped(exit), kept: Some(kept.to_owned()) }
    }

    async fn ask(&mut self, ask: &Ask, name: &str) -> Result<(), Failure> {
        let moved = Arc::new(Moved::default());
        let base = self.plan.offset();
        let spoken = self.spoken(ask, name)?;
        let heard = self.speak(ask, spoken, &moved, base).await;
        self.sent = moved.bytes();
        let now = self.shared.epoch.elapsed();
        match heard {
            Ok(heard) => {
                let answered = heard.answered();
                self.plan.handle_answer(now, &answered);
                if let (Ask::Create, Some(remote)) = (ask, self.plan.remote()) {
                    let remote = remote.to_owned();
                    self.write_down(remote).await?;
                }
                if matches!(ask, Ask::Whole) && heard.status / 100 != 4 {
                    self.location = answered.location;
                }
                if !matches!(ask, Ask::Whole) {
                    self.watch.have(self.plan.offset());
                }
            }
            Err(setback) => {
                if let Some(failure) = self.complaint() {
                    return Err(failure);
                }
                self.plan.handle_setback(now, setback.failure, setback.trouble, self.sent > 0);
            }
        }
        Ok(())
    }

    fn complaint(&self) -> Option<Failure> {
        match &self.from {
            Bytes2Send::File(local) => local.complaint(),
            Bytes2Send::Form { files, .. } => files.iter().find_map(Local::complaint),
            Bytes2Send::Piped(_) => None,
        }
    }

    /// Remembers where the upload is, before the first byte is sent.
    async fn write_down(&mut self, remote: String) -> Result<(), Failure> {
        let (Some(mut kept), Bytes2Send::File(local)) = (self.kept.take(), &self.from) else { return Ok(()) };
        let journal = Journal { url: self.order.url.to_string(), source: local.path.clone(), facts: local.facts, remote, part: 0 };
        let written = cede::task::spawn_blocking(move || {
            let result = kept.write(journal);
            (kept, result)
        });
        let (kept, result) = written.await.map_err(|error| Failure::new(Exit::Files, error.to_string()))?;
        self.kept = Some(kept);
        result.map_err(|error| Failure::new(Exit::Files, format!("could not write the journal: {error}")))
    }

    fn spoken(&self, ask: &Ask, name: &str) -> Result<Spoken, Failure> {
        let mut headers = HeaderMap::new();
        let set = |headers: &mut HeaderMap, name: &'static str, value: &str| {
            // Numbers, base64 and fixed words are always values.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        if !matches!(ask, Ask::Whole | Ask::Probe) {
            set(&mut headers, "tus-resumable", "1.0.0");
        }
        if self.order.only_new && matches!(ask, Ask::Whole | Ask::Create) {
            set(&mut headers, "if-none-match", "*");
        }
        let url = match ask {
            Ask::Look(url) | Ask::Append(url, _) => {
                Url::parse(url).map_err(|_| Failure::new(Exit::CannotResume, "the server told a place that is not a URL"))?
            }
            _ => self.order.url.clone(),
        };
        let is_post = matches!(self.order.how, super::How::Post);
        let method = match ask {
            Ask::Probe => Method::OPTIONS,
            Ask::Create => {
                set(&mut headers, "upload-metadata", &format!("filename {}", STANDARD.encode(name)));
                match &self.from {
                    Bytes2Send::Piped(_) => set(&mut headers, "upload-defer-length", "1"),
                    _ => set(&mut headers, "upload-length", &self.size().to_string()),
                }
                Method::POST
            }
            Ask::Look(_) => Method::HEAD,
            Ask::Append(_, offset) => {
                set(&mut headers, "content-type", "application/offset+octet-stream");
                set(&mut headers, "upload-offset", &offset.to_string());
                Method::PATCH
            }
            Ask::Whole => {
                let kind = match &self.from {
                    Bytes2Send::Form { kind, .. } => kind,
                    _ => "application/octet-stream",
                };
                set(&mut headers, "content-type", kind);
                if let Some(digest) = &self.digest {
                    set(&mut headers, "repr-digest", &format!("sha-256=:{digest}:"));
                }
                if is_post { Method::POST } else { Method::PUT }
            }
        };
        let repeatable = !is_post && !matches!((ask, &self.from), (Ask::Whole, Bytes2Send::Piped(_)));
        Ok(Spoken { method, url, headers, repeatable, fresh: false })
    }

    /// Sends the ask with its bytes.
    async fn speak(&mut self, ask: &Ask, mut spoken: Spoken, moved: &Arc<Moved>, base: u64) -> Result<Heard, Setback> {
        let (shared, first) = (Arc::clone(&self.shared), self.order.url.clone());
        let host = authority(&spoken.url);
        let check = self.order.check;
        let mut piece = None;
        let mut whole = None;
        match (ask, &mut self.from) {
            (Ask::Append(_, offset), Bytes2Send::Piped(Some(piped))) => {
                let window = piped.window(*offset, PIECE).await.map_err(|error| {
                    Setback::fatal(Failure::new(Exit::CannotResume, format!("standard input cannot be gone on with: {error}")))
                })?;
                if let Some(end) = piped.end().filter(|end| *end == offset + window.len() as u64) {
                    self.plan.handle_size(end);
                    spoken.headers.insert(HeaderName::from_static("upload-length"), HeaderValue::from(end));
                }
                pay(&shared, &host, window.len(), moved).await;
                piece = Some(window);
            }
            (Ask::Append(_, offset), Bytes2Send::File(local)) if check => {
                let read = local.read(*offset, PIECE).await;
                let window = read.map_err(|error| Setback::fatal(Failure::of_file("read", &local.path, &error)))?;
                pay(&shared, &host, window.len(), moved).await;
                piece = Some(window);
            }
            (Ask::Whole, Bytes2Send::Piped(piped)) => whole = piped.take(),
            _ => {}
        }
        if let Some(window) = piece.as_ref().filter(|_| check) {
            let told = format!("sha1 {}", STANDARD.encode(sha1::Sha1::digest(window)));
            let told = HeaderValue::from_str(&told).map_err(|error| Setback::fatal(Failure::new(Exit::Failed, error.to_string())))?;
            spoken.headers.insert(HeaderName::from_static("upload-checksum"), told);
        }
        let from = &self.from;
        let make = || outgoing(ask, from, &shared, &host, piece.clone(), &mut whole, moved);
        let speaking = speak(&shared, &first, &spoken, moved, make);
        let mut speaking = std::pin::pin!(speaking);
        loop {
            cede::select! {
                biased;
                result = &mut speaking => return result,
                () = cede::time::sleep(TICK) => self.watch.have(base + moved.bytes()),
            }
        }
    }
}

/// A body for the ask; asked for again if the first connection turns out to be closed.
fn outgoing(
    ask: &Ask,
    from: &Bytes2Send,
    shared: &Arc<Shared>,
    host: &str,
    piece: Option<Bytes>,
    whole: &mut Option<Piped>,
    moved: &Arc<Moved>,
) -> Outgoing {
    match (ask, from) {
        (Ask::Append(..), _) if piece.is_some() => Outgoing::Memory(piece.filter(|piece| !piece.is_empty()), Arc::clone(moved)),
        (Ask::Append(_, offset), Bytes2Send::File(local)) => body(shared, host, vec![Segment::File(local.clone(), *offset)], moved),
        (Ask::Whole, Bytes2Send::File(local)) => body(shared, host, vec![Segment::File(local.clone(), 0)], moved),
        (Ask::Whole, Bytes2Send::Form { segments, .. }) => body(shared, host, segments.clone(), moved),
        (Ask::Whole, Bytes2Send::Piped(_)) => match whole.take() {
            Some(piped) => piped.body(moved),
            None => Outgoing::Memory(None, Arc::clone(moved)),
        },
        _ => Outgoing::Memory(None, Arc::clone(moved)),
    }
}
