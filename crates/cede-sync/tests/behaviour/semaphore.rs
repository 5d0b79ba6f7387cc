//! Semaphore: counting, order, cancellation, closing.

use std::sync::Arc;

use cede_sync::{Semaphore, TryAcquireError};

use crate::polling::{now, polled};

#[test]
fn counts_permits() {
    let semaphore = Semaphore::new(3);
    let two = now(semaphore.acquire_many(2)).unwrap();
    let one = semaphore.try_acquire().unwrap();
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!((two.num_permits(), one.num_permits()), (2, 1));
    drop(two);
    assert_eq!(semaphore.available_permits(), 2);
    drop(one);
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn serves_in_order_and_newcomers_do_not_barge() {
    let semaphore = Semaphore::new(0);
    let mut big = polled(semaphore.acquire_many(3));
    let mut small = polled(semaphore.acquire());
    big.pending();
    small.pending();
    semaphore.add_permits(2);
    assert_eq!((big.wakes(), small.wakes()), (0, 0));
    assert_eq!(semaphore.available_permits(), 0, "the oldest waiter got them");
    assert!(semaphore.try_acquire().is_err());
    small.pending();
    semaphore.add_permits(2);
    assert_eq!((big.wakes(), small.wakes()), (1, 1));
    assert_eq!(big.ready().unwrap().num_permits(), 3);
    assert_eq!(small.ready().unwrap().num_permits(), 1);
}

#[test]
fn a_dropped_waiter_gives_its_part_to_the_next() {
    let semaphore = Semaphore::new(1);
    let mut big = polled(semaphore.acquire_many(2));
    let mut small = polled(semaphore.acquire());
    big.pending();
    small.pending();
    drop(big);
    assert_eq!(small.wakes(), 1);
    drop(small.ready());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn permits_that_were_given_to_a_dropped_future_come_back() {
    let semaphore = Semaphore::new(0);
    let mut waiter = polled(semaphore.acquire());
    waiter.pending();
    semaphore.add_permits(1);
    assert_eq!(waiter.wakes(), 1);
    drop(waiter);
    assert_eq!(semaphore.available_permits(), 1);
    assert!(semaphore.try_acquire().is_ok());
}

#[test]
fn keeps_its_place_when_polled_again_with_another_waker() {
    let semaphore = Semaphore::new(0);
    let mut first = polled(semaphore.acquire());
    let mut second = polled(semaphore.acquire());
    first.pending();
    second.pending();
    assert!(first.poll_with(std::task::Waker::noop()).is_pending());
    first.pending();
    semaphore.add_permits(1);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first.ready().unwrap());
    assert_eq!(second.wakes(), 1);
}

#[test]
fn more_waiters_than_a_batch_are_all_woken() {
    let semaphore = Semaphore::new(0);
    let mut waiters: Vec<_> = (0..100).map(|_| polled(semaphore.acquire())).collect();
    waiters.iter_mut().for_each(|waiter| waiter.pending());
    semaphore.add_permits(99);
    let woken: Vec<_> = waiters.iter().map(|waiter| waiter.wakes()).collect();
    assert_eq!(woken, [vec![1; 99], vec![0]].concat());
    for waiter in &mut waiters[..99] {
        waiter.ready().unwrap().forget();
    }
    waiters[99].pending();
    semaphore.close();
    assert!(waiters[99].ready().is_err());
}

#[test]
fn closing_refuses_all_and_keeps_the_count() {
    let semaphore = Semaphore::new(1);
    let mut waiters: Vec<_> = (0..70).map(|_| polled(semaphore.acquire_many(2))).collect();
    waiters.iter_mut().for_each(|waiter| waiter.pending());
    semaphore.close();
    assert!(semaphore.is_closed());
    for waiter in &mut waiters {
        assert_eq!(waiter.wakes(), 1);
        assert!(waiter.ready().is_err());
    }
    drop(waiters);
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert!(now(semaphore.acquire_many(0)).is_err());
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn nothing_is_had_at_once_even_while_others_wait() {
    let semaphore = Semaphore::new(0);
    let mut waiter = polled(semaphore.acquire());
    waiter.pending();
    assert_eq!(now(semaphore.acquire_many(0)).unwrap().num_permits(), 0);
    assert!(semaphore.try_acquire_many(0).is_ok());
    semaphore.add_permits(0);
    assert_eq!(waiter.wakes(), 0);
}

#[test]
fn splits_merges_and_forgets() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut permit = semaphore.try_acquire_many(4).unwrap();
    let part = permit.split(3).unwrap();
    assert!(permit.split(2).is_none());
    assert_eq!(permit.num_permits(), 1);
    permit.merge(part);
    assert_eq!(permit.num_permits(), 4);
    assert!(std::ptr::eq(permit.semaphore(), &*semaphore));
    permit.forget();
    assert_eq!(semaphore.available_permits(), 1);
    semaphore.add_permits(4);
    assert_eq!((semaphore.forget_permits(3), semaphore.available_permits()), (3, 2), "no more than that");
    assert_eq!((semaphore.forget_permits(1), semaphore.forget_permits(0)), (1, 0));
    assert_eq!(semaphore.forget_permits(10), 1);
    assert_eq!(semaphore.forget_permits(10), 0);

    semaphore.add_permits(2);
    let mut owned = now(semaphore.clone().acquire_many_owned(2)).unwrap();
    let part = owned.split(1).unwrap();
    assert!(Arc::ptr_eq(part.semaphore(), &semaphore));
    owned.merge(part);
    drop(owned);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
#[should_panic(expected = "different semaphore")]
fn permits_of_different_semaphores_do_not_merge() {
    let (one, two) = (Semaphore::new(1), Semaphore::new(1));
    let mut permit = one.try_acquire().unwrap();
    permit.merge(two.try_acquire().unwrap());
}

#[test]
fn counts_to_the_maximum_and_not_further() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    assert_eq!(semaphore.available_permits(), usize::MAX >> 3);
    let overflow = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| semaphore.add_permits(1)));
    assert!(overflow.is_err());
    assert_eq!(semaphore.available_permits(), usize::MAX >> 3);
    assert!(std::panic::catch_unwind(|| Semaphore::new(Semaphore::MAX_PERMITS + 1)).is_err());
}

#[test]
fn works_as_a_static() {
    static SEMAPHORE: Semaphore = Semaphore::const_new(1);
    let permit = now(SEMAPHORE.acquire()).unwrap();
    let mut waiter = polled(SEMAPHORE.acquire());
    waiter.pending();
    drop(permit);
    assert!(waiter.ready().is_ok());
}
