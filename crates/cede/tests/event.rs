//! Events: callbacks as futures and streams and back, and the bus.

#[path = "support/everywhere.rs"]
mod everywhere;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cede::event::{self, Bus, CompleteError, EmitError, Emitted, End, Overflow, Published};
use cede::stream::{self, StreamExt};
use cede::task::yield_now;

use everywhere::everywhere;

#[test]
fn a_completion_is_completed_by_the_first_call_from_whatever_thread() {
    for _ in 0..50 {
        let (completer, completion) = event::completion();
        let threads: Vec<_> = (0..3)
            .map(|n| {
                let completer = completer.clone();
                std::thread::spawn(move || completer.complete(n).is_ok())
            })
            .collect();
        let value = cede::block_on(completion).unwrap();
        let won: Vec<bool> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        assert!(won[value]);
        assert!(matches!(completer.complete(9), Err(CompleteError::Twice(9))));
    }
}

#[test]
fn a_callback_that_is_dropped_is_an_error_with_the_site_and_so_is_a_future_that_is_dropped() {
    everywhere(|| async {
        let error = event::from_callback::<u32>(drop).await.unwrap_err();
        assert!(error.to_string().contains("event.rs:"), "{error}");
        let (completer, completion) = event::completion();
        assert!(completer.is_awaited());
        drop(completion);
        assert!(!completer.is_awaited());
        assert!(matches!(completer.complete(1), Err(CompleteError::Abandoned(1))));
    });
}

#[test]
fn each_policy_keeps_the_capacity_and_accounts_for_all() {
    assert!(event::channel::<u32>(0, Overflow::Wait).is_err());
    for overflow in [Overflow::Wait, Overflow::DropNewest, Overflow::DropOldest, Overflow::Disconnect] {
        let (emitter, mut events) = event::channel(2, overflow).unwrap();
        let results: Vec<_> = (0..4).map(|n| emitter.emit(n)).collect();
        let received: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).collect();
        let (kept, third, missed) = match overflow {
            Overflow::Wait => ([0, 1], Err(EmitError::Full(2)), 0),
            Overflow::DropNewest => ([0, 1], Ok(Emitted::DroppedNewest), 2),
            Overflow::DropOldest => ([2, 3], Ok(Emitted::DroppedOldest), 2),
            Overflow::Disconnect => ([0, 1], Err(EmitError::Closed(2)), 1),
        };
        assert_eq!((received.as_slice(), results[2], events.missed()), (&kept[..], third, missed), "{overflow:?}");
        assert_eq!(events.is_disconnected(), overflow == Overflow::Disconnect);
        let end = if overflow == Overflow::Disconnect { End::Ended } else { End::NotYet };
        assert_eq!(events.try_recv(), Err(end));
        drop(events);
        assert_eq!(emitter.emit(9), Err(EmitError::Closed(9)));
    }
}

#[test]
fn senders_wait_for_room_and_nothing_is_lost_or_reordered_when_some_give_up() {
    everywhere(|| async {
        let (emitter, mut events) = event::channel(2, Overflow::Wait).unwrap();
        for producer in 0..3_u32 {
            let emitter = emitter.clone();
            cede::spawn(async move {
                for n in 0..6_u32 {
                    // A sender that is dropped while it waits has sent nothing.
                    let mut sending = Box::pin(emitter.send((9, 9)));
                    let _ = std::future::poll_fn(|cx| match sending.as_mut().poll(cx) {
                        std::task::Poll::Ready(result) => std::task::Poll::Ready(result.is_ok()),
                        std::task::Poll::Pending => std::task::Poll::Ready(false),
                    })
                    .await;
                    drop(sending);
                    emitter.send((producer, n)).await.unwrap();
                }
            });
        }
        drop(emitter);
        let mut next = [0; 3];
        while let Some((producer, n)) = events.recv().await {
            assert!(events.len() <= 2);
            if producer < 3 {
                assert_eq!(next[producer as usize], n);
                next[producer as usize] += 1;
            }
        }
        assert_eq!(next, [6; 3]);
    });
}

#[test]
fn a_closed_queue_wakes_those_who_wait_for_room() {
    everywhere(|| async {
        let (emitter, mut events) = event::channel(1, Overflow::Wait).unwrap();
        emitter.emit(1).unwrap();
        let sender = emitter.clone();
        let waiting = cede::spawn(async move { sender.send(2).await });
        yield_now().await;
        events.close();
        assert!(matches!(waiting.await.unwrap(), Err(EmitError::Closed(2))));
        assert_eq!((events.recv().await, events.recv().await), (Some(1), None));
    });
}

#[test]
fn each_subscriber_has_its_own_policy_and_the_slow_do_not_hold_up_the_others() {
    everywhere(|| async {
        let bus = Bus::new();
        let all = bus.subscribe(8, Overflow::Wait).unwrap();
        let newest = bus.subscribe(2, Overflow::DropOldest).unwrap();
        let oldest = bus.subscribe(2, Overflow::DropNewest).unwrap();
        let impatient = bus.subscribe(2, Overflow::Disconnect).unwrap();
        for n in 0..5 {
            let published = bus.publish(n).await;
            if n == 2 {
                assert_eq!(published, Published { reached: 2, missed: 1, thrown_out: 1, disconnected: 1 });
            }
        }
        assert_eq!(bus.subscriber_count(), 3);
        drop(bus);
        assert_eq!((newest.missed(), oldest.missed(), impatient.missed(), impatient.is_disconnected()), (3, 3, 1, true));
        assert_eq!(all.collect::<Vec<_>>().await, [0, 1, 2, 3, 4]);
        assert_eq!(newest.collect::<Vec<_>>().await, [3, 4]);
        assert_eq!(oldest.collect::<Vec<_>>().await, [0, 1]);
        assert_eq!(impatient.collect::<Vec<_>>().await, [0, 1]);
    });
}

#[test]
fn all_subscribers_see_the_events_of_many_publishers_in_the_same_order() {
    everywhere(|| async {
        let bus = Bus::new();
        let readers: Vec<_> = [1, 2, 16]
            .into_iter()
            .map(|capacity| {
                let subscription = bus.subscribe(capacity, Overflow::Wait).unwrap();
                cede::spawn(subscription.collect::<Vec<u32>>())
            })
            .collect();
        for publisher in 0..3 {
            let bus = bus.clone();
            cede::spawn(async move {
                for n in 0..4 {
                    assert_eq!(bus.publish(publisher * 10 + n).await.reached, 3);
                }
            });
        }
        drop(bus);
        let mut seen = Vec::new();
        for reader in readers {
            seen.push(reader.await.unwrap());
        }
        assert_eq!(seen[0].len(), 12);
        assert!(seen[0] == seen[1] && seen[1] == seen[2], "{seen:?}");
    });
}

#[test]
fn a_publisher_that_is_dropped_while_it_waits_has_reached_nobody() {
    everywhere(|| async {
        let bus = Bus::new();
        let mut roomy = bus.subscribe(8, Overflow::Wait).unwrap();
        let mut full = bus.subscribe(1, Overflow::Wait).unwrap();
        bus.publish(1).await;
        let mut publishing = Box::pin(bus.publish(2));
        for _ in 0..3 {
            let pending = std::future::poll_fn(|cx| std::task::Poll::Ready(publishing.as_mut().poll(cx).is_pending())).await;
            assert!(pending);
        }
        drop(publishing);
        assert_eq!((full.recv().await, roomy.recv().await), (Some(1), Some(1)));
        bus.publish(3).await;
        assert_eq!((full.recv().await, roomy.recv().await), (Some(3), Some(3)));
        drop(full);
        assert_eq!(bus.publish(4).await.reached, 1);
    });
}

#[test]
fn callbacks_are_called_in_order_until_their_listener_is_dropped_and_a_panic_is_theirs() {
    everywhere(|| async {
        let bus = Bus::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let listener = bus.on_event(4, Overflow::Wait, move |n: u32| sink.lock().unwrap().push(n)).unwrap();
        let broken = bus.on_event(4, Overflow::Wait, |n| assert!(n != 2, "cannot stand 2")).unwrap();
        for n in 0..6 {
            bus.publish(n).await;
        }
        assert!(broken.join().await.unwrap_err().is_panic());
        drop(bus);
        listener.join().await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 3, 4, 5]);

        let calls = Arc::new(AtomicUsize::new(0));
        let count = calls.clone();
        let listener = event::call_for_each(stream::pending::<u32>(), move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        drop(listener);
        while Arc::strong_count(&calls) > 1 {
            yield_now().await;
        }
        assert_eq!(calls.load(Ordering::SeqCst), 0);
    });
}
