//! How many connections a file gets: one at first, twice as many while that makes the download faster, fewer when the server complains.
//!
//! More connections help where each is limited (by the server, or by a long way with losses) and harm elsewhere. Which it is can only be measured: the goodput
//! of a window with all connections at work, against that of the window before the last step. A step that did not pay is taken back, by not replacing connections
//! that end; none is broken off.
//!
//! Servers that limit a connection often do so in bursts: a second's worth at once, and then silence. Bursts make the windows incomparable, but the silence is a
//! better sign than any comparison: nothing on the way is full, so the server holds back. Then a step needs no proof.

use std::time::Duration;

/// How long a step is measured.
const WINDOW: Duration = Duration::from_millis(250);
/// How much faster twice as many have to be.
const GAIN: f64 = 1.25;
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
    window: Option<(Duration, u64)>,
    hold: Duration,
    /// How many bytes there were at the last step.
    stepped: u64,
    /// When something came last, and how much of the window before that was silent.
    heard: Duration,
    silent: Duration,
}

impl Ramp {
    pub(super) fn new(most: usize, eager: bool) -> Self {
        Self {
            limit: if eager { most } else { 1 },
            most,
            before: None,
            window: None,
            hold: Duration::ZERO,
            stepped: 0,
            heard: Duration::ZERO,
            silent: Duration::ZERO,
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Something came.
    pub(super) fn hear(&mut self, now: Duration) {
        self.silent += self.silence(now);
        self.heard = now;
    }

    /// How long it has been silent now, if that is long enough to count.
    fn silence(&self, now: Duration) -> Duration {
        let since = self.heard.max(self.window.map_or(Duration::ZERO, |(start, _)| start));
        Some(now.saturating_sub(since)).filter(|silence| *silence >= SILENCE).unwrap_or_default()
    }

    /// Takes a look at `received` bytes in all, by `flights` connections, of which some are `receiving`.
    pub(super) fn update(&mut self, now: Duration, received: u64, flights: usize, receiving: usize, remaining: u64) {
        if flights != self.limit || receiving != flights || now < self.hold || (self.limit == self.most && self.before.is_none()) {
            self.window = None;
            return;
        }
        if self.window.is_none() {
            self.silent = Duration::ZERO;
        }
        let (start, base) = *self.window.get_or_insert((now, received));
        let elapsed = now - start;
        if elapsed < WINDOW {
            return;
        }
        let silent = self.silent + self.silence(now);
        self.window = None;
        let rate = (received - base) as f64 / elapsed.as_secs_f64();
        // A server that has stopped altogether gets no further connections, and a slow line is silent now and then too.
        let paced = silent.as_secs_f64() >= elapsed.as_secs_f64() * SILENT && received - self.stepped >= BURST;
        if let Some((fewer, slower)) = self.before.take()
            && rate < slower * GAIN
            && !paced
        {
            self.limit = fewer;
            self.hold = now + HOLD;
            return;
        }
        let worth = match self.limit {
            _ if paced => WORTH_PACED,
            1 => WORTH_FIRST,
            _ => WORTH,
        };
        if self.limit < self.most && (rate > 0.0 || paced) && (rate < FAST || paced) && remaining as f64 / rate > worth {
            self.before = (!paced).then_some((self.limit, rate));
            self.stepped = received;
            self.limit = (self.limit * 2).min(self.most);
        }
    }

    /// The server refused a connection while it served `others`.
    pub(super) fn trouble(&mut self, now: Duration, others: usize) {
        self.limit = self.limit.min(others).max(1);
        self.before = None;
        self.window = None;
        self.hold = now + HOLD;
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.window.map(|(start, _)| start + WINDOW)
    }
}

#[cfg(test)]
mod tests {
    //! Servers with and without a limit for each connection.

    use std::time::Duration;

    use super::Ramp;

    /// Runs for some seconds; `rate` tells the bytes per second of so many connections. Returns the most and the last number of connections.
    fn run(mut ramp: Ramp, seconds: u64, rate: impl Fn(usize) -> u64) -> (usize, usize) {
        let (mut received, mut most) = (0, 0);
        for tick in 0..seconds * 100 {
            let n = ramp.limit();
            received += rate(n) / 100;
            most = most.max(n);
            let now = Duration::from_millis(tick * 10);
            ramp.hear(now);
            ramp.update(now, received, n, n, 1 << 40);
        }
        (most, ramp.limit())
    }

    #[test]
    fn a_limit_for_each_connection_is_worked_around() {
        assert_eq!(run(Ramp::new(16, false), 3, |n| n as u64 * 8_000_000), (16, 16));
        assert_eq!(run(Ramp::new(16, false), 9, |n| n.min(4) as u64 * 8_000_000), (8, 4));
    }

    #[test]
    fn where_more_do_not_help_there_is_one() {
        assert_eq!(run(Ramp::new(16, false), 9, |_| 100_000_000), (2, 1));
    }

    #[test]
    fn what_fills_the_machine_stays_alone() {
        assert_eq!(run(Ramp::new(16, false), 9, |n| n as u64 * 300_000_000), (1, 1));
    }

    #[test]
    fn bursts_are_seen_through() {
        // Each connection brings a good deal when it begins, and then so much each period, whenever that is within a window.
        for period in [1000, 250] {
            for offset in 0..25 {
                let mut ramp = Ramp::new(16, false);
                let (mut begun, mut received, mut most) = (Vec::new(), 0, 0);
                for now in (offset..1500).step_by(10) {
                    begun.resize(ramp.limit().max(begun.len()), now);
                    let bursts = begun.iter().filter(|start| (now - **start) / 10 % (period / 10) == 0).count() as u64;
                    if bursts > 0 {
                        received += bursts * 8_000_000 * period / 1000;
                        ramp.hear(Duration::from_millis(now));
                    }
                    ramp.update(Duration::from_millis(now), received, ramp.limit(), ramp.limit(), 1 << 30);
                    most = most.max(ramp.limit());
                }
                assert_eq!(most, 16, "period {period}, offset {offset}");
            }
        }
    }

    #[test]
    fn a_complaint_is_heeded() {
        let mut ramp = Ramp::new(16, true);
        ramp.trouble(Duration::ZERO, 3);
        assert_eq!(ramp.limit(), 3);
        ramp.trouble(Duration::ZERO, 0);
        assert_eq!(ramp.limit(), 1);
    }
}
