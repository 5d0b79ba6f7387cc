//! The children that wait for those ahead of them to come up.
//!
//! Each such wait is an edge in the graph of waits. So a child that, while it starts, asks one behind it, or fills its mailbox, gets an error with both sites; else both would wait until the time for
//! starting is over.

use std::ops::Range;

use super::slot::Slot;
use crate::circle::WaitFor;
use crate::ticket::Ticket;

pub(super) struct Line {
    /// Who is ahead, and the wait of the next one for that.
    waits: Vec<(usize, Ticket)>,
}

impl Line {
    pub(super) fn of(slots: &[Slot], places: Range<usize>) -> Self {
        let idle: Vec<usize> = places.filter(|place| slots[*place].is_idle()).collect();
        let waits = idle.windows(2).filter_map(|pair| {
            let (ahead, behind) = (&slots[pair[0]], &slots[pair[1]]);
            let wait = Ticket::between(&behind.node, &ahead.node, WaitFor::Start, behind.site).ok()?;
            Some((pair[0], wait))
        });
        Self { waits: waits.collect() }
    }

    /// This one is up.
    pub(super) fn up(&mut self, place: usize) {
        self.waits.retain(|(ahead, _)| *ahead != place);
    }
}
