//! What the kernel says about processes.

use std::fs;

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Processor time of this process, user and system, all threads.
#[must_use]
pub fn own_cpu_nanos() -> u64 {
    nanos(ClockId::ProcessCPUTime)
}

/// Time that passed.
#[must_use]
pub fn wall_nanos() -> u64 {
    nanos(ClockId::Monotonic)
}

fn nanos(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Processor time of another process: the sum over its living threads.
#[must_use]
pub fn cpu_nanos_of(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let of_thread = |path: std::path::PathBuf| {
        let text = fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or(0)
    };
    threads.map(|thread| of_thread(thread.path())).sum()
}

/// Resident memory of a process in bytes; `"self"` for the own one.
#[must_use]
pub fn resident_bytes(process: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Keeps this thread, and those that it will start, on one processor; a negative number does nothing.
pub fn pin(core: i64) {
    if let Ok(core) = usize::try_from(core) {
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set).expect("the processor exists");
    }
}
