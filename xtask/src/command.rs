//! Running other programs.

use std::process::{Command, Stdio};

use crate::tree;

/// The nightly toolchain that steps are run with which stable has not got. One of a day, so that a step says the same tomorrow.
pub(crate) const NIGHTLY: &str = include_str!("../../.ci/nightly").trim_ascii();

/// Whether that toolchain is there; else what to do.
pub(crate) fn nightly() -> Result<String, String> {
    let toolchain = format!("+{NIGHTLY}");
    if succeeds("cargo", &[&toolchain, "--version"]) {
        return Ok(toolchain);
    }
    Err(format!("the nightly toolchain is not installed: rustup toolchain install {NIGHTLY} --profile minimal"))
}

/// A command in the root of the project.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(tree::root());
    command
}

/// Runs it and turns failure into a message.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("failed: {command:?}")) }
}

/// Whether it can be run and succeeds, without showing what it says.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    command(program, arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// What it prints, or nothing if it cannot be run.
pub(crate) fn output(program: &str, arguments: &[&str]) -> String {
    let output = command(program, arguments).stderr(Stdio::null()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}
