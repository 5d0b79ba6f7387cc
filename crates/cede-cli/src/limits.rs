//! The number of files and sockets that the process may have open.
//!
//! The usual limit is 1,024, kept low for programs that use `select`; this one does not. Many tools lose files at that limit, so it is raised as far as the
//! system allows without asking.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. Where that fails, the old limit holds and shows as an error of the file that needed more.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let _: Result<(), _> = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
