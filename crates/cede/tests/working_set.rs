//! More runnable tasks than a worker's ring holds: some are served several times before the next, and none waits for ever. Simulated, so the order is the same each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cede::runtime::Builder;
use cede::sim::Sim;
use cede::task::{JoinHandle, yield_now};
use cede::time::sleep;

const TASKS: usize = 1000;
/// Of all tasks together.
const TURNS: usize = 60_000;
/// What a worker keeps to itself for some rounds, and how many.
const SET: usize = 256;
const ROUNDS: usize = 6;
/// Polls from one look to the next.
const LOOK: usize = 61;

/// Has something to do until all tasks together had their turns. Returns how many turns all of them had between its own.
async fn take_turns(turns: Arc<AtomicUsize>) -> Vec<usize> {
    let mut own = vec![];
    loop {
        let turn = turns.fetch_add(1, Ordering::Relaxed);
        own.push(turn);
        if turn >= TURNS {
            return own.windows(2).map(|pair| pair[1] - pair[0]).collect();
        }
        yield_now().await;
    }
}

/// The gaps of each of a thousand tasks.
async fn gaps() -> Vec<Vec<usize>> {
    let turns = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..TASKS).map(|_| cede::spawn(take_turns(turns.clone()))).collect();
    outputs(tasks).await
}

async fn outputs<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut outputs = vec![];
    for task in tasks {
        outputs.push(task.await.unwrap());
    }
    outputs
}

#[test]
fn a_set_is_served_several_times_and_then_the_others() {
    let gaps = Sim::new(1).workers(1).run(gaps()).unwrap().output;
    let others = TASKS.div_ceil(SET) - 1;
    let longest = gaps.iter().flatten().max().unwrap();
    assert!(*longest > ROUNDS * SET, "{longest}: nobody had several turns in a row");
    assert!(*longest <= others * (ROUNDS * SET + LOOK) + SET, "{longest} others had a turn between two of one task");
    for own in &gaps {
        let soon = own.iter().filter(|&&gap| gap <= SET).count();
        assert!(soon * ROUNDS >= own.len() * (ROUNDS - 2), "of {} turns {soon} came soon", own.len());
    }
}

#[test]
fn workers_share_what_is_outside_of_a_set() {
    for seed in 0..20 {
        let gaps = Sim::new(seed).workers(2).run(gaps()).unwrap().output;
        // By then either worker has passed everything on that it has not served.
        let longest = gaps.iter().flatten().max().unwrap();
        assert!(*longest <= 3 * ROUNDS * TASKS, "seed {seed}: {longest} others had a turn between two of one task");
    }
}

#[test]
fn a_worker_without_work_takes_half_whatever_the_set_is() {
    let mut shared = 0;
    for seed in 0..20 {
        let run = async {
            let work = |_| {
                cede::spawn(async {
                    for _ in 0..50 {
                        yield_now().await;
                    }
                    cede::runtime::worker_index()
                })
            };
            outputs((0..=SET).map(work).collect()).await
        };
        let workers = Sim::new(seed).workers(2).run(run).unwrap().output;
        let first = workers.iter().filter(|&&worker| worker == Some(0)).count();
        // Work that takes no time is no reason to wake anybody, so one may sleep through it all.
        if (1..=SET).contains(&first) {
            assert!((SET / 4..=SET - SET / 4).contains(&first), "seed {seed}: the first ran {first} of {}", workers.len());
            shared += 1;
        }
    }
    assert!(shared > 5, "{shared}");
}

/// At which place each of many tasks ran, that are spawned at once and run once.
async fn places_of_a_burst(tasks: usize) -> Vec<usize> {
    let turns = Arc::new(AtomicUsize::new(0));
    let take_place = |_| {
        let turns = turns.clone();
        cede::spawn(async move { turns.fetch_add(1, Ordering::Relaxed) })
    };
    outputs((0..tasks).map(take_place).collect()).await
}

/// The one that is spawned last is the one to run next.
fn in_order(tasks: usize) -> Vec<usize> {
    (1..tasks).chain([0]).collect()
}

#[test]
fn what_runs_once_runs_in_order() {
    let places = Sim::new(1).workers(1).run(places_of_a_burst(10_000)).unwrap().output;
    assert_eq!(places, in_order(10_000));
}

#[test]
fn a_burst_after_many_quiet_rounds_runs_in_order() {
    let run = async {
        for _ in 0..ROUNDS * SET {
            // Too few turns for a look, and all but one of them from the ring.
            let few = (0..4).map(|_| cede::spawn(sleep(Duration::from_secs(1)))).collect();
            outputs(few).await;
        }
        places_of_a_burst(TASKS).await
    };
    let places = Sim::new(1).workers(1).run(run).unwrap().output;
    assert_eq!(places, in_order(TASKS));
}

#[test]
fn one_thread_serves_in_order() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        assert!(gaps().await.iter().flatten().all(|&gap| gap <= TASKS));
    });
}
