//! One upload over one connection at a time, as a state machine without I/O: `PUT`, `POST`, and resumable uploads after the tus protocol.
//!
//! # The conversation
//! [`poll_action`](Plan::poll_action) says what to ask next, or how long to wait. Each [`Ask`] ends with [`handle_answer`](Plan::handle_answer) or
//! [`handle_setback`](Plan::handle_setback). Time is an argument.
//!
//! ```text
//! PUT, POST:  Whole ─► Done
//! tus:        [Probe ─►] Create ─► Append(0) ─► … ─► Done
//!                           ▲          │ any doubt
//!                           │          ▼
//!                           └─ lost ─ Look ─► Append(offset)
//! ```
//!
//! # Invariants
//! - I1: what the server has is what it says: after any failure of an `Append`, the next ask is a `Look`, so no byte is stored twice or skipped.
//! - I2: `Done` only if the server has accepted the whole (2xx), or says that its offset is the size.
//! - I3: an ask that may have been carried out is repeated only if doing it twice is doing it once: not for `POST` (unless the server said that it refused), and not
//!   if the bytes cannot be had again.
//! - I4: without progress the number of asks is bounded by the retries; an upload that the server loses is begun anew at most [`ANEW`] times.

use std::time::Duration;

use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::plan::backoff::Backoff;
use crate::plan::{Rules, Trouble};

/// How often an upload that the server has lost is begun anew.
pub const ANEW: u32 = 4;

/// How to talk to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The file is the body, as often as need be.
    Put,
    /// The file is the body, once.
    Post,
    /// tus 1.0; with `probe`, the server is asked first whether it speaks it.
    Tus {
        /// Whether to ask.
        probe: bool,
    },
}

/// What to ask next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `OPTIONS`.
    Probe,
    /// A new upload of the server's.
    Create,
    /// How much it has of the upload at this URL.
    Look(String),
    /// Append to it, from this offset on.
    Append(String, u64),
    /// Send everything.
    Whole,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ask this.
    Ask(Ask),
    /// Nothing before this time.
    Wait(Duration),
    /// The server has it.
    Done,
    /// It cannot be done.
    Failed(Failure),
}

/// What of an answer the plan decides by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// `Location`, made absolute.
    pub location: Option<String>,
    /// `Upload-Offset`.
    pub offset: Option<u64>,
    /// Whether there is a `Tus-Resumable` or `Tus-Version`.
    pub speaks_tus: bool,
    /// When to come again.
    pub retry_after: Option<Duration>,
    /// What the body says, for the user.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Probing,
    Creating,
    Looking,
    Sending,
    Done,
}

/// The machine.
#[derive(Debug)]
pub struct Plan {
    protocol: Protocol,
    size: Option<u64>,
    /// Whether the bytes can be read again.
    again: bool,
    stage: Stage,
    backoff: Backoff,
    cap: Duration,
    /// Where the upload is, at the server.
    remote: Option<String>,
    offset: u64,
    losses: u32,
    failure: Option<Failure>,
    /// An earlier try may have been carried out, without anybody hearing of it.
    unsure: bool,
    /// The latest failure that is followed by another try, until somebody asks.
    retried: Option<Failure>,
}

impl Plan {
    /// A plan for a file of this size, if that is known. `remote` is where an earlier run has begun; `again` tells whether the bytes can be read more than once.
    pub fn new(rules: &Rules, protocol: Protocol, size: Option<u64>, remote: Option<String>, again: bool, seed: u64) -> Self {
        let stage = match protocol {
            Protocol::Put | Protocol::Post => Stage::Sending,
            Protocol::Tus { .. } if remote.is_some() => Stage::Looking,
            Protocol::Tus { probe: true } => Stage::Probing,
            Protocol::Tus { probe: false } => Stage::Creating,
        };
        let backoff = Backoff::new(rules.wait.clone(), rules.retries, rules.give_up, seed);
        Self {
            protocol,
            size,
            again,
            stage,
            backoff,
            cap: rules.retry_after_cap,
            remote,
            offset: 0,
            losses: 0,
            failure: None,
            unsure: false,
            retried: None,
        }
    }

    /// What the server has, as far as it has said.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Where the upload is, once the server has said.
    pub fn remote(&self) -> Option<&str> {
        self.remote.as_deref()
    }

    /// The latest failure that there will be another try after, and the wait; each is told once.
    pub fn take_retry(&mut self, now: Duration) -> Option<(Failure, Duration)> {
        let failure = self.retried.take()?;
        Some((failure, self.backoff.not_before().map_or(Duration::ZERO, |at| at.saturating_sub(now))))
    }

    /// The end of the bytes is known now.
    pub fn handle_size(&mut self, size: u64) {
        self.size = Some(size);
    }

    /// What to do at this time.
    pub fn poll_action(&mut self, now: Duration) -> Action {
        if let Some(failure) = &self.failure {
            return Action::Failed(failure.clone());
        }
        if let Some(at) = self.backoff.not_before().filter(|at| *at > now && self.stage != Stage::Done) {
            return Action::Wait(at);
        }
        match (self.stage, &self.remote) {
            (Stage::Done, _) => Action::Done,
            (Stage::Probing, _) => Action::Ask(Ask::Probe),
            (Stage::Looking, Some(url)) => Action::Ask(Ask::Look(url.clone())),
            (Stage::Sending, Some(url)) => Action::Ask(Ask::Append(url.clone(), self.offset)),
            (Stage::Sending, None) => Action::Ask(Ask::Whole),
            (Stage::Creating | Stage::Looking, _) => Action::Ask(Ask::Create),
        }
    }

    /// The ask did not get an answer. `sent` tells whether any of its body may have reached the server.
    pub fn handle_setback(&mut self, now: Duration, failure: Failure, trouble: Trouble, sent: bool) {
        let once = match self.protocol {
            Protocol::Post => true,
            Protocol::Put => !self.again,
            Protocol::Tus { .. } => false,
        };
        if once && sent {
            let help = if self.protocol == Protocol::Post {
                "whether the server has it is not known, and to send it again could store it twice: look, and then decide"
            } else {
                "standard input cannot be read again; upload a file, or use --tus, which can go on"
            };
            self.failure = Some(failure.help(help));
            return;
        }
        let after = match trouble {
            Trouble::Fatal => {
                self.failure = Some(failure);
                return;
            }
            Trouble::Busy(after) => after,
            Trouble::Passing | Trouble::Local => None,
        };
        self.doubt();
        self.unsure |= sent;
        if trouble == Trouble::Local {
            self.backoff.pause(now);
        } else {
            self.fail(now, failure, after);
        }
    }

    /// An `Append` was let go before its answer: only the server knows what came of it (I1).
    pub fn handle_let_go(&mut self) {
        self.doubt();
    }

    /// The upload was paused: the time until now is not one without progress.
    pub fn handle_resumed(&mut self) {
        self.backoff.restart_clock();
    }

    /// The ask got this answer.
    pub fn handle_answer(&mut self, now: Duration, answer: &Answered) {
        match (self.stage, answer.status) {
            (Stage::Probing, 200..=299) if answer.speaks_tus => self.advance(Stage::Creating),
            (Stage::Probing, 200..=299 | 404 | 405 | 501) => {
                let failure = Failure::new(Exit::CannotResume, "the server does not offer resumable uploads (tus)");
                self.failure = Some(failure.help("leave out --continue to upload in one go"));
            }
            (Stage::Creating, 201) => self.created(answer),
            (Stage::Looking, 200..=299) => self.looked(answer),
            (Stage::Sending, 200..=299) if self.remote.is_none() => self.advance(Stage::Done),
            // What a form gets that was taken: a page to look at.
            (Stage::Sending, 301..=303) if self.protocol == Protocol::Post => self.advance(Stage::Done),
            (Stage::Sending, 200..=299) => self.appended(now, answer),
            (Stage::Looking | Stage::Sending, 403 | 404 | 410) if self.remote.is_some() => self.lost(answer),
            (Stage::Sending, 409 | 423 | 460) if self.remote.is_some() => {
                self.doubt();
                self.fail(now, refusal(answer), answer.retry_after);
            }
            (Stage::Sending, 500..=599) if self.protocol == Protocol::Post && answer.status != 503 => {
                self.failure = Some(refusal(answer).help("whether the server has it is not known; look, and then decide"));
            }
            (_, 408 | 423 | 425 | 429 | 500 | 502 | 503 | 504 | 520..=524) => {
                self.doubt();
                if self.again || matches!(self.protocol, Protocol::Tus { .. }) {
                    self.fail(now, refusal(answer), answer.retry_after.map(|after| after.min(self.cap)));
                } else {
                    self.failure = Some(refusal(answer).help("standard input cannot be read again"));
                }
            }
            (_, 412) if self.unsure => {
                let help = "it may be from this very upload: the answer to an earlier try was lost";
                self.failure = Some(refusal(answer).help(help));
            }
            _ => self.failure = Some(refusal(answer)),
        }
    }

    fn created(&mut self, answer: &Answered) {
        let Some(location) = &answer.location else {
            self.failure = Some(Failure::new(Exit::CannotResume, "the server began an upload but did not say where"));
            return;
        };
        self.remote = Some(location.clone());
        self.offset = 0;
        // An upload of nothing is complete when it exists.
        self.advance(if self.size == Some(0) { Stage::Done } else { Stage::Sending });
    }

    fn looked(&mut self, answer: &Answered) {
        let Some(offset) = answer.offset else {
            self.failure = Some(Failure::new(Exit::CannotResume, "the server does not say how much it has"));
            return;
        };
        if self.size.is_some_and(|size| offset > size) {
            let what = format!("the server has {offset} bytes of a file that has fewer");
            self.failure = Some(Failure::new(Exit::CannotResume, what).help("--restart uploads it anew"));
            return;
        }
        if offset > self.offset {
            self.backoff.progress();
        }
        self.offset = offset;
        self.stage = if self.size == Some(offset) { Stage::Done } else { Stage::Sending };
    }

    fn appended(&mut self, now: Duration, answer: &Answered) {
        match answer.offset {
            Some(offset) if offset > self.offset || self.size == Some(offset) => self.looked(answer),
            // Nothing came of it; what the server has now is to be asked.
            _ => {
                self.doubt();
                self.fail(now, Failure::new(Exit::Server, "the server took nothing of what was sent"), None);
            }
        }
    }

    fn lost(&mut self, answer: &Answered) {
        self.losses += 1;
        if self.losses > ANEW || !self.again && self.offset > 0 {
            self.failure = Some(refusal(answer).help("the server has lost the upload"));
            return;
        }
        self.remote = None;
        self.offset = 0;
        self.stage = Stage::Creating;
    }

    fn advance(&mut self, stage: Stage) {
        self.stage = stage;
        self.backoff.progress();
    }

    /// Only the server knows what it has (I1).
    fn doubt(&mut self) {
        if self.remote.is_some() && self.stage == Stage::Sending {
            self.stage = Stage::Looking;
        }
    }

    fn fail(&mut self, now: Duration, failure: Failure, after: Option<Duration>) {
        self.retried = Some(failure.clone());
        if !self.backoff.failed(now, after.map(|after| after.min(self.cap))) {
            self.retried = None;
            self.failure = Some(if self.backoff.tries() > 1 { failure.help(self.backoff.tried()) } else { failure });
        }
    }
}

/// What a refusal means.
pub(super) fn refusal(answer: &Answered) -> Failure {
    let said: String = answer.text.lines().next().unwrap_or_default().chars().take(200).collect();
    let status = hyper::StatusCode::from_u16(answer.status).map_or_else(|_| answer.status.to_string(), |status| status.to_string());
    let mut what = format!("the server answered {status}");
    if !said.trim().is_empty() && !said.trim_start().starts_with('<') {
        what.push_str(&format!(": {}", printable(said.trim())));
    }
    let exit = match answer.status {
        412 => Exit::Exists,
        460 => Exit::Checksum,
        507 => Exit::Server,
        status => Exit::of_status(status),
    };
    let failure = Failure::new(exit, what);
    match answer.status {
        401 | 403 | 407 => failure.help("the server wants a login or does not allow this; see --user and --bearer"),
        404 => failure.help("check the URL; the directory may have to exist"),
        405 | 501 => failure.help("the server takes no uploads here, or wants another --method"),
        411 => failure.help("the server wants to know the size first: upload a file instead of standard input"),
        412 => failure.help("there is a file already; leave out --no-clobber to replace it"),
        413 => failure.help("the file is larger than the server takes"),
        429 | 503 => failure.help("the server is busy; try again later"),
        507 => failure.help("there is no room left at the server"),
        500..=599 => failure.help("the server is in trouble; try again later"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests;
