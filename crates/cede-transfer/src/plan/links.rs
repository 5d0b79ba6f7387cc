//! Whose fault the time between chunks is, as the shell tells it; from that the ramp decides about further connections.

use std::time::Duration;

use super::ramp::Look;
use super::{Id, Plan, Track};

/// What is known about a line that others may be on, too: there, that nothing comes for this flight does not mean that nothing comes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    /// Whether there may be others.
    shared: bool,
    /// Since when nothing comes for anybody.
    silent: Option<Duration>,
    /// For how long nothing came for anybody, since this flight's last chunk.
    quiet: Duration,
}

impl Line {
    /// The longest silence that the next chunk can have ended.
    pub(super) fn take_quiet(&mut self) -> Duration {
        if self.shared { std::mem::take(&mut self.quiet) } else { Duration::MAX }
    }
}

impl Track {
    /// Since when this flight's wait says something about the line.
    fn waits_since(&self) -> Option<Duration> {
        let since = self.listening?;
        if self.line.shared { self.line.silent.map(|silent| since.max(silent)) } else { Some(since) }
    }
}

impl Plan {
    /// What came last is dealt with; whatever time passes from now on without a chunk is not spent on this side.
    pub fn handle_listening(&mut self, now: Duration, id: Id) {
        if let Some(index) = self.flight(id) {
            let flight = &mut self.flights[index];
            flight.listening = Some(now);
            if flight.receiving {
                flight.heard = Some(now);
                // Nor is it time in which little came.
                flight.pace.0 += flight.busy.take().map_or(Duration::ZERO, |since| now.saturating_sub(since));
            }
            self.ramp.listen(now);
        }
    }

    /// So long until now, this side was ready to receive more of a body, and there was nothing. That is what speaks for another connection.
    /// Of a line that is [shared](Self::handle_line), nothing came for anybody for `silent`.
    pub fn handle_starved(&mut self, now: Duration, id: Id, starved: Duration, silent: Duration) {
        if let Some(index) = self.flight(id) {
            self.flights[index].line.quiet = silent;
            // Before that, this side was busy, whatever the line did.
            let most = self.flights[index].listening.map_or(starved, |since| now.saturating_sub(since));
            self.ramp.starve(now, starved.min(most));
        }
    }

    /// The flight's line may carry the answers of other downloads as well; and since when nothing came on it, if nothing does.
    pub fn handle_line(&mut self, id: Id, silent: Option<Duration>) {
        if let Some(index) = self.flight(id) {
            let line = &mut self.flights[index].line;
            (line.shared, line.silent) = (true, silent);
        }
    }

    pub(super) fn look_at_links(&mut self, now: Duration) {
        let remaining = self.total.map_or(0, |total| total.saturating_sub(self.have.len()));
        let receiving = self.flights.iter().filter(|flight| flight.receiving).count();
        let still = |flight: &Track| flight.waits_since().map_or(Duration::ZERO, |since| now.saturating_sub(since));
        let still = self.flights.iter().map(still).min().unwrap_or_default();
        let start = self.ramp.window_start().unwrap_or(now);
        let waits = self.flights.iter().filter_map(|flight| Some(now.saturating_sub(flight.waits_since()?.max(start)))).sum();
        self.ramp.update(now, Look { received: self.received, flights: self.flights.len(), receiving, still, waits, remaining });
    }
}
