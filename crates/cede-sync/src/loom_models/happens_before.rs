//! What was done before is seen after: with data that orders nothing itself, so that a missing Acquire or Release shows. Values inside of locks are plain memory, of which the
//! model checker sees nothing.

use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::{block_on, model};
use crate::{Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, mpsc, oneshot, watch};

/// A number that orders nothing.
struct Plain(AtomicUsize);

impl Plain {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0)))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, number: usize) {
        self.0.store(number, Ordering::Relaxed);
    }
}

/// One thread writes and then does `tell`; what it wrote is seen where `hear` says yes. (It is read in any case: otherwise the model checker leaves out the runs in which one that only asks hears yes.)
fn told<S: Send + Sync + 'static>(make: fn() -> S, tell: fn(&S), hear: fn(&S) -> bool) {
    model(move || {
        let (data, shared) = (Plain::new(), Arc::new(make()));
        let (written, told) = (data.clone(), shared.clone());
        let teller = thread::spawn(move || {
            written.set(1);
            tell(&told);
        });
        let (hears, sees) = (hear(&shared), data.get());
        assert!(!hears || sees == 1);
        teller.join().unwrap();
    });
}

#[test]
fn loom_before_a_notification() {
    told(Notify::new, Notify::notify_one, |notify| {
        block_on(notify.notified());
        true
    });
}

#[test]
fn loom_before_permits_are_added() {
    told(|| Semaphore::new(0), |semaphore| semaphore.add_permits(1), |semaphore| block_on(semaphore.acquire()).is_ok());
    told(|| Semaphore::new(0), |semaphore| semaphore.add_permits(1), |semaphore| semaphore.try_acquire().is_ok());
    told(|| Semaphore::new(0), Semaphore::close, Semaphore::is_closed);
}

#[test]
fn loom_before_a_value_is_set() {
    told(SetOnce::new, |once| drop(once.set(())), SetOnce::initialized);
    told(
        SetOnce::new,
        |once| drop(once.set(())),
        |once| {
            block_on(once.wait());
            true
        },
    );
    told(OnceCell::new, |cell| drop(cell.set(())), OnceCell::initialized);
}

#[test]
fn loom_before_a_cancellation() {
    told(CancellationToken::new, CancellationToken::cancel, CancellationToken::is_cancelled);
}

/// The same with two halves, of which the other one hears.
fn sent<T: Send + 'static, R: 'static>(channel: fn() -> (T, R), send: fn(T), receives: fn(&mut R) -> bool) {
    model(move || {
        let data = Plain::new();
        let (written, (tx, mut rx)) = (data.clone(), channel());
        let sender = thread::spawn(move || {
            written.set(1);
            send(tx);
        });
        let (hears, sees) = (receives(&mut rx), data.get());
        assert!(!hears || sees == 1);
        sender.join().unwrap();
    });
}

#[test]
fn loom_before_a_value_is_sent() {
    sent(oneshot::channel, |tx| tx.send(()).unwrap(), |rx| block_on(rx).is_ok());
    sent(mpsc::unbounded_channel, |tx| tx.send(()).unwrap(), |rx| block_on(rx.recv()).is_some());
}

#[test]
fn loom_under_a_mutex() {
    model(|| {
        let (data, mutex) = (Plain::new(), Arc::new(Mutex::new(())));
        let (counted, shared) = (data.clone(), mutex.clone());
        let other = thread::spawn(move || {
            let _guard = block_on(shared.lock());
            counted.set(counted.get() + 1);
        });
        {
            let _guard = block_on(mutex.lock());
            data.set(data.get() + 1);
        }
        other.join().unwrap();
        assert_eq!(data.get(), 2);
    });
}

#[test]
fn loom_under_a_rwlock() {
    model(|| {
        let (first, second, lock) = (Plain::new(), Plain::new(), Arc::new(RwLock::new(())));
        let written = (first.clone(), second.clone(), lock.clone());
        let writer = thread::spawn(move || {
            let _guard = block_on(written.2.write());
            written.0.set(1);
            written.1.set(1);
        });
        {
            let _guard = block_on(lock.read());
            assert_eq!(second.get(), first.get());
        }
        writer.join().unwrap();
    });
}

#[test]
fn loom_while_a_watched_value_is_borrowed() {
    model(|| {
        let (first, second) = (Plain::new(), Plain::new());
        let written = (first.clone(), second.clone());
        let (tx, rx) = watch::channel(0);
        let writer = thread::spawn(move || {
            tx.send_modify(|value| {
                *value = 1;
                written.0.set(1);
                written.1.set(1);
            });
        });
        {
            let value = rx.borrow();
            assert_eq!([second.get(), *value], [first.get(); 2]);
        }
        writer.join().unwrap();
    });
}

#[test]
fn loom_before_a_barrier_opens() {
    model(|| {
        let (data, barrier) = (Plain::new(), Arc::new(Barrier::new(2)));
        let (written, shared) = (data.clone(), barrier.clone());
        let other = thread::spawn(move || {
            written.set(1);
            block_on(shared.wait());
        });
        block_on(barrier.wait());
        assert_eq!(data.get(), 1);
        other.join().unwrap();
    });
}
