//! Placeholder; being written.

#[doc(hidden)]
pub mod macros;
pub use cede_macros::{main, test};
