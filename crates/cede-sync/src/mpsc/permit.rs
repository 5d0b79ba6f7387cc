//! Room in a bounded channel that is kept for values yet to be sent.
#![forbid(unsafe_code)]

use core::fmt;
use core::iter::FusedIterator;

use super::reserve::Places;

/// Room for one value; made by [`Sender::reserve`](super::Sender::reserve). Dropping it gives the room back.
///
/// ```
/// let (tx, mut rx) = cede_sync::mpsc::channel(1);
/// let permit = tx.try_reserve().unwrap();
/// assert!(tx.try_send(1).is_err());
/// permit.send(2);
/// assert_eq!(rx.try_recv(), Ok(2));
/// ```
pub struct Permit<'a, T> {
    places: Places<'a, T>,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(places: Places<'a, T>) -> Self {
        Self { places }
    }

    /// Sends the value. It never waits and never fails: if the receiver is gone, the value is dropped.
    pub fn send(mut self, value: T) {
        self.places.send(value);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// Room for several values, as an iterator of permits; made by [`Sender::reserve_many`](super::Sender::reserve_many). Dropping it gives back what
/// is left.
///
/// ```
/// let (tx, mut rx) = cede_sync::mpsc::channel(2);
/// for (number, permit) in tx.try_reserve_many(2).unwrap().enumerate() {
///     permit.send(number);
/// }
/// assert_eq!(rx.try_recv(), Ok(0));
/// assert_eq!(rx.try_recv(), Ok(1));
/// ```
pub struct PermitIterator<'a, T> {
    places: Places<'a, T>,
}

impl<'a, T> PermitIterator<'a, T> {
    pub(super) fn new(places: Places<'a, T>) -> Self {
        Self { places }
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.places.count = self.places.count.checked_sub(1)?;
        Some(Permit::new(Places { chan: self.places.chan, count: 1 }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.places.count, Some(self.places.count))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator").field("capacity", &self.places.count).finish_non_exhaustive()
    }
}
