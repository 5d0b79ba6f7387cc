//! Closures that somebody was promised.

use std::io;
use std::panic::Location;

use super::pool::promised;
use super::submit;
use crate::runtime::Handle;
use crate::task::JoinHandle;

/// Runs `job` where it may block, even if the runtime is shut down before its turn: what it does has been promised to somebody. `None` if it will never run,
/// because the runtime has been shut down already.
///
/// # Errors
/// If no thread for it can be created and none exists.
pub(crate) fn spawn<F, R>(handle: &Handle, job: F, site: &'static Location<'static>) -> io::Result<Option<JoinHandle<R>>>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let (join, accepted) = submit(&handle.parts().blocking.pool, handle, job, site, Some(promised::run))?;
    Ok(accepted.then_some(join))
}
