//! What the clock ends, and the words for what came too late or too little.

use std::time::Duration;

use super::{Plan, Stage, Trouble};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::units;

impl Plan {
    pub(super) fn end_slow_flights(&mut self, now: Duration) {
        let mut index = 0;
        while let Some(flight) = self.flights.get_mut(index) {
            let silent = flight.heard.is_some_and(|heard| now.saturating_sub(heard) >= self.rules.stall);
            let slow = self.rules.min_speed.is_some_and(|(bytes, time)| {
                let over = flight.receiving && flight.busy.is_none() && now.saturating_sub(flight.pace.0) >= time;
                let slow = over && flight.passed - flight.pace.1 < bytes.saturating_mul(time.as_millis() as u64) / 1000;
                if over {
                    flight.pace = (now, flight.passed);
                }
                slow
            });
            if !silent && !slow {
                index += 1;
                continue;
            }
            let (id, answered) = (flight.id, flight.receiving);
            self.cancels.push_back(id);
            let failure = if silent { self.silence(answered) } else { self.too_slow() };
            self.fail_flight(now, index, failure, Trouble::Passing);
            if !matches!(self.stage, Stage::Running) {
                return;
            }
        }
    }

    /// The next time at which something happens by itself.
    pub(super) fn deadline(&self, now: Duration) -> Option<Duration> {
        let silent = self.flights.iter().filter_map(|flight| Some(flight.heard? + self.rules.stall));
        let paced = self.rules.min_speed.map(|(_, time)| time).into_iter();
        let slow = paced.flat_map(|time| {
            self.flights.iter().filter(|flight| flight.receiving && flight.busy.is_none()).map(move |flight| flight.pace.0 + time)
        });
        let start = self.backoff.not_before().filter(|at| *at > now);
        silent.chain(slow).chain(self.ramp.deadline()).chain(start).min().map(|at| at.max(now))
    }

    fn silence(&self, answered: bool) -> Failure {
        let patience = self.rules.stall.as_secs_f64();
        let what = if answered {
            format!("after {} the server sent nothing for {patience} s", units::bytes(self.have.len()))
        } else {
            format!("the server accepted the connection but did not answer for {patience} s")
        };
        Failure::new(Exit::TimedOut, what).help("--stall-timeout SECONDS waits longer")
    }

    fn too_slow(&self) -> Failure {
        let (bytes, time) = self.rules.min_speed.unwrap_or_default();
        let what = format!("fewer than {} came for {} s", units::rate(bytes as f64), time.as_secs_f64());
        Failure::new(Exit::TimedOut, what).help("--min-speed accepts less")
    }

    pub(super) fn short(&self) -> Failure {
        let received = self.have.len();
        let what = match self.total {
            Some(total) => format!("the file ended early: {received} of {total} bytes came"),
            None => format!("the file ended early, after {received} bytes"),
        };
        Failure::new(Exit::Network, what)
    }
}
