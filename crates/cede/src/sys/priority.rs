//! How far threads give way to others.
//!
//! # Invariants
//! - I1: a thread is named by its number, and the one call that fills memory is given memory of its type. The numbers of threads that have ended harm nobody of this process: the kernel refuses
//!   what is not the user's. (No shared memory, hence no loom model.)

use std::io;
use std::mem::MaybeUninit;

use super::checked;
use super::thread::Pid;

fn raw(thread: Option<Pid>) -> libc::id_t {
    thread.map_or(0, |thread| thread.as_raw_nonzero().get().unsigned_abs())
}

/// The niceness of a thread, `None` is the calling one: from −20, the most important, to 19.
pub(crate) fn nice(thread: Option<Pid>) -> io::Result<i32> {
    // The kernel's own call, because libc's has no result that means an error: this one returns 20 less the niceness.
    // SAFETY: [I1]
    let result = unsafe { libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, raw(thread)) };
    i32::try_from(result).ok().filter(|result| *result >= 0).map_or_else(|| Err(io::Error::last_os_error()), |result| Ok(20 - result))
}

/// Sets the niceness of a thread, `None` is the calling one.
pub(crate) fn set_nice(thread: Option<Pid>, nice: i32) -> io::Result<()> {
    // SAFETY: [I1]
    checked(unsafe { libc::setpriority(libc::PRIO_PROCESS, raw(thread), nice) }).map(drop)
}

/// The limit of niceness: a thread may come down to 20 less this. `None` if there is no limit.
pub(crate) fn nice_limit() -> Option<u64> {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: [I1] filled if the call succeeds.
    let limit = unsafe {
        if libc::getrlimit(libc::RLIMIT_NICE, limit.as_mut_ptr()) != 0 {
            return Some(0);
        }
        limit.assume_init()
    };
    // The type is another with other libraries of C.
    #[allow(clippy::useless_conversion, reason = "it is not useless everywhere")]
    let current = u64::from(limit.rlim_cur);
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(current)
}

#[cfg(test)]
mod tests {
    use super::super::thread::gettid;
    use super::{nice, set_nice};

    #[test]
    fn a_thread_can_be_made_nicer() {
        std::thread::spawn(|| {
            let nicer = (nice(None).unwrap() + 1).min(19);
            set_nice(Some(gettid()), nicer).unwrap();
            assert_eq!(nice(Some(gettid())).unwrap(), nicer);
        })
        .join()
        .unwrap();
    }
}
