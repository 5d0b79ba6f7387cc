//! How long a thread had to wait for a processor.

use std::fs;
use std::time::Duration;

use rustix::thread::Pid;

/// For how long a thread of this process has been runnable without running, all in all; zero where the kernel does not say.
pub(super) fn waited_for(thread: Pid) -> Duration {
    // Time on the processor, time waiting for it, in nanoseconds, and how often it got it.
    let text = fs::read_to_string(format!("/proc/self/task/{}/schedstat", thread.as_raw_nonzero())).unwrap_or_default();
    Duration::from_nanos(text.split_ascii_whitespace().nth(1).and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::waited_for;

    #[test]
    fn it_never_goes_back() {
        let own = rustix::thread::gettid();
        let before = waited_for(own);
        std::thread::yield_now();
        assert!(waited_for(own) >= before);
    }
}
