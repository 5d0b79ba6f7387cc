//! The wheel against a sorted map, at the boundaries of its levels, and over years.

use std::{
    boxed::Box,
    collections::BTreeMap,
    format,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
    vec,
    vec::Vec,
};

use proptest::prelude::*;

use super::{Entry, EntryState, NEVER, Wheel};

mod runs;

const SECOND: u64 = 1_000_000_000;
const YEAR: u64 = 365 * 24 * 3600 * SECOND;

/// Notes its number when woken.
struct Note {
    number: usize,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap().push(self.number);
    }
}

/// A wheel, its entries, and what a correct wheel would do.
struct Checked {
    wheel: Box<Wheel>,
    entries: Vec<Pin<Box<Entry>>>,
    woken: Arc<Mutex<Vec<usize>>>,
    /// (deadline, sequence) to entry, and back.
    model: BTreeMap<(u64, u64), usize>,
    keys: Vec<Option<(u64, u64)>>,
    sequence: u64,
    now: u64,
}

impl Checked {
    fn new(entries: usize) -> Self {
        Self {
            wheel: Box::new(Wheel::new()),
            entries: (0..entries).map(|_| Box::pin(Entry::new())).collect(),
            woken: Arc::default(),
            model: BTreeMap::new(),
            keys: vec![None; entries],
            sequence: 0,
            now: 0,
        }
    }

    fn waker(&self, number: usize) -> Waker {
        Waker::from(Arc::new(Note { number, woken: self.woken.clone() }))
    }

    fn note_in_model(&mut self, number: usize, deadline: u64) {
        self.sequence += 1;
        if let Some(old) = self.keys[number].replace((deadline, self.sequence)) {
            self.model.remove(&old);
        }
        self.model.insert((deadline, self.sequence), number);
    }

    /// Arms the entry, or resets it if it is armed.
    fn arm(&mut self, number: usize, deadline: u64) {
        let armed = self.keys[number].is_some();
        self.note_in_model(number, deadline);
        let waker = self.waker(number);
        let entry = self.entries[number].as_ref();
        // SAFETY: the entries belong to this wheel, and `drop` removes them.
        unsafe {
            assert_eq!(self.wheel.reset(entry, deadline), armed);
            if !armed {
                self.wheel.insert(entry, deadline, waker).expect("the wheel is open");
            }
        }
        assert_eq!(self.entries[number].state(), EntryState::Armed);
    }

    fn remove(&mut self, number: usize) {
        // SAFETY: the entries belong to this wheel.
        let waker = unsafe { self.wheel.remove(self.entries[number].as_ref()) };
        assert_eq!(waker.is_some(), self.keys[number].is_some());
        if let Some(key) = self.keys[number].take() {
            self.model.remove(&key);
            assert_eq!(self.entries[number].state(), EntryState::Idle);
        }
    }

    fn place(&self, number: usize) -> usize {
        // SAFETY: the entry is alive, and nobody else uses the wheel.
        unsafe { Entry::place(core::ptr::NonNull::from(self.entries[number].as_ref().get_ref())) }
    }

    fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.wheel.advance(now);
        while let Some(waker) = self.wheel.pop_fired() {
            waker.wake();
        }
        let mut expected = Vec::new();
        while let Some((&(deadline, sequence), &number)) = self.model.first_key_value() {
            if deadline > self.now || deadline == NEVER {
                break;
            }
            self.model.remove(&(deadline, sequence));
            self.keys[number] = None;
            expected.push(number);
            assert!(self.entries[number].is_fired());
        }
        assert_eq!(core::mem::take(&mut *self.woken.lock().unwrap()), expected);
        self.check();
    }

    fn check(&self) {
        assert_eq!(self.wheel.len(), self.model.len());
        assert_eq!(self.wheel.is_empty(), self.model.is_empty());
        let next = self.model.keys().next().map(|key| key.0).filter(|&deadline| deadline != NEVER);
        assert_eq!(self.wheel.next_deadline(), next);
        if let Some(next) = next {
            assert!(self.wheel.next_wake().is_some_and(|wake| wake <= next));
        }
    }

    /// Follows `next_wake` until nothing will come due; returns how often it had to look.
    fn run_dry(&mut self) -> usize {
        let mut looks = 0;
        while let Some(wake) = self.wheel.next_wake() {
            self.advance(wake);
            looks += 1;
        }
        looks
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        for entry in &self.entries {
            // SAFETY: the entries belong to this wheel.
            drop(unsafe { self.wheel.remove(entry.as_ref()) });
        }
    }
}

/// Every boundary of a level, one before and one after.
fn boundaries() -> Vec<u64> {
    (0..8).map(|level| 1u64 << (16 + 6 * level)).flat_map(|edge| [edge - 1, edge, edge + 1]).chain([0, 1, NEVER - 1]).collect()
}

#[test]
fn fires_at_the_deadline_and_not_before_across_each_boundary() {
    for start in [0, (1 << 36) * 1_000_000 / 8, u64::MAX / 2, 1 << 58] {
        for after in boundaries() {
            let Some(deadline) = start.checked_add(after).filter(|&deadline| deadline != NEVER) else { continue };
            let mut checked = Checked::new(1);
            checked.advance(start);
            checked.arm(0, deadline);
            if deadline > start {
                checked.advance(deadline - 1);
                assert_eq!(checked.entries[0].state(), EntryState::Armed);
            }
            checked.advance(deadline);
            assert!(checked.entries[0].is_fired());
        }
    }
}

#[test]
fn a_past_deadline_fires_at_the_next_advance_even_to_the_same_time() {
    let mut checked = Checked::new(3);
    checked.advance(5 * SECOND);
    checked.arm(0, 3);
    checked.arm(1, 0);
    checked.arm(2, 5 * SECOND);
    assert_eq!(checked.wheel.next_wake(), Some(0));
    checked.advance(5 * SECOND);
    assert!(checked.wheel.is_empty());
}

#[test]
fn time_does_not_go_back() {
    let mut checked = Checked::new(1);
    checked.advance(10);
    checked.advance(3);
    assert_eq!(checked.wheel.elapsed(), 10);
    checked.arm(0, 7);
    checked.advance(0);
    assert!(checked.entries[0].is_fired());
}

#[test]
fn never_is_never() {
    let mut checked = Checked::new(2);
    checked.arm(0, NEVER);
    checked.arm(1, NEVER - 1);
    checked.advance(NEVER - 2);
    assert_eq!(checked.wheel.len(), 2);
    checked.advance(NEVER);
    assert!(checked.entries[1].is_fired());
    assert_eq!(checked.entries[0].state(), EntryState::Armed);
    assert_eq!(checked.wheel.next_wake(), None);
    checked.arm(0, 1);
    checked.advance(NEVER);
    assert!(checked.entries[0].is_fired());
}

#[test]
fn one_instant_fires_in_order_of_insertion_whatever_the_way_there() {
    let deadline = 40 * SECOND + 123;
    let mut checked = Checked::new(400);
    for number in 0..400 {
        // Some come from far, some by a late reset, some from near.
        checked.advance(number as u64 * SECOND / 10);
        let number = number * 7 % 400;
        if number % 3 == 0 {
            checked.arm(number, deadline - SECOND);
        }
        checked.arm(number, deadline);
    }
    checked.advance(deadline - 1);
    checked.advance(deadline);
    assert!(checked.wheel.is_empty());
}

#[test]
fn reset_moves_in_both_directions() {
    let mut checked = Checked::new(1);
    checked.arm(0, 10 * SECOND);
    checked.arm(0, 3600 * SECOND);
    checked.check();
    checked.advance(11 * SECOND);
    checked.arm(0, 12 * SECOND);
    checked.check();
    checked.advance(12 * SECOND);
    assert!(checked.entries[0].is_fired());
}

#[test]
fn an_entry_that_is_due_can_still_be_removed_or_moved() {
    let mut checked = Checked::new(3);
    for number in 0..3 {
        checked.arm(number, 5);
    }
    checked.wheel.advance(5);
    checked.now = 5;
    checked.remove(0);
    checked.arm(1, 9);
    assert_eq!(checked.wheel.next_wake(), Some(5));
    checked.advance(6);
    assert!(checked.entries[2].is_fired());
    checked.advance(9);
    assert!(checked.entries[1].is_fired());
}

#[test]
fn the_waker_can_be_replaced_only_while_armed() {
    let mut checked = Checked::new(1);
    let (first, second) = (checked.waker(1), checked.waker(2));
    let entry = checked.entries[0].as_ref();
    // SAFETY: the entry belongs to this wheel.
    unsafe {
        assert!(checked.wheel.set_waker(entry, first.clone()).is_err());
        checked.wheel.insert(entry, 1, first.clone()).unwrap();
        assert!(checked.wheel.will_wake(entry, &first) && !checked.wheel.will_wake(entry, &second));
        let old = checked.wheel.set_waker(entry, second.clone()).unwrap();
        assert!(old.will_wake(&first));
    }
    checked.wheel.advance(1);
    checked.wheel.pop_fired().unwrap().wake();
    assert_eq!(*checked.woken.lock().unwrap(), [2]);
    // SAFETY: as above.
    assert!(!unsafe { checked.wheel.will_wake(checked.entries[0].as_ref(), &second) });
}

#[test]
#[should_panic(expected = "inserted twice")]
fn inserting_twice_panics() {
    let mut checked = Checked::new(1);
    checked.arm(0, 1);
    // SAFETY: the entry belongs to this wheel.
    let _ = unsafe { checked.wheel.insert(checked.entries[0].as_ref(), 2, Waker::noop().clone()) };
}

#[test]
fn shutdown_ends_all_and_admits_none() {
    let mut checked = Checked::new(6);
    for (number, deadline) in [5, NEVER, 4 * YEAR, 3, 1 << 16].into_iter().enumerate() {
        checked.arm(number, deadline);
    }
    checked.wheel.advance(4);
    checked.wheel.shutdown();
    // SAFETY: the entry belongs to this wheel.
    assert!(unsafe { checked.wheel.reset(checked.entries[0].as_ref(), 7) });
    while let Some(waker) = checked.wheel.pop_fired() {
        waker.wake();
    }
    // What was due goes first, then by deadline.
    assert_eq!(*checked.woken.lock().unwrap(), [3, 0, 4, 2, 1]);
    assert!(checked.entries[3].is_fired());
    for number in [0, 1, 2, 4] {
        assert_eq!(checked.entries[number].state(), EntryState::Dead);
    }
    // SAFETY: as above.
    assert!(unsafe { checked.wheel.insert(checked.entries[5].as_ref(), 9, Waker::noop().clone()) }.is_err());
    assert_eq!(checked.entries[5].state(), EntryState::Dead);
    assert!(checked.wheel.is_empty());
    checked.keys.fill(None);
}

#[test]
fn a_waker_is_neither_lost_nor_kept() {
    let mut checked = Checked::new(1);
    let woken = checked.woken.clone();
    checked.arm(0, 7);
    checked.remove(0);
    checked.arm(0, 8);
    checked.advance(8);
    drop(checked);
    assert_eq!(Arc::strong_count(&woken), 1);
}

/// The uptime test: intervals of 1 to 15 s beside one long sleep. An error at a wrap of a level shows within these years.
#[test]
fn years_of_intervals_beside_one_long_sleep() {
    let mut checked = Checked::new(16);
    let end = 5 * YEAR + 77;
    let mut looks: u64 = 0;
    for start in [0, (1 << 36) * 1_000_000 - YEAR] {
        checked.advance(start);
        checked.arm(15, start + end);
        // Each second in the 20 s around every wrap of a level up to 2^48 ns, and far apart between.
        const WRAP: u64 = 1 << 48;
        let mut now = start;
        while !checked.entries[15].is_fired() {
            let window = (now + 10 * SECOND).next_multiple_of(WRAP) - 10 * SECOND;
            let dense = (now + 10 * SECOND) % WRAP < 20 * SECOND;
            for number in 0..15 {
                if checked.keys[number].is_none() {
                    let period = (number as u64 + 1) * SECOND + number as u64 * 1_234_567;
                    checked.arm(number, now + if dense { period } else { (period * 7919).min(window - now) });
                }
            }
            now = checked.wheel.next_wake().expect("there are intervals").min(start + end);
            checked.advance(now);
            looks += 1;
        }
        assert!(now >= start + end);
    }
    assert!(looks > 100_000, "only {looks} steps");
}

#[test]
fn following_next_wake_ends_and_looks_at_most_once_per_level_and_entry() {
    let mut checked = Checked::new(200);
    for number in 0..200 {
        checked.arm(number, (number as u64 + 1) * 37 * SECOND);
    }
    // The bound of each slot is now stale.
    for number in (0..200).step_by(2) {
        checked.remove(number);
    }
    let looks = checked.run_dry();
    assert!(checked.wheel.is_empty());
    assert!(looks <= 100 * 8, "{looks} looks");
}

#[test]
fn a_hundred_thousand_of_one_instant_and_cancelled_ones() {
    const COUNT: usize = 100_000;
    let entries: Vec<Pin<Box<Entry>>> = (0..COUNT).map(|_| Box::pin(Entry::new())).collect();
    let mut wheel = Wheel::new();
    for (number, entry) in entries.iter().enumerate() {
        // Deadlines fall, so that they have to be sorted.
        // SAFETY: the entries are removed or fired below.
        unsafe { wheel.insert(entry.as_ref(), 30 * SECOND - number as u64, Waker::noop().clone()) }.unwrap();
    }
    for entry in entries.iter().skip(1).step_by(2) {
        // SAFETY: the entries belong to this wheel.
        assert!(unsafe { wheel.remove(entry.as_ref()) }.is_some());
    }
    assert_eq!(wheel.len(), COUNT / 2);
    wheel.advance(31 * SECOND);
    for entry in entries.iter().step_by(2).rev() {
        assert!(wheel.pop_fired().is_some());
        assert!(entry.is_fired());
    }
    assert!(wheel.is_empty() && wheel.pop_fired().is_none());
}

/// Woken by a thread without the lock, an entry may be freed at once.
#[test]
fn the_state_can_be_seen_from_another_thread() {
    let entry = Arc::pin(Entry::new());
    let mut wheel = Wheel::new();
    // SAFETY: the entry fires before it is dropped.
    unsafe { wheel.insert(entry.as_ref(), 1, Waker::noop().clone()) }.unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let watcher = std::thread::spawn({
        let (entry, seen) = (entry.clone(), seen.clone());
        move || {
            while !entry.is_fired() {
                std::thread::yield_now();
            }
            drop(entry);
            seen.fetch_add(1, Ordering::Relaxed);
        }
    });
    drop(entry);
    wheel.advance(1);
    drop(wheel.pop_fired());
    watcher.join().unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

#[test]
fn debug_shows_what_matters() {
    let mut wheel = Wheel::default();
    wheel.advance(9);
    assert_eq!(format!("{wheel:?}"), "Wheel { elapsed: 9, len: 0, next_wake: None, closed: false }");
    assert_eq!(format!("{:?}", Entry::default()), "Entry { state: Idle, .. }");
}

#[derive(Clone, Debug)]
enum Step {
    Arm(usize, u64),
    ArmAt(usize, u64),
    Remove(usize),
    Advance(u64),
    AdvanceTo(u64),
    /// To the next deadline, one short of it, or past it.
    Next(i64),
    Wake,
}

const ENTRIES: usize = 24;

/// Distances of all magnitudes, with a preference for the boundaries.
fn distance() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => (0u32..64, any::<u64>()).prop_map(|(bits, random)| random >> bits),
        2 => proptest::sample::select(boundaries()),
        1 => 0u64..200_000,
        1 => Just(NEVER),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..ENTRIES, distance()).prop_map(|(number, after)| Step::Arm(number, after)),
        1 => (0..ENTRIES, distance()).prop_map(|(number, at)| Step::ArmAt(number, at)),
        2 => (0..ENTRIES).prop_map(Step::Remove),
        1 => distance().prop_map(Step::Advance),
        1 => distance().prop_map(|at| Step::AdvanceTo(at >> 4)),
        3 => (-1i64..=1).prop_map(Step::Next),
        2 => Just(Step::Wake),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 2_000 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_a_sorted_map(
        start in prop_oneof![Just(0), Just((1 << 36) * 1_000_000 / 8), Just(u64::MAX / 2), any::<u64>().prop_map(|at| at >> 1)],
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut checked = Checked::new(ENTRIES);
        checked.advance(start);
        for step in steps {
            match step {
                Step::Arm(number, after) => checked.arm(number, checked.now.saturating_add(after)),
                Step::ArmAt(number, at) => checked.arm(number, at),
                Step::Remove(number) => checked.remove(number),
                // Long jumps only now and then, or all the rest would happen at the end of time.
                Step::Advance(by) => checked.advance(checked.now.saturating_add(by >> 12)),
                Step::AdvanceTo(at) => checked.advance(at),
                Step::Next(by) => {
                    if let Some(next) = checked.wheel.next_deadline() {
                        checked.advance(next.saturating_add_signed(by));
                    }
                }
                Step::Wake => {
                    if let Some(wake) = checked.wheel.next_wake() {
                        checked.advance(wake);
                    }
                }
            }
            checked.check();
        }
        let (entries, looks) = (checked.wheel.len(), checked.run_dry());
        prop_assert!(looks <= 8 * (entries + 1) + ENTRIES, "{looks} looks for {entries} entries");
        prop_assert!(checked.model.keys().all(|key| key.0 == NEVER));
    }
}
