//! Parking on an mpsc channel.
#![forbid(unsafe_code)]

use alloc::vec::Vec;

use super::block_on;
use crate::mpsc::error::SendError;
use crate::mpsc::{Receiver, Sender, UnboundedReceiver};

impl<T> Sender<T> {
    /// Like [`Sender::send`], but parks the thread.
    ///
    /// # Errors
    /// The receiver is closed or gone; the value comes back.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_on(self.send(value))
    }
}

impl<T> Receiver<T> {
    /// Like [`Receiver::recv`], but parks the thread.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        block_on(self.recv())
    }

    /// Like [`Receiver::recv_many`], but parks the thread.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        block_on(self.recv_many(buffer, limit))
    }
}

impl<T> UnboundedReceiver<T> {
    /// Like [`UnboundedReceiver::recv`], but parks the thread.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        block_on(self.recv())
    }

    /// Like [`UnboundedReceiver::recv_many`], but parks the thread.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        block_on(self.recv_many(buffer, limit))
    }
}
