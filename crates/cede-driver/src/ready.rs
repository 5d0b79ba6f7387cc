//! What a source is ready for.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

use crate::Interest;

pub(crate) const READABLE: u32 = 1;
pub(crate) const WRITABLE: u32 = 1 << 1;
pub(crate) const READ_CLOSED: u32 = 1 << 2;
pub(crate) const WRITE_CLOSED: u32 = 1 << 3;
pub(crate) const PRIORITY: u32 = 1 << 4;
pub(crate) const ERROR: u32 = 1 << 5;

/// What a source is ready for: a set. Combine with `|`, `&` and `-`.
///
/// ```
/// # use cede_driver::Ready;
/// let ready = Ready::READABLE | Ready::READ_CLOSED;
/// assert!(ready.is_readable() && !ready.is_writable());
/// assert_eq!(ready - Ready::READABLE, Ready::READ_CLOSED);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(u32);

impl Ready {
    /// Nothing.
    pub const EMPTY: Ready = Ready(0);
    /// A read may succeed.
    pub const READABLE: Ready = Ready(READABLE);
    /// A write may succeed.
    pub const WRITABLE: Ready = Ready(WRITABLE);
    /// The peer has closed its writing side: reads come to an end.
    pub const READ_CLOSED: Ready = Ready(READ_CLOSED);
    /// Writing is no longer possible.
    pub const WRITE_CLOSED: Ready = Ready(WRITE_CLOSED);
    /// Urgent data is there.
    pub const PRIORITY: Ready = Ready(PRIORITY);
    /// There is an error to be fetched.
    pub const ERROR: Ready = Ready(ERROR);
    /// Everything.
    pub const ALL: Ready = Ready(READABLE | WRITABLE | READ_CLOSED | WRITE_CLOSED | PRIORITY | ERROR);

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// All that satisfies an interest.
    #[must_use]
    pub fn for_interest(interest: Interest) -> Self {
        let mut ready = Self::EMPTY;
        if interest.is_readable() {
            ready |= Self::READABLE | Self::READ_CLOSED;
        }
        if interest.is_writable() {
            ready |= Self::WRITABLE | Self::WRITE_CLOSED;
        }
        if interest.is_priority() {
            ready |= Self::PRIORITY | Self::READ_CLOSED;
        }
        if interest.is_error() {
            ready |= Self::ERROR;
        }
        ready
    }

    /// Whether it is ready for nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// Whether a read may succeed or return an end or an error.
    #[must_use]
    pub fn is_readable(self) -> bool {
        self.0 & (READABLE | READ_CLOSED) != 0
    }

    /// Whether a write may succeed or return an error.
    #[must_use]
    pub fn is_writable(self) -> bool {
        self.0 & (WRITABLE | WRITE_CLOSED) != 0
    }

    /// Whether the peer has closed its writing side.
    #[must_use]
    pub fn is_read_closed(self) -> bool {
        self.0 & READ_CLOSED != 0
    }

    /// Whether writing is no longer possible.
    #[must_use]
    pub fn is_write_closed(self) -> bool {
        self.0 & WRITE_CLOSED != 0
    }

    /// Whether urgent data is there.
    #[must_use]
    pub fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Whether there is an error to be fetched.
    #[must_use]
    pub fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }
}

impl BitOr for Ready {
    type Output = Ready;

    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl BitAnd for Ready {
    type Output = Ready;

    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl Sub for Ready {
    type Output = Ready;

    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("is_readable", &self.is_readable())
            .field("is_writable", &self.is_writable())
            .field("is_read_closed", &self.is_read_closed())
            .field("is_write_closed", &self.is_write_closed())
            .field("is_error", &self.is_error())
            .field("is_priority", &self.is_priority())
            .finish()
    }
}
