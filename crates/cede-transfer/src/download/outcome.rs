//! The end of a download: checked and renamed, or kept for later.

use std::sync::Arc;

use http_body_util::BodyExt;

use super::place::{blocking, shown, spelled};
use super::{CLAIM_FROM, Driver, Transfer};
use crate::destination::{self, Destination, Earlier, Opened, Whole};
use crate::engine::{Cause, Check, Complete, Output, Unfinished};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::plan::{Ask, Id};
use crate::request::exchange;
use crate::sink::{Sink, lock};
use crate::slow::Wait;
use crate::sum::{self, Sum};
use crate::units;

/// A list of checksums is not longer.
const LIST: usize = 1 << 20;

impl Driver {
    /// All bytes have come, and all writers have ended.
    pub(super) async fn complete(mut self) -> Result<Complete, Unfinished> {
        let early = lock(&self.transfer.early).take();
        if let Some(end) = early {
            return match end {
                Err(Unfinished { cause, kept: None }) => self.give_up(cause).await,
                end => end,
            };
        }
        let transfer = Arc::clone(&self.transfer);
        // An empty file never had bytes that needed a place.
        let sink = transfer.sink().unwrap_or_else(|| transfer.put_sink(Sink::in_memory()));
        let total = transfer.plan().total().unwrap_or_default();
        // D2: whatever went wrong, a file with a gap gets no name.
        if !sink.written().contains(0..total) {
            let failure = Failure::new(Exit::Failed, "not everything that came was written; this is a fault of the program");
            return self.give_up(Cause::Failed(failure)).await;
        }
        self.adopt_hash();
        let ledger = transfer.control().ledger();
        let _flying = ledger.fly();
        // Boxed, so that those who have nothing to check do not carry it.
        let checked = if transfer.job.check == Check::Size && !self.follower.is_needed() {
            Ok(remark(&transfer))
        } else {
            Box::pin(async {
                cede::select! {
                    biased;
                    exit = self.stop.requested() => Err(Cause::Stopped(exit)),
                    checked = ledger.wait(Wait::Sum, check(&transfer, &mut self.follower, &sink, total)) => checked.map_err(Cause::Failed),
                }
            })
            .await
        };
        let remark = match checked {
            Ok(remark) => remark,
            Err(cause) => return self.give_up(cause).await,
        };
        let path = match transfer.job.output {
            Output::Stdout | Output::Pipe(_) | Output::Kept { .. } => None,
            _ => match ledger.wait(Wait::Disk, commit(&transfer, &sink, total)).await {
                Ok(Committed::At(path)) => Some(path),
                Ok(Committed::Kept(complete)) => return Ok(complete),
                Err(failure) => return Err(failure.into()),
            },
        };
        if let Some(path) = &path {
            transfer.watch.named(&crate::printable(&path.file_name().unwrap_or_default().to_string_lossy()), Some(total));
        }
        transfer.watch.have(total);
        Ok(Complete { path, kept: false, remark })
    }

    /// Leaves everything as it is, as if the process were killed, because something on the disk does not end: whatever is asked of the disk now would wait for that. The journal
    /// names what had been written before, and no more (S1).
    pub(super) fn leave(self, cause: Cause) -> Unfinished {
        let known = self.transfer.sink().and_then(|sink| sink.destination());
        // Whoever writes a claim has it.
        let known = known.as_ref().and_then(|place| place.try_lock().ok());
        let place = known.as_ref().and_then(|place| place.as_ref()).map(|place| (shown(place.part()), place.has_journal()));
        let kept = match place {
            Some((part, true)) => format!("{part} keeps what its journal names; the same command goes on from there"),
            Some((part, false)) => format!("{part} has no journal, so the same command begins anew"),
            None => "what a journal names is kept".to_owned(),
        };
        Unfinished { cause, kept: Some(format!("the disk did not end a write, which was not waited for; {kept}")) }
    }

    /// Keeps what has come, and says where.
    pub(super) async fn give_up(mut self, cause: Cause) -> Result<Complete, Unfinished> {
        // Who presses Ctrl-C does not wait for a step; what was known before it is enough.
        if !matches!(cause, Cause::Stopped(_)) {
            self.follower.settle().await;
        }
        let transfer = &self.transfer;
        let Some(sink) = transfer.sink() else { return Err(Unfinished { cause, kept: None }) };
        if let Some(bytes) = sink.take_memory() {
            let kept = keep_memory(transfer, bytes, sink.written_len()).await;
            return Err(Unfinished { cause, kept });
        }
        let Some(place) = sink.destination() else { return Err(Unfinished { cause, kept: None }) };
        // A wrong checksum speaks against every byte, so nothing is claimed then.
        let is_wrong = matches!(&cause, Cause::Failed(failure) if failure.exit() == Exit::Checksum);
        // Of something that is passed on, only what the next run can go on with is of use. Of another version that is nothing.
        let is_passed_on = matches!(transfer.job.output, Output::Kept { .. });
        let is_wrong = is_wrong || is_passed_on && matches!(&cause, Cause::Failed(failure) if failure.exit() == Exit::Changed);
        let claim = self.claim_job().filter(|_| !is_wrong);
        let size = sink.written_len();
        let keep = move || {
            if let Some(claim) = claim {
                claim()?;
            }
            let Some(mut destination) = lock(&place).take() else { return Ok(None) };
            if is_wrong {
                destination.disown();
            }
            let resumable = destination.has_journal();
            if is_passed_on && !resumable {
                destination.discard();
                return Ok(None);
            }
            Ok(destination.keep()?.map(|path| (path, resumable)))
        };
        let result: std::io::Result<_> = blocking(keep).await;
        let kept = match result {
            Ok(Some((path, resumable))) => {
                let again = if resumable { "; the same command goes on from there" } else { "" };
                Some(format!("what came is kept in {} ({}){again}", shown(&path), units::bytes(size)))
            }
            Ok(None) => None,
            Err(error) => Some(format!("what came could not be kept: {error}")),
        };
        Err(Unfinished { cause, kept })
    }
}

/// Compares the checksum, if there is one; returns what there is to say.
async fn check(transfer: &Transfer, follower: &mut super::Follower, sink: &Arc<Sink>, total: u64) -> Result<String, Failure> {
    let could_not = |error: std::io::Error| match transfer.job.output {
        Output::Stdout => Failure::new(Exit::Files, format!("could not write to standard output: {error}")),
        Output::Pipe(_) | Output::Kept { .. } => Failure::of_reader(&error),
        _ => transfer.file_failure("read", &error),
    };
    if transfer.job.check != Check::Size {
        transfer.watch.verifying();
    }
    let expected = match &transfer.job.check {
        Check::Size => None,
        Check::Sum(sum) => Some(sum.clone()),
        Check::Manifest(manifest) => return super::mend::check(transfer, follower, sink, total, manifest).await,
        Check::Auto => {
            let told = lock(&transfer.told).sum.clone();
            match told {
                Some(sum) => Some(sum),
                None => beside(transfer).await,
            }
        }
    };
    if let Some(expected) = &expected {
        follower.expect(expected.algorithm).await;
    }
    let mut sum = follower.finish(sink, total).await.map_err(could_not)?;
    if let (Some(expected), Some(bytes)) = (&expected, sink.memory()) {
        let mut hasher = expected.algorithm.hasher();
        hasher.update(&bytes);
        sum = Some(hasher.finish());
    }
    match (sum, expected) {
        (Some(sum), Some(expected)) if sum != expected => {
            let title = expected.algorithm.title();
            let what = format!("the {title} is {}, not {}", sum.hex(), expected.hex());
            Err(Failure::new(Exit::Checksum, what).help("the file is damaged, or not the one that the sum is for"))
        }
        (Some(_), Some(expected)) => Ok(format!("{} right", spelled(&expected))),
        _ if transfer.job.check == Check::Auto => Ok("no checksum found".to_owned()),
        _ => Ok(remark(transfer)),
    }
}

/// What there is to say about a file that is right.
fn remark(transfer: &Transfer) -> String {
    let told = lock(&transfer.told).packing.clone();
    let remarks = transfer.plan().remark().map(str::to_owned).into_iter().chain((!told.is_empty()).then_some(told));
    remarks.collect::<Vec<_>>().join("; ")
}

/// The checksum in `URL.sha256`.
async fn beside(transfer: &Transfer) -> Option<Sum> {
    let mut url = transfer.job.url.clone();
    url.set_path(&format!("{}.sha256", url.path()));
    let name = crate::name::from_url(&transfer.job.url)?;
    let ask = Ask { id: Id(0), source: 0, range: None, if_range: None };
    let fetch = async {
        let answer = exchange(&transfer.shared, &url, &ask, 0, || {}).await.ok().filter(|answer| answer.status == 200)?;
        let body = http_body_util::Limited::new(answer.body, LIST).collect().await.ok()?;
        sum::in_list(std::str::from_utf8(&body.to_bytes()).ok()?, &name)
    };
    cede::time::timeout(transfer.shared.settings.rules.stall, fetch).await.ok()?
}

enum Committed {
    At(std::path::PathBuf),
    Kept(Complete),
}

async fn commit(transfer: &Transfer, sink: &Arc<Sink>, total: u64) -> Result<Committed, Failure> {
    if let Some(place) = sink.destination() {
        let job = move || match lock(&place).take() {
            Some(destination) => destination.commit(total >= CLAIM_FROM),
            None => Err(Failure::new(Exit::Failed, "the download has ended already")),
        };
        let path = blocking(job).await?;
        if total < CLAIM_FROM {
            transfer.shared.unsynced.note(&path);
        }
        return Ok(Committed::At(path));
    }
    let (dir, name) = place_of(transfer)?;
    let bytes = sink.take_memory().unwrap_or_default();
    let is_bare = lock(&transfer.told).bare.as_ref() == Some(&name);
    let bytes = match transfer.shared.desk.file(dir, name, is_bare, transfer.shared.claims.clone(), bytes).await? {
        Whole::At(path) => {
            transfer.shared.unsynced.note(&path);
            return Ok(Committed::At(path));
        }
        Whole::Back(bytes) => bytes,
    };
    match write_whole(transfer, bytes, Destination::commit).await? {
        Ok(path) => path.map(|path| {
            transfer.shared.unsynced.note(&path);
            Committed::At(path)
        }),
        Err(path) => transfer.keep_existing(path).await.map(Committed::Kept),
    }
}

/// The directory and the name that the file gets if nothing has it.
fn place_of(transfer: &Transfer) -> Result<(std::path::PathBuf, String), Failure> {
    match &transfer.job.output {
        Output::Named { dir, name } => Ok((dir.clone(), name.clone())),
        Output::In { dir, .. } => Ok((dir.clone(), transfer.name())),
        Output::Stdout | Output::Pipe(_) | Output::Kept { .. } => Err(Failure::new(Exit::Failed, "a pipe has no name")),
    }
}

/// Opens the place for a small file, writes it and does the rest, all in one job. `Err`: there is a file that is good enough.
async fn write_whole<T: Send + 'static>(
    transfer: &Transfer,
    bytes: Vec<u8>,
    then: impl FnOnce(Destination, bool) -> T + Send + 'static,
) -> Result<Result<T, std::path::PathBuf>, Failure> {
    let (dir, name) = place_of(transfer)?;
    let (if_exists, claims) = (transfer.shared.settings.if_exists, transfer.shared.claims.clone());
    let disk = Arc::clone(&transfer.shared.settings.disk);
    blocking(move || match destination::open(&dir, &name, if_exists, &claims, Earlier::Nothing, &disk)? {
        Opened::Skip(path) => Ok(Err(path)),
        Opened::Ready(destination, _) => {
            disk.write_at(&destination.file(), &bytes, 0).map_err(|error| Failure::of_file("write", destination.part(), &error))?;
            Ok(Ok(then(destination, false)))
        }
    })
    .await
}

async fn keep_memory(transfer: &Transfer, bytes: Vec<u8>, size: u64) -> Option<String> {
    if size == 0 {
        return None;
    }
    match write_whole(transfer, bytes, |destination, _| destination.keep()).await {
        Ok(Ok(Ok(Some(path)))) => Some(format!("what came is kept in {} ({})", shown(&path), units::bytes(size))),
        Ok(Ok(Err(error))) => Some(format!("what came could not be kept: {error}")),
        Ok(_) | Err(_) => None,
    }
}
