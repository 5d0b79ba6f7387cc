//! Threads in earnest: nothing lost, nothing doubled, nobody left waiting.

use std::sync::Arc;
use std::thread;

use cede_sync::broadcast::error::RecvError;
use cede_sync::{Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};

const ROUNDS: usize = if cfg!(debug_assertions) { 2_000 } else { 20_000 };

#[test]
fn channels_lose_and_double_nothing() {
    for bound in [1, 3, 100] {
        let (tx, mut rx) = mpsc::channel(bound);
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let tx = tx.clone();
                thread::spawn(move || (0..ROUNDS).for_each(|value| tx.blocking_send((sender, value)).unwrap()))
            })
            .collect();
        drop(tx);
        let mut next = [0; 4];
        while let Some((sender, value)) = rx.blocking_recv() {
            let sender: usize = sender;
            assert_eq!(value, next[sender]);
            next[sender] += 1;
        }
        assert_eq!(next, [ROUNDS; 4]);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    }
}

#[test]
fn unbounded_ping_pong() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let (back, mut replies) = mpsc::unbounded_channel();
    let echo = thread::spawn(move || {
        while let Some(value) = rx.blocking_recv() {
            back.send(value).unwrap();
        }
    });
    for value in 0..ROUNDS {
        tx.send(value).unwrap();
        assert_eq!(replies.blocking_recv(), Some(value));
    }
    drop(tx);
    echo.join().unwrap();
}

#[test]
fn locks_exclude() {
    let mutex = Arc::new(Mutex::new(0));
    let lock = Arc::new(RwLock::new((0, 0)));
    let semaphore = Arc::new(Semaphore::new(2));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (mutex, lock, semaphore) = (mutex.clone(), lock.clone(), semaphore.clone());
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    *mutex.blocking_lock() += 1;
                    let permit = semaphore.blocking_acquire_many(1 + (round % 2) as u32).unwrap();
                    assert!(semaphore.available_permits() <= 1);
                    drop(permit);
                    if round % 4 == 0 {
                        let mut pair = lock.blocking_write();
                        pair.0 += 1;
                        pair.1 += 1;
                    } else {
                        let pair = lock.blocking_read();
                        assert_eq!(pair.0, pair.1);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*mutex.blocking_lock(), 3 * ROUNDS);
    assert_eq!(semaphore.available_permits(), 2);
    assert_eq!(lock.blocking_read().0, 3 * ROUNDS.div_ceil(4));
}

#[test]
fn oneshots_arrive_or_come_back() {
    for round in 0..ROUNDS / 4 {
        let (tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(round));
        if round % 3 == 0 {
            rx.close();
        }
        let received = rx.blocking_recv();
        let sent = sender.join().unwrap();
        assert_eq!(sent.is_ok(), received.is_ok());
    }
}

#[test]
fn every_notification_is_taken_once() {
    let (notify, done) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let waiter = {
        let (notify, done) = (notify.clone(), done.clone());
        thread::spawn(move || {
            for _ in 0..ROUNDS {
                block_on(notify.notified());
                done.add_permits(1);
            }
        })
    };
    for _ in 0..ROUNDS {
        notify.notify_one();
        done.blocking_acquire().unwrap().forget();
    }
    waiter.join().unwrap();
}

#[test]
fn watchers_see_the_last_value() {
    let (tx, rx) = watch::channel(0);
    let watchers: Vec<_> = (0..3)
        .map(|_| {
            let mut rx = rx.clone();
            thread::spawn(move || {
                let mut last = 0;
                while block_on(rx.changed()).is_ok() {
                    let value = *rx.borrow_and_update();
                    assert!(value >= last);
                    last = value;
                }
                last
            })
        })
        .collect();
    drop(rx);
    (1..=ROUNDS).for_each(|value| tx.send(value).unwrap());
    drop(tx);
    for watcher in watchers {
        assert_eq!(watcher.join().unwrap(), ROUNDS);
    }
}

#[test]
fn broadcast_values_are_received_or_counted_as_missed() {
    for capacity in [1, 4, ROUNDS] {
        let (tx, rx) = broadcast::channel(capacity);
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let mut rx = rx.resubscribe();
                thread::spawn(move || {
                    let mut next = 0;
                    loop {
                        match rx.blocking_recv() {
                            Ok(value) => assert_eq!(std::mem::replace(&mut next, value + 1), value),
                            Err(RecvError::Lagged(missed)) => next += missed,
                            Err(RecvError::Closed) => return next,
                        }
                    }
                })
            })
            .collect();
        drop(rx);
        (0..ROUNDS as u64).for_each(|value| assert!(tx.send(value).is_ok()));
        drop(tx);
        for receiver in receivers {
            assert_eq!(receiver.join().unwrap(), ROUNDS as u64);
        }
    }
}

#[test]
fn a_barrier_has_one_leader_each_time() {
    let barrier = Arc::new(Barrier::new(3));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let barrier = barrier.clone();
            thread::spawn(move || (0..ROUNDS / 4).filter(|_| block_on(barrier.wait()).is_leader()).count())
        })
        .collect();
    let leaders: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(leaders, ROUNDS / 4);
}

#[test]
fn a_value_is_made_once() {
    for round in 0..ROUNDS / 20 {
        let cell = Arc::new(OnceCell::new());
        let makers: Vec<_> = (0..3)
            .map(|maker| {
                let cell = cell.clone();
                thread::spawn(move || *block_on(cell.get_or_init(async || (round, maker))))
            })
            .collect();
        let made: Vec<_> = makers.into_iter().map(|maker| maker.join().unwrap()).collect();
        assert!(made.iter().all(|value| value == &made[0]));
    }
}

#[test]
fn children_made_beside_a_cancellation_are_cancelled() {
    for _ in 0..ROUNDS / 20 {
        let root = CancellationToken::new();
        let makers: Vec<_> = (0..2)
            .map(|_| {
                let token = root.child_token();
                thread::spawn(move || {
                    let children: Vec<_> = (0..20).map(|_| token.child_token().child_token()).collect();
                    children.into_iter().for_each(|child| block_on(child.cancelled_owned()));
                })
            })
            .collect();
        root.cancel();
        makers.into_iter().for_each(|maker| maker.join().unwrap());
    }
}

/// Parks the thread between polls.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}
