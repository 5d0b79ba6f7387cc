//! The numbers of runtimes.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number of a runtime or [`LocalSet`](crate::task::LocalSet), different from those of all others that live at the same time.
///
/// ```
/// let (a, b) = (cede::runtime::Runtime::new()?, cede::runtime::Runtime::new()?);
/// assert_ne!(a.handle().id(), b.handle().id());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Hash, Eq, PartialEq)]
pub struct Id(NonZeroU64);

impl Id {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed)).expect("nobody makes 2^64 runtimes"))
    }
}

impl Id {
    pub(crate) fn number(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
