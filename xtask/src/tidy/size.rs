//! Files and functions that fit into a head.

use super::{Finding, Project};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in project.shipped() {
        let count = file.source.code_lines();
        if count > FILE_LINES {
            findings.push(Finding::Counted {
                rule: "file-lines",
                place: file.path.clone(),
                count,
                limit: FILE_LINES,
                detail: "code lines; one concept a file".to_owned(),
            });
        }
        for function in file.source.functions() {
            let count = function.last - function.first + 1;
            if count > FUNCTION_LINES {
                let place = format!("{}:{}", file.path, function.name);
                findings.push(Finding::Counted {
                    rule: "function-lines",
                    place,
                    count,
                    limit: FUNCTION_LINES,
                    detail: "lines from `fn` to the brace".to_owned(),
                });
            }
        }
    }
    findings
}
