//! Threads in earnest: nothing lost, nothing doubled, nobody left waiting.

use std::sync::Arc;
use std::thread;

use cede_sync::{Mutex, Notify, RwLock, Semaphore, mpsc, oneshot, watch};

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
