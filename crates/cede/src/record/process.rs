//! All runtimes of the process, recorded because somebody asks from outside.

#![forbid(unsafe_code)]

use std::thread;
use std::time::Duration;

use super::{chrome, trace};
use crate::inspect::registry;

/// Records all runtimes of the process for so long, and returns what their threads did, in Chrome's format. Those that record already show what they did before, too, and go on.
pub(crate) fn of_process(duration: Duration) -> String {
    let recorders: Vec<_> = registry::all().iter().map(|runtime| runtime.parts().recorder.clone()).collect();
    recorders.iter().for_each(|recorder| recorder.begin());
    thread::sleep(duration);
    let traces: Vec<_> = registry::all().iter().filter_map(|runtime| trace(runtime.parts())).collect();
    recorders.iter().for_each(|recorder| recorder.end());
    chrome::Together(&traces).to_string()
}
