//! Parking on a broadcast channel.
#![forbid(unsafe_code)]

use super::block_on;
use crate::broadcast::{Receiver, error::RecvError};

impl<T: Clone> Receiver<T> {
    /// Like [`Receiver::recv`], but parks the thread.
    ///
    /// # Errors
    /// As for [`Receiver::recv`].
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    ///
    /// ```
    /// let (tx, mut rx) = cede_sync::broadcast::channel(4);
    /// let worker = std::thread::spawn(move || rx.blocking_recv());
    /// tx.send(1).unwrap();
    /// assert_eq!(worker.join().unwrap(), Ok(1));
    /// ```
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on(self.recv())
    }
}
