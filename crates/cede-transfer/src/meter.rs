//! How long a connection was *starved*: this side looked, and nothing had come.
//!
//! That is the evidence for "somebody else limits this connection", and the opposite of "this machine is busy". A machine that is short of processors also waits,
//! namely for its turn, and then finds much at once: it had been there all along. So a wait counts only if little is there at its end, or if it was longer than any
//! scheduler makes a program wait.
//!
//! ```text
//! Pending ── wait ──► how much is there now?      the wait counts if that is < BACKLOG, or if the wait was >= LONG
//! ```
//! Where the system's buffers are small, they cannot hold so much; there, a buffer that is a quarter full is the evidence.
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

/// If so much is there after a wait, it had been there before this side looked.
const BACKLOG: u64 = 512 * 1024;
/// What a scheduler does not make a program wait.
const LONG: Duration = Duration::from_millis(40);

/// What is known about one connection's waits.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    state: Mutex<State>,
    backlog: Backlog,
}

/// How much shows that it had been there before this side looked.
#[derive(Clone, Copy, Debug)]
struct Backlog(u64);

impl Default for Backlog {
    fn default() -> Self {
        Self(BACKLOG)
    }
}

impl Backlog {
    /// Where a connection's receive buffer grows to so many bytes.
    fn within(most: u64) -> Self {
        Self(BACKLOG.min(most / 4).max(1))
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

    /// After a wait, `backlog` bytes are there.
    pub(crate) fn came(&self, now: Instant, backlog: u64) {
        let mut state = lock(&self.state);
        let Some(since) = state.waiting.take_if(|_| backlog > 0) else { return };
        let wait = now.saturating_duration_since(since);
        state.silent += wait;
        if backlog < self.backlog.0 || wait >= LONG {
            state.starved += wait;
        }
    }

    /// A read was answered, by bytes that were [seen](Self::came) before, or by the end.
    fn ended(&self) {
        let mut state = lock(&self.state);
        if let Some(since) = state.waiting.take() {
            state.silent += since.elapsed();
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
}

impl Read for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, cursor: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if self.meter.is_waiting() {
            self.meter.came(Instant::now(), self.connection.backlog());
        }
        let result = Pin::new(&mut self.connection).poll_read(cx, cursor);
        if result.is_pending() {
            self.meter.nothing_came(Instant::now());
        } else {
            self.meter.ended();
        }
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
        meter.came(start + wait / 2, 0);
        meter.nothing_came(start + wait / 2);
        meter.came(start + wait, backlog);
        // What comes without a wait is no wait.
        meter.came(start + wait * 2, backlog);
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
        meter.came(start + Duration::from_millis(20), 1);
        assert_eq!(meter.waiting_since(), None);
    }
}
