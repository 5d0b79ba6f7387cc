//! Every public function that gives a future says what is lost when the future is dropped.

use super::{Finding, Project};
use crate::source::{Line, find_word};

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in project.shipped().filter(|file| file.path.starts_with("crates/")) {
        let lines = &file.source.lines;
        for number in 0..lines.len() {
            if !lines[number].gated && gives_a_future(&lines[number..]) && !says_what_is_lost(&lines[..number]) {
                let message = "a public future without a word on cancel safety: say what is lost when it is dropped";
                findings.push(Finding::Forbidden(format!("{}:{}: {message}", file.path, number + 1)));
            }
        }
    }
    findings
}

/// Whether a public function begins on the first of these lines whose output is a future.
fn gives_a_future(lines: &[Line]) -> bool {
    let code = lines[0].code.trim_start();
    if code.starts_with("pub async fn ") {
        return true;
    }
    if !code.starts_with("pub fn ") {
        return false;
    }
    let mut signature = String::new();
    for line in lines {
        signature.push_str(line.code.trim());
        signature.push(' ');
        if line.code.contains(['{', ';']) {
            break;
        }
    }
    let output = signature.rsplit_once("->").map_or("", |(_, output)| output);
    output.split("where").next().is_some_and(|output| output.contains("impl ") && find_word(output, "Future").is_some())
}

/// Whether the comment that ends with the last of these lines does; attributes may be in between.
fn says_what_is_lost(lines: &[Line]) -> bool {
    lines
        .iter()
        .rev()
        .take_while(|line| line.comment.starts_with("///") || line.code.trim_start().starts_with("#["))
        .any(|line| line.comment.to_lowercase().replace('-', " ").contains("cancel safe"))
}
