//! The numbers as a drawing.
#![forbid(unsafe_code)]
use crate::report::Report;
use std::path::Path;
pub(crate) fn draw(_report: &Report, _path: &Path) -> Result<(), String> { Ok(()) }
