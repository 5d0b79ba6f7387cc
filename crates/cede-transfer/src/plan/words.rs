//! The words in which the plan and the shell speak to each other.

use std::ops::Range;
use std::time::Duration;

use crate::failure::Failure;
#[cfg(doc)]
use crate::plan::Plan;

/// The user's wishes for one download.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Tries without progress after the first.
    pub retries: u32,
    /// The shortest and the longest wait before a try.
    pub wait: Range<Duration>,
    /// The longest `Retry-After` that is obeyed to the end.
    pub retry_after_cap: Duration,
    /// The longest time without progress, over all tries.
    pub give_up: Duration,
    /// The longest silence within an answer, or before it.
    pub stall: Duration,
    /// Fewer bytes than this in so much time end a try.
    pub min_speed: Option<(u64, Duration)>,
    /// The most connections for one file.
    pub segments: usize,
    /// Whether to begin with all of them, instead of adding while that helps.
    pub eager: bool,
    /// The smallest piece that is worth a connection.
    pub min_split: u64,
    /// Whether a file that changed at the server is fetched anew.
    pub restart: bool,
    /// How many bytes are compared where nothing proves that two answers belong together.
    pub overlap: u64,
    /// What a try has to bring to count as progress, unless it was for less.
    pub progress: u64,
    /// How far beyond what was consumed is fetched, for a download that somebody reads in order.
    pub window: Option<u64>,
    /// Whether a checksum decides at the end, so that mirrors may be mixed.
    pub has_sum: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            retries: 5,
            wait: Duration::from_millis(500)..Duration::from_secs(30),
            retry_after_cap: Duration::from_secs(300),
            give_up: Duration::from_secs(600),
            stall: Duration::from_secs(30),
            // Slower than any link: such a server sends a byte now and then to keep the connection alive.
            min_speed: Some((64, Duration::from_secs(60))),
            segments: 16,
            eager: false,
            min_split: 1 << 20,
            restart: true,
            overlap: 64 * 1024,
            progress: 64 * 1024,
            window: None,
            has_sum: false,
        }
    }
}

/// Names one ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

/// A request to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Its name in all that follows.
    pub id: Id,
    /// Which of the mirrors to ask.
    pub source: usize,
    /// The `Range`: first byte, and the byte after the last, or to the end. `None`: no such header.
    pub range: Option<(u64, Option<u64>)>,
    /// The `If-Range`.
    pub if_range: Option<String>,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send this.
    Ask(Ask),
    /// Break this off; nothing that it says matters any more.
    Cancel(Id),
    /// Wait until everything that was kept is on disk, drop it, and say [`Plan::handle_restarted`]. The reason is for the user.
    Restart(&'static str),
    /// Nothing before this time, unless something happens.
    Wait(Option<Duration>),
    /// All bytes are there.
    Done,
    /// It cannot be done.
    Failed(Failure),
}

/// Whether an answer's body is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Read it.
    Take,
    /// Drop it.
    Stop,
}

/// What to do with a part of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which bytes of the chunk.
    pub chunk: Range<usize>,
    /// Where they belong in the file.
    pub at: u64,
    /// Compare them with what is there, instead of keeping them; a difference is told with [`Plan::handle_mismatch`].
    pub compare: bool,
}

/// What became of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Taken {
    /// What is wanted of it, in order. A piece to compare comes alone.
    pub pieces: Vec<Piece>,
    /// How many bytes of the chunk this is about. The rest is to be handed in again, when these have been dealt with.
    pub used: usize,
    /// Whether to read on.
    pub more: bool,
}

/// How bad a failed try is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Trying again will not help.
    Fatal,
    /// It may work the next time.
    Passing,
    /// The server has too much to do; it may have said when to come again.
    Busy(Option<Duration>),
    /// This machine is short of something; it is not the server's fault, and does not count.
    Local,
}
