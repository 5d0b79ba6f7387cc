//! What a task wants to know about a source.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// What to wait for: a set that is never empty. Combine with `|`.
///
/// ```
/// # use cede_driver::Interest;
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// assert_eq!(both.remove(Interest::READABLE), Some(Interest::WRITABLE));
/// assert_eq!(format!("{both:?}"), "READABLE | WRITABLE");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(u8);

impl Interest {
    /// That it can be read from.
    pub const READABLE: Interest = Interest(1);
    /// That it can be written to.
    pub const WRITABLE: Interest = Interest(1 << 1);
    /// That urgent data is there.
    pub const PRIORITY: Interest = Interest(1 << 2);
    /// That there is an error to be fetched. The kernel always reports those.
    pub const ERROR: Interest = Interest(1 << 3);

    /// Reading and writing.
    pub(crate) const BOTH: Interest = Interest(Self::READABLE.0 | Self::WRITABLE.0);

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// What [`Interest::bits`] gave.
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Whether reading is of interest.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        self.0 & Self::READABLE.0 != 0
    }

    /// Whether writing is of interest.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE.0 != 0
    }

    /// Whether urgent data is of interest.
    #[must_use]
    pub const fn is_priority(self) -> bool {
        self.0 & Self::PRIORITY.0 != 0
    }

    /// Whether errors are of interest.
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.0 & Self::ERROR.0 != 0
    }

    /// Both sets together.
    #[must_use = "this returns the sum and changes nothing"]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// This set without the other; `None` if nothing is left.
    #[must_use = "this returns the difference and changes nothing"]
    pub fn remove(self, other: Interest) -> Option<Interest> {
        let left = self.0 & !other.0;
        (left != 0).then_some(Interest(left))
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(Self::READABLE, "READABLE"), (Self::WRITABLE, "WRITABLE"), (Self::PRIORITY, "PRIORITY"), (Self::ERROR, "ERROR")];
        let mut separator = "";
        for (interest, name) in names {
            if self.0 & interest.0 != 0 {
                write!(f, "{separator}{name}")?;
                separator = " | ";
            }
        }
        Ok(())
    }
}
