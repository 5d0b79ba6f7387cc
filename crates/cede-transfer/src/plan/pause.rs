//! What a pause means for asks that are on their way: it is no failure, and no progress is lost by it.

use super::{Id, Plan};

impl Plan {
    /// The download is paused: if the rest of this ask can be asked for later, the ask is over, and was no failure. Returns whether it is over.
    pub fn let_go(&mut self, id: Id) -> bool {
        let Some(index) = self.flight(id) else { return true };
        let over = self.is_resumable();
        if over {
            self.fruitless = self.fruitless.saturating_sub(1);
            self.settle(index);
        }
        over
    }

    /// The download is paused before this ask had an answer: it never was.
    pub fn withdraw(&mut self, id: Id) {
        if let Some(index) = self.flight(id) {
            self.flights.swap_remove(index);
            self.fruitless = self.fruitless.saturating_sub(1);
        }
    }

    /// A pause begins or ends: the time without progress counts from here. The next try is due no sooner for it, and there are no more of them.
    pub fn handle_pause(&mut self) {
        self.backoff.restart_clock();
    }
}
