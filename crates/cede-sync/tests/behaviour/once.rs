//! Barrier, OnceCell and SetOnce.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cede_sync::{Barrier, OnceCell, SetError, SetOnce, SetOnceError};

use crate::polling::{now, polled};

#[test]
fn a_barrier_opens_for_all_and_closes_again() {
    let barrier = Barrier::new(3);
    for _ in 0..3 {
        let mut waits = [polled(barrier.wait()), polled(barrier.wait())];
        waits.iter_mut().for_each(|wait| wait.pending());
        assert!(now(barrier.wait()).is_leader());
        // Those of the next round do not let those of this one wait on.
        let mut next = polled(barrier.wait());
        next.pending();
        for wait in &mut waits {
            assert_eq!(wait.wakes(), 1);
            assert!(!wait.ready().is_leader());
        }
        next.pending();
    }
}

#[test]
fn a_barrier_for_none_or_one_is_open() {
    for parties in [0, 1] {
        let barrier = Barrier::new(parties);
        assert!((0..3).all(|_| now(barrier.wait()).is_leader()));
    }
}

#[test]
fn who_left_the_barrier_has_not_arrived() {
    let barrier = Barrier::new(2);
    (0..5).for_each(|_| polled(barrier.wait()).pending());
    let mut wait = polled(barrier.wait());
    wait.pending();
    assert!(now(barrier.wait()).is_leader());
    drop(wait);
    polled(barrier.wait()).pending();
    assert_eq!(format!("{barrier:?}"), "Barrier { parties: 2, arrived: 0, .. }");
}

#[test]
fn the_first_makes_the_value_and_the_others_wait_for_it() {
    let cell = OnceCell::new();
    let (tx, rx) = cede_sync::oneshot::channel();
    let mut first = polled(cell.get_or_init(async || rx.await.unwrap()));
    let mut others: Vec<_> = (0..40).map(|_| polled(cell.get_or_init(async || unreachable!()))).collect();
    first.pending();
    others.iter_mut().for_each(|other| other.pending());
    assert_eq!(cell.set(7), Err(SetError::InitializingError(7)));
    assert!(!cell.initialized());
    tx.send(5).unwrap();
    assert_eq!((first.wakes(), *first.ready()), (1, 5));
    for other in &mut others {
        assert_eq!((other.wakes(), *other.ready()), (1, 5));
    }
    assert_eq!(cell.set(7), Err(SetError::AlreadyInitializedError(7)));
    assert_eq!(*now(cell.get_or_init(async || unreachable!())), 5);
}

#[test]
fn who_fails_panics_or_leaves_lets_the_next_try() {
    let cell = OnceCell::new();
    assert_eq!(now(cell.get_or_try_init(async || Err::<u8, _>("no"))), Err("no"));
    assert!(catch_unwind(AssertUnwindSafe(|| now(cell.get_or_init(async || panic!("no"))))).is_err());
    let mut first = polled(cell.get_or_init(pending));
    let mut second = polled(cell.get_or_init(async || 3));
    first.pending();
    second.pending();
    drop(first);
    assert_eq!((second.wakes(), *second.ready()), (1, 3));
}

#[test]
fn cells_compare_clone_show_and_empty() {
    static STATIC: OnceCell<u8> = OnceCell::const_new_with(1);
    let mut cell = OnceCell::from(1);
    assert_eq!(cell, STATIC);
    assert_eq!(cell.clone(), OnceCell::new_with(Some(1)));
    assert_ne!(cell, OnceCell::new_with(None));
    *cell.get_mut().unwrap() += 1;
    assert_eq!(format!("{cell:?} {:?}", OnceCell::<u8>::default()), "OnceCell { value: Some(2) } OnceCell { value: None }");
    assert_eq!((cell.take(), cell.take(), cell.initialized()), (Some(2), None, false));
    cell.set(3).unwrap();
    assert_eq!(cell.into_inner(), Some(3));
    let (already, initializing) = (SetError::AlreadyInitializedError(1), SetError::InitializingError(1));
    assert!(already.is_already_init_err() && initializing.is_initializing_err());
    assert_eq!(format!("{already} {initializing}"), "AlreadyInitializedError InitializingError");
}

#[test]
fn set_once_wakes_all_that_wait() {
    let once = SetOnce::new();
    let mut waits: Vec<_> = (0..40).map(|_| polled(once.wait())).collect();
    waits.iter_mut().for_each(|wait| wait.pending());
    let late = polled(once.wait());
    once.set(5).unwrap();
    for wait in &mut waits {
        assert_eq!((wait.wakes(), *wait.ready()), (1, 5));
    }
    assert_eq!((late.wakes(), *{ late }.ready()), (0, 5));
    assert_eq!(once.set(6), Err(SetOnceError(6)));
    assert_eq!(format!("{once:?} {}", SetOnceError(6)), "SetOnce { value: Some(5) } SetOnceError");
    drop(waits);
    assert_eq!((once.clone(), once.into_inner()), (SetOnce::from(5), Some(5)));
    assert_eq!(SetOnce::<u8>::default(), SetOnce::new_with(None));
}

#[test]
fn values_are_dropped_once() {
    let token = Arc::new(());
    drop(OnceCell::from(token.clone()));
    let once = SetOnce::new();
    once.set(token.clone()).unwrap();
    assert!(once.set(token.clone()).is_err());
    drop((once, OnceCell::from(token.clone()).into_inner()));
    assert_eq!(Arc::strong_count(&token), 1);
}
