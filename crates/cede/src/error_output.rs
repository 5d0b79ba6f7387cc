//! What the runtime says on the error output.

#![forbid(unsafe_code)]

use std::fmt::Display;
use std::io::{self, Write};

/// Says something, in one piece, so that others do not write into the middle of it. An error output that cannot be written to must not make this panic, as `eprintln!` would: a hook may end the
/// program then.
#[cold]
#[inline(never)]
pub(crate) fn say(what: &dyn Display) {
    let mut text = format!("cede: {what}");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let _not_said = io::stderr().write_all(text.as_bytes());
}
