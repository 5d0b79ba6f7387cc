//! How long a connection was *starved*: this side looked, and nothing had come.
//!
//! That is the evidence for "somebody else limits this connection", and the opposite of "this machine is busy". A machine that is short of processors also waits,
//! namely for its turn, and then finds much at once: it had been there all along. So a wait counts only if the read at its end leaves little, or if it was longer
//! than any scheduler makes a program wait.
//!
//! ```text
//! Pending ── wait ──► read ──► how much is left?      the wait counts if that is < BACKLOG, or if the wait was >= LONG
//! ```
//! Where the system's buffers are small, they cannot hold so much; there, a buffer that is a quarter full before the read is the evidence.
//!
//! One HTTP/2 connection carries the answers of several downloads. Each of them asks how long the line was starved since it asked last, so the sums only grow, and
//! whoever asks remembers what they were. And while the line brings somebody else's bytes, nobody on it is starved, however long his own do not come.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use cede::time::Instant;
use hyper::rt::{Read, ReadBufCursor, Write};

use crate::connect::Connection;
use crate::sink::lock;

/// If so much is left by the read after a wait, it had been there before this side looked.
const BACKLOG: u64 = 256 * 1024;
/// What a scheduler does not make a program wait.
const LONG: Duration = Duration::from_millis(40);

/// What is known about one connection's waits.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    state: Mutex<State>,
    backlog: Backlog,
}

/// How much, before a read, shows that it had been there before this side looked: a quarter of a small buffer. `None`: buffers are large, and what is left is the evidence.
#[derive(Clone, Copy, Debug, Default)]
struct Backlog(Option<u64>);

impl Backlog {
    /// Where a connection's receive buffer grows to so many bytes.
    fn within(most: u64) -> Self {
        Self(Some((most / 4).max(1)).filter(|&quarter| quarter < BACKLOG))
    }

    /// On this system.
    fn here() -> Self {
        static HERE: OnceLock<Backlog> = OnceLock::new();
        *HERE.get_or_init(|| {
            // The least, the first and the largest size; it grows by itself.
            let text = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_rmem").unwrap_or_default();
            text.split_whitespace().nth(2).and_then(|most| most.parse().ok()).map_or_else(Self::default, Self::within)
        })
    }
}

#[derive(Debug, Default)]
struct State {
    /// Since when nothing has come.
    waiting: Option<Instant>,
    starved: Duration,
    /// All waits.
    silent: Duration,
}

impl Meter {
    /// How long it was starved so far. A wait under way is not in it.
    pub(crate) fn starved(&self) -> Duration {
        lock(&self.state).starved
    }

    /// Since when nothing comes, if nothing does.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        lock(&self.state).waiting
    }

    /// How long nothing was there to be read, the wait under way included; [`slow`](crate::slow) says what that shows.
    pub(crate) fn silent(&self) -> Duration {
        let state = lock(&self.state);
        state.silent + state.waiting.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn is_waiting(&self) -> bool {
        lock(&self.state).waiting.is_some()
    }

    /// After a wait something was read, before which `there` bytes were there (asked only where that counts), and `left` bytes are left.
    pub(crate) fn came(&self, now: Instant, there: u64, left: u64) {
        let mut state = lock(&self.state);
        let Some(since) = state.waiting.take() else { return };
        let wait = now.saturating_duration_since(since);
        state.silent += wait;
        let had_been_there = left >= BACKLOG || self.backlog.0.is_some_and(|enough| there >= enough);
        if !had_been_there || wait >= LONG {
            state.starved += wait;
        }
    }

    /// A read found nothing.
    pub(crate) fn nothing_came(&self, now: Instant) {
        lock(&self.state).waiting.get_or_insert(now);
    }
}

/// A connection whose waits are measured.
#[derive(Debug)]
pub(crate) struct Metered {
    connection: Connection,
    meter: Arc<Meter>,
}

impl Metered {
    pub(crate) fn new(connection: Connection) -> (Self, Arc<Meter>) {
        let meter = Arc::new(Meter { backlog: Backlog::here(), ..Meter::default() });
        (Self { connection, meter: Arc::clone(&meter) }, meter)
    }

    /// Reads as much as there is and as fits; 0 only at the end.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let there = self.there();
        let result = self.connection.poll_fill(cx, buffer);
        self.heard(result.is_ready(), there);
        result
    }

    /// See [`Connection::set_low_water`].
    pub(crate) fn set_low_water(&self, bytes: usize) {
        self.connection.set_low_water(bytes);
    }

    /// What is there before a read after a wait, if that decides something.
    fn there(&self) -> u64 {
        if self.meter.backlog.0.is_some() && self.meter.is_waiting() { self.connection.backlog() } else { 0 }
    }

    /// A read was answered, or found nothing. How much is left is asked only where it decides something, as that is a call of its own.
    fn heard(&self, is_answered: bool, there: u64) {
        match (is_answered, self.meter.is_waiting()) {
            (false, false) => self.meter.nothing_came(Instant::now()),
            (true, true) => {
                let left = if self.connection.is_drained() { 0 } else { self.connection.backlog() };
                self.meter.came(Instant::now(), there, left);
            }
            (false, true) | (true, false) => {}
        }
    }
}

impl Read for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, cursor: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let there = self.there();
        let result = Pin::new(&mut self.connection).poll_read(cx, cursor);
        self.heard(result.is_ready(), there);
        result
    }
}

impl Write for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    //! Which waits count.

    use std::time::Duration;

    use cede::time::Instant;

    use super::{Backlog, Meter};

    /// Waits so long, and then finds so much; returns what counts.
    fn starved(wait: Duration, backlog: u64) -> Duration {
        starved_on(Meter::default(), wait, backlog)
    }

    fn starved_on(meter: Meter, wait: Duration, backlog: u64) -> Duration {
        let start = Instant::now();
        meter.nothing_came(start);
        // Looking in between is no second wait.
        meter.nothing_came(start + wait / 2);
        // What is left of so much by a read of a hundred thousand bytes.
        let left = backlog.saturating_sub(100 << 10);
        meter.came(start + wait, backlog, left);
        // What comes without a wait is no wait.
        meter.came(start + wait * 2, backlog, left);
        // Who asks takes nothing away from others.
        assert_eq!(meter.starved(), meter.starved());
        meter.starved()
    }

    #[test]
    fn a_wait_for_little_counts() {
        assert_eq!(starved(Duration::from_millis(5), 64 << 10), Duration::from_millis(5));
    }

    #[test]
    fn a_turn_that_comes_late_does_not() {
        assert_eq!(starved(Duration::from_millis(15), 4 << 20), Duration::ZERO);
    }

    #[test]
    fn a_long_silence_counts_whatever_comes_after_it() {
        assert_eq!(starved(Duration::from_millis(250), 4 << 20), Duration::from_millis(250));
    }

    #[test]
    fn small_buffers_are_full_sooner() {
        let wait = Duration::from_millis(15);
        let meter = |most| Meter { backlog: Backlog::within(most), ..Meter::default() };
        // They hold no more than this, so it had been there.
        assert_eq!(starved_on(meter(128 << 10), wait, 100 << 10), Duration::ZERO);
        assert_eq!(starved_on(meter(128 << 10), wait, 10 << 10), wait);
        // The usual ones may well have little in them.
        assert_eq!(starved_on(meter(6 << 20), wait, 100 << 10), wait);
        assert_eq!(starved_on(meter(6 << 20), wait, 4 << 20), Duration::ZERO);
    }

    #[test]
    fn it_is_known_since_when_nothing_comes() {
        let meter = Meter::default();
        assert_eq!(meter.waiting_since(), None);
        let start = Instant::now();
        meter.nothing_came(start);
        meter.nothing_came(start + Duration::from_millis(9));
        assert_eq!(meter.waiting_since(), Some(start));
        meter.came(start + Duration::from_millis(20), 1, 0);
        assert_eq!(meter.waiting_since(), None);
    }
}
