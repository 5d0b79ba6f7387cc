//! What the demos on both runtimes share: a time limit, and one line of outcome.

#![forbid(unsafe_code)]

use std::process::exit;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs the body on a thread of its own and prints its outcome, or that there was none within the limit; then what the runtime `reports` (one, and how many more). Ends the process.
pub fn run(limit: Duration, reports: fn() -> Vec<String>, body: impl FnOnce() -> String + Send + 'static) -> ! {
    // What panics is part of the demo; the outcome says so.
    std::panic::set_hook(Box::new(|_| {}));
    let (send, outcome) = mpsc::channel();
    let _demo = thread::spawn(move || send.send(body()));
    let mut line = match outcome.recv_timeout(limit) {
        Ok(outcome) => outcome,
        Err(mpsc::RecvTimeoutError::Timeout) => format!("hangs: nothing within {} s", limit.as_secs()),
        Err(mpsc::RecvTimeoutError::Disconnected) => "the main thread panics".to_owned(),
    };
    let reports = reports();
    if let Some(first) = reports.first() {
        line += &format!("; report: {first}");
    }
    if let Some(more @ 1..) = reports.len().checked_sub(1) {
        line += &format!(" (and {more} more)");
    }
    println!("{}", line.split_whitespace().map(shorten).collect::<Vec<_>>().join(" "));
    exit(0)
}

/// A path without what is different on each machine.
fn shorten(word: &str) -> &str {
    let own = word.rfind("programs/").map(|at| &word[at..]);
    let of_a_crate = || word.split_once("registry/src/")?.1.split_once('/').map(|(_, path)| path);
    own.or_else(of_a_crate).unwrap_or(word)
}

/// The first sentence of what a panic said.
pub fn message_of(panic: Box<dyn std::any::Any + Send>) -> String {
    let message = panic.downcast_ref::<String>().cloned();
    let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
    message.split(". ").next().unwrap_or_default().to_owned()
}
