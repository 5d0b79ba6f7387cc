//! Whether standard output was closed when the process began, as by `>&-`.
//!
//! Once `main` runs, nobody can tell any more: Rust's runtime has put a null device in place of each standard stream that was closed, so that no file of the program's
//! gets its number. That is right for a program that prints now and then, and wrong for one whose product goes there: it would be thrown away and called done. A null
//! device that was asked for is another matter, and looks the same from inside. So the look is before that, in a function that the loader calls.
//!
//! - I1: [`look`] runs once, before `main` and before any other thread, and needs nothing of the runtime: one system call, and one atomic store.

#![expect(unsafe_code, reason = "only an attribute that counts as such makes the loader call a function")]

use std::sync::atomic::{AtomicBool, Ordering};

/// Written before there is a second thread.
static CLOSED: AtomicBool = AtomicBool::new(false);

// SAFETY: [I1] The section is an array of functions that the loader calls with the C convention; arguments that it passes besides are not looked at.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

#[cfg(target_os = "linux")]
extern "C" fn look() {
    CLOSED.store(rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_err(), Ordering::Relaxed);
}

/// Whether nobody can get what is written to standard output. Where that cannot be known, it is taken to be open.
pub(crate) fn is_stdout_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}
