//! Fetches pieces, one source after the other, and writes those that are right.
//!
//! One request at a time, for as many neighbouring pieces as there are: damage is rare, and pieces that are next to each other come in one answer. What one
//! source does not have right is asked of the next. Validators are compared as in downloads, but here they only save time: what proves a piece is its checksum.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use url::Url;

use super::{Mended, listed};
use crate::connect::authority;
use crate::engine::{Shared, Watch};
use crate::exit::Exit;
use crate::failure::{Failure, Setback, printable};
use crate::head::{ContentRange, Head};
use crate::host::Load;
use crate::identity::{Identity, Sameness};
use crate::manifest::{Manifest, Pieces};
use crate::plan::backoff::Backoff;
use crate::plan::{Ask, Id, Trouble, refusal};
use crate::request::{Answer, exchange};

/// The longest range that is asked for at once.
const RUN: u64 = 256 << 20;

/// Mends one file.
pub(crate) struct Mender<'a> {
    shared: &'a Shared,
    file: &'a Arc<File>,
    manifest: &'a Arc<Manifest>,
    watch: &'a dyn Watch,
    mended: Vec<Mended>,
    bytes: u64,
}

/// What is known about the source that is being asked.
#[derive(Debug, Default)]
struct Source {
    identity: Option<Identity>,
    /// Whether it answers conditions with other versions than those it answers plain requests with.
    unconditional: bool,
    /// The pieces that it has wrong.
    wrong: Vec<usize>,
}

impl<'a> Mender<'a> {
    pub(crate) fn new(shared: &'a Shared, file: &'a Arc<File>, manifest: &'a Arc<Manifest>, watch: &'a dyn Watch) -> Self {
        Self { shared, file, manifest, watch, mended: Vec::new(), bytes: 0 }
    }

    /// The pieces that were mended.
    pub(crate) fn into_mended(self) -> Vec<Mended> {
        self.mended
    }

    /// Mends the bad pieces, or says which are still wrong and why.
    pub(crate) async fn mend(&mut self, bad: Vec<usize>, sources: &[Url]) -> Result<(), Failure> {
        let mut missing = bad;
        let mut why: Option<Failure> = None;
        for url in sources {
            if missing.is_empty() {
                break;
            }
            let mut source = Source::default();
            let end = self.ask_source(url, &mut source, &mut missing).await;
            let shown = printable(url.as_str());
            if !source.wrong.is_empty() {
                self.watch.note(&format!("{shown} has other bytes in piece {}", listed(&source.wrong)));
            }
            match end {
                Ok(()) if missing.is_empty() => {}
                Ok(()) => {
                    let what = format!("{shown} has other bytes in piece {}", listed(&missing));
                    why = Some(
                        Failure::new(Exit::Checksum, what).help("the manifest is for another version, or the server's file is damaged too"),
                    );
                }
                // A full disk is no source's fault.
                Err(failure) if matches!(failure.exit(), Exit::Files | Exit::DiskFull) => return Err(failure),
                Err(failure) => {
                    self.watch.note(&format!("{shown}: {failure}"));
                    why = Some(Failure::new(failure.exit(), format!("{shown}: {failure}")));
                }
            }
        }
        match why {
            _ if missing.is_empty() => Ok(()),
            Some(why) => {
                Err(Failure::new(why.exit(), format!("{} pieces could not be mended ({}): {why}", missing.len(), listed(&missing))))
            }
            None => Err(Failure::new(
                Exit::Checksum,
                format!("{} pieces are wrong ({}), and no source is known", missing.len(), listed(&missing)),
            )),
        }
    }

    /// Asks one source for everything that is missing, until it has nothing more to give.
    async fn ask_source(&mut self, url: &Url, source: &mut Source, missing: &mut Vec<usize>) -> Result<(), Failure> {
        let rules = &self.shared.settings.rules;
        let mut backoff = Backoff::new(rules.wait.clone(), rules.retries, rules.give_up, self.shared.epoch.elapsed().as_nanos() as u64);
        loop {
            let wanted: Vec<usize> = missing.iter().copied().filter(|index| !source.wrong.contains(index)).collect();
            if wanted.is_empty() {
                return Ok(());
            }
            let before = wanted.len();
            let result = self.ask(url, source, &wanted, missing).await;
            let after = missing.iter().filter(|index| !source.wrong.contains(index)).count();
            if after < before {
                backoff.progress();
                if matches!(&result, Ok(()) | Err((Setback { trouble: Trouble::Passing, .. }, None))) {
                    continue;
                }
            }
            let (setback, retry_after) = match result {
                Ok(()) => continue,
                Err(setback) => setback,
            };
            let now = self.shared.epoch.elapsed();
            if setback.trouble == Trouble::Fatal || !backoff.failed(now, retry_after) {
                return Err(setback.failure);
            }
            if let Some(until) = backoff.not_before() {
                self.watch.retry(url, &setback.failure, Some(until.saturating_sub(now)));
                cede::time::sleep(until.saturating_sub(now)).await;
            }
        }
    }

    /// One request. Pieces that came right leave `missing`, those that came wrong are noted with the source.
    async fn ask(
        &mut self,
        url: &Url,
        source: &mut Source,
        wanted: &[usize],
        missing: &mut Vec<usize>,
    ) -> Result<(), (Setback, Option<Duration>)> {
        let plain = |setback: Setback| (setback, None);
        let pieces = self.pieces();
        let run = first_run(wanted, pieces);
        let range = pieces.range(run[0]).start..pieces.range(run[run.len() - 1]).end;
        let condition = source.identity.as_ref().filter(|_| !source.unconditional);
        let if_range = condition.and_then(|identity| identity.strong_tag().or(identity.proven_date())).map(str::to_owned);
        let is_conditional = if_range.is_some();
        let ask = Ask { id: Id(0), source: 0, range: Some((range.start, Some(range.end))), if_range };
        let slot = self.shared.hosts.of(&authority(url)).enter().await;
        let stall = self.shared.settings.rules.stall;
        let answer = cede::time::timeout(stall, exchange(self.shared, url, &ask, 0, || {})).await;
        let answer = answer.map_err(|_| plain(self.silent()))?.map_err(plain)?;
        let head = Head::of(answer.status, &answer.headers, SystemTime::now());
        match head.status {
            429 | 503 => {
                let after = head.retry_after.map(|after| after.min(self.shared.settings.rules.retry_after_cap));
                slot.tell(Load::TooMuch(after));
                return Err((Setback::passing(refusal(head.status)), after));
            }
            500..=599 => return Err(plain(Setback::passing(refusal(head.status)))),
            _ => slot.tell(Load::Fine),
        }
        if head.status == 200 && is_conditional {
            // Another version by its validator. The checksums decide whether its bytes are of use.
            self.watch.note(&format!("{}: the server has another version now", printable(url.as_str())));
            *source = Source { unconditional: true, wrong: std::mem::take(&mut source.wrong), ..Source::default() };
            // Asked once more, without the condition; that happens once for each source.
            return Ok(());
        }
        let at = self.begins_at(&head, range.start).map_err(plain)?;
        let is_new = source.identity.as_ref().is_some_and(|known| known.compare(&head.identity, false) == Sameness::Different);
        if is_new {
            self.watch.note(&format!("{}: the server has another version now", printable(url.as_str())));
        }
        source.identity = Some(head.identity);
        // Whoever sends everything is listened to for everything that is missing.
        let awaited = if head.status == 200 { wanted } else { run };
        self.take(url, answer, at, awaited, source, missing).await.map_err(plain)
    }

    fn pieces(&self) -> &'a Pieces {
        self.manifest.pieces.as_ref().expect("who mends has a manifest with pieces")
    }

    fn silent(&self) -> Setback {
        let seconds = self.shared.settings.rules.stall.as_secs_f64();
        let failure = Failure::new(Exit::TimedOut, format!("the server sent nothing for {seconds} s"));
        Setback::passing(failure.help("--stall-timeout SECONDS waits longer"))
    }

    /// Where in the file the answer's body begins; an answer that cannot be of this file is refused.
    fn begins_at(&self, head: &Head, asked: u64) -> Result<u64, Setback> {
        let size = self.pieces().size;
        let fatal = |exit, what: String| Err(Setback::fatal(Failure::new(exit, what)));
        if let Some(coding) = &head.identity.coding {
            return fatal(Exit::CannotResume, format!("the server packs its answers ({})", printable(coding)));
        }
        if let Some(total) = head.identity.total.filter(|total| *total != size && matches!(head.status, 200 | 206 | 416)) {
            return fatal(Exit::Changed, format!("the server's file has {total} bytes, that of the manifest {size}"));
        }
        match (head.status, &head.range) {
            (206, ContentRange::Bytes(range, _)) if range.start == asked => Ok(asked),
            (206, _) => fatal(Exit::CannotResume, "the server sends other bytes than those asked for".to_owned()),
            (200, _) => Ok(0),
            (status, _) => Err(Setback::fatal(refusal(status))),
        }
    }

    /// Reads a body that begins at `at`, and takes the awaited pieces from it, which are in order.
    async fn take(
        &mut self,
        url: &Url,
        answer: Answer,
        mut at: u64,
        awaited: &[usize],
        source: &mut Source,
        missing: &mut Vec<usize>,
    ) -> Result<(), Setback> {
        let mut body = answer.body.into_chunks();
        let (pieces, stall, host) = (self.pieces(), self.shared.settings.rules.stall, authority(url));
        let mut awaited = awaited.iter().copied().peekable();
        let mut buffer = Vec::new();
        while let Some(&index) = awaited.peek() {
            let range = pieces.range(index);
            let chunk = cede::time::timeout(stall, body.chunk()).await.map_err(|_| self.silent())?;
            let mut data = match chunk {
                Ok(Some(data)) => data,
                Err(error) if !error.is_early_end() => return Err(Setback::passing(error.failure())),
                Err(_) | Ok(None) => return Err(Setback::passing(Failure::new(Exit::Network, "the answer ended early"))),
            };
            self.pay(&host, data.len()).await;
            let mut range = range;
            let mut index = index;
            while !data.is_empty() {
                if at < range.start {
                    let skipped = data.len().min(usize::try_from(range.start - at).unwrap_or(usize::MAX));
                    drop(data.split_to(skipped));
                    at += skipped as u64;
                    continue;
                }
                let used = data.len().min(usize::try_from(range.end - at).unwrap_or(usize::MAX));
                buffer.extend_from_slice(&data.split_to(used));
                at += used as u64;
                if at < range.end {
                    continue;
                }
                self.finish_piece(url, index, std::mem::take(&mut buffer), source, missing).await?;
                awaited.next();
                match awaited.peek() {
                    Some(&next) => (index, range) = (next, pieces.range(next)),
                    None => break,
                }
            }
        }
        if body.is_at_end() {
            body.give_back(&self.shared.pool).await;
        }
        Ok(())
    }

    /// A piece has come. It is written if it is right (I1 of [`super`]).
    async fn finish_piece(
        &mut self,
        url: &Url,
        index: usize,
        bytes: Vec<u8>,
        source: &mut Source,
        missing: &mut Vec<usize>,
    ) -> Result<(), Setback> {
        let (manifest, file) = (Arc::clone(self.manifest), Arc::clone(self.file));
        let range = self.pieces().range(index);
        let judged = cede::compute::spawn(move |_| {
            let is_right = manifest.pieces.as_ref().is_some_and(|pieces| pieces.is_right(index, &bytes));
            is_right.then_some(bytes)
        });
        let right = judged.await.map_err(|error| Setback::fatal(Failure::new(Exit::Failed, error.to_string())))?;
        let Some(bytes) = right else {
            source.wrong.push(index);
            return Ok(());
        };
        self.bytes += bytes.len() as u64;
        let start = range.start;
        let written = super::blocking(move || file.write_all_at(&bytes, start)).await;
        written.map_err(|error| Setback::fatal(Failure::of_file("write", std::path::Path::new("the mended piece"), &error)))?;
        missing.retain(|other| *other != index);
        self.mended.push(Mended { index, range, from: url.clone() });
        self.watch.have(self.bytes);
        Ok(())
    }

    /// Waits as long as the user's limits on the rate want.
    async fn pay(&self, host: &str, count: usize) {
        let until = self.shared.debt(host, count);
        let now = self.shared.epoch.elapsed();
        if until > now {
            cede::time::sleep(until - now).await;
        }
    }
}

/// The neighbours at the beginning of the list, as many as one request is for.
fn first_run<'a>(wanted: &'a [usize], pieces: &Pieces) -> &'a [usize] {
    let run = wanted.chunk_by(|a, b| a + 1 == *b).next().unwrap_or_default();
    let most = usize::try_from(RUN / pieces.piece).unwrap_or(usize::MAX).max(1);
    &run[..run.len().min(most)]
}

#[cfg(test)]
mod tests {
    //! What is asked for at once.

    use super::first_run;
    use crate::manifest::Pieces;
    use crate::repair::listed;
    use crate::sum::Algorithm;

    #[test]
    fn neighbours_are_asked_for_together() {
        let pieces = |piece| Pieces { size: 10 * piece, piece, algorithm: Algorithm::Md5, values: vec![Vec::new(); 10] };
        assert_eq!(first_run(&[1, 2, 3, 5], &pieces(1)), [1, 2, 3]);
        assert_eq!(first_run(&[1, 2, 3, 5], &pieces(128 << 20)), [1, 2]);
        assert_eq!(first_run(&[4], &pieces(256 << 20)), [4]);
    }

    #[test]
    fn numbers_in_messages() {
        assert_eq!(listed(&[1, 2, 3, 5, 8, 9]), "1-3, 5, 8-9");
        let odd: Vec<usize> = (0..30).map(|n| n * 2 + 1).collect();
        assert!(listed(&odd).ends_with("23, …"), "{}", listed(&odd));
    }
}
