//! The bytes of a request: counted, limited, perhaps cut by a fault, and written on the blocking pool while the next come.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use cede::sync::OwnedMutexGuard;
use cede::task::JoinHandle;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{StatusCode, header};

use super::check::Sums;
use crate::fault::Cut;
use crate::pace::Bucket;
use crate::service::{Asked, Reply};

/// How much is written at once.
const CHUNK: usize = 256 * 1024;

/// What is read of a body that nobody wants.
const MOST_DRAINED: u64 = 64 << 20;
const LONGEST_DRAINED: Duration = Duration::from_secs(5);

/// Why a body did not come to its end.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The client is gone, or a fault says so: nobody waits for an answer.
    Gone(io::Error),
    /// It has to be told this.
    Refused(Box<Reply>),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::refused(Reply::of_error(&error))
    }
}

impl Stopped {
    pub(super) fn refused(reply: Reply) -> Self {
        Self::Refused(Box::new(reply))
    }
}

/// The body of a request.
#[derive(Debug)]
pub(super) struct Receiving {
    body: Incoming,
    asked: Arc<Asked>,
    pace: Option<Bucket>,
    got: u64,
    /// How the connection is to end. It does so when what came before is kept, because nobody goes on for a connection that has ended.
    pub(super) fallen: Option<Cut>,
}

impl Receiving {
    pub(super) fn new(asked: &Arc<Asked>, body: Incoming) -> Self {
        let pace = asked.decision.slow.map(Bucket::new);
        Self { body, asked: Arc::clone(asked), pace, got: 0, fallen: None }
    }

    /// The next bytes.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Stopped> {
        loop {
            if let Some((how, at)) = self.asked.decision.cut
                && self.got >= at
            {
                return Err(self.fall(how).await);
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|error| Stopped::Gone(io::Error::other(error)))?;
            let Ok(mut bytes) = frame.into_data() else { continue };
            if let Some((_, at)) = self.asked.decision.cut {
                bytes.truncate(usize::try_from(at - self.got).unwrap_or(usize::MAX));
            }
            self.got += bytes.len() as u64;
            self.asked.received.store(self.got, Ordering::Relaxed);
            if self.asked.shared.settings.max_upload.is_some_and(|most| self.got > most) {
                return Err(Stopped::refused(too_large()));
            }
            if let Some(pace) = &self.pace {
                cede::time::sleep_until(pace.take(cede::time::Instant::now(), bytes.len())).await;
            }
            return Ok(Some(bytes));
        }
    }

    /// Reads what a refused client still sends: to close the connection with that unread would reset it, and the answer could be lost. A client that asked
    /// whether to send at all is told by the answer.
    pub(super) async fn drain(&mut self) {
        let asks_first = self.asked.head.headers.contains_key(header::EXPECT) && self.got == 0;
        if asks_first {
            return;
        }
        let rest = async {
            let mut left = MOST_DRAINED;
            while let Some(Ok(frame)) = self.body.frame().await {
                left = match left.checked_sub(frame.data_ref().map_or(0, |data| data.len() as u64)) {
                    Some(left) => left,
                    None => return,
                };
            }
        };
        // A client that sends for ever is not worth more.
        let _: Result<(), _> = cede::time::timeout(LONGEST_DRAINED, rest).await;
    }

    async fn fall(&mut self, how: Cut) -> Stopped {
        if how == Cut::Stall {
            std::future::pending::<()>().await;
        }
        self.fallen = Some(how);
        Stopped::Gone(io::Error::other("cut by a fault"))
    }
}

pub(super) fn too_large() -> Reply {
    Reply::text(StatusCode::PAYLOAD_TOO_LARGE, "this is larger than the server takes")
}

/// What a write brings back: how it went, the buffer, and the sums.
type Written = (io::Result<()>, Vec<u8>, Sums);

/// Writes what comes, in order, and computes sums of it. The lock of the upload, if there is one, is held until the last write has ended, even if nobody
/// waits for that any more.
#[derive(Debug)]
pub(super) struct Keeper {
    file: Arc<File>,
    at: u64,
    buffer: Vec<u8>,
    sums: Option<Sums>,
    spare: Vec<u8>,
    job: Option<JoinHandle<Written>>,
    hold: Option<Arc<OwnedMutexGuard<()>>>,
}

impl Keeper {
    pub(super) fn new(file: Arc<File>, at: u64, sums: Sums, hold: Option<Arc<OwnedMutexGuard<()>>>) -> Self {
        Self { file, at, buffer: Vec::new(), sums: Some(sums), spare: Vec::new(), job: None, hold }
    }

    pub(super) async fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK { self.write().await } else { Ok(()) }
    }

    /// Begins to write what is there.
    async fn write(&mut self) -> io::Result<()> {
        self.settle().await?;
        let mut buffer = std::mem::replace(&mut self.buffer, std::mem::take(&mut self.spare));
        let Some(mut sums) = self.sums.take() else { return Ok(()) };
        let (file, at, hold) = (Arc::clone(&self.file), self.at, self.hold.clone());
        self.at += buffer.len() as u64;
        self.job = Some(cede::task::spawn_blocking(move || {
            sums.update(&buffer);
            let result = file.write_all_at(&buffer, at);
            buffer.clear();
            drop(hold);
            (result, buffer, sums)
        }));
        Ok(())
    }

    async fn settle(&mut self) -> io::Result<()> {
        let Some(job) = &mut self.job else { return Ok(()) };
        let (result, buffer, sums) = job.await.map_err(|error| io::Error::other(error.to_string()))?;
        self.job = None;
        (self.spare, self.sums) = (buffer, Some(sums));
        result
    }

    /// Writes the rest; returns where the file ends now, and the sums.
    pub(super) async fn finish(&mut self) -> io::Result<(u64, Sums)> {
        self.write().await?;
        self.settle().await?;
        Ok((self.at, self.sums.take().unwrap_or_default()))
    }
}
