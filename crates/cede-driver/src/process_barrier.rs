//! A memory barrier on all threads of the process, paid for by the one that asks.
//!
//! Two threads that each write one variable and read the other's need a full barrier on both sides, or both may miss the other's write. Where one side runs a million times for each time that the
//! other does, the barrier is better on the rare side alone: Linux' `membarrier` interrupts every processor that runs a thread of this process and lets it execute one. The frequent side then
//! needs only that the compiler keeps its order ([`std::sync::atomic::compiler_fence`]).
//!
//! # Invariants
//! - I1: the system call takes no pointers. It has no shared memory of ours, hence no loom model; models of its users put a full fence on both sides instead.

use std::io;

const QUERY: libc::c_int = 0;
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

/// The process is registered for it; see the module's description.
#[derive(Clone, Copy, Debug)]
pub struct ProcessBarrier(());

fn membarrier(command: libc::c_int) -> io::Result<libc::c_long> {
    // SAFETY: [I1] three numbers.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

impl ProcessBarrier {
    /// Registers the process, which may be done again. `None` if the kernel does not offer it.
    #[must_use]
    pub fn register() -> Option<Self> {
        let offered = membarrier(QUERY).unwrap_or(0) & libc::c_long::from(PRIVATE_EXPEDITED) != 0;
        (offered && membarrier(REGISTER_PRIVATE_EXPEDITED).is_ok()).then_some(Self(()))
    }

    /// Each thread of the process executes a full memory barrier between the begin and the end of this call, which takes some microseconds. Returns false if the kernel refuses what it has
    /// offered, as under a filter of system calls that was installed later; then nothing has happened.
    #[must_use]
    pub fn execute(self) -> bool {
        membarrier(PRIVATE_EXPEDITED).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::ProcessBarrier;

    #[test]
    fn it_works_where_it_is_offered() {
        if let Some(barrier) = ProcessBarrier::register() {
            assert!(barrier.execute());
        }
    }
}
