//! The tests of others that may fail are few, and each has its reason; those of tokio's are in the list of differences, and the numbers that the README tells go with them.

use super::{Finding, Project};

/// So many of tokio's own tests may be excepted.
const MOST: usize = 14;
/// So many of them there are.
const TESTS: usize = 1414;
const LIST: &str = "conformance/exceptions.toml";

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let text = |path: &str| project.files.iter().find(|file| file.path == path).map(|file| &*file.text);
    let Some(list) = text(LIST) else { return Vec::new() };
    let (differences, readme) = (text("docs/differences-from-tokio.md").unwrap_or(""), text("README.md").unwrap_or(""));
    let mut findings = Vec::new();
    let mut complain = |what: String| findings.push(Finding::Forbidden(format!("{LIST}: {what}")));
    let tables: Vec<Exception<'_>> = list.split("\n[[").skip(1).map(Exception::parse).collect();
    for exception in &tables {
        if exception.reason.is_empty() {
            complain(format!("{} has no reason", exception.name));
        }
        let test = exception.name.rsplit("::").next().unwrap_or("");
        if exception.is_tokios && !differences.contains(&format!("`{test}`")) {
            complain(format!("docs/differences-from-tokio.md does not name `{test}`"));
        }
    }
    let excepted = tables.iter().filter(|exception| exception.is_tokios).count();
    if excepted > MOST {
        complain(format!("{excepted} of tokio's tests, and {MOST} at most may be"));
    }
    let row = format!("| tokio's tests | {TESTS} | {} |", TESTS - excepted);
    if !readme.contains(&row) {
        complain(format!("the README should say `{row}`"));
    }
    findings
}

/// A table of the list.
struct Exception<'a> {
    is_tokios: bool,
    name: &'a str,
    reason: &'a str,
}

impl<'a> Exception<'a> {
    fn parse(table: &'a str) -> Self {
        let value = |keys: &[&str]| {
            let lines = table.lines().filter_map(|line| line.split_once(" = "));
            let found = lines.filter(|(key, _)| keys.contains(key)).map(|(_, value)| value.trim().trim_matches('"')).next();
            found.unwrap_or("")
        };
        Self { is_tokios: table.starts_with("tokio]]"), name: value(&["test", "item", "example"]), reason: value(&["reason"]) }
    }
}
