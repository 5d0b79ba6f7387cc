//! Mutex: exclusion, order, guards.

use std::sync::Arc;

use cede_sync::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};

use crate::polling::{now, polled};

#[test]
fn excludes_and_serves_in_order() {
    let mutex = Mutex::new(0);
    let guard = now(mutex.lock());
    let mut first = polled(mutex.lock());
    let mut second = polled(mutex.lock());
    first.pending();
    second.pending();
    assert!(mutex.try_lock().is_err());
    drop(guard);
    assert!(mutex.try_lock().is_err(), "the lock was handed over");
    second.pending();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    *first.ready() += 1;
    assert_eq!(second.wakes(), 1);
    *second.ready() += 1;
    assert_eq!(*mutex.try_lock().unwrap(), 2);
}

#[test]
fn a_cancelled_waiter_passes_the_lock_on() {
    let mutex = Mutex::new(());
    let guard = now(mutex.lock());
    let mut first = polled(mutex.lock());
    let mut second = polled(mutex.lock());
    first.pending();
    second.pending();
    drop(guard);
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second.ready());
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn mapped_guards_hold_the_lock() {
    let mutex = Mutex::new((1, [2, 3]));
    let guard = now(mutex.lock());
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
    let array = MutexGuard::map(guard, |value| &mut value.1);
    let array = MappedMutexGuard::try_map(array, |array| array.get_mut(9)).unwrap_err();
    let mut last = MappedMutexGuard::try_map(array, |array| array.get_mut(1)).unwrap();
    *last = 7;
    assert!(mutex.try_lock().is_err());
    drop(last);
    let guard = MutexGuard::try_map(mutex.try_lock().unwrap(), |_| None::<&mut u8>).unwrap_err();
    assert_eq!(guard.1, [2, 7]);
}

#[test]
fn owned_guards_keep_the_mutex_alive() {
    let mutex = Arc::new(Mutex::new((1, [2, 3])));
    let guard = now(mutex.clone().lock_owned());
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    assert!(mutex.clone().try_lock_owned().is_err());
    let array = OwnedMutexGuard::map(guard, |value| &mut value.1);
    let mut first = OwnedMappedMutexGuard::map(array, |array| &mut array[0]);
    *first = 5;
    let weak = Arc::downgrade(&mutex);
    drop(mutex);
    assert_eq!(weak.strong_count(), 1);
    drop(first);
    assert_eq!(weak.strong_count(), 0);
}

#[test]
fn a_panic_unlocks_and_poisons_nothing() {
    let mutex = Arc::new(Mutex::new(1));
    let shared = Arc::clone(&mutex);
    assert!(
        std::thread::spawn(move || {
            let _guard = shared.try_lock().unwrap();
            panic!("holder");
        })
        .join()
        .is_err()
    );
    assert_eq!(*mutex.try_lock().unwrap(), 1);
    let mapping = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let guard = mutex.try_lock().unwrap();
        drop(MutexGuard::map(guard, |_| -> &mut i32 { panic!("closure") }));
    }));
    assert!(mapping.is_err());
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn unsized_values_and_formatting() {
    let mutex: Box<Mutex<[i32]>> = Box::new(Mutex::new([1, 2]));
    mutex.try_lock().unwrap()[0] = 9;
    assert_eq!(format!("{mutex:?}"), "Mutex { data: [9, 2] }");
    let guard = mutex.try_lock().unwrap();
    assert_eq!(format!("{mutex:?} {guard:?}"), "Mutex { data: <locked> } [9, 2]");
    let mut text = Mutex::from("a");
    assert_eq!(format!("{}", text.try_lock().unwrap()), "a");
    assert_eq!(mutex.try_lock().unwrap_err().to_string(), "operation would block");
    *text.get_mut() = "b";
    assert_eq!(text.into_inner(), "b");
    assert_eq!(Mutex::<u8>::default().into_inner(), 0);
    static STATIC: Mutex<u8> = Mutex::const_new(1);
    assert_eq!(*STATIC.blocking_lock(), 1);
}

#[test]
fn whoever_is_polled_again_and_again_keeps_the_place() {
    use cede_sync::{RwLock, Semaphore, mpsc};

    use crate::polling::Polled;

    /// `first` came first; it is polled as by a loop around a `select!`, which has other branches too.
    fn check<A, B>(mut first: Polled<'_, A>, mut second: Polled<'_, B>, release: impl FnOnce()) {
        first.pending();
        second.pending();
        (0..10).for_each(|_| first.pending());
        release();
        assert_eq!((first.wakes(), second.wakes()), (1, 0));
        second.pending();
        drop(first.ready());
        drop(second.ready());
    }

    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    check(polled(mutex.lock()), polled(mutex.lock()), || drop(guard));
    let lock = RwLock::new(());
    let guard = lock.try_read().unwrap();
    check(polled(lock.write()), polled(lock.read()), || drop(guard));
    let semaphore = Semaphore::new(0);
    check(polled(semaphore.acquire()), polled(semaphore.acquire()), || semaphore.add_permits(1));
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(()).unwrap();
    check(polled(tx.reserve()), polled(tx.reserve()), || rx.try_recv().unwrap());
}
