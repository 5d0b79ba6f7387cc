//! What code below the runtime may ask of the thread it runs on.
//!
//! Locks, channels and I/O objects need no runtime, yet a few things about the poll in progress concern them:
//!
//! * the **budget**: how many more operations the running task may complete before it must cede ([`budget`]);
//! * the **wait**: a leaf future that returns `Pending` says what it waits for, and the executor stores it with the task, so that dumps
//!   and deadlock reports can be read without polling anything ([`wait`]);
//! * the **holder** of a lock, for those who wait for it ([`holder`]);
//! * whether the thread is **inside** an executor, so that what blocks it can refuse ([`inside`]);
//! * a **timer**, for what has a time limit (with `std`: module `timer`);
//! * how to **relax** while another thread holds a short lock ([`relax`]);
//! * how to **persist** with calls into foreign code when one of them panics ([`persist`]).
//!
//! With the feature `std` these are plain thread-local cells, one direct load or store each. Without it (microcontrollers) and under the loom
//! model checker, whose model threads share one OS thread, the module `unlimited` takes their place: budgets never end and waits are not recorded.
//!
//! No stability is promised; depend on `cede`.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(feature = "std", loom))]
extern crate std;

pub mod budget;
pub mod holder;
pub mod inside;
mod persist;
#[cfg(feature = "std")]
pub mod timer;
pub mod wait;

#[cfg(all(feature = "std", not(loom)))]
mod thread_local;
#[cfg(all(feature = "std", not(loom)))]
use thread_local as cells;

#[cfg(not(all(feature = "std", not(loom))))]
mod unlimited;
#[cfg(not(all(feature = "std", not(loom))))]
use unlimited as cells;

pub use cells::relax;
pub use persist::persist;
