//! mpsc: order, capacity, permits, closing, counts.

use cede_sync::mpsc::error::{TryRecvError, TrySendError};
use cede_sync::mpsc::{channel, unbounded_channel};

use crate::polling::{now, polled};

#[test]
fn keeps_order_and_capacity() {
    let (tx, mut rx) = channel(3);
    for value in 0..3 {
        tx.try_send(value).unwrap();
    }
    assert_eq!(tx.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!((tx.capacity(), rx.capacity(), tx.max_capacity(), rx.max_capacity(), rx.len()), (0, 0, 3, 3, 3));
    assert_eq!(now(rx.recv()), Some(0));
    assert_eq!(tx.capacity(), 1);
    let mut buffer = vec![9];
    assert_eq!(now(rx.recv_many(&mut buffer, 10)), 2);
    assert_eq!(buffer, [9, 1, 2]);
    assert_eq!(now(rx.recv_many(&mut buffer, 0)), 0);
    assert!(rx.is_empty());
    assert_eq!(tx.capacity(), 3);
}

#[test]
fn senders_wait_for_room_in_order() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let mut first = polled(tx.send(1));
    let mut second = polled(tx.send(2));
    first.pending();
    second.pending();
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(tx.try_send(3), Err(TrySendError::Full(3)), "no barging");
    assert!(first.ready().is_ok());
    assert_eq!(now(rx.recv()), Some(1));
    assert!(second.ready().is_ok());
    assert_eq!(now(rx.recv()), Some(2));
    assert_eq!(tx.capacity(), 1);
}

#[test]
fn the_receiver_is_woken_once_for_each_wait() {
    let (tx, mut rx) = channel(8);
    {
        let mut recv = polled(rx.recv());
        recv.pending();
        recv.pending();
        tx.try_send(1).unwrap();
        tx.try_send(2).unwrap();
        assert_eq!(recv.wakes(), 1);
        assert_eq!(recv.ready(), Some(1));
    }
    assert_eq!(now(rx.recv()), Some(2));
    let mut recv = polled(rx.recv());
    recv.pending();
    drop(tx);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), None);
}

#[test]
fn permits_keep_room_and_give_it_back() {
    let (tx, mut rx) = channel(3);
    let permit = now(tx.reserve()).unwrap();
    let mut many = now(tx.reserve_many(2)).unwrap();
    assert_eq!((tx.capacity(), many.len()), (0, 2));
    assert!(matches!(tx.try_reserve(), Err(TrySendError::Full(()))));
    many.next().unwrap().send(1);
    permit.send(2);
    drop(many);
    assert_eq!(tx.capacity(), 1);
    assert_eq!((rx.try_recv(), rx.try_recv(), rx.try_recv()), (Ok(1), Ok(2), Err(TryRecvError::Empty)));
    assert!(now(tx.reserve_many(4)).is_err());
    assert!(matches!(tx.try_reserve_many(4), Err(TrySendError::Full(()))));
    assert_eq!(tx.try_reserve_many(0).unwrap().len(), 0);
    let owned = now(tx.clone().reserve_owned()).unwrap();
    assert!(owned.same_channel_as_sender(&tx));
    assert!(owned.same_channel(&tx.clone().try_reserve_owned().unwrap()));
    assert_eq!(tx.capacity(), 2);
    let sender = owned.release();
    assert_eq!(tx.capacity(), 3);
    let sender = sender.try_reserve_owned().unwrap().send(5);
    assert_eq!(rx.try_recv(), Ok(5));
    drop((sender, tx));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_cancelled_reservation_gives_its_part_on() {
    let (tx, _rx) = channel::<i32>(2);
    let held = tx.try_reserve().unwrap();
    let mut many = polled(tx.reserve_many(2));
    let mut one = polled(tx.reserve());
    many.pending();
    one.pending();
    assert_eq!(tx.capacity(), 0);
    drop(many);
    assert_eq!(one.wakes(), 1);
    drop(one.ready());
    drop(held);
    assert_eq!(tx.capacity(), 2);
}

#[test]
fn closing_refuses_senders_but_not_permits() {
    let (tx, mut rx) = channel(2);
    tx.try_send(1).unwrap();
    let permit = tx.try_reserve().unwrap();
    let unused = polled_sends(&tx);
    let mut closed = polled(tx.closed());
    closed.pending();
    rx.close();
    assert!(tx.is_closed() && rx.is_closed());
    assert_eq!(closed.wakes(), 1);
    closed.ready();
    for mut send in unused {
        assert_eq!(send.wakes(), 1);
        assert_eq!(send.ready().unwrap_err().0, 9);
    }
    assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "a permit is out");
    permit.send(2);
    assert_eq!(now(rx.recv()), Some(2));
    assert_eq!(now(rx.recv()), None);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

fn polled_sends(tx: &cede_sync::mpsc::Sender<i32>) -> Vec<crate::polling::Polled<'_, Result<(), cede_sync::mpsc::error::SendError<i32>>>> {
    let mut sends: Vec<_> = (0..40).map(|_| polled(tx.send(9))).collect();
    sends.iter_mut().for_each(|send| send.pending());
    sends
}

#[test]
fn the_last_permit_of_a_closed_channel_wakes_the_receiver() {
    let (tx, mut rx) = channel::<i32>(2);
    let permits = tx.try_reserve_many(2).unwrap();
    rx.close();
    let mut recv = polled(rx.recv());
    recv.pending();
    drop(permits);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), None);
}

#[test]
fn a_granted_reservation_of_a_closed_channel_wakes_the_receiver_when_dropped() {
    let (tx, mut rx) = channel::<i32>(1);
    let held = tx.try_reserve().unwrap();
    let mut waiting = polled(tx.reserve());
    waiting.pending();
    drop(held);
    rx.close();
    let mut recv = polled(rx.recv());
    recv.pending();
    drop(waiting);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), None);
}

#[test]
fn a_dropped_receiver_drops_what_is_there_and_what_still_comes() {
    let value = std::sync::Arc::new(());
    let (tx, rx) = channel(4);
    tx.try_send(value.clone()).unwrap();
    let permit = tx.try_reserve().unwrap();
    drop(rx);
    permit.send(value.clone());
    assert!(tx.try_send(value.clone()).is_err());
    assert_eq!(std::sync::Arc::strong_count(&value), 1);
    assert_eq!(tx.capacity(), 4);
}

#[test]
fn counts_senders_and_upgrades_weak_ones() {
    let (tx, rx) = channel::<i32>(1);
    let weak = tx.downgrade();
    let second = weak.upgrade().unwrap();
    assert!(second.same_channel(&tx));
    assert_eq!((tx.strong_count(), weak.weak_count(), rx.sender_strong_count(), rx.sender_weak_count()), (2, 1, 2, 1));
    drop((tx, second));
    assert!(weak.upgrade().is_none() && rx.is_closed());
    assert_eq!(weak.clone().weak_count(), 2);
    assert_eq!(weak.weak_count(), 1);

    let (tx, mut rx) = unbounded_channel::<i32>();
    let weak = tx.downgrade();
    drop(weak.upgrade().unwrap());
    assert_eq!((tx.strong_count(), tx.weak_count(), rx.sender_weak_count()), (1, 1, 1));
    drop(tx);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    assert!(weak.upgrade().is_none());
}

#[test]
fn unbounded_keeps_order_over_many_chunks() {
    let (tx, mut rx) = unbounded_channel();
    for value in 0..1000 {
        tx.send(value).unwrap();
    }
    assert_eq!(now(rx.recv()), Some(0));
    for value in 1000..1010 {
        tx.send(value).unwrap();
    }
    assert_eq!(rx.len(), 1009);
    let mut buffer = Vec::new();
    assert_eq!(now(rx.recv_many(&mut buffer, 5)), 5);
    assert_eq!(now(rx.recv_many(&mut buffer, 5000)), 1004);
    assert_eq!(buffer, (1..1010).collect::<Vec<_>>());
    assert!(rx.is_empty());
}

#[test]
fn unbounded_closing_drains_and_ends() {
    let (tx, mut rx) = unbounded_channel();
    let mut closed = polled(tx.closed());
    closed.pending();
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    rx.close();
    closed.ready();
    assert_eq!(tx.send(3).unwrap_err().0, 3);
    assert_eq!(now(rx.recv()), Some(2));
    assert_eq!(now(rx.recv()), None);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn huge_capacities_cost_nothing_up_front() {
    let (tx, mut rx) = channel(cede_sync::Semaphore::MAX_PERMITS);
    tx.try_send(1).unwrap();
    assert_eq!(tx.capacity(), cede_sync::Semaphore::MAX_PERMITS - 1);
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(std::panic::catch_unwind(|| channel::<i32>(0)).is_err());
    assert!(std::panic::catch_unwind(|| channel::<i32>(usize::MAX)).is_err());
}

#[test]
fn blocking_calls_work_without_a_runtime() {
    let (tx, mut rx) = channel(1);
    let sender = std::thread::spawn(move || (0..100).for_each(|value| tx.blocking_send(value).unwrap()));
    let mut buffer = vec![rx.blocking_recv().unwrap()];
    while rx.blocking_recv_many(&mut buffer, 3) > 0 {}
    sender.join().unwrap();
    assert_eq!(buffer, (0..100).collect::<Vec<_>>());
}

#[test]
fn places_of_a_refused_reservation_end_a_closed_channel() {
    for polled_again in [true, false] {
        let (tx, mut rx) = channel::<()>(2);
        let permit = tx.try_reserve().unwrap();
        let mut reserve = polled(tx.reserve_many(2));
        reserve.pending();
        rx.close();
        let mut recv = polled(rx.recv());
        recv.pending();
        drop(permit);
        assert_eq!((reserve.wakes(), recv.wakes()), (1, 0), "the reservation has a place");
        if polled_again {
            assert!(reserve.ready().is_err());
        }
        drop(reserve);
        assert_eq!((recv.wakes(), recv.ready()), (1, None));
    }
}
