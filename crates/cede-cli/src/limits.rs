//! The number of files and sockets that the process may have open.
//!
//! The usual limit is 1,024, kept low for programs that use `select`; this one does not, so it raises the limit as far as the system allows without asking.
//! What is left then is a fact to live with: fewer transfers run at a time, instead of many that fail with "too many open files".

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the process needs for itself: standard streams, epoll, signal pipe, the certificate store while it is read.
const OWN: u64 = 20;

/// What one transfer may hold at once: a socket or two being tried, a name lookup, the `.part`, its journal, its directory.
const EACH: u64 = 6;

/// What of that are files.
const EACH_FILE: u64 = 3;

/// A connection, and what may be open while it is made.
const EACH_CONNECTION: u64 = 3;

/// A client's connection, the file that it gets, and a directory while that is being found.
const EACH_SERVED: u64 = 3;

/// More connections than this help nobody.
const MOST: usize = 512;

/// Raises the soft limit to the hard one. Where that fails, the old limit holds.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let _: Result<(), _> = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// From now on a file that may be no larger (`ulimit -f`) is an error of the write, as a full disk is, and not the end of the process: whoever handles the signal
/// that the system sends goes on with `EFBIG`. Where that is impossible, the signal keeps its usual effect.
pub(crate) fn outlive_file_size_limit() {
    // What the flag says is of no interest: each write that failed says so itself.
    drop(signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default()));
}

/// How many transfers may run at a time without running out.
pub(crate) fn transfers_at_once() -> usize {
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, room)
}

/// How many connections there may be, beside the files of so many jobs.
pub(crate) fn connections(jobs: usize) -> usize {
    getrlimit(Resource::Nofile).current.map_or(MOST, |limit| {
        let files = EACH_FILE * (jobs as u64).min(room(limit) as u64);
        usize::try_from(limit.saturating_sub(OWN + files) / EACH_CONNECTION).unwrap_or(MOST).clamp(1, MOST)
    })
}

/// How many connections a server may have, each with a file open.
pub(crate) fn served_at_once() -> usize {
    getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |limit| usize::try_from(limit.saturating_sub(OWN) / EACH_SERVED).unwrap_or(usize::MAX).max(1))
}

fn room(limit: u64) -> usize {
    usize::try_from(limit.saturating_sub(OWN) / EACH).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    //! The arithmetic.

    use super::room;

    #[test]
    fn there_is_always_room_for_one() {
        assert_eq!([0, 3, 26, 32, 1024].map(room), [1, 1, 1, 2, 167]);
    }
}
