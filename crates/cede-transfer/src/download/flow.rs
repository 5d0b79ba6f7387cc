//! One ask on its way: from the connection to the last byte.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cede::sync::CancellationToken;

use super::Transfer;
use crate::connect::authority;
use crate::head::Head;
use crate::host::{Load, Slot};
use crate::meter::Meter;
use crate::plan::{Ask, Id, Trouble, Verdict};
use crate::rate::GLANCE;
use crate::request::{Answer, exchange};
use crate::sink::{Sink, Writer, lock};
use crate::slow::Wait;

/// Runs one ask to its end, and tells the plan. All that was kept is written when it returns.
pub(super) async fn fly(transfer: Arc<Transfer>, ask: Ask, lane: usize, cancel: CancellationToken) {
    let mut writer = None;
    let ledger = transfer.control().ledger();
    let _flying = ledger.fly();
    {
        // Pinned here and in what follows, because what is moved into a `select!` or another future has room in both, and all of that is copied when this is boxed.
        let fetch = pin!(transfer.fetch(&ask, lane, &mut writer));
        cede::select! {
            biased;
            () = cancel.cancelled() => {}
            () = fetch => {}
        }
    }
    if let Some(writer) = writer
        && let Err(error) = ledger.wait(Wait::Disk, pin!(Writer::finish(writer))).await
    {
        transfer.fail_on_file("write", &error);
    }
    transfer.wake.notify_one();
}

/// An answer on a shared line; dropped when it is over.
struct Shares<'a>(&'a Transfer, Id);

impl Drop for Shares<'_> {
    fn drop(&mut self) {
        lock(&self.0.lines).retain(|(id, _)| *id != self.1);
    }
}

impl Transfer {
    async fn fetch(&self, ask: &Ask, lane: usize, writer: &mut Option<Writer>) {
        let url = &self.sources[ask.source];
        let host = authority(url);
        let ledger = self.control().ledger();
        let sent = || self.plan().handle_sent(self.now(), ask.id);
        let ask_host = async {
            let slot = ledger.wait(Wait::Turn, pin!(self.shared.hosts.of(&host).enter())).await;
            // Boxed, because it is large, and a future is copied whenever it becomes part of another.
            let answer = ledger.wait(Wait::Answer, Box::pin(exchange(&self.shared, url, ask, lane, sent))).await;
            (slot, answer)
        };
        let (slot, answer) = {
            let ask_host = pin!(ask_host);
            cede::select! {
                biased;
                // C1 of `control`.
                () = self.control().paused() => return self.plan().withdraw(ask.id),
                asked = ask_host => asked,
            }
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(setback) => {
                let mut plan = self.plan();
                let refused = setback.failure.is_refused_connection() && !plan.has_answered(ask.source);
                let trouble = if refused { Trouble::Fatal } else { setback.trouble };
                plan.handle_failure(self.now(), ask.id, setback.failure, trouble);
                return;
            }
        };
        if answer.hops > 0 {
            self.watch.redirected(url, &answer.url);
        }
        let head = Head::of(answer.status, &answer.headers, SystemTime::now());
        self.tell_host(&slot, &head);
        let verdict = self.plan().handle_head(self.now(), ask.id, &head);
        if verdict == Verdict::Stop {
            // An empty file has a name too.
            if self.sink().is_none() && self.plan().total() == Some(0) {
                self.listen(&answer);
            }
            return;
        }
        let Some(sink) = self.sink_for(ask.id, &answer).await else { return };
        // More connections may be wanted now, before this one has shown how fast it begins; not for what fits into memory.
        if sink.file().is_some() {
            self.wake.notify_one();
            cede::task::yield_now().await;
        }
        let writer = writer.insert(Writer::new(sink));
        self.receive(ask.id, &host, answer, writer).await;
    }

    fn tell_host(&self, slot: &Slot, head: &Head) {
        match head.status {
            429 | 503 => slot.tell(Load::TooMuch(head.retry_after.map(|after| after.min(self.shared.settings.rules.retry_after_cap)))),
            200..=399 => slot.tell(Load::Fine),
            _ => {}
        }
    }

    async fn receive(&self, id: Id, host: &str, answer: Answer, writer: &mut Writer) {
        let Answer { body, version, headers, .. } = answer;
        let mut body = body.into_chunks();
        body.go_straight(version, &headers, &self.shared.pool);
        drop(headers);
        let meter = body.meter();
        let ledger = self.control().ledger();
        let mut paused = pin!(self.control().paused());
        // The wait for the answer's head says nothing about the body.
        body.take_waits();
        let _line = body.is_http2().then(|| self.shares(id, &body.meter()));
        loop {
            if self.control().is_paused() && !Box::pin(self.is_wanted_now(id)).await {
                return;
            }
            self.plan().handle_listening(self.now(), id);
            let chunk = {
                let next = pin!(body.chunk());
                cede::select! {
                    biased;
                    chunk = ledger.wait_for_bytes(&meter, next) => chunk,
                    () = &mut paused => {
                        paused.set(self.control().paused());
                        continue;
                    }
                }
            };
            let data = match chunk {
                Ok(Some(data)) => data,
                Ok(None) => {
                    self.plan().handle_end(self.now(), id);
                    return body.give_back(&self.shared.pool).await;
                }
                Err(error) if error.is_early_end() => return self.plan().handle_cut(self.now(), id),
                Err(error) => return self.plan().handle_failure(self.now(), id, error.failure(), Trouble::Passing),
            };
            let count = data.len();
            ledger.came(count);
            let (starved, silent) = body.take_waits();
            self.plan().handle_starved(self.now(), id, starved, silent);
            match ledger.wait(Wait::Disk, pin!(self.keep(id, data, writer))).await {
                Err(error) => return self.fail_on_file("write", &error),
                Ok(true) => {}
                Ok(false) if body.is_at_end() => return body.give_back(&self.shared.pool).await,
                Ok(false) => return,
            }
            self.pay(id, host, count).await;
            ledger.wait(Wait::Reader, pin!(self.let_reader_catch_up(id))).await;
            ledger.wait(Wait::Disk, pin!(self.let_journal_catch_up(id))).await;
        }
    }

    /// The answer comes on a line that others may be on, too: what its waits mean, only the line knows.
    fn shares(&self, id: Id, meter: &Arc<Meter>) -> Shares<'_> {
        lock(&self.lines).push((id, Arc::clone(meter)));
        self.tell_lines();
        Shares(self, id)
    }

    /// Tells the plan on which shared lines nothing comes.
    pub(super) fn tell_lines(&self) {
        let lines = lock(&self.lines);
        let silent = |meter: &Meter| meter.waiting_since().map(|since| since.saturating_duration_since(self.shared.epoch));
        lines.iter().for_each(|(id, meter)| self.plan().handle_line(*id, silent(meter)));
    }

    /// Does with a chunk what the plan wants; returns whether to read on.
    async fn keep(&self, id: Id, mut data: Bytes, writer: &mut Writer) -> std::io::Result<bool> {
        loop {
            let taken = self.plan().handle_data(self.now(), id, data.len());
            for piece in taken.pieces {
                let bytes = data.slice(piece.chunk);
                if !piece.compare {
                    writer.push(piece.at, bytes).await?;
                } else if !self.known(piece.at, bytes).await? {
                    self.plan().handle_mismatch(self.now(), id);
                    return Ok(false);
                }
            }
            if !taken.more {
                self.report();
                return Ok(false);
            }
            let rest = data.split_off(taken.used);
            if rest.is_empty() {
                self.report();
                return Ok(true);
            }
            data = rest;
        }
    }

    /// Waits as long as the user's limits on the rate want. That is no silence of the server's.
    async fn pay(&self, id: Id, host: &str, count: usize) {
        let control = self.control();
        let changes = || self.shared.throttle.changes() + control.throttle().changes();
        let known = changes();
        let (of_all, wait) = self.shared.charge(host, count);
        let own = control.throttle().take(self.now(), count);
        let (until, wait) = if own > of_all { (own, Wait::OwnRate) } else { (of_all, wait) };
        if until <= self.now() {
            return;
        }
        let pay = async {
            loop {
                let now = self.now();
                if until <= now || changes() != known {
                    return;
                }
                cede::time::sleep((until - now).min(GLANCE)).await;
                self.plan().handle_sent(self.now(), id);
            }
        };
        control.ledger().wait(wait, pin!(pay)).await;
    }

    /// Waits while the download is paused, and tells whether this answer is still to be read. Where the rest can be had by ranges, it is not: see
    /// [`control`](crate::control).
    async fn is_wanted_now(&self, id: Id) -> bool {
        let control = self.control();
        let mut resting = None;
        while control.is_paused() {
            if self.plan().let_go(id) {
                return false;
            }
            resting.get_or_insert_with(|| control.ledger().rest());
            drop(cede::time::timeout(Duration::from_secs(1), control.resumed()).await);
            self.plan().handle_sent(self.now(), id);
        }
        true
    }

    /// Waits while a pipe's reader is too far behind. That is no silence of the server's either.
    async fn let_reader_catch_up(&self, id: Id) {
        loop {
            let consumed = self.consumed.notified();
            if !self.plan().is_ahead(id) {
                return;
            }
            drop(cede::time::timeout(Duration::from_secs(1), consumed).await);
            self.plan().handle_sent(self.now(), id);
        }
    }

    /// Waits while a crash would cost too much. The claims are the driver's to write.
    async fn let_journal_catch_up(&self, id: Id) {
        while self.is_far_from_claimed() {
            let moved = self.claims.moved.notified();
            self.wake.notify_one();
            drop(cede::time::timeout(Duration::from_secs(1), moved).await);
            self.plan().handle_sent(self.now(), id);
        }
    }

    async fn known(&self, at: u64, bytes: Bytes) -> std::io::Result<bool> {
        match self.sink() {
            Some(sink) => Sink::has(&sink, at, bytes).await,
            None => Ok(false),
        }
    }

    fn report(&self) {
        let have = self.plan().have().len();
        self.watch.have(have);
    }
}
