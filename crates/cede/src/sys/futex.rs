//! Sleeping until a word changes. std's own futexes are not public.
//!
//! # Invariants
//! - I1: the kernel reads the word while the reference to it lives, writes nothing, and reads the time-out during the call only. Neither call touches other memory.
//!   (That no wake is lost is the callers' protocol.)

use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps if the word is `expected`, until it is woken, a signal comes or the time is over. The caller looks at the word to know which.
pub(crate) fn wait(word: &AtomicU32, expected: u32, patience: Option<Duration>) {
    let patience = patience.map(|time| libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        // Less than a billion, which all types of this field hold.
        tv_nsec: time.subsec_nanos() as _,
    });
    let patience = patience.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: [I1] an error is one of: the word is another already, a signal, the time is over.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, expected, patience) };
}

/// Wakes one thread that sleeps on the word. Async-signal-safe: it fails of no valid word, so `errno` stays as it is.
pub(crate) fn wake_one(word: &AtomicU32) {
    // SAFETY: [I1]
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1) };
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    use super::{wait, wake_one};

    #[test]
    fn a_word_that_has_changed_is_not_waited_for() {
        wait(&AtomicU32::new(1), 0, None);
    }

    #[test]
    fn a_wait_ends_by_itself_when_its_time_is_over() {
        let (word, patience, start) = (AtomicU32::new(0), Duration::from_millis(5), Instant::now());
        while start.elapsed() < patience {
            wait(&word, 0, Some(patience));
        }
    }

    #[test]
    fn whoever_changes_the_word_wakes_who_waits_for_that() {
        let word = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while word.load(Ordering::Acquire) == 0 {
                    wait(&word, 0, None);
                }
            });
            word.store(1, Ordering::Release);
            wake_one(&word);
        });
    }
}
