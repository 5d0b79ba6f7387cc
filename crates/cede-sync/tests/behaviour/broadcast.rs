//! broadcast: every value to every receiver, lag, closing.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cede_sync::broadcast::error::{RecvError, TryRecvError};
use cede_sync::broadcast::{self, Sender};
use proptest::prelude::*;

use crate::polling::{now, polled};

#[test]
fn every_receiver_gets_every_value_sent_after_it_came() {
    let (tx, mut first) = broadcast::channel(4);
    assert_eq!(tx.send(1).unwrap(), 1);
    let mut second = tx.subscribe();
    assert_eq!(tx.send(2).unwrap(), 2);
    let mut third = first.resubscribe();
    assert_eq!((first.len(), second.len(), third.len(), tx.len()), (2, 1, 0, 2));
    assert_eq!([now(first.recv()), now(first.recv())], [Ok(1), Ok(2)]);
    assert_eq!(tx.len(), 1, "only the second has yet to get one");
    assert_eq!(second.try_recv(), Ok(2));
    assert_eq!(third.try_recv(), Err(TryRecvError::Empty));
    assert!(tx.is_empty() && third.is_empty());
}

#[test]
fn a_slow_receiver_learns_how_many_it_missed_and_gets_the_rest() {
    let (tx, mut rx) = broadcast::channel(2);
    (0..5).for_each(|value| assert_eq!(tx.send(value).unwrap(), 1));
    assert_eq!((rx.len(), tx.len()), (5, 2));
    assert_eq!(now(rx.recv()), Err(RecvError::Lagged(3)));
    assert_eq!([rx.try_recv(), rx.try_recv()], [Ok(3), Ok(4)]);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    (5..8).for_each(|value| assert_eq!(tx.send(value).unwrap(), 1));
    drop(tx);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!([rx.try_recv(), rx.try_recv(), rx.try_recv()], [Ok(6), Ok(7), Err(TryRecvError::Closed)]);
}

#[test]
fn capacities_are_rounded_up_and_checked() {
    let (tx, mut rx) = broadcast::channel(3);
    (0..4).for_each(|value| assert_eq!(tx.send(value).unwrap(), 1));
    assert_eq!(rx.try_recv(), Ok(0));
    assert!(catch_unwind(|| broadcast::channel::<u8>(0)).is_err());
    assert!(catch_unwind(|| Sender::<u8>::new(usize::MAX / 2 + 1)).is_err());
    // Memory is taken as it is needed.
    assert!(Sender::<u8>::new(usize::MAX / 2).is_empty());
}

#[test]
fn waiting_receivers_are_all_woken() {
    let (tx, rx) = broadcast::channel(4);
    let mut receivers: Vec<_> = (0..70).map(|_| rx.resubscribe()).collect();
    drop(rx);
    let mut waits: Vec<_> = receivers.iter_mut().map(|rx| polled(rx.recv())).collect();
    waits.iter_mut().for_each(|wait| wait.pending());
    assert_eq!(tx.send(7).unwrap(), 70);
    for wait in &mut waits {
        assert_eq!(wait.wakes(), 1);
        assert_eq!(wait.ready(), Ok(7));
    }
}

#[test]
fn the_last_sender_closes_after_what_it_sent() {
    let (tx, mut rx) = broadcast::channel(4);
    let weak = tx.downgrade();
    let second = weak.upgrade().unwrap();
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (2, 1));
    assert!(tx.same_channel(&second) && rx.same_channel(&tx.subscribe()));
    let mut wait = polled(rx.recv());
    wait.pending();
    drop(tx);
    wait.pending();
    assert_eq!(wait.wakes(), 0);
    second.send(1).unwrap();
    drop(second);
    assert_eq!(wait.ready(), Ok(1));
    drop(wait);
    assert!(rx.is_closed() && weak.upgrade().is_none());
    assert_eq!(now(rx.recv()), Err(RecvError::Closed));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!((weak.strong_count(), weak.clone().weak_count()), (0, 2));
}

#[test]
fn without_receivers_nothing_is_sent_until_one_comes() {
    let (tx, rx) = broadcast::channel(4);
    let mut closed = polled(tx.closed());
    closed.pending();
    drop(rx);
    assert_eq!(closed.wakes(), 1);
    closed.ready();
    assert_eq!(tx.send(5).unwrap_err().0, 5);
    let mut rx = tx.subscribe();
    polled(tx.closed()).pending();
    tx.send(6).unwrap();
    assert_eq!((tx.receiver_count(), rx.try_recv()), (1, Ok(6)));
}

#[test]
fn errors_read_as_in_tokio() {
    let texts = [
        RecvError::Closed.to_string(),
        RecvError::Lagged(3).to_string(),
        TryRecvError::Empty.to_string(),
        TryRecvError::Closed.to_string(),
        TryRecvError::Lagged(4).to_string(),
        Sender::new(1).send(1).unwrap_err().to_string(),
    ];
    assert_eq!(
        texts,
        ["channel closed", "channel lagged by 3", "channel empty", "channel closed", "channel lagged by 4", "channel closed"]
    );
    let (tx, rx) = broadcast::channel::<u8>(1);
    assert_eq!(format!("{tx:?} {rx:?} {:?}", tx.downgrade()), "broadcast::Sender broadcast::Receiver broadcast::WeakSender");
}

#[test]
fn values_are_dropped_when_the_last_receiver_got_them_or_left() {
    let token = Arc::new(());
    let (tx, mut first) = broadcast::channel(8);
    let second = tx.subscribe();
    (0..3).for_each(|_| assert!(tx.send(token.clone()).is_ok()));
    drop(first.try_recv().unwrap());
    assert_eq!(Arc::strong_count(&token), 4);
    drop(second);
    assert_eq!(Arc::strong_count(&token), 3, "the one that the first has got");
    drop(first.try_recv().unwrap());
    assert_eq!(Arc::strong_count(&token), 2);
    drop(first);
    assert_eq!((Arc::strong_count(&token), tx.len()), (1, 0));
}

/// It comes back to the channel when it is cloned and when it is dropped.
struct Curious(Option<Sender<Curious>>);

impl Clone for Curious {
    fn clone(&self) -> Self {
        // Overwrites the very value that is being cloned.
        let sent = self.0.as_ref().map(|tx| tx.send(Curious(None)).is_ok());
        assert_ne!(sent, Some(false));
        Curious(None)
    }
}

impl Drop for Curious {
    fn drop(&mut self) {
        if let Some(tx) = &self.0 {
            assert!(tx.len() < 5);
        }
    }
}

#[test]
fn values_are_cloned_and_dropped_outside_of_the_lock() {
    let (tx, mut first) = broadcast::channel(1);
    let mut second = tx.subscribe();
    assert!(tx.send(Curious(Some(tx.clone()))).is_ok());
    assert!(first.try_recv().is_ok());
    assert!(matches!(second.try_recv(), Err(TryRecvError::Lagged(1))));
    assert!(second.try_recv().is_ok() && first.try_recv().is_ok());
}

#[test]
fn a_panicking_clone_costs_that_value_only() {
    struct Fragile(u8);
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert_ne!(self.0, 0);
            Fragile(self.0)
        }
    }
    let (tx, mut rx) = broadcast::channel(4);
    assert!(tx.send(Fragile(0)).is_ok() && tx.send(Fragile(1)).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| rx.try_recv().is_ok())).is_err());
    assert_eq!(rx.try_recv().ok().map(|value| value.0), Some(1));
}

/// `Send`, not `Sync`: clones of one value on two threads must not overlap.
struct Alone {
    cloning: Cell<bool>,
    clones: Arc<AtomicUsize>,
}

impl Clone for Alone {
    fn clone(&self) -> Self {
        assert!(!self.cloning.replace(true), "two clones at once");
        self.clones.fetch_add(1, Ordering::Relaxed);
        std::thread::yield_now();
        self.cloning.set(false);
        Alone { cloning: Cell::new(false), clones: self.clones.clone() }
    }
}

#[test]
fn clones_of_one_value_do_not_overlap() {
    const VALUES: usize = 300;
    let clones = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = broadcast::channel(512);
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let mut rx = rx.resubscribe();
            std::thread::spawn(move || while rx.blocking_recv().is_ok() {})
        })
        .collect();
    drop(rx);
    for _ in 0..VALUES {
        assert!(tx.send(Alone { cloning: Cell::new(false), clones: clones.clone() }).is_ok());
    }
    drop(tx);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(clones.load(Ordering::Relaxed), 3 * VALUES);
}

/// What a receiver should still get: missed values, and those that are kept.
#[derive(Default)]
struct Model {
    missed: u64,
    kept: VecDeque<usize>,
}

proptest! {
    #[test]
    fn behaves_as_a_queue_for_each_receiver(bound in 0_u32..4, steps in proptest::collection::vec((0_u8..12, 0_usize..8), 1..120)) {
        let capacity = 1 << bound;
        let tx = Sender::new(capacity);
        let mut receivers: Vec<(broadcast::Receiver<usize>, Model)> = Vec::new();
        for (number, (step, pick)) in steps.into_iter().enumerate() {
            match step {
                0 if receivers.len() < 6 => receivers.push((tx.subscribe(), Model::default())),
                1 if !receivers.is_empty() => drop(receivers.swap_remove(pick % receivers.len())),
                2..=5 => {
                    prop_assert_eq!(tx.send(number).is_ok(), !receivers.is_empty());
                    for (_, model) in &mut receivers {
                        model.kept.push_back(number);
                        if model.kept.len() > capacity {
                            model.kept.pop_front();
                            model.missed += 1;
                        }
                    }
                }
                _ if !receivers.is_empty() => {
                    let place = pick % receivers.len();
                    let (rx, model) = &mut receivers[place];
                    let expected = match std::mem::take(&mut model.missed) {
                        0 => model.kept.pop_front().ok_or(TryRecvError::Empty),
                        missed => Err(TryRecvError::Lagged(missed)),
                    };
                    prop_assert_eq!(rx.try_recv(), expected);
                }
                _ => {}
            }
            for (rx, model) in &receivers {
                prop_assert_eq!(rx.len(), model.missed as usize + model.kept.len());
            }
            let kept = receivers.iter().map(|(_, model)| model.kept.len()).max().unwrap_or(0);
            prop_assert_eq!((tx.len(), tx.receiver_count()), (kept, receivers.len()));
        }
    }
}
