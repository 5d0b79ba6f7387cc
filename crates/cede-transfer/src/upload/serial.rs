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
use super::local::{Course, Local, Piped, Segment};
use super::plan::{Action, Ask, Plan, Protocol};
use super::wire::{Heard, Spoken, speak};
use super::{Order, Source, Stored, journal_for, opened, seed, unfinished};
use crate::connect::authority;
use crate::control::Control;
use crate::engine::{Cause, Shared, Stop, Unfinished, Watch};
use crate::exit::Exit;
use crate::failure::{Failure, Setback, printable};
use crate::outgoing::{Moved, Outgoing};
use crate::slow::Wait;

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
    control: Control,
    digest: Option<String>,
    location: Option<String>,
    /// What the last try sent: the size of what cannot be measured before.
    sent: u64,
    /// How many uploads the server may have begun without anybody having heard where.
    unheard: usize,
    /// The request for one that is on its way.
    beginning: Option<Arc<Moved>>,
}

pub(super) async fn run(
    shared: Arc<Shared>,
    order: Order,
    protocol: Protocol,
    watch: Arc<dyn Watch>,
    mut stop: Stop,
) -> Result<Stored, Unfinished> {
    let mut kept = None;
    let (from, name, size) = match &order.source {
        Source::File(path) => {
            let local = opened(&mut stop, Local::open(path)).await?;
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
            let (kind, segments, files) = opened(&mut stop, envelope(parts, seed(&shared))).await?;
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
    let control = stop.control().clone();
    let mut serial =
        Serial { shared, order, from, plan, kept, watch, control, digest: None, location: None, sent: 0, unheard: 0, beginning: None };
    opened(&mut stop, serial.prepare()).await?;
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
                    self.note_of_unheard().iter().for_each(|note| self.watch.note(note));
                    return Ok(Stored { bytes, before: before.unwrap_or(0), location: self.location });
                }
                Action::Failed(failure) => return Err(self.failed(failure)),
                Action::Wait(until) => {
                    let control = self.control.clone();
                    let _flying = control.ledger().fly();
                    cede::select! {
                        biased;
                        exit = stop.requested() => return Err(self.stopped(exit)),
                        () = control.ledger().wait(Wait::Retry, cede::time::sleep(until.saturating_sub(now))) => {}
                    }
                }
                Action::Ask(_) if self.control.is_paused() => {
                    cede::select! {
                        biased;
                        exit = stop.requested() => return Err(self.stopped(exit)),
                        () = self.control.resumed() => self.plan.handle_resumed(),
                    }
                }
                Action::Ask(ask) => {
                    if matches!(ask, Ask::Append(..)) && before.is_none() {
                        let there = *before.insert(self.plan.offset());
                        if there > 0 {
                            self.watch.resumed(there);
                        }
                    }
                    let control = self.control.clone();
                    // What the server knows how far it is can be let go, so that the connection is the others'.
                    let let_go =
                        async { if matches!(ask, Ask::Append(..)) { control.paused().await } else { std::future::pending().await } };
                    let asked = cede::select! {
                        biased;
                        exit = stop.requested() => return Err(self.stopped(exit)),
                        () = let_go => {
                            self.plan.handle_let_go();
                            Ok(())
                        }
                        asked = self.ask(&ask, &name) => asked,
                    };
                    // Not broken off: whoever stops would not know of the journal while it is being written.
                    let written = match (asked, matches!(ask, Ask::Create)) {
                        (Ok(()), true) => self.write_down().await,
                        (asked, _) => asked,
                    };
                    written.map_err(|failure| self.failed(failure))?;
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

    fn failed(&self, failure: Failure) -> Unfinished {
        let kept = self.remains(&failure);
        unfinished(failure, kept)
    }

    fn remains(&self, failure: &Failure) -> Option<String> {
        let has_more = self.kept.as_ref().is_some_and(|kept| kept.journal.is_some()) && failure.exit() != Exit::Changed;
        let kept = has_more.then(|| "what has arrived is kept at the server; the same command goes on from there".to_owned());
        joined(kept.into_iter().chain(self.note_of_unheard()))
    }

    /// What is said, however this ends, about uploads that the server may have begun without anybody having heard where.
    fn note_of_unheard(&self) -> Option<String> {
        let what = match self.unheard {
            0 => return None,
            1 => "one upload".to_owned(),
            count => format!("{count} uploads"),
        };
        Some(format!("the server may have begun {what} without bytes that nobody goes on with, because the answer was lost, or was none"))
    }

    fn stopped(&mut self, exit: Exit) -> Unfinished {
        self.heard_no_begin();
        let has_more = self.kept.as_ref().is_some_and(|kept| kept.journal.is_some());
        let kept = if has_more { "the same command goes on with it" } else { "nothing was kept; the same command begins anew" };
        Unfinished { cause: Cause::Stopped(exit), kept: joined([kept.to_owned()].into_iter().chain(self.note_of_unheard())) }
    }

    async fn ask(&mut self, ask: &Ask, name: &str) -> Result<(), Failure> {
        let moved = Arc::new(Moved::default());
        let base = self.plan.offset();
        let spoken = self.spoken(ask, name)?;
        // Whoever drops this never hears whether an upload was begun.
        let beginning = matches!(ask, Ask::Create).then(|| Arc::clone(&moved));
        self.beginning = beginning;
        let heard = self.speak(ask, spoken, &moved, base).await;
        self.sent = moved.bytes();
        match &heard {
            // Whoever stands between may have passed it on.
            Ok(heard) if !matches!(heard.status, 500 | 502 | 504) => self.beginning = None,
            _ => self.heard_no_begin(),
        }
        let now = self.shared.epoch.elapsed();
        match heard {
            Ok(heard) => {
                let answered = heard.answered();
                self.plan.handle_answer(now, &answered);
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
                // What was taken from a pipe is gone, whether it has left or not.
                let is_gone = matches!(self.from, Bytes2Send::Piped(None));
                self.plan.handle_setback(now, setback.failure, setback.trouble, self.sent > 0 || is_gone);
            }
        }
        Ok(())
    }

    /// The request for an upload, if there is one under way, gets no answer: it may have been obeyed all the same.
    fn heard_no_begin(&mut self) {
        self.unheard += usize::from(self.beginning.take().is_some_and(|moved| moved.is_done()));
    }

    fn complaint(&self) -> Option<Failure> {
        match &self.from {
            Bytes2Send::File(local) => local.complaint(),
            Bytes2Send::Form { files, .. } => files.iter().find_map(Local::complaint),
            Bytes2Send::Piped(_) => None,
        }
    }

    /// Remembers where the upload is, if it has begun, before the first byte is sent.
    async fn write_down(&mut self) -> Result<(), Failure> {
        let Some(remote) = self.plan.remote().map(str::to_owned) else { return Ok(()) };
        let (Some(mut kept), Bytes2Send::File(local)) = (self.kept.take(), &self.from) else { return Ok(()) };
        let journal = Journal {
            url: self.order.url.to_string(),
            source: local.path.clone(),
            facts: local.facts,
            remote,
            only_new: self.order.only_new,
            check: self.order.check,
            ..Journal::default()
        };
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
        // What is begun twice leaves an empty one behind: so each request for one that may have arrived is one that is known of here.
        let fresh = matches!(ask, Ask::Create);
        Ok(Spoken { method, url, headers, repeatable, fresh, look_first: false, even_paused: false })
    }

    /// Sends the ask with its bytes.
    async fn speak(&mut self, ask: &Ask, mut spoken: Spoken, moved: &Arc<Moved>, base: u64) -> Result<Heard, Setback> {
        let (shared, first) = (Arc::clone(&self.shared), self.order.url.clone());
        let course = Course { shared: Arc::clone(&shared), host: authority(&spoken.url), control: self.control.clone() };
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
                piece = Some(window);
            }
            (Ask::Append(_, offset), Bytes2Send::File(local)) if check => {
                let read = local.read(*offset, PIECE).await;
                let window = read.map_err(|error| Setback::fatal(Failure::of_file("read", &local.path, &error)))?;
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
        let make = || outgoing(ask, from, &course, piece.clone(), &mut whole, moved);
        let mut was_paused = false;
        let speaking = speak(&shared, &first, &spoken, (moved, &self.control), make);
        let result = {
            let mut speaking = std::pin::pin!(speaking);
            loop {
                cede::select! {
                    biased;
                    result = &mut speaking => break result,
                    () = cede::time::sleep(TICK) => self.watch.have(base + moved.bytes()),
                }
                was_paused |= self.control.is_paused();
            }
        };
        if was_paused {
            self.plan.handle_resumed();
        }
        if let Bytes2Send::Piped(piped @ None) = &mut self.from {
            // There was no connection to send it on.
            *piped = whole;
        }
        result
    }
}

/// A body for the ask; asked for again if the first connection turns out to be closed.
fn outgoing(
    ask: &Ask,
    from: &Bytes2Send,
    course: &Course,
    piece: Option<Bytes>,
    whole: &mut Option<Piped>,
    moved: &Arc<Moved>,
) -> Outgoing {
    let segments = match (ask, from, piece) {
        (Ask::Append(..), _, Some(piece)) => vec![Segment::Text(piece)],
        (Ask::Append(_, offset), Bytes2Send::File(local), None) => vec![Segment::File(local.clone(), *offset)],
        (Ask::Whole, Bytes2Send::File(local), _) => vec![Segment::File(local.clone(), 0)],
        (Ask::Whole, Bytes2Send::Form { segments, .. }, _) => segments.clone(),
        (Ask::Whole, Bytes2Send::Piped(_), _) => match whole.take() {
            Some(piped) => return course.body_of(piped, moved),
            // Nothing would be taken for an empty file.
            None => return Outgoing::broken(moved),
        },
        _ => return Outgoing::Memory(None, Arc::clone(moved)),
    };
    course.body(segments, moved)
}

/// Several remarks as one.
fn joined(remarks: impl Iterator<Item = String>) -> Option<String> {
    let remarks: Vec<_> = remarks.collect();
    (!remarks.is_empty()).then(|| remarks.join("; "))
}
