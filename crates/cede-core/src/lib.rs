//! The core of cede: what every scheduler and every primitive is made of, without `std` and without an allocator.
//!
//! No stability is promised; depend on `cede`.
#![no_std]

#[cfg(any(test, loom))]
extern crate std;

pub mod cache_padded;
pub mod choice;
pub mod desk;
#[cfg(target_has_atomic = "64")]
pub mod event_ring;
#[cfg(not(loom))]
pub mod executor;
pub mod idle;
pub mod lock;
pub mod prim;
pub mod run_queue;
pub mod steal_ring;
pub mod task;
pub mod transfer_stack;
pub mod wait_list;
pub mod wake_batch;
pub mod waker_slot;
pub mod wheel;
