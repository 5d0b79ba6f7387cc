//! Starting threads, and the number by which the kernel knows one, and how long one has run.
//!
//! # Invariants
//! - I1: the call takes no memory, cannot fail and is async-signal-safe. (No shared memory, hence no loom model.)
//! - I2: the kernel reads or fills a set of its type, which is on this stack and for which zero bits are a value; a processor that is put there or asked for has its bit in it.
//! - I3: the kernel fills a structure of its type, which is on this stack and for which zero bits are a value.

use std::io;
use std::num::NonZeroI32;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// A thread's number, or a process's: that of its first thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pid(NonZeroI32);

impl Pid {
    pub(crate) fn as_raw_nonzero(self) -> NonZeroI32 {
        self.0
    }
}

/// That of the calling thread. Async-signal-safe.
pub(crate) fn gettid() -> Pid {
    // SAFETY: [I1]
    let number = unsafe { libc::syscall(libc::SYS_gettid) };
    let number = i32::try_from(number).ok().and_then(NonZeroI32::new);
    Pid(number.expect("threads have positive numbers"))
}

/// For how long the calling thread has had a processor, all in all.
pub(crate) fn processor_time() -> Duration {
    // SAFETY: [I3]
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        // It cannot fail: the clock is there and so is the memory.
        let _zero = libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time);
        time
    };
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// As [`Builder::spawn`]. That is a kilobyte of code for each type of closure, so all threads that are not started in haste begin here.
#[inline(never)]
pub(crate) fn spawn(thread: Builder, main: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
    thread.spawn(main)
}

/// Binds the calling thread to these processors.
pub(crate) fn set_affinity(cpus: &[usize]) -> io::Result<()> {
    // SAFETY: [I2]
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        let room = 8 * size_of::<libc::cpu_set_t>();
        cpus.iter().filter(|&&cpu| cpu < room).for_each(|&cpu| libc::CPU_SET(cpu, &mut set));
        super::checked(libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)).map(drop)
    }
}

/// The processors to which the calling thread is bound.
#[cfg(test)]
pub(crate) fn affinity() -> io::Result<Vec<usize>> {
    // SAFETY: [I2]
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        super::checked(libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set))?;
        Ok((0..8 * size_of::<libc::cpu_set_t>()).filter(|&cpu| libc::CPU_ISSET(cpu, &set)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{affinity, gettid, set_affinity};

    #[test]
    fn a_thread_can_be_bound_to_a_processor() {
        std::thread::spawn(|| {
            let last = *affinity().unwrap().last().unwrap();
            set_affinity(&[last, 5_000_000]).unwrap();
            assert_eq!(affinity().unwrap(), [last]);
            assert!(set_affinity(&[]).is_err());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn threads_have_numbers_of_their_own() {
        let here = gettid();
        assert_eq!(here, gettid());
        assert_ne!(here, std::thread::spawn(gettid).join().unwrap());
    }
}
