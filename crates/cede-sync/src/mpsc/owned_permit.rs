//! Room in a bounded channel together with the sender.
#![forbid(unsafe_code)]

use core::fmt;

use super::Sender;

/// Room for one value and the sender to send it; made by [`Sender::reserve_owned`]. Dropping it gives the room back and drops the sender.
///
/// ```
/// let (tx, mut rx) = cede_sync::mpsc::channel(1);
/// let permit = tx.try_reserve_owned().unwrap();
/// let tx = permit.send(1);
/// assert_eq!(rx.try_recv(), Ok(1));
/// # drop(tx);
/// ```
pub struct OwnedPermit<T> {
    /// Taken when the permit is used.
    sender: Option<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    pub(super) fn new(sender: Sender<T>) -> Self {
        Self { sender: Some(sender) }
    }

    fn take(&mut self) -> Sender<T> {
        self.sender.take().expect("a permit is consumed by its use")
    }

    fn sender(&self) -> &Sender<T> {
        self.sender.as_ref().expect("a permit is consumed by its use")
    }

    /// Sends the value and gives the sender back. It never waits and never fails: if the receiver is gone, the value is dropped.
    pub fn send(mut self, value: T) -> Sender<T> {
        let sender = self.take();
        sender.chan.send_reserved(value);
        sender
    }

    /// Gives the room back, and the sender.
    pub fn release(mut self) -> Sender<T> {
        let sender = self.take();
        sender.chan.give_back(1);
        sender
    }

    /// Whether both are of the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        self.sender().same_channel(other.sender())
    }

    /// Whether this permit and `sender` are of the same channel.
    #[must_use]
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.sender().same_channel(sender)
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.chan.give_back(1);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}
