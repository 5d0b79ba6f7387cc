//! When a file was read and written.

use std::time::SystemTime;

/// When a file was read and written, to be set; see [`File::set_times`](super::File::set_times). What is not given stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileTimes(std::fs::FileTimes);

impl FileTimes {
    /// Nothing is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// When it was last read.
    #[must_use]
    pub fn set_accessed(self, time: SystemTime) -> Self {
        Self(self.0.set_accessed(time))
    }

    /// When it was last written.
    #[must_use]
    pub fn set_modified(self, time: SystemTime) -> Self {
        Self(self.0.set_modified(time))
    }

    pub(super) fn std(self) -> std::fs::FileTimes {
        self.0
    }
}
