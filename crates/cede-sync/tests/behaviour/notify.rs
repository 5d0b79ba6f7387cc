//! Notify: storing, order, rounds, forwarding.

use std::pin::pin;
use std::sync::Arc;

use cede_sync::Notify;

use crate::polling::{now, polled};

#[test]
fn stores_one_notification() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    now(notify.notified());
    polled(notify.notified()).pending();
}

#[test]
fn notifies_first_or_last() {
    let notify = Notify::new();
    let mut waiters: Vec<_> = (0..4).map(|_| polled(notify.notified())).collect();
    waiters.iter_mut().for_each(|waiter| waiter.pending());
    notify.notify_one();
    notify.notify_last();
    let woken: Vec<_> = waiters.iter().map(|waiter| waiter.wakes()).collect();
    assert_eq!(woken, [1, 0, 0, 1]);
    waiters[3].ready();
    waiters[0].ready();
    waiters[1].pending();
}

#[test]
fn notify_waiters_reaches_futures_that_exist_and_stores_nothing() {
    let notify = Notify::new();
    let mut early = polled(notify.notified());
    let mut queued = polled(notify.notified());
    queued.pending();
    notify.notify_waiters();
    let mut late = polled(notify.notified());
    assert_eq!(queued.wakes(), 1);
    early.ready();
    queued.ready();
    late.pending();
}

#[test]
fn notify_waiters_leaves_a_stored_notification() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_waiters();
    now(notify.notified());
    polled(notify.notified()).pending();
}

#[test]
fn a_dropped_future_forwards_the_notification_of_notify_one() {
    let notify = Notify::new();
    let mut waiters: Vec<_> = (0..3).map(|_| polled(notify.notified())).collect();
    waiters.iter_mut().for_each(|waiter| waiter.pending());
    notify.notify_one();
    waiters.remove(0);
    assert_eq!((waiters[0].wakes(), waiters[1].wakes()), (1, 0));
    waiters.remove(0);
    assert_eq!(waiters[0].wakes(), 1);
    drop(waiters);
    now(notify.notified());
}

#[test]
fn a_dropped_future_forwards_notify_last_to_the_last() {
    let notify = Notify::new();
    let mut waiters: Vec<_> = (0..3).map(|_| polled(notify.notified())).collect();
    waiters.iter_mut().for_each(|waiter| waiter.pending());
    notify.notify_last();
    waiters.pop();
    assert_eq!((waiters[0].wakes(), waiters[1].wakes()), (0, 1));
}

#[test]
fn a_notification_of_all_is_not_forwarded() {
    let notify = Notify::new();
    let mut waiter = polled(notify.notified());
    waiter.pending();
    notify.notify_waiters();
    drop(waiter);
    polled(notify.notified()).pending();
}

#[test]
fn enable_begins_to_wait_without_a_poll() {
    let notify = Notify::new();
    let mut first = pin!(notify.notified());
    let mut second = polled(notify.notified());
    assert!(!first.as_mut().enable());
    second.pending();
    notify.notify_one();
    assert_eq!(second.wakes(), 0);
    assert!(first.as_mut().enable());
    now(first.as_mut());
    now(first);
}

#[test]
fn a_later_poll_replaces_the_waker() {
    let notify = Notify::new();
    let mut waiter = polled(notify.notified());
    waiter.pending();
    assert!(waiter.poll_with(std::task::Waker::noop()).is_pending());
    notify.notify_one();
    assert_eq!(waiter.wakes(), 0);
    waiter.ready();
}

#[test]
fn all_of_many_are_woken_and_newcomers_during_it_are_not() {
    let notify = Notify::new();
    let mut waiters: Vec<_> = (0..100).map(|_| polled(notify.notified())).collect();
    waiters.iter_mut().for_each(|waiter| waiter.pending());
    waiters.swap_remove(50);
    notify.notify_waiters();
    let mut late = polled(notify.notified());
    late.pending();
    for waiter in &mut waiters {
        assert_eq!(waiter.wakes(), 1);
        waiter.ready();
    }
    late.pending();
    notify.notify_one();
    late.ready();
}

#[test]
fn owned_futures_keep_it_alive() {
    let notify = Arc::new(Notify::new());
    let weak = Arc::downgrade(&notify);
    let mut waiter = polled(notify.clone().notified_owned());
    waiter.pending();
    notify.notify_one();
    drop(notify);
    assert!(weak.upgrade().is_some());
    waiter.ready();
    drop(waiter);
    assert!(weak.upgrade().is_none());
}

#[test]
fn works_as_a_static() {
    static NOTIFY: Notify = Notify::const_new();
    NOTIFY.notify_one();
    now(NOTIFY.notified());
}

#[test]
fn who_is_notified_with_all_leaves_the_stored_notification() {
    let notify = Notify::new();
    let first = notify.notified();
    notify.notify_waiters();
    notify.notify_one();
    now(first);
    now(notify.notified());
    polled(notify.notified()).pending();
}
