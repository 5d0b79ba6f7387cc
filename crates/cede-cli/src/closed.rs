//! Whether standard input or output was closed when the process began, as by `>&-`, or open only the other way, as by `1</dev/null`.
//!
//! Once `main` runs, nobody can tell any more of a closed one: Rust's runtime has put a null device in place of each standard stream that was closed, so that no file of
//! the program's gets its number. That is right for a program that prints now and then, and wrong for one whose product goes there: it would be thrown away and called
//! done. Nor does one that is open the other way fail: the standard library takes the error for a success, or for the end. A null device that was asked for is another
//! matter, and looks the same from inside. So the look is before that, in a function that the loader calls.
//!
//! - I1: [`look`] runs once, before `main` and before any other thread, and needs nothing of the runtime: two system calls, and two atomic stores.

#![expect(unsafe_code, reason = "only an attribute that counts as such makes the loader call a function")]

use std::sync::atomic::{AtomicU8, Ordering};

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const OTHER_WAY: u8 = 2;

/// Written before there is a second thread.
static STDIN: AtomicU8 = AtomicU8::new(OPEN);
static STDOUT: AtomicU8 = AtomicU8::new(OPEN);

// SAFETY: [I1] The section is an array of functions that the loader calls with the C convention; arguments that it passes besides are not looked at.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

#[cfg(target_os = "linux")]
extern "C" fn look() {
    use rustix::fd::BorrowedFd;
    use rustix::fs::{OFlags, fcntl_getfl};
    let state = |stream: BorrowedFd<'_>, other_way: OFlags| match fcntl_getfl(stream) {
        Ok(flags) if flags.contains(OFlags::PATH) => CLOSED,
        Ok(flags) if flags & OFlags::RWMODE == other_way => OTHER_WAY,
        Ok(_) => OPEN,
        Err(_) => CLOSED,
    };
    STDIN.store(state(rustix::stdio::stdin(), OFlags::WRONLY), Ordering::Relaxed);
    STDOUT.store(state(rustix::stdio::stdout(), OFlags::RDONLY), Ordering::Relaxed);
}

/// Why nothing can come from standard input, as in "it is closed". Where that cannot be known, it is taken to be open.
pub(crate) fn why_no_stdin() -> Option<&'static str> {
    told(&STDIN, "is open only for writing")
}

/// Why nobody can get what is written to standard output; likewise.
pub(crate) fn why_no_stdout() -> Option<&'static str> {
    told(&STDOUT, "is open only for reading")
}

fn told(stream: &AtomicU8, other_way: &'static str) -> Option<&'static str> {
    match stream.load(Ordering::Relaxed) {
        CLOSED => Some("is closed"),
        OTHER_WAY => Some(other_way),
        _ => None,
    }
}
