//! More runnable tasks than a worker's ring holds: each has its turn, and none waits for more than some turns of all others.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use cede::runtime::Builder;
use cede::task::yield_now;

const TASKS: usize = 1000;
const TURNS: usize = 60_000;
/// What a worker keeps to itself for some rounds.
const SET: usize = 256;
const ROUNDS: usize = 6;

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

#[test]
fn nobody_is_passed_by_for_longer_than_the_sets_before_it_last() {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let turns = Arc::new(AtomicUsize::new(0));
    let (sender, gaps) = mpsc::channel();
    for _ in 0..TASKS {
        let (turns, sender) = (turns.clone(), sender.clone());
        // Not in `block_on`: the thread there would be a second worker.
        runtime.spawn(async move { sender.send(take_turns(turns).await) });
    }
    drop(sender);
    // The sets of all others, each with the polls until the next look.
    let sets = TASKS.div_ceil(SET);
    let most = sets * (ROUNDS * SET + SET);
    let gaps: Vec<_> = gaps.iter().collect();
    assert_eq!(gaps.len(), TASKS);
    for own in gaps {
        assert!(own.len() >= TURNS / most, "had {} turns only", own.len());
        let longest = own.iter().max().unwrap();
        assert!(*longest <= most, "{longest} others had a turn between two of one task");
    }
}

#[test]
fn one_thread_serves_in_order() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let turns = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..TASKS).map(|_| cede::spawn(take_turns(turns.clone()))).collect();
        for task in tasks {
            let gaps = task.await.unwrap();
            assert!(gaps.iter().all(|&gap| gap <= TASKS), "{gaps:?}");
        }
    });
}
