//! How many connections a file gets: one at first, twice as many while they are starved and more of them make the download faster, fewer when the server complains.
//!
//! More connections help where each is limited (by the server, or by a long way with losses) and harm elsewhere: they cost memory, processor time and the patience
//! of the server. So two things have to be seen before there is another one:
//!
//! - The connections are *starved*: for most of a window, this side was ready for more, and nothing was there. A connection that is as fast as this machine, or as
//!   its disk, or as the user's own limit, is not, however slow that is.
//! - The last step paid: the goodput of a window with all connections at work, against that of the window before. One that did not is taken back, by not replacing
//!   connections that end; none is broken off.
//!
//! Connections begin slowly. So the first step waits until the only connection has stopped to become faster by itself, and a step that did not pay yet gets more time
//! while the new connections still get up to speed.
//!
//! Servers that limit a connection often do so in bursts: a second's worth at once, and then silence. Bursts make the windows incomparable, but the silence is a
//! better sign than any comparison: nothing on the way is full, so the server holds back. Then a step needs no proof.

use std::time::Duration;

/// How long a step is measured.
const WINDOW: Duration = Duration::from_millis(250);
/// How much faster twice as many have to be.
const GAIN: f64 = 1.25;
/// How much faster from one window to the next is a connection that still gets up to speed.
const GROWTH: f64 = 1.1;
/// For how many windows that is waited for after a step.
const PATIENCE: u32 = 4;
/// What comes this fast, in bytes per second, is limited by no server's rule and no window: it fills the line or the machine.
const FAST: f64 = 256.0 * 1024.0 * 1024.0;
/// What is done sooner than this, in seconds, needs no more connections.
const WORTH: f64 = 1.0;
/// The same before anything shows that more of them help.
const WORTH_FIRST: f64 = 2.0;
/// The same where the server holds back.
const WORTH_PACED: f64 = 0.3;
/// A silence shorter than this says nothing; a busy machine makes such, too.
const SILENCE: Duration = Duration::from_millis(40);
/// If so much of a window was silent, over all connections, the server holds back.
const SILENT: f64 = 0.6;
/// If so much of the connections' time was waiting for bytes, they are starved: this machine could take several times as much.
const STARVED: f64 = 0.75;
/// If so much came since the last step.
const BURST: u64 = 512 * 1024;
/// How long a result holds.
const HOLD: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Ramp {
    limit: usize,
    most: usize,
    /// The step under test: how many before it, and how fast.
    before: Option<(usize, f64)>,
    window: Option<Window>,
    /// The rate of the window before, with as many connections, and how many windows there were with them.
    last: Option<f64>,
    windows: u32,
    hold: Duration,
    /// How many bytes there were at the last step.
    stepped: u64,
    /// When something came last, or was dealt with.
    heard: Duration,
}

/// What was seen since a moment at which all connections were at work.
#[derive(Debug)]
struct Window {
    start: Duration,
    /// How many bytes there were.
    base: u64,
    /// How much of it was silent: on no connection came anything.
    silent: Duration,
    /// How long the connections were starved, added up.
    starved: Duration,
}

/// The download at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// How many bytes have come.
    pub(super) received: u64,
    /// How many connections there are, and on how many a body comes.
    pub(super) flights: usize,
    pub(super) receiving: usize,
    /// For how long all that came was dealt with, so that silence is not this side's, and nothing came for others on the same lines.
    pub(super) still: Duration,
    /// The waits under way, as far as they are within the window, added up.
    pub(super) waits: Duration,
    /// How many bytes are missing.
    pub(super) remaining: u64,
}

impl Ramp {
    pub(super) fn new(most: usize, eager: bool) -> Self {
        Self {
            limit: if eager { most } else { 1 },
            most,
            before: None,
            window: None,
            last: None,
            windows: 0,
            hold: Duration::ZERO,
            stepped: 0,
            heard: Duration::ZERO,
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// When the window under way began.
    pub(super) fn window_start(&self) -> Option<Duration> {
        self.window.as_ref().map(|window| window.start)
    }

    /// Something came; before that, its line was silent for at most so long.
    pub(super) fn hear(&mut self, now: Duration, most: Duration) {
        let silence = self.silence(now, most);
        if let Some(window) = &mut self.window {
            window.silent += silence;
        }
        self.heard = now;
    }

    /// What came is dealt with: the time until now was not silence.
    pub(super) fn listen(&mut self, now: Duration) {
        self.heard = now;
    }

    /// So long until now, one of the connections was starved.
    pub(super) fn starve(&mut self, now: Duration, starved: Duration) {
        if let Some(window) = &mut self.window {
            window.starved += starved.min(now.saturating_sub(window.start));
        }
    }

    /// How long it has been silent now, but at most so long, if that is long enough to count.
    fn silence(&self, now: Duration, most: Duration) -> Duration {
        let since = self.heard.max(self.window.as_ref().map_or(Duration::ZERO, |window| window.start));
        Some(now.saturating_sub(since).min(most)).filter(|silence| *silence >= SILENCE).unwrap_or_default()
    }

    pub(super) fn update(&mut self, now: Duration, look: Look) {
        let settled = look.flights == self.limit && look.receiving == look.flights;
        if !settled || now < self.hold || (self.limit == self.most && self.before.is_none()) {
            self.window = None;
            return;
        }
        let start = Window { start: now, base: look.received, silent: Duration::ZERO, starved: Duration::ZERO };
        let window = self.window.get_or_insert(start);
        let elapsed = now.saturating_sub(window.start);
        if elapsed < WINDOW {
            return;
        }
        let silence = self.silence(now, look.still);
        if let Some(window) = self.window.take() {
            self.judge(now, look, &window, elapsed.as_secs_f64(), silence);
        }
    }

    /// Decides after a window, at the end of which there was some silence.
    fn judge(&mut self, now: Duration, look: Look, window: &Window, elapsed: f64, silence: Duration) {
        let rate = (look.received - window.base) as f64 / elapsed;
        // A server that has stopped altogether gets no further connections, and a slow line is silent now and then too.
        let silent = (window.silent + silence).as_secs_f64() >= elapsed * SILENT;
        let paced = silent && look.received - self.stepped >= BURST;
        let starved = (window.starved + look.waits).as_secs_f64() >= elapsed * look.flights as f64 * STARVED;
        let grows = self.last.replace(rate).is_none_or(|last| rate > last * GROWTH);
        self.windows += 1;
        if let Some((fewer, slower)) = self.before
            && rate < slower * GAIN
            && !paced
        {
            if !grows || self.windows >= PATIENCE {
                self.set(fewer);
                self.hold = now + HOLD;
            }
            return;
        }
        self.before = None;
        if self.limit == 1 && grows && !paced {
            return;
        }
        let worth = match self.limit {
            _ if paced => WORTH_PACED,
            1 => WORTH_FIRST,
            _ => WORTH,
        };
        let helps = paced || (starved && rate > 0.0 && rate < FAST);
        if self.limit < self.most && helps && look.remaining as f64 / rate > worth {
            let before = (!paced).then_some((self.limit, rate));
            self.set((self.limit * 2).min(self.most));
            self.before = before;
            self.stepped = look.received;
        }
    }

    /// So many from now on; what was measured with another number says nothing.
    fn set(&mut self, limit: usize) {
        self.limit = limit;
        self.before = None;
        self.window = None;
        self.last = None;
        self.windows = 0;
    }

    /// The server refused a connection while it served `others`.
    pub(super) fn trouble(&mut self, now: Duration, others: usize) {
        self.set(self.limit.min(others).max(1));
        self.hold = now + HOLD;
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.window.as_ref().map(|window| window.start + WINDOW)
    }
}

#[cfg(test)]
mod tests;
