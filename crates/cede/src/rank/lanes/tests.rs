//! The rule by which turns are given, without tasks and without time that passes.

use std::collections::HashMap;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, Weak};

use super::{Choice, Lanes};
use crate::rank::{CpuGroup, Priority, Rank, Wanted};

fn rank(id: u64, priority: Priority, group: Option<&CpuGroup>, deadline_ns: Option<u64>) -> Arc<Rank> {
    let wanted = Wanted { priority, group: group.cloned(), deadline: None };
    Arc::new(Rank { id, wanted, deadline_ns, class: AtomicU8::new(priority as u8), lanes: Weak::new(), usage: None })
}

const ORDINARY: u64 = 0;

/// Everybody is always runnable: so many turns of so many nanoseconds each; says who had how many. The ordinary tasks have the number zero.
fn turns(ranks: &[Arc<Rank>], ordinary: bool, count: usize, took: impl Fn(u64) -> u64) -> HashMap<u64, usize> {
    let lanes = Lanes::default();
    ranks.iter().for_each(|rank| assert!(lanes.push(rank.id, rank, 0).is_ok()));
    let mut had = HashMap::new();
    let mut before = None;
    for _ in 0..count {
        let (who, account) = match lanes.choose(ordinary, before.take()).unwrap() {
            Choice::Ranked(id, account) => (id, account),
            Choice::Ordinary(account) => (ORDINARY, account),
        };
        *had.entry(who).or_default() += 1;
        before = Some((account, took(who)));
        if let Some(rank) = ranks.iter().find(|rank| rank.id == who) {
            assert!(lanes.push(who, rank, 0).is_ok());
        }
    }
    had
}

#[test]
fn the_highest_class_is_first_and_within_it_the_earliest_deadline() {
    let lanes = Lanes::default();
    let ranks = [
        rank(1, Priority::Background, None, None),
        rank(2, Priority::High, None, Some(900)),
        rank(3, Priority::High, None, Some(300)),
        rank(4, Priority::Urgent, None, None),
        rank(5, Priority::High, None, None),
        rank(6, Priority::Normal, None, None),
    ];
    ranks.iter().for_each(|rank| assert!(lanes.push(rank.id, rank, 0).is_ok()));
    assert_eq!(lanes.len(), 6);
    assert!(lanes.is_waiting_above_normal());
    let order: Vec<u64> = std::iter::from_fn(|| lanes.pop()).collect();
    assert_eq!(order, [4, 3, 2, 5, 6, 1]);
    assert!(!lanes.is_waiting());
}

#[test]
fn a_deadline_far_away_does_not_go_before_what_waits_already() {
    let lanes = Lanes::default();
    assert!(lanes.push(1, &rank(1, Priority::Normal, None, Some(10_000_000_000)), 0).is_ok());
    assert!(lanes.push(2, &rank(2, Priority::Normal, None, None), 0).is_ok());
    assert_eq!(lanes.pop(), Some(2));
}

#[test]
fn ordinary_tasks_stand_between_high_and_background() {
    let high = turns(&[rank(1, Priority::High, None, None)], true, 1, |_| 10_000);
    assert_eq!(high.get(&1), Some(&1));
    let background = turns(&[rank(1, Priority::Background, None, None)], true, 1, |_| 10_000);
    assert_eq!(background.get(&ORDINARY), Some(&1));
}

#[test]
fn each_class_gets_its_part_of_the_time_of_those_above_it() {
    // Turns of background tasks are longer, which must not help them.
    let took = |id| if id == 9 { 200_000 } else { 10_000 };
    let had = turns(&[rank(9, Priority::Background, None, None)], true, 100_000, took);
    let part = (had[&9] * 200_000) as f64 / (had[&ORDINARY] * 10_000) as f64;
    assert!((part - 1.0 / 16.0).abs() < 0.005, "{part}");

    let ranks = [rank(1, Priority::Urgent, None, None), rank(2, Priority::High, None, None), rank(9, Priority::Background, None, None)];
    let had = turns(&ranks, true, 100_000, |_| 10_000);
    for (id, part, above) in [(2, 0.25, had[&1]), (ORDINARY, 0.25, had[&1] + had[&2]), (9, 1.0 / 16.0, had[&1] + had[&2] + had[&ORDINARY])]
    {
        let got = had[&id] as f64 / above as f64;
        assert!((got - part).abs() < 0.01, "{id}: {got}");
    }
}

#[test]
fn groups_have_time_by_their_shares() {
    let (few, many) = (CpuGroup::new("few", 50), CpuGroup::new("many", 300));
    let ranks = [
        rank(1, Priority::Normal, Some(&few), None),
        rank(2, Priority::Normal, Some(&many), None),
        rank(3, Priority::Normal, Some(&many), None),
        rank(4, Priority::Normal, None, None),
    ];
    // The group with few shares has long turns.
    let had = turns(&ranks, true, 90_000, |id| if id == 1 { 100_000 } else { 10_000 });
    let time = |id| if id == 1 { had[&id] * 10 } else { had[&id] };
    let ordinary = time(ORDINARY) as f64;
    for (time, shares) in [(time(1), 0.5), (time(2) + time(3), 3.0), (time(4), 1.0)] {
        let got = time as f64 / ordinary;
        assert!((got - shares).abs() < 0.05 * shares, "{got} of {shares}");
    }
    assert!(had[&2].abs_diff(had[&3]) <= 1);
}

#[test]
fn who_had_nothing_to_do_has_saved_nothing_up() {
    let (one, other) = (CpuGroup::new("one", 100), CpuGroup::new("other", 100));
    let (one, other) = (rank(1, Priority::Normal, Some(&one), None), rank(2, Priority::Normal, Some(&other), None));
    let lanes = Lanes::default();
    let mut before = None;
    assert!(lanes.push(1, &one, 0).is_ok());
    let mut turn = |wants: &[&Arc<Rank>]| {
        let Some(Choice::Ranked(id, account)) = lanes.choose(false, before.take()) else { panic!("nobody's turn") };
        before = Some((account, 1_000_000));
        wants.iter().filter(|rank| rank.id == id).for_each(|rank| assert!(lanes.push(id, rank, 0).is_ok()));
        id
    };
    assert!((0..1000).all(|_| turn(&[&one]) == 1));
    assert!(lanes.push(2, &other, 0).is_ok());
    let of_other = (0..100).filter(|_| turn(&[&one, &other]) == 2).count();
    assert!((50..=53).contains(&of_other), "{of_other} of 100");
}

#[test]
fn a_queued_task_goes_to_its_new_class() {
    let lanes = Arc::new(Lanes::default());
    let low = rank(1, Priority::Background, None, None);
    assert!(lanes.push(1, &low, 0).is_ok());
    assert!(lanes.push(2, &rank(2, Priority::Normal, None, None), 0).is_ok());
    lanes.move_to_class(1, Priority::High);
    lanes.move_to_class(3, Priority::High);
    assert_eq!(lanes.pop(), Some(1));
    assert_eq!(lanes.pop(), Some(2));
    assert_eq!(lanes.pop(), None);
}

#[test]
fn closed_lanes_forget_and_refuse() {
    let lanes = Lanes::default();
    let one = rank(1, Priority::High, None, None);
    assert!(lanes.push(1, &one, 0).is_ok());
    lanes.close();
    assert!(!lanes.has_work());
    assert!(lanes.push(1, &one, 0).is_err());
    assert_eq!(lanes.pop(), None);
}
