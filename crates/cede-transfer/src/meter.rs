//! How long a connection was *starved*: this side looked, and nothing had come.
//!
//! That is the evidence for "somebody else limits this connection", and the opposite of "this machine is busy". A machine that is short of processors also waits,
//! namely for its turn, and then finds much at once: it had been there all along. So a wait counts only if the read at its end leaves little, or if it was longer
//! than any scheduler makes a program wait.
//!
//! ```text
//! Pending ── wait ──► read ──► how much is left?      the wait counts if that is < BACKLOG, or if the wait was >= LONG
//! ```

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
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
pub(crate) struct Meter(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Since when nothing has come.
    waiting: Option<Instant>,
    starved: Duration,
    /// All waits.
    silent: Duration,
}

impl Meter {
    /// How long it was starved since this was asked last. A wait under way is not in it.
    pub(crate) fn take_starved(&self) -> Duration {
        std::mem::take(&mut lock(&self.0).starved)
    }

    /// How long nothing was there to be read, the wait under way included; [`slow`](crate::slow) says what that shows.
    pub(crate) fn silent(&self) -> Duration {
        let state = lock(&self.0);
        state.silent + state.waiting.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn is_waiting(&self) -> bool {
        lock(&self.0).waiting.is_some()
    }

    /// After a wait something was read, and `backlog` bytes are left.
    pub(crate) fn came(&self, now: Instant, backlog: u64) {
        let mut state = lock(&self.0);
        let Some(since) = state.waiting.take() else { return };
        let wait = now.saturating_duration_since(since);
        state.silent += wait;
        if backlog < BACKLOG || wait >= LONG {
            state.starved += wait;
        }
    }

    /// A read found nothing.
    pub(crate) fn nothing_came(&self, now: Instant) {
        lock(&self.0).waiting.get_or_insert(now);
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
        let meter = Arc::new(Meter::default());
        (Self { connection, meter: Arc::clone(&meter) }, meter)
    }

    /// Reads as much as there is and as fits; 0 only at the end.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let result = self.connection.poll_fill(cx, buffer);
        self.heard(result.is_ready());
        result
    }

    /// See [`Connection::set_low_water`].
    pub(crate) fn set_low_water(&self, bytes: usize) {
        self.connection.set_low_water(bytes);
    }

    /// A read was answered, or found nothing. How much is left is asked only where it decides something, as that is a call of its own.
    fn heard(&self, is_answered: bool) {
        match (is_answered, self.meter.is_waiting()) {
            (false, false) => self.meter.nothing_came(Instant::now()),
            (true, true) => self.meter.came(Instant::now(), self.connection.backlog()),
            (false, true) | (true, false) => {}
        }
    }
}

impl Read for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, cursor: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.connection).poll_read(cx, cursor);
        self.heard(result.is_ready());
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

    use super::Meter;

    /// Waits so long, and then finds so much; returns what counts.
    fn starved(wait: Duration, backlog: u64) -> Duration {
        let meter = Meter::default();
        let start = Instant::now();
        meter.nothing_came(start);
        // Looking in between is no second wait.
        meter.nothing_came(start + wait / 2);
        meter.came(start + wait, backlog);
        // What comes without a wait is no wait.
        meter.came(start + wait * 2, backlog);
        let starved = meter.take_starved();
        assert_eq!(meter.take_starved(), Duration::ZERO);
        starved
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
}
