//! The two programs, or any number of them: where they are and how they are built.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The first is what the other is compared with.
pub(crate) const CONTENDERS: [&str; 2] = ["tokio", "cede"];

pub(crate) fn folder(contender: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contenders").join(contender)
}

/// Builds the programs that are measured, and makes sure that they are what they are called.
pub(crate) fn build(contender: &str) {
    let words = ["build", "--quiet", "--locked", "--profile", "measured", "--features", "hello,fetch"];
    let status = Command::new("cargo").args(words).current_dir(folder(contender)).status().expect("cargo can be started");
    assert!(status.success(), "the programs on {contender} were not built");
    let tree =
        Command::new("cargo").args(["tree", "--locked", "--invert", "tokio", "--depth", "0"]).current_dir(folder(contender)).output();
    let tree = String::from_utf8(tree.expect("cargo can be started").stdout).expect("cargo writes UTF-8");
    assert_eq!(tree.contains("crates/tokio"), contender == "cede", "{contender} is built with another tokio: {tree}");
}

pub(crate) fn program(contender: &str, name: &str) -> PathBuf {
    folder(contender).join("target/measured").join(name)
}
