//! The standard streams of the process.
//!
//! They may be files, terminals or pipes, shared with other processes that expect them in blocking mode. So they are read and written on the blocking pool.

mod input;
mod output;

pub use input::{Stdin, stdin};
pub use output::{Stderr, Stdout, stderr, stdout};
