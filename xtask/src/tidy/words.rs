//! The project speaks of itself alone: nothing about the machine or the place where it was written.

use super::{Finding, Project};

/// In pieces, so that this file does not find itself.
const FORBIDDEN: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("../sha", "red"),
    concat!("iss", "ue #"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("crates.io", "-index"),
    concat!("arti", "factory"),
];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &project.files {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(word) = FORBIDDEN.iter().find(|word| stands_in(line, word)) {
                findings.push(Finding::Forbidden(format!("{}:{}: says `{word}`", file.path, number + 1)));
            }
        }
    }
    findings
}

/// Paths count only from their root on: a module `a/wo…/b` is no path of the machine.
fn stands_in(line: &str, word: &str) -> bool {
    let rooted = |position: usize| !line[..position].chars().next_back().is_some_and(|c| c.is_alphanumeric() || "_-./".contains(c));
    line.match_indices(word).any(|(position, _)| !word.starts_with('/') || rooted(position))
}
