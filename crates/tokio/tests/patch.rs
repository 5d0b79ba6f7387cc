//! Cargo takes the published tokio, without a word, if the facade's version is too low for some dependent or lacks a feature that one asks for. So this makes a project whose
//! members ask for all that tokio 1.54 has, and looks at what Cargo chose.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// All features of tokio 1.54.1, and the names of its optional dependencies, which are features too.
const FEATURES: &[&str] = &[
    "bytes",
    "default",
    "fs",
    "full",
    "io-std",
    "io-uring",
    "io-util",
    "libc",
    "macros",
    "mio",
    "net",
    "parking_lot",
    "process",
    "rt",
    "rt-multi-thread",
    "schedule-latency",
    "signal",
    "signal-hook-registry",
    "socket2",
    "sync",
    "taskdump",
    "test-util",
    "time",
    "tokio-macros",
    "tracing",
    "windows-sys",
];

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A project with the patch and a member that asks for `requirement`. Versions are those that this workspace is built with, so that little need be downloaded.
fn project(name: &str, requirement: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let facade = env!("CARGO_MANIFEST_DIR");
    write(
        &folder.join("Cargo.toml"),
        &format!(
            "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\nmembers = [\"library\"]\n[dependencies]\nlibrary = {{ path = \"library\" }}\n\
             tokio = \"1\"\n[patch.crates-io]\ntokio = {{ path = {facade:?} }}\n"
        ),
    );
    write(
        &folder.join("library/Cargo.toml"),
        &format!("[package]\nname = \"library\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\ntokio = {requirement}\n"),
    );
    write(&folder.join("src/main.rs"), "fn main() {}\n");
    write(&folder.join("library/src/lib.rs"), "");
    let lock = fs::read_to_string(Path::new(facade).join("../../Cargo.lock")).unwrap();
    let others: Vec<&str> = lock.split("[[package]]").filter(|package| !package.starts_with("\nname = \"tokio\"\n")).collect();
    write(&folder.join("Cargo.lock"), &others.join("[[package]]"));
    folder
}

/// What Cargo has chosen. Without the network if that will do; it will not where packages that only other systems need have not been fetched yet.
fn metadata(folder: &Path) -> String {
    let ask = |further: &[&str]| {
        let arguments = [&["metadata", "--format-version", "1"], further].concat();
        Command::new(env!("CARGO")).args(arguments).current_dir(folder).output().unwrap()
    };
    let offline = ask(&["--offline"]);
    let output = if offline.status.success() { offline } else { ask(&[]) };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Where the packages called tokio are from.
fn tokios(folder: &Path) -> Vec<String> {
    let text = metadata(folder);
    let packages = text.split("{\"name\":\"tokio\",\"version\":\"").skip(1);
    packages.map(|package| package.split_once("\"id\":\"").unwrap().1.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn whoever_asks_for_a_feature_of_tokio_gets_the_facade() {
    let folder = project("all-features", &format!("{{ version = \"1.54.1\", features = {FEATURES:?} }}"));
    let found = tokios(&folder);
    assert!(matches!(&found[..], [one] if one.starts_with("path+") && one.contains("/crates/tokio#")), "{found:?}");
}

#[test]
fn it_is_newer_than_what_anybody_asks_for() {
    let folder = project("newest", "\"1.500\"");
    let found = tokios(&folder);
    assert!(matches!(&found[..], [one] if one.starts_with("path+")), "{found:?}");
}
