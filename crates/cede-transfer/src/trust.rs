//! Whether a disk is quick enough to be written to by a task itself.
//!
//! What touches a disk may block, and so belongs on the blocking pool. But most disks answer from memory at most times, and then a small file takes less time than it
//! takes to hand it to another thread, to wake that, and to be woken by it. So whoever files measures, and [`Trust`] remembers: after [`ENOUGH`] quick files in a row,
//! the task that has the bytes files them itself. One slow file, and the pool is back for as many. A network file system never gets there, and a disk whose cache is
//! full is found out by one file. If that takes long, the runtime's monitor gives the other tasks of the thread to another.
//!
//! Large files are not for this: there, writing on another thread while more is received is the faster way.

use std::time::Duration;

/// After so many quick files in a row, a disk is trusted.
const ENOUGH: u32 = 64;
/// A quick file takes no longer.
const QUICK: Duration = Duration::from_micros(200);
/// A slow file takes longer. Between the two everything stays as it is: a processor that was taken away for a turn looks like that.
const SLOW: Duration = Duration::from_millis(5);

/// What is known about a disk.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    /// Quick calls in a row.
    quick: u32,
}

impl Trust {
    /// A file took so long.
    pub(crate) fn learn(&mut self, took: Duration) {
        self.quick = match took {
            quick if quick <= QUICK => self.quick.saturating_add(1),
            slow if slow > SLOW => 0,
            _ => self.quick,
        };
    }

    pub(crate) fn is_quick(&self) -> bool {
        self.quick >= ENOUGH
    }

    /// One that has been earned already.
    #[cfg(test)]
    pub(crate) fn earned() -> Self {
        Self { quick: ENOUGH }
    }
}

#[cfg(test)]
mod tests {
    //! How trust is earned and lost.

    use std::time::Duration;

    use super::{ENOUGH, QUICK, SLOW, Trust};

    #[test]
    fn many_quick_files_earn_it_and_one_slow_file_loses_it() {
        let mut trust = Trust::default();
        (1..ENOUGH).for_each(|_| trust.learn(QUICK));
        // Neither quick nor slow.
        trust.learn(QUICK * 2);
        assert!(!trust.is_quick());
        trust.learn(Duration::ZERO);
        assert!(trust.is_quick());
        trust.learn(QUICK * 2);
        assert!(trust.is_quick());
        trust.learn(SLOW * 2);
        assert!(!trust.is_quick());
        (1..ENOUGH).for_each(|_| trust.learn(QUICK));
        assert!(!trust.is_quick());
    }
}
