//! What the head of an answer means for the download.

use std::time::Duration;

use super::asks::Proof;
use super::{Id, Plan, Ranges, Trouble, Verdict};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::head::{ContentRange, Head};
use crate::identity::{Identity, Sameness};

/// After so many answers with wrong ranges, ranges are not asked for any more.
const LIES: u32 = 2;
/// So often "forbidden" is not final, once there was an answer.
const FORBIDDEN: u32 = 2;

impl Plan {
    /// The head of an answer has come.
    pub fn handle_head(&mut self, now: Duration, id: Id, head: &Head) -> Verdict {
        let Some(index) = self.flight(id) else { return Verdict::Stop };
        self.flights[index].heard = Some(now);
        match head.status {
            200 | 203 => self.whole(now, index, head),
            206 => self.partial(now, index, head),
            416 if self.flights[index].asked.is_some() => self.unsatisfied(now, index, head),
            _ => self.refusal(now, index, head),
        }
    }

    /// The whole file, asked for or not.
    fn whole(&mut self, now: Duration, index: usize, head: &Head) -> Verdict {
        let Some(known) = self.known(index) else {
            return self.adopt(now, index, &head.identity, (0, head.length), false);
        };
        let sameness = self.sameness(&known, index, &head.identity);
        match sameness {
            Sameness::Proven => self.whole_again(now, index, head),
            Sameness::Likely => {
                self.ranges = Ranges::Ignored;
                if self.is_served_by_another(index) {
                    self.ramp.trouble(now, 1);
                    return self.stop(index);
                }
                self.start_over("the server does not send the rest, only the whole file");
                Verdict::Stop
            }
            Sameness::Different | Sameness::OnlyTag if head.identity.page && !known.page => {
                let what = "the server answered with a web page in place of the file";
                let failure = Failure::new(Exit::Changed, what).help("does this network want a login first?");
                self.fail_flight(now, index, failure, Trouble::Passing);
                Verdict::Stop
            }
            Sameness::Different | Sameness::OnlyTag => self.other_version(now, index, sameness),
        }
    }

    /// The whole file, and it is the one that is partly there.
    fn whole_again(&mut self, now: Duration, index: usize, head: &Head) -> Verdict {
        let flight = &self.flights[index];
        if flight.asked.is_some() {
            match flight.if_range {
                Some(Proof::Tag) => self.refused.tag = true,
                Some(Proof::Date) => self.refused.date = true,
                None => self.ranges = Ranges::Ignored,
            }
            let others = self.is_served_by_another(index);
            if flight.if_range.is_some() || others {
                if others && self.ranges == Ranges::Ignored {
                    self.ramp.trouble(now, 1);
                }
                return self.stop(index);
            }
        }
        self.flights[index].compare_until = 0;
        if self.total.is_none() {
            self.total = head.length;
            if let Some(identity) = &mut self.identity {
                identity.total = head.length;
            }
        }
        self.begin(now, index, 0, head.length.or(self.total))
    }

    /// A part of the file.
    fn partial(&mut self, now: Duration, index: usize, head: &Head) -> Verdict {
        let Some((start, end)) = self.flights[index].asked else {
            return self.lie(now, index, "the server sent a part of the file where the whole was asked for");
        };
        let ContentRange::Bytes(range, total) = &head.range else {
            return self.lie(now, index, "the server sent a part without saying which");
        };
        if range.start != start {
            return self.lie(now, index, "the server sent another part than the one asked for");
        }
        let until = end.map_or(range.end, |end| end.min(range.end));
        let Some(known) = self.known(index) else {
            self.firm = total.is_some();
            return self.adopt(now, index, &head.identity, (start, Some(until)), true);
        };
        let sameness = self.sameness(&known, index, &head.identity);
        match sameness {
            Sameness::Proven => {}
            Sameness::Likely if self.flights[index].compare_until > start => {}
            Sameness::Likely => {
                // The next ask begins with bytes that can be compared.
                self.compare = true;
                return self.stop(index);
            }
            Sameness::Different | Sameness::OnlyTag => return self.other_version(now, index, sameness),
        }
        self.ranges = Ranges::Work;
        if let Some(total) = *total {
            self.total = Some(total);
            self.firm = true;
            if let Some(identity) = &mut self.identity {
                identity.total = Some(total);
            }
        }
        let end = self.flights[index].end.map_or(until, |end| end.min(until));
        self.begin(now, index, start, Some(end))
    }

    /// There is nothing where the ask was for.
    fn unsatisfied(&mut self, now: Duration, index: usize, head: &Head) -> Verdict {
        let start = self.flights[index].asked.map_or(0, |(start, _)| start);
        let known = self.known(index);
        match (&head.range, known) {
            (ContentRange::Unsatisfied(0), None) => {
                self.identity = Some(head.identity.clone());
                self.total = Some(0);
                self.stop(index)
            }
            // The length was not told, or it was told wrong; now it is.
            (ContentRange::Unsatisfied(total), Some(known))
                if *total == start
                    && start == self.have.len()
                    && !self.firm
                    && known.compare(&Identity { total: known.total, ..head.identity.clone() }, self.ignore_tags)
                        != Sameness::Different =>
            {
                self.total = Some(*total);
                self.firm = true;
                if let Some(identity) = &mut self.identity {
                    identity.total = Some(*total);
                }
                self.stop(index)
            }
            (ContentRange::Unsatisfied(total), Some(known)) if known.total.is_some_and(|known| known != *total) => {
                self.change("it has another size now");
                Verdict::Stop
            }
            _ => {
                self.ranges = Ranges::Ignored;
                self.lie(now, index, "the server says that there is nothing where something must be")
            }
        }
    }

    /// Any other status.
    fn refusal(&mut self, now: Duration, index: usize, head: &Head) -> Verdict {
        let trouble = match head.status {
            429 | 503 => Trouble::Busy(head.retry_after),
            408 | 421 | 425 | 500 | 502 | 504 | 520..=530 => match head.retry_after {
                Some(after) => Trouble::Busy(Some(after)),
                None => Trouble::Passing,
            },
            // Servers say "forbidden" also to too many connections at once.
            401..=499 if self.is_served_by_another(index) => Trouble::Passing,
            // Also shortly after.
            403 if self.forbidden < FORBIDDEN && self.backoff.has_progressed() => {
                self.forbidden += 1;
                Trouble::Passing
            }
            _ => Trouble::Fatal,
        };
        self.fail_flight(now, index, refusal(head.status), trouble);
        Verdict::Stop
    }

    /// What the flight's answer has to be compared with: nothing, if nothing is there and nothing else is on its way.
    fn known(&mut self, index: usize) -> Option<Identity> {
        self.sources[self.flights[index].source].answered = true;
        if self.have.is_empty() && self.flights.len() == 1 {
            return None;
        }
        self.identity.clone()
    }

    fn sameness(&mut self, known: &Identity, index: usize, other: &Identity) -> Sameness {
        if self.rules.has_sum && self.flights[index].source != self.authority {
            // The checksum will tell; tags and dates of two servers say nothing about each other.
            return match (known.coding == other.coding, known.total == other.total) {
                (true, true) => Sameness::Proven,
                _ => Sameness::Different,
            };
        }
        let sameness = known.compare(other, self.ignore_tags);
        if sameness != Sameness::OnlyTag {
            return sameness;
        }
        if let Some(tag) = &other.tag
            && !self.tags.contains(tag)
        {
            self.tags.push(tag.clone());
        }
        // Three tags for one size and one proven date: the tags mean nothing.
        self.ignore_tags = self.tags.len() >= 3;
        known.compare(other, self.ignore_tags)
    }

    fn other_version(&mut self, now: Duration, index: usize, sameness: Sameness) -> Verdict {
        let source = self.flights[index].source;
        if source != self.authority && self.sources.iter().enumerate().any(|(other, known)| other != source && !known.banned) {
            let failure = Failure::new(Exit::Changed, "the mirror has another file");
            self.fail_flight(now, index, failure, Trouble::Fatal);
            return Verdict::Stop;
        }
        if sameness == Sameness::Different {
            self.tags.clear();
        }
        self.change("its ETag, date, size or coding is another than before");
        Verdict::Stop
    }

    /// The first answer: what it says is what everything else is held against.
    fn adopt(&mut self, now: Duration, index: usize, identity: &Identity, (start, end): (u64, Option<u64>), ranges: bool) -> Verdict {
        if let Some(tag) = &identity.tag
            && !self.tags.contains(tag)
        {
            self.tags.push(tag.clone());
        }
        self.identity = Some(identity.clone());
        self.authority = self.flights[index].source;
        self.total = identity.total;
        if ranges {
            self.ranges = Ranges::Work;
        } else {
            self.firm = false;
            self.flights[index].compare_until = 0;
        }
        self.begin(now, index, start, end)
    }

    fn begin(&mut self, now: Duration, index: usize, start: u64, end: Option<u64>) -> Verdict {
        let flight = &mut self.flights[index];
        flight.pos = start;
        flight.end = end;
        flight.reach = end;
        flight.receiving = true;
        flight.pace = (now, 0);
        flight.wanted = flight.wanted.min(end.map_or(u64::MAX, |end| end.saturating_sub(flight.compare_until)));
        if end == Some(start) {
            self.settle(index);
            return Verdict::Stop;
        }
        Verdict::Take
    }

    fn lie(&mut self, now: Duration, index: usize, what: &str) -> Verdict {
        self.lies += 1;
        if self.lies >= LIES {
            self.ranges = Ranges::Ignored;
        }
        self.fail_flight(now, index, Failure::new(Exit::CannotResume, what), Trouble::Passing);
        Verdict::Stop
    }

    fn stop(&mut self, index: usize) -> Verdict {
        self.flights.swap_remove(index);
        Verdict::Stop
    }

    fn is_served_by_another(&self, index: usize) -> bool {
        self.flights.iter().enumerate().any(|(other, flight)| other != index && flight.receiving)
    }
}

/// The failure behind a status that is not the file.
pub(crate) fn refusal(status: u16) -> Failure {
    let reason = hyper::StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string());
    let failure = Failure::new(Exit::of_status(status), format!("the server answered {reason}"));
    match status {
        401 | 403 | 407 => failure.help("the server wants a login or does not allow this"),
        404 | 410 => failure.help("there is no such file; check the URL"),
        429 | 503 => failure.help("the server is busy; try again later, perhaps with fewer --jobs"),
        500..=599 => failure.help("the server is in trouble; try again later"),
        204 | 205 => failure.help("the answer has no content"),
        _ => failure,
    }
}
