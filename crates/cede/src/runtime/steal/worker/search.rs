//! Where a worker finds tasks that has run its own: in the injection queue, in the overflow and the rings of others, and behind their sockets.
//!
//! # Sockets of others
//! A socket belongs to the set of one worker, and while that worker runs a long task, or was woken and waits for a processor, what comes in would wait with it, beside a worker that has nothing to do. So a worker that found
//! nothing looks at the sets of some others before it sleeps, and runs what that makes runnable. It costs a system call for each set, a tenth of what sleeping costs; sets without sources cost nothing. A socket that
//! is served so again and again moves to where it is served. Where processors are short this also makes the workers sleep less often: one does what two would be woken for.

#![forbid(unsafe_code)]

use cede_core::steal_ring::STEAL_MAX;
use cede_core::task::TaskRef;

use super::Worker;
use crate::record;
use crate::runtime::run::shielded;
use crate::time::timers::Lease;

/// At the sets of so many others a worker looks at most, so that a search costs the same however many workers there are. The next search looks at the next ones.
const LOOKS_MAX: usize = 2;

impl Worker {
    /// Takes a fair share of the injection queue, or all if it would not pay to wake another worker for the rest.
    #[inline(never)]
    pub(super) fn take_injected(&self) -> Option<TaskRef> {
        let share = |len: usize| if self.is_worth_sharing(len) { len / self.shared.workers + 1 } else { len };
        let mut taken = self.shared.inject.take(|len| share(len).min(STEAL_MAX));
        self.lingering.took(taken.len());
        record::takes(&self.shared.foreign_stats.samples, &taken);
        let first = taken.pop();
        self.keep(&mut taken);
        first
    }

    /// Looks for a task in the rings of others, then behind their sockets.
    #[cold]
    pub(super) fn search(&self) -> Option<TaskRef> {
        if self.is_guest() {
            return None;
        }
        if !self.searching.get() {
            if !self.shared.idle.begin_search() {
                return None;
            }
            self.searching.set(true);
        }
        let start = self.random() as usize;
        let stolen = self.others(start).find_map(|victim| self.steal_from(victim));
        stolen.or_else(|| self.take_injected()).or_else(|| self.look_at_others())
    }

    /// The indices of the others, from some one on, and of the guest.
    fn others(&self, start: usize) -> impl Iterator<Item = usize> {
        let (count, own) = (self.shared.remotes.len(), self.index);
        (0..count).map(move |step| (start % count + step) % count).filter(move |&index| index != own)
    }

    fn steal_from(&self, victim: usize) -> Option<TaskRef> {
        let from = victim;
        let victim = &self.shared.remotes[victim];
        let queued = victim.ring.len() + victim.overflow.len();
        let half = (queued - queued / 2).min(STEAL_MAX);
        // Those first that are not in the victim's working set, because nothing of theirs is in its caches.
        let mut stolen = victim.overflow.take(|_| half);
        victim.ring.steal(half - stolen.len(), |task| stolen.push(task));
        self.stats.stole(stolen.len());
        if !stolen.is_empty() {
            self.lingering.expect_nothing();
        }
        record::takes(&victim.stats.samples, &stolen);
        record::steals(stolen.len(), from);
        let first = stolen.pop();
        self.keep(&mut stolen);
        first
    }

    /// Does what other workers would do for their sockets. What their wakers make runnable is this worker's. They are foreign code, which may take its time, so the worker does not count as searching meanwhile: nobody may
    /// rely on it.
    fn look_at_others(&self) -> Option<TaskRef> {
        let own = self.remote().timers.as_ref()?.driver();
        let _holding = self.hold();
        let mut looks = 0;
        for index in self.others(self.looks_from.get()) {
            let Some(driver) = self.shared.remotes[index].timers.as_ref().map(Lease::driver).filter(|driver| driver.has_sources()) else {
                continue;
            };
            self.looks_from.set(index + 1);
            // What the kernel refuses here it refuses the worker, too, who says so.
            let _ready = shielded(|| driver.look(own, || self.stop_searching()));
            // The one woken last first: it is where nobody else can take it.
            let woken = self.lifo.take().or_else(|| self.remote().ring.pop());
            if woken.is_some() {
                self.lingering.expect_nothing();
                return woken;
            }
            looks += 1;
            if looks == LOOKS_MAX {
                break;
            }
        }
        None
    }

    fn random(&self) -> u32 {
        // Marsaglia's xorshift.
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random.set(x);
        x
    }
}
