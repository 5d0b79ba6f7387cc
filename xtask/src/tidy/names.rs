//! Files are called after what is in them.

use super::{Finding, Project};

/// Names that say nothing, with the usual endings.
const EMPTY: &[&str] = &["util", "utils", "helper", "helpers", "manager", "common", "misc", "inner"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &project.rust {
        let stem = file.path.trim_end_matches(".rs");
        if stem.split('/').any(|part| EMPTY.contains(&part)) {
            findings.push(Finding::Forbidden(format!("{}: a name that says nothing", file.path)));
        }
        if stem.ends_with("/mod") {
            findings.push(Finding::Forbidden(format!("{}: `foo.rs` beside `foo/`, not `foo/mod.rs`", file.path)));
        }
    }
    findings
}
