//! `mpsc`: a queue from many senders to one receiver, bounded or not.
//!
//! A bounded channel ([`channel`]) makes senders wait while it is full. An unbounded one ([`unbounded_channel`]) never does: it grows as long as
//! memory lasts.
//!
//! The channel closes when the receiver is closed or dropped: sending fails then, and what is in the queue, or is still sent through a permit,
//! can be received. When the last sender is dropped, the receiver gets what is left, and then `None`.
//!
//! ```
//! let (tx, mut rx) = cede_sync::mpsc::channel(2);
//! tx.try_send(1).unwrap();
//! tx.try_send(2).unwrap();
//! assert!(tx.try_send(3).is_err());
//! drop(tx);
//! assert_eq!([rx.try_recv().ok(), rx.try_recv().ok(), rx.try_recv().ok()], [Some(1), Some(2), None]);
//! ```

mod bounded;
mod chan;
mod fifo;
mod front;
mod owned_permit;
mod permit;
mod receiver;
mod reserve;
#[cfg(feature = "std")]
mod send_timeout;
mod unbounded;
mod unbounded_receiver;

pub mod error;

pub use bounded::{Sender, WeakSender, channel};
pub use owned_permit::OwnedPermit;
pub use permit::{Permit, PermitIterator};
pub use receiver::Receiver;
pub use unbounded::{UnboundedSender, WeakUnboundedSender, unbounded_channel};
pub use unbounded_receiver::UnboundedReceiver;
