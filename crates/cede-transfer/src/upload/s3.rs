//! Uploads in parts to a store that speaks S3: does what [`parts`](super::parts) says, several parts at a time.
//!
//! Requests are signed in their URL (the library does that, and reads the answers), so that what is sent is a plain request. Each part is in memory while it is sent: it has
//! to be sent again if it fails, and its checksum goes ahead of it. So memory is the number of parts under way times their size.
//!
//! - U1: however an upload ends without its object, what it has at the store is named by the journal, so that the same command goes on; or the store is told to
//!   forget it; or the user is told what may be there ([`Run::give_up`]). For parts that nobody knows of cost money. That holds for what an earlier run left, too; but
//!   not where nobody is left to do it: the process is killed, or the future dropped, before the journal names the upload.

mod farewell;
mod mark;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::form::file_name;
use super::journal::{Journal, Kept};
use super::local::{Local, Piped};
use super::parts::{Action, Ask, Parts};
use super::{Order, Source, Stored, journal_for, opened, seed};
use crate::engine::{Shared, Stop, Unfinished, Watch};
use crate::exit::Exit;
use crate::failure::{Failure, Setback, printable};
use crate::outgoing::Moved;
use crate::plan::Trouble;
use bytes::Bytes;
use cede::task::JoinSet;
pub use store::Store;
use store::{Client, Said, tag_of};

/// The fewest bytes of a part, except the last.
const LEAST: u64 = 8 << 20;
/// The most parts; stores allow 10,000.
const MOST: u64 = 9_000;
/// How often the watch is told how far it is.
const TICK: Duration = Duration::from_millis(50);
enum Bytes2Send {
    File(Local),
    /// And what of it is in memory because it is not confirmed yet.
    Piped(Piped, BTreeMap<u16, Bytes>),
}

struct Run {
    client: Arc<Client>,
    from: Bytes2Send,
    parts: Parts,
    part: u64,
    kept: Option<Kept>,
    id: Option<String>,
    watch: Arc<dyn Watch>,
    /// Bytes that are confirmed.
    have: u64,
    before: u64,
    /// Whether parts were sent in this run.
    begun: bool,
    flying: BTreeMap<u16, Arc<Moved>>,
    /// Parts of which everything was sent, and that nothing good was heard of: the store may have them.
    unsure: BTreeSet<u16>,
    /// The request for an upload that is on its way.
    beginning: Option<Arc<Moved>>,
    /// How many of them had no answer.
    unheard: usize,
    /// Whether the store was asked to make the object and may have done so.
    completing: bool,
    /// The tag that the object has if the store makes it of the parts; empty where the store's tags say nothing.
    object: Option<String>,
    /// What the user has to be told, however this ends.
    notes: Vec<String>,
}

/// Why there is no object.
enum End {
    Failed(Failure),
    Stopped(Exit),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What an ask came to.
type Outcome = (Ask, Result<Said, Setback>);

pub(super) async fn run(
    shared: Arc<Shared>,
    order: Order,
    store: Store,
    watch: Arc<dyn Watch>,
    mut stop: Stop,
) -> Result<Stored, Unfinished> {
    let (part_size, width) = (store.part_size, store.width);
    let mut client = Client::new(Arc::clone(&shared), &order, store, stop.control().clone())?;
    let mut kept = None;
    let (from, name, size) = match &order.source {
        Source::File(path) => {
            let local = opened(&mut stop, Local::open(path)).await?;
            kept = journal_for(&order, &local).await?;
            let size = local.facts.size;
            client.mark = mark::of_file(&order.url, &local.path, &local.facts);
            (Bytes2Send::File(local), file_name(path), Some(size))
        }
        Source::Stdin(name) => {
            let piped = Piped::stdin().map_err(|error| Failure::new(Exit::Files, format!("could not read standard input: {error}")))?;
            client.mark = mark::of_once(&order.url, seed(&shared));
            (Bytes2Send::Piped(piped, BTreeMap::new()), name.clone(), None)
        }
        Source::Form(_) => return Err(Failure::new(Exit::Usage, "a store of objects takes no forms").into()),
    };
    let client = Arc::new(client);
    watch.named(&printable(&name), size);
    let known = kept.as_ref().and_then(|kept| kept.journal.clone());
    let part = known.as_ref().map_or_else(|| size_of_parts(part_size, size), |journal| journal.part);
    let mut parts = parts_of(&shared, size, part, if size.is_some() { width } else { 1 }, known.is_some());
    let object = known.as_ref().and_then(|journal| journal.object.clone());
    if object.is_some() {
        parts.handle_may_be_made();
    }
    let note = match &mut kept {
        Some(kept) => farewell::forget_dropped(&client, kept, &mut stop).await?,
        None => None,
    };
    let id = known.map(|journal| journal.remote);
    let flying = BTreeMap::new();
    let mut run = Run {
        client,
        from,
        parts,
        part,
        kept,
        id,
        watch,
        have: 0,
        before: 0,
        begun: false,
        flying,
        unsure: BTreeSet::new(),
        beginning: None,
        unheard: 0,
        completing: false,
        object,
        notes: note.into_iter().collect(),
    };
    let mut asks = JoinSet::new();
    let end = run.drive(&mut stop, &mut asks).await;
    // Nothing more is sent from here on.
    drop(asks);
    match end {
        Ok(stored) => Ok(stored),
        Err(end) => Err(run.give_up(end, &mut stop).await),
    }
}

/// How long parts are, at least as long as the user wants them.
fn size_of_parts(least: u64, size: Option<u64>) -> u64 {
    // Where nobody knows how long it will be, this is enough for 140 GiB.
    least.max(size.map_or(LEAST * 2, |size| size.div_ceil(MOST)))
}

/// The machine for a file of this size, if that is known, in parts of that size.
fn parts_of(shared: &Shared, size: Option<u64>, part: u64, width: usize, known: bool) -> Parts {
    // An empty object is one empty part.
    let count = size.map(|size| u16::try_from(size.div_ceil(part).max(1)).unwrap_or(u16::MAX));
    Parts::new(&shared.settings.rules, count, width, known, seed(shared))
}

impl Run {
    async fn drive(&mut self, stop: &mut Stop, asks: &mut JoinSet<Outcome>) -> Result<Stored, End> {
        let control = self.client.control.clone();
        let mut was_paused = false;
        loop {
            let now = self.client.now();
            if let Some((why, wait)) = self.parts.take_retry(now) {
                self.watch.retry(&self.client.url, &why, Some(wait));
            }
            // What is on its way stays on its way, and waits; nothing else is asked.
            let paused = control.is_paused();
            if std::mem::replace(&mut was_paused, paused) && !paused {
                self.parts.handle_resumed();
            }
            let action = if paused { Action::Wait(None) } else { self.parts.poll_action(now) };
            let until = match action {
                Action::Done => {
                    if let Some(kept) = &mut self.kept {
                        kept.journal = None;
                    }
                    self.watch.have(self.have);
                    self.notes().iter().for_each(|note| self.watch.note(note));
                    return Ok(Stored { bytes: self.have, before: self.before, location: None });
                }
                Action::Failed(failure) => return Err(failure.into()),
                Action::Ask(ask) => {
                    if ask == Ask::Complete {
                        // Not broken off: whoever stops would not know of the journal while it is being written (U1).
                        self.write_down_object().await;
                    }
                    // A pipe may be slow.
                    cede::select! {
                        biased;
                        exit = stop.requested() => return Err(End::Stopped(exit)),
                        begun = self.begin(ask, asks) => begun?,
                    }
                    continue;
                }
                Action::Wait(until) => until,
            };
            let pause = until.map_or(TICK, |until| until.saturating_sub(now).min(TICK));
            cede::select! {
                biased;
                exit = stop.requested() => return Err(End::Stopped(exit)),
                Some(joined) = asks.join_next() => {
                    let (ask, result) = joined.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
                    self.end(ask, result).await?;
                }
                () = control.resumed(), if paused => {}
                () = cede::time::sleep(pause) => {}
            }
            let moving: u64 = self.flying.values().map(|moved| moved.bytes()).sum();
            self.watch.have(self.have + moving);
        }
    }

    /// Sends an ask on its way.
    async fn begin(&mut self, ask: Ask, asks: &mut JoinSet<Outcome>) -> Result<(), Failure> {
        let client = Arc::clone(&self.client);
        let id = self.id.clone().unwrap_or_default();
        match ask {
            Ask::Begin => {
                self.have = 0;
                self.completing = false;
                self.flying.clear();
                self.unsure.clear();
                // What is on its way belongs to an upload that is lost.
                *asks = JoinSet::new();
                let moved = Arc::new(Moved::default());
                self.beginning = Some(Arc::clone(&moved));
                asks.spawn(async move { (ask, client.begin(&moved).await) });
            }
            Ask::List => {
                asks.spawn(async move { (ask, client.list(&id).await) });
            }
            Ask::Complete => {
                // Also where this run has read nothing, or the store has let it wait.
                if let Bytes2Send::File(local) = &self.from {
                    local.look().await?;
                }
                let tags: Vec<String> = self.parts.tags().map(|(_, tag)| tag.to_owned()).collect();
                self.completing = true;
                asks.spawn(async move { (ask, client.complete(&id, &tags).await) });
            }
            Ask::Check => {
                let object = self.object.clone();
                let size = match &self.from {
                    Bytes2Send::File(local) => local.facts.size,
                    Bytes2Send::Piped(..) => self.have,
                };
                asks.spawn(async move { (ask, client.check(object.as_deref(), size).await) });
            }
            Ask::Part(number) => {
                let Some(bytes) = self.read(number).await? else { return Ok(()) };
                let moved = Arc::new(Moved::default());
                self.begun = true;
                self.flying.insert(number, Arc::clone(&moved));
                let (size, is_unsure) = (bytes.len() as u64, self.unsure.contains(&number));
                asks.spawn(async move {
                    let found = if is_unsure { client.find(&id, number, size).await } else { Ok(None) };
                    let said = match found {
                        Ok(Some(tag)) => Ok(Said::Part(number, tag)),
                        Ok(None) => client.part(&id, number, bytes, &moved).await,
                        Err(setback) => Err(setback),
                    };
                    (ask, said)
                });
            }
        }
        Ok(())
    }

    /// The bytes of a part. `None`: there is no such part, because the pipe has ended.
    async fn read(&mut self, number: u16) -> Result<Option<Bytes>, Failure> {
        let at = u64::from(number - 1) * self.part;
        let most = usize::try_from(self.part).unwrap_or(usize::MAX);
        match &mut self.from {
            Bytes2Send::File(local) => {
                let read = local.read(at, most).await;
                read.map(Some).map_err(|error| local.complaint().unwrap_or_else(|| Failure::of_file("read", &local.path, &error)))
            }
            Bytes2Send::Piped(piped, unconfirmed) => {
                if let Some(bytes) = unconfirmed.get(&number) {
                    return Ok(Some(bytes.clone()));
                }
                let failed = |error: std::io::Error| Failure::new(Exit::Files, format!("could not read standard input: {error}"));
                let bytes = piped.window(at, most).await.map_err(failed)?;
                if bytes.is_empty() && number > 1 {
                    self.parts.handle_end(number - 1);
                    return Ok(None);
                }
                if piped.ended && piped.end() == Some(at + bytes.len() as u64) {
                    self.parts.handle_end(number);
                }
                unconfirmed.insert(number, bytes.clone());
                Ok(Some(bytes))
            }
        }
    }

    /// How long a part is.
    fn length(&self, number: u16) -> u64 {
        match &self.from {
            Bytes2Send::File(local) => local.facts.size.saturating_sub(u64::from(number - 1) * self.part).min(self.part),
            Bytes2Send::Piped(_, unconfirmed) => unconfirmed.get(&number).map_or(0, |bytes| bytes.len() as u64),
        }
    }

    /// A part is not on its way any more.
    fn land(&mut self, number: u16, is_there: bool) {
        if is_there {
            self.unsure.remove(&number);
        } else if self.flying.get(&number).is_some_and(|moved| moved.is_done()) {
            self.unsure.insert(number);
        }
        self.flying.remove(&number);
    }

    async fn end(&mut self, ask: Ask, result: Result<Said, Setback>) -> Result<(), Failure> {
        if let Ask::Part(number) = ask {
            self.land(number, matches!(result, Ok(Said::Part(..))));
        }
        let now = self.client.now();
        if ask == Ask::Begin {
            match &result {
                Ok(_) => self.beginning = None,
                Err(_) => self.heard_no_begin(),
            }
        }
        match result {
            Ok(Said::Begun(id)) => {
                // First, so that it is not forgotten where it cannot be written down (U1).
                self.id = Some(id.clone());
                self.write_down(&id).await?;
                self.parts.handle_begun();
            }
            Ok(Said::Parts(listed)) => {
                // A part of another size is not ours.
                let ours: Vec<_> = listed.into_iter().filter(|(number, _, size)| *number > 0 && *size == self.length(*number)).collect();
                self.have = ours.iter().map(|(_, _, size)| size).sum();
                // The first list is of what an earlier run left.
                if !self.begun && self.have > 0 {
                    self.before = self.have;
                    self.watch.resumed(self.have);
                }
                self.parts.handle_listed(ours.into_iter().map(|(number, tag, _)| (number, tag)));
            }
            Ok(Said::Part(number, tag)) => {
                self.have += self.length(number);
                if let Bytes2Send::Piped(_, unconfirmed) = &mut self.from {
                    unconfirmed.remove(&number);
                }
                self.parts.handle_part(number, tag);
            }
            Ok(Said::Completed) => self.parts.handle_completed(),
            Ok(Said::Checked(is_it)) => {
                match &self.from {
                    _ if !is_it => self.is_gone(),
                    // An earlier run had brought all of it.
                    Bytes2Send::File(local) if self.have == 0 => {
                        (self.have, self.before) = (local.facts.size, local.facts.size);
                        self.watch.resumed(self.before);
                    }
                    _ => {}
                }
                self.parts.handle_checked(is_it, Failure::new(Exit::Server, "the store knows neither the upload nor its object"));
            }
            Ok(Said::Unseen(failure)) => self.end_unseen(now, &failure),
            Ok(Said::Doubt(failure)) => {
                self.have = 0;
                self.completing = false;
                self.parts.handle_doubt(now, failure);
            }
            Ok(Said::Lost(failure)) => {
                if !self.parts.handle_lost(ask, failure) {
                    self.is_gone();
                }
            }
            Ok(Said::No(failure, trouble)) => self.parts.handle_setback(now, ask, failure, trouble),
            Err(setback) => self.parts.handle_setback(now, ask, setback.failure, setback.trouble),
        }
        Ok(())
    }

    /// The store does not know the upload any more, and does not say whether that is because it has become the object. To ask again would change nothing, so nothing may go on
    /// asking: neither this run nor the next.
    fn end_unseen(&mut self, now: Duration, failure: &Failure) {
        self.is_gone();
        let why = failure.what();
        if self.completing {
            let what = format!(
                "the object may be there, but the store does not let it be looked at, and does not know the upload any more: {why}"
            );
            let failure = Failure::new(failure.exit(), what).help("look whether it is there; the same command uploads it anew");
            self.parts.handle_setback(now, Ask::Check, failure, Trouble::Fatal);
        } else {
            self.notes.push(format!(
                "an earlier run may have made the object, but the store does not let it be looked at, so all of it is uploaded anew: {why}"
            ));
            self.parts.handle_checked(false, failure.clone());
        }
    }

    /// Remembers what the upload is called, before the first part is sent.
    async fn write_down(&mut self, id: &str) -> Result<(), Failure> {
        let (Some(mut kept), Bytes2Send::File(local)) = (self.kept.take(), &self.from) else { return Ok(()) };
        let journal = Journal {
            url: self.client.url.to_string(),
            source: local.path.clone(),
            facts: local.facts,
            remote: id.to_owned(),
            part: self.part,
            only_new: self.client.only_new,
            check: self.client.check,
            place: Some(self.client.place.clone()),
            object: None,
        };
        let written = cede::task::spawn_blocking(move || {
            let result = kept.write(journal);
            (kept, result)
        });
        let (kept, result) = written.await.map_err(|error| Failure::new(Exit::Files, error.to_string()))?;
        self.kept = Some(kept);
        result.map_err(|error| Failure::new(Exit::Files, format!("could not write the journal: {error}")))
    }
}

impl Run {
    /// Remembers what the object will be known by, before the store is asked to make it. Where that cannot be written, a lost answer may cost another upload, and nothing worse.
    async fn write_down_object(&mut self) {
        let tags: Vec<String> = self.parts.tags().map(|(_, tag)| tag.to_owned()).collect();
        let object = tag_of(&tags).unwrap_or_default();
        self.object = Some(object.clone());
        let Some(mut kept) = self.kept.take() else { return };
        let written = cede::task::spawn_blocking(move || {
            let _not_written: Result<(), _> = kept.add_object(object);
            kept
        });
        self.kept = written.await.ok();
    }
}
