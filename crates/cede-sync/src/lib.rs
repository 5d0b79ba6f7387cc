//! Locks and channels for async tasks. They need no runtime, only a caller that polls.
//!
//! Names, signatures and documented behaviour are those of `tokio::sync`; where one waits, it waits in the order of arrival.
//! All of it is `no_std` with `alloc`; the feature `std` (default) adds the `blocking_*` methods, which park the thread.
//!
//! | to | use |
//! |---|---|
//! | send one value once | [`oneshot`] |
//! | send values from many to one | [`mpsc`] |
//! | send every value to many | [`broadcast`] |
//! | publish the latest value to many | [`watch`] |
//! | tell that something happened, without a value | [`Notify`] |
//! | share a value, one at a time | [`Mutex`] |
//! | share a value, many readers or one writer | [`RwLock`] |
//! | limit how many do something at a time | [`Semaphore`] |
//! | wait until all are there | [`Barrier`] |
//! | make a value once, when it is needed first | [`OnceCell`] |
//! | set a value once, for all that wait for it | [`SetOnce`] |
//! | ask tasks to stop, and those below them | [`CancellationToken`] |
//!
//! # How it is built
//! The layers, each using only those above it: the wait list and the one-byte lock of `cede-core`; `claims` (who waits for how many permits);
//! `permits` (a counting semaphore with a lock-free fast path); the primitives. No lock is held while wakers, destructors or closures of the user
//! run, with two exceptions that the API itself demands: the closures given to `watch`, and `clone` of a value in `broadcast`, whose own lock keeps other clones
//! of that value away, because it need not be `Sync`.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod barrier;
pub mod broadcast;
mod cancellation;
mod claims;
mod cooperative;
mod error;
mod lease;
pub mod mpsc;
mod mutex;
mod notify;
mod once_cell;
mod once_slot;
pub mod oneshot;
mod permits;
mod rwlock;
mod semaphore;
mod set_once;
#[cfg(feature = "stream")]
mod stream;
mod value_lock;
pub mod watch;

#[cfg(feature = "std")]
mod blocking;

#[cfg(all(test, loom))]
mod loom_models;

pub use barrier::{Barrier, BarrierWaitResult};
pub use cancellation::{CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture, WaitForCancellationFutureOwned};
pub use error::{AcquireError, TryAcquireError, TryLockError};
pub use mutex::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
pub use notify::Notify;
pub use once_cell::{OnceCell, SetError};
pub use rwlock::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard, RwLockReadGuard,
    RwLockWriteGuard,
};
pub use semaphore::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
pub use set_once::{SetOnce, SetOnceError};

/// The futures that have a name of their own.
pub mod futures {
    pub use crate::notify::{Notified, OwnedNotified};
}
