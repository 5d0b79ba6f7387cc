//! Limits of zero.
//!
//! A concurrency, capacity or rate of 0 can never let anything through: whoever waited for it would wait for ever. cede's own interfaces say so when the limit is given, as an error, because
//! limits come from configurations and from arithmetic. (Those with tokio's names panic, as there.) There is no upper end: queues grow when they are used and not when they are made.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt;

/// A limit of 0, with which nothing could ever happen. The message says of what, and what to do.
///
/// ```
/// use cede::stream::{self, StreamExt, TaskStreamExt};
///
/// let from_a_file = 0;
/// let error = stream::iter([async {}]).buffered_tasks(from_a_file).unwrap_err();
/// assert_eq!(error.to_string(), "a concurrency of 0 would wait for ever; give at least 1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZeroLimit {
    what: &'static str,
}

impl ZeroLimit {
    /// Refuses 0.
    pub(crate) fn check(what: &'static str, limit: usize) -> Result<(), Self> {
        if limit == 0 { Err(Self { what }) } else { Ok(()) }
    }
}

impl fmt::Display for ZeroLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} of 0 would wait for ever; give at least 1", self.what)
    }
}

impl Error for ZeroLimit {}
