//! Nothing is left for later, and every file says what it is.

use super::{Finding, Project};
use crate::source::find_word;

/// In pieces, so that this file does not find itself.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const MACROS: &[&str] = &["dbg!", "todo!"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &project.rust {
        let mut report = |number: usize, message: &str| findings.push(Finding::Forbidden(format!("{}:{number}: {message}", file.path)));
        for (number, line) in file.source.lines.iter().enumerate() {
            let marked = MARKS.iter().any(|mark| find_word(&line.comment, mark).is_some() || find_word(&line.code, mark).is_some());
            if marked || MACROS.iter().any(|name| line.code.contains(name)) {
                report(number + 1, "a leftover; finish it or write it down as a limit");
            }
        }
        let mut lines = file.source.lines.iter();
        let first = lines.find(|line| !line.comment.is_empty() || (!line.code.trim().is_empty() && !line.code.starts_with("#!")));
        if first.is_none_or(|line| !line.comment.starts_with("//!")) {
            report(1, "does not say what it is: no `//!` at the top");
        }
    }
    findings
}
