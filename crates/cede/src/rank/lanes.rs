//! The runnable tasks of a runtime that have a rank, and which of them is due.
//!
//! # What
//! For each class a list of groups, for each group a heap of tasks by deadline. A scheduler that finds the lanes not empty asks [`Lanes::choose`] before each turn, and tells it with the next question how
//! long that turn took. The ordinary tasks of whoever asks are one more member of the class `Normal`, with the usual shares.
//!
//! # The rule
//! 1. A class that waits while others above it run is *owed* a part of their time ([`PART`]). Who is owed a [`QUANTUM`] is served first, and its own turns pay for that.
//! 2. Else the highest class that waits.
//! 3. In a class, the group that had the least time for its shares. One that comes back from having nothing to do begins near the least of the others ([`SAVED_MAX`]), so it saves nothing up.
//! 4. In a group, the task with the earliest deadline; one without counts as due [`USUAL_DELAY_NS`] after it was queued, so deadlines do not starve it.
//!
//! A turn counts for a microsecond at least: where the clock stands still, in a simulated run, all that holds for the number of turns.
//!
//! # Why not the obvious way
//! Strict priorities starve; a lottery makes the worst delay of what matters depend on luck; shares for classes, too, would delay an urgent task by each other class's turn even when those are owed
//! nothing.
//!
//! # Who may touch what
//! `state`: under its lock, in which no foreign code runs. `classes`: written under that lock, read by everybody.
//!
//! # Invariants
//! - I1: bit `n` of `classes` is set exactly while class `n` has a task (seen under the lock). A push sets it, SeqCst, before the pusher looks for sleepers: the part of the ring's push in [`cede_core::idle`].
//! - I2: a task in a lane is not complete, and the right to poll it is the lane's. It is in one lane at most.
//! - I3: a task is in the lane of its rank's present class: the class is read under the lock by a push, and who changes it moves the task under the lock after that.

#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cede_core::task::TaskRef;

use super::group::SHARES_USUAL;
use super::{CpuGroup, Priority, Rank};

/// A class that waits is owed this part of the time that higher ones take, in sixteenths. By [`Priority`] as a number.
const PART: [u64; 4] = [1, 4, 4, 0];
/// Who is owed so much is served, in nanoseconds.
const QUANTUM: u64 = 500_000;
/// Nobody is owed more than this, so that what waited for long does not take over.
const OWED_MAX: u64 = 20 * QUANTUM;
/// A group that comes back from having nothing to do may have had so much less time than the others. (A group whose one task is having its turn has nothing queued, but has not gone.)
const SAVED_MAX: u64 = 10 * QUANTUM;
/// The deadline of a task that has none, counted from when it is queued.
const USUAL_DELAY_NS: u64 = 100_000_000;
/// What a turn counts at least.
const TURN_NS_MIN: u64 = 1_000;

const NORMAL: usize = Priority::Normal as usize;
/// The bits of the classes for which ordinary tasks do not wait.
const NOT_ABOVE_NORMAL: u8 = 1 << Priority::Normal as u8 | 1 << Priority::Background as u8;

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Lanes<T = TaskRef> {
    classes: AtomicU8,
    state: Mutex<State<T>>,
}

impl<T> Default for Lanes<T> {
    #[inline]
    fn default() -> Self {
        Self { classes: AtomicU8::new(0), state: Mutex::new(State { classes: Default::default(), pushes: 0, closed: false }) }
    }
}

/// Whose turn it is.
#[derive(Debug)]
pub(crate) enum Choice<T = TaskRef> {
    /// This task's.
    Ranked(T, Account),
    /// An ordinary task's, of whoever asked.
    Ordinary(Account),
}

/// Who pays for a turn.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    class: usize,
    payer: Payer,
}

#[derive(Clone, Debug)]
enum Payer {
    Group(Option<CpuGroup>),
    Ordinary,
}

/// Nothing is accepted any more.
#[derive(Debug)]
pub(crate) struct Closed;

#[derive(Debug)]
struct State<T> {
    classes: [Class<T>; 4],
    pushes: u64,
    closed: bool,
}

#[derive(Debug)]
struct Class<T> {
    members: Vec<Member<T>>,
    queued: usize,
    /// The time that ordinary tasks had, for their shares. Only in the class `Normal`.
    ordinary_ns: u64,
    owed_ns: u64,
}

impl<T> Default for Class<T> {
    #[inline]
    fn default() -> Self {
        Self { members: Vec::new(), queued: 0, ordinary_ns: 0, owed_ns: 0 }
    }
}

/// The tasks of a group, or those of none, in a class.
#[derive(Debug)]
struct Member<T> {
    group: Option<CpuGroup>,
    tasks: BinaryHeap<Reverse<Queued<T>>>,
    /// The time that they had, for their shares.
    had_ns: u64,
}

#[derive(Debug)]
struct Queued<T> {
    due: u64,
    number: u64,
    task: T,
    rank: Arc<Rank>,
}

impl<T> Queued<T> {
    #[inline]
    fn order(&self) -> (u64, u64) {
        (self.due, self.number)
    }
}

impl<T> PartialEq for Queued<T> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl<T> Eq for Queued<T> {}

impl<T> PartialOrd for Queued<T> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Queued<T> {
    #[inline]
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl<T> Lanes<T> {
    /// Whether any task is queued here.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        self.classes.load(Ordering::Relaxed) != 0
    }

    /// The same, in the order of all accesses that the protocol of sleepers rests on (I1).
    #[inline]
    pub(crate) fn has_work(&self) -> bool {
        self.classes.load(Ordering::SeqCst) != 0
    }

    /// Whether a task is queued here that ordinary ones wait for.
    #[inline]
    pub(crate) fn is_waiting_above_normal(&self) -> bool {
        self.classes.load(Ordering::Relaxed) & !NOT_ABOVE_NORMAL != 0
    }

    /// How many tasks are queued here.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        if self.is_waiting() { self.state().classes.iter().map(|class| class.queued).sum() } else { 0 }
    }

    /// Queues a task, at this time of its runtime's clock. Returns its class.
    #[inline]
    pub(crate) fn push(&self, task: T, rank: &Arc<Rank>, now: u64) -> Result<Priority, Closed> {
        let mut state = self.state();
        if state.closed {
            return Err(Closed);
        }
        state.pushes += 1;
        let class = rank.class();
        let due = rank.deadline_ns.unwrap_or(now.saturating_add(USUAL_DELAY_NS));
        let queued = Queued { due, number: state.pushes, task, rank: rank.clone() };
        state.classes[class as usize].add(queued);
        self.publish(&state);
        Ok(class)
    }

    /// Says whose turn it is; `ordinary` says whether ordinary tasks wait where this is asked. `before` is the last turn of whoever asks, and how long it took in nanoseconds.
    #[inline]
    pub(crate) fn choose(&self, ordinary: bool, before: Option<(Account, u64)>) -> Option<Choice<T>> {
        let mut state = self.state();
        if let Some((account, took)) = before {
            state.pay(&account, took, ordinary);
        }
        let choice = state.choose(ordinary);
        self.publish(&state);
        choice
    }

    /// Takes any task; for one who looks at all tasks.
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        match self.choose(false, None)? {
            Choice::Ranked(task, _) => Some(task),
            Choice::Ordinary(_) => None,
        }
    }

    /// The task with this number has another class now; if it is queued, it goes there.
    #[inline]
    pub(super) fn move_to_class(&self, id: u64, class: Priority) {
        let mut state = self.state();
        if let Some(queued) = state.classes.iter_mut().find_map(|class| class.remove(id)) {
            state.classes[class as usize].add(queued);
            self.publish(&state);
        }
    }

    /// Nothing is queued from now on.
    #[inline]
    pub(super) fn refuse(&self) {
        self.state().closed = true;
    }

    /// Accepts nothing more, and forgets what is queued: the runtime ends and finds the tasks in their slabs.
    #[inline]
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let forgotten = std::mem::take(&mut state.classes);
        self.publish(&state);
        drop(state);
        drop(forgotten);
    }

    #[inline]
    fn publish(&self, state: &State<T>) {
        let bits = state.classes.iter().enumerate().filter(|(_, class)| class.queued > 0).map(|(number, _)| 1 << number).sum();
        self.classes.store(bits, Ordering::SeqCst);
    }

    #[inline]
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    #[inline]
    fn waits(&self, class: usize, ordinary: bool) -> bool {
        self.classes[class].queued > 0 || class == NORMAL && ordinary
    }

    #[inline]
    fn pay(&mut self, account: &Account, took: u64, ordinary: bool) {
        let took = took.max(TURN_NS_MIN);
        for (class, part) in PART.into_iter().enumerate().take(account.class) {
            let owed = if self.waits(class, ordinary) { self.classes[class].owed_ns + took * part / 16 } else { 0 };
            self.classes[class].owed_ns = owed.min(OWED_MAX);
        }
        let class = &mut self.classes[account.class];
        class.owed_ns = class.owed_ns.saturating_sub(took);
        match &account.payer {
            Payer::Ordinary => class.ordinary_ns += took,
            Payer::Group(group) => {
                let shares = group.as_ref().map_or(SHARES_USUAL, CpuGroup::shares);
                if let Some(member) = class.member(group.as_ref()) {
                    member.had_ns += took.saturating_mul(SHARES_USUAL.into()) / u64::from(shares);
                }
            }
        }
    }

    #[inline]
    fn choose(&mut self, ordinary: bool) -> Option<Choice<T>> {
        let owed = (0..4).find(|&class| self.waits(class, ordinary) && self.classes[class].owed_ns >= QUANTUM);
        let class = owed.or_else(|| (0..4).rev().find(|&class| self.waits(class, ordinary)))?;
        Some(self.classes[class].choose(class, class == NORMAL && ordinary))
    }
}

impl<T> Class<T> {
    #[inline]
    fn member(&mut self, group: Option<&CpuGroup>) -> Option<&mut Member<T>> {
        self.members.iter_mut().find(|member| match (&member.group, group) {
            (Some(own), Some(group)) => own.is(group),
            (own, group) => own.is_none() && group.is_none(),
        })
    }

    #[inline]
    fn least(&self) -> Option<u64> {
        self.members.iter().filter(|member| !member.tasks.is_empty()).map(|member| member.had_ns).min()
    }

    #[inline]
    fn add(&mut self, queued: Queued<T>) {
        self.queued += 1;
        let least = self.least();
        if self.member(queued.rank.group()).is_none() {
            // What is left of groups that have gone.
            self.members.retain(|member| !member.tasks.is_empty() || member.group.as_ref().is_some_and(|group| group.tasks() > 0));
            self.members.push(Member { group: queued.rank.group().cloned(), tasks: BinaryHeap::new(), had_ns: 0 });
        }
        let ordinary = self.ordinary_ns;
        let member = self.member(queued.rank.group()).expect("it was just made");
        if member.tasks.is_empty() {
            member.had_ns = member.had_ns.max(least.unwrap_or(ordinary).saturating_sub(SAVED_MAX));
        }
        member.tasks.push(Reverse(queued));
    }

    #[inline]
    fn remove(&mut self, id: u64) -> Option<Queued<T>> {
        for member in &mut self.members {
            if member.tasks.iter().any(|Reverse(queued)| queued.rank.id == id) {
                let (found, rest): (Vec<_>, Vec<_>) = member.tasks.drain().partition(|Reverse(queued)| queued.rank.id == id);
                member.tasks = rest.into();
                self.queued -= 1;
                return found.into_iter().next().map(|Reverse(queued)| queued);
            }
        }
        None
    }

    /// The class has a task, or ordinary ones wait.
    #[inline]
    fn choose(&mut self, class: usize, ordinary: bool) -> Choice<T> {
        let ordinary_turn = Choice::Ordinary(Account { class, payer: Payer::Ordinary });
        let waiting = self.members.iter_mut().filter(|member| !member.tasks.is_empty());
        let Some(member) = waiting.min_by_key(|member| member.had_ns) else { return ordinary_turn };
        if ordinary {
            // Ordinary tasks save nothing up either.
            self.ordinary_ns = self.ordinary_ns.max(member.had_ns.saturating_sub(SAVED_MAX));
            if self.ordinary_ns < member.had_ns {
                return ordinary_turn;
            }
        }
        let Reverse(queued) = member.tasks.pop().expect("it is not empty");
        let account = Account { class, payer: Payer::Group(member.group.clone()) };
        self.queued -= 1;
        Choice::Ranked(queued.task, account)
    }
}
