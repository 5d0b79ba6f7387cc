//! Slots that are in order: they are not filed again, and stay right whatever happens to them meanwhile.

use super::*;

const MILLI: u64 = SECOND / 1000;

#[test]
fn timeouts_of_one_length_stay_where_they_were_filed() {
    let mut checked = Checked::new(300);
    checked.advance(7 * MILLI);
    for number in 0..300 {
        checked.arm(number, 50 * MILLI + number as u64 * 100_000);
    }
    let places: Vec<_> = (0..300).map(|number| checked.place(number)).collect();
    assert!(places.iter().all(|&place| place >= super::super::SLOTS), "so far ahead, that is no slot of the first level");
    for number in 0..300 {
        let due = 50 * MILLI + number as u64 * 100_000;
        assert_eq!(checked.wheel.next_wake(), Some(due), "a run says exactly when it goes on");
        checked.advance(due - 1);
        checked.advance(due);
        for (later, &place) in places.iter().enumerate().skip(number + 1) {
            assert_eq!(checked.place(later), place);
        }
    }
    assert!(checked.wheel.is_empty());
}

#[test]
fn a_run_that_loses_its_order_is_filed_again() {
    let mut checked = Checked::new(4);
    for number in 0..4 {
        checked.arm(number, SECOND + number as u64 * 10 * MILLI);
    }
    // Time stands in the slot that they are in.
    checked.advance(SECOND);
    // The next one is put off behind the last, and beyond the slot; then it is called back.
    checked.arm(1, 2 * SECOND);
    checked.check();
    checked.advance(SECOND + 15 * MILLI);
    checked.arm(1, SECOND + 16 * MILLI);
    checked.check();
    checked.remove(2);
    checked.check();
    assert_eq!(checked.run_dry(), 2);
    assert!([0, 1, 3].into_iter().all(|number| checked.entries[number].is_fired()));
}

#[test]
fn a_run_whose_front_was_removed_does_not_keep_time_waiting() {
    let mut checked = Checked::new(3);
    for number in 0..3 {
        checked.arm(number, SECOND + number as u64 * 10 * MILLI);
    }
    checked.advance(SECOND);
    checked.remove(1);
    checked.check();
    // One look for the bound that is left of what was removed, one for the last.
    assert_eq!(checked.run_dry(), 2);
    // And nothing is left of the run itself.
    checked.arm(0, checked.now + 1);
    assert_eq!(checked.run_dry(), 1);
}

/// Timeouts of several lengths, each in order of its own, so that there are runs at several levels at once, some of whose timeouts are put off or do not happen.
#[test]
fn runs_at_several_levels_beside_each_other() {
    let lengths = [3 * MILLI / 10, 7 * MILLI, 50 * MILLI, 700 * MILLI, 19 * SECOND, 1500 * SECOND];
    let each = 400;
    let mut checked = Checked::new(lengths.len() * each);
    let mut now = 3 * YEAR;
    let mut random: u64 = 1;
    for step in 0..12_000_usize {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let kind = (random >> 60) as usize % lengths.len();
        let number = kind * each + step % each;
        match random >> 40 & 15 {
            0 => checked.remove(number),
            // Put off: out of order within its slot.
            1 if checked.keys[number].is_some() => checked.arm(number, now + 2 * lengths[kind]),
            _ if checked.keys[number].is_none() => checked.arm(number, now + lengths[kind]),
            _ => {}
        }
        // Mostly small steps, and a leap now and then.
        now += if step % 1000 == 999 { 300 * SECOND } else { (random >> 20 & 0xf_ffff) * 2 };
        checked.advance(now);
    }
    checked.run_dry();
    assert!(checked.wheel.is_empty());
}

/// By a clock that jumps to the next deadline, as under a simulation. If that looked at the whole run each time, this would take minutes.
#[test]
fn a_long_run_is_not_walked_for_each_of_its_timeouts() {
    let count = 200_000;
    let mut wheel = Box::new(Wheel::new());
    let entries: Vec<Pin<Box<Entry>>> = (0..count).map(|_| Box::pin(Entry::new())).collect();
    for (number, entry) in entries.iter().enumerate() {
        // SAFETY: the entries are of this wheel, and all fire before they go.
        unsafe { wheel.insert(entry.as_ref(), 18 * SECOND + number as u64 * 100_000, Waker::noop().clone()) }.unwrap();
    }
    for number in 0..count as u64 {
        let next = wheel.next_deadline().unwrap();
        assert_eq!(next, 18 * SECOND + number * 100_000);
        wheel.advance(next);
        assert!(wheel.pop_fired().is_some() && wheel.pop_fired().is_none());
    }
    assert!(wheel.is_empty());
}
