//! Exceptions that may only shrink.
//!
//! A line of `ratchet.txt` is: rule, place, number. A larger count than the number fails, and so does a smaller one, so that the file is lowered in the commit that
//! earned it (`cargo xtask tidy --tighten`). Nothing adds lines but a person.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Finding;

/// Rule and place to number.
pub(crate) type Ratchet = BTreeMap<(String, String), usize>;

const TITLE: &str =
    "# Exceptions from the rules of STYLE.md: rule, place, number. Numbers may only shrink: `cargo xtask tidy --tighten`.\n";

pub(crate) fn parse(text: &str) -> Result<Ratchet, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let &[rule, place, number] = words.as_slice() else { return Err(format!("ratchet.txt: not three words: {line}")) };
            let number = number.parse().map_err(|_| format!("ratchet.txt: not a number: {line}"))?;
            Ok(((rule.to_owned(), place.to_owned()), number))
        })
        .collect()
}

/// What is wrong, in words.
pub(crate) fn complaints(recorded: &Ratchet, findings: &[Finding]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut unused = recorded.clone();
    for finding in findings {
        match finding {
            Finding::Forbidden(message) => complaints.push(message.clone()),
            Finding::Counted { rule, place, count, limit, detail } => match unused.remove(&((*rule).to_owned(), place.clone())) {
                None => complaints.push(format!("{rule} {place} {count}: at most {limit}: {detail}")),
                Some(number) if *count > number => complaints.push(format!("{rule} {place} {count}: grew from {number}: {detail}")),
                Some(number) if *count < number => {
                    complaints.push(format!("{rule} {place} {count}: better than {number}; run `cargo xtask tidy --tighten`"))
                }
                Some(_) => {}
            },
        }
    }
    complaints
        .extend(unused.keys().map(|(rule, place)| format!("{rule} {place}: no longer an exception; run `cargo xtask tidy --tighten`")));
    complaints
}

/// The file with lower numbers where less is true now.
pub(crate) fn tightened(recorded: &Ratchet, findings: &[Finding]) -> String {
    let mut text = TITLE.to_owned();
    for ((rule, place), number) in recorded {
        let now = findings.iter().find_map(|finding| match finding {
            Finding::Counted { rule: r, place: p, count, .. } if r == rule && p == place => Some(*count),
            _ => None,
        });
        if let Some(count) = now {
            let _ = writeln!(text, "{rule} {place} {}", count.min(*number));
        }
    }
    text
}
