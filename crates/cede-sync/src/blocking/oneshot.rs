//! Parking on a oneshot channel.
#![forbid(unsafe_code)]

use super::block_on;
use crate::oneshot::{Receiver, error::RecvError};

impl<T> Receiver<T> {
    /// Parks the thread until the value arrives or the sender is gone.
    ///
    /// # Errors
    /// The sender was dropped without sending.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    ///
    /// ```
    /// let (tx, rx) = cede_sync::oneshot::channel();
    /// let worker = std::thread::spawn(move || rx.blocking_recv());
    /// tx.send(1).unwrap();
    /// assert_eq!(worker.join().unwrap(), Ok(1));
    /// ```
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        block_on(self)
    }
}
