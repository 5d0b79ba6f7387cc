//! Whose fault the time between chunks is, as the shell tells it; from that the ramp decides about further connections.

use std::time::Duration;

use super::ramp::Look;
use super::{Id, Plan};

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
    pub fn handle_starved(&mut self, now: Duration, id: Id, starved: Duration) {
        if let Some(index) = self.flight(id) {
            // Before that, this side was busy, whatever the line did.
            let most = self.flights[index].listening.map_or(starved, |since| now.saturating_sub(since));
            self.ramp.starve(now, starved.min(most));
        }
    }

    pub(super) fn look_at_links(&mut self, now: Duration) {
        let remaining = self.total.map_or(0, |total| total.saturating_sub(self.have.len()));
        let receiving = self.flights.iter().filter(|flight| flight.receiving).count();
        let listening = self.flights.iter().all(|flight| flight.listening.is_some());
        let start = self.ramp.window_start().unwrap_or(now);
        let waits = self.flights.iter().filter_map(|flight| Some(now.saturating_sub(flight.listening?.max(start)))).sum();
        self.ramp.update(now, Look { received: self.received, flights: self.flights.len(), receiving, listening, waits, remaining });
    }
}
