//! RwLock: sharing, exclusion, order, guards.

use std::sync::Arc;

use cede_sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard};

use crate::polling::{now, polled};

#[test]
fn readers_share_and_writers_exclude() {
    let lock = RwLock::new(1);
    let (first, second) = (now(lock.read()), now(lock.read()));
    let mut writer = polled(lock.write());
    writer.pending();
    assert!(lock.try_read().is_err(), "a waiting writer holds back readers");
    let mut late = polled(lock.read());
    late.pending();
    drop(first);
    writer.pending();
    drop(second);
    assert_eq!((writer.wakes(), late.wakes()), (1, 0));
    let mut guard = writer.ready();
    *guard = 2;
    assert!(lock.try_read().is_err() && lock.try_write().is_err());
    late.pending();
    drop(guard);
    assert_eq!(late.wakes(), 1);
    assert_eq!(*late.ready(), 2);
}

#[test]
fn a_cancelled_writer_lets_the_readers_in() {
    let lock = RwLock::new(1);
    let reader = now(lock.read());
    let mut writer = polled(lock.write());
    let mut late = polled(lock.read());
    writer.pending();
    late.pending();
    drop(writer);
    assert_eq!(late.wakes(), 1);
    assert_eq!(*late.ready() + *reader, 2);
}

#[test]
fn downgrading_lets_readers_in_and_keeps_writers_out() {
    let lock = RwLock::new((1, 2));
    let mut late = polled(lock.read());
    let guard = now(lock.write());
    late.pending();
    let reader = guard.downgrade();
    assert_eq!(late.ready().0 + reader.1, 3);
    assert!(lock.try_write().is_err());
    drop(reader);
    let part = RwLockWriteGuard::downgrade_map(lock.try_write().unwrap(), |value| &value.1);
    assert_eq!(*part + lock.try_read().unwrap().0, 3);
    drop(part);
    let guard = RwLockWriteGuard::try_downgrade_map(lock.try_write().unwrap(), |_| None::<&u8>).unwrap_err();
    assert!(lock.try_read().is_err());
    drop(guard);
    assert!(lock.try_write().is_ok());
}

#[test]
fn mapped_guards_hold_their_share() {
    let lock = RwLock::new([1, 2]);
    let part = RwLockWriteGuard::map(lock.try_write().unwrap(), |value| &mut value[0]);
    let mut part = RwLockMappedWriteGuard::try_map(part, |value| Some(value)).unwrap();
    *part = 5;
    assert!(lock.try_read().is_err());
    drop(part);
    let part = RwLockReadGuard::try_map(lock.try_read().unwrap(), |value| value.first()).unwrap();
    assert!(lock.try_write().is_err());
    assert_eq!(*part, 5);
    drop(part);
    let mut whole = RwLockWriteGuard::into_mapped(lock.try_write().unwrap());
    whole[1] = 6;
    drop(whole);
    assert_eq!(lock.into_inner(), [5, 6]);
}

#[test]
fn owned_guards_keep_the_lock_alive() {
    let lock = Arc::new(RwLock::new([1, 2]));
    let reader = now(lock.clone().read_owned());
    let reader = OwnedRwLockReadGuard::map(reader, |value| &value[1]);
    assert!(lock.clone().try_write_owned().is_err());
    assert_eq!(*reader, 2);
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&reader), &lock));
    drop(reader);
    let writer = now(lock.clone().write_owned());
    let writer = OwnedRwLockWriteGuard::try_map(writer, |_| None::<&mut u8>).unwrap_err();
    let reader = writer.downgrade();
    assert_eq!(*lock.clone().try_read_owned().unwrap(), *reader);
    let weak = Arc::downgrade(&lock);
    drop(lock);
    drop(reader);
    assert!(weak.upgrade().is_none());
}

#[test]
fn limits_readers() {
    let lock = RwLock::with_max_readers(0, 1);
    let reader = lock.try_read().unwrap();
    assert!(lock.try_read().is_err());
    drop(reader);
    assert!(std::panic::catch_unwind(|| RwLock::with_max_readers(0, u32::MAX)).is_err());
    static STATIC: RwLock<u8> = RwLock::const_new(1);
    assert_eq!(*STATIC.blocking_read(), 1);
    assert_eq!(format!("{STATIC:?}"), "RwLock { data: 1 }");
    assert_eq!(format!("{:?}", STATIC.blocking_write()), "1");
}

#[test]
#[should_panic(expected = "0 readers")]
fn a_lock_for_no_readers_is_refused() {
    let _refused = RwLock::with_max_readers((), 0);
}
