//! Standard output, where what goes there is the product: checksums, facts, events.
//!
//! That nobody gets it (a full disk behind it, or a stream that is closed) is a failure like that of any other file, and told once, at the end: what was printed is only
//! one part of what was done. A reader that has gone away has seen enough, which is no failure.

use std::io::{self, Write};
use std::sync::OnceLock;

use cede_transfer::Exit;

use crate::closed::why_no_stdout;
use crate::progress::lines::say;

/// The first thing that went wrong.
static FAILED: OnceLock<String> = OnceLock::new();

/// Prints all of it, now.
pub(crate) fn print(text: impl AsRef<[u8]>) {
    let mut out = io::stdout().lock();
    let why = match (out.write_all(text.as_ref()).and_then(|()| out.flush()), why_no_stdout()) {
        (Ok(()), Some(why)) => format!("it {why}"),
        (Err(error), _) if error.kind() != io::ErrorKind::BrokenPipe => error.to_string(),
        _ => return,
    };
    FAILED.get_or_init(|| why);
}

/// The code of a run whose own code is this, and the last word about standard output.
pub(crate) fn settle(exit: Exit) -> Exit {
    let Some(why) = FAILED.get() else { return exit };
    say(&format!("error: could not write to standard output: {why}"));
    if exit == Exit::Done { Exit::Files } else { exit }
}
