//! `cede adopt` on projects as they are found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A project whose member `library` asks for `requirement`, with a lock file that holds the published tokio.
fn project(name: &str, requirement: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("adopt").join(name);
    drop(fs::remove_dir_all(&folder));
    for folder in [folder.join("src"), folder.join("library/src")] {
        fs::create_dir_all(folder).unwrap();
    }
    let manifest = "# A project.\n[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\nmembers = [\"library\"]\n\n[dependencies]\ntokio = \"1\"\nlibrary = { path = \"library\" }\n";
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    let library =
        format!("[package]\nname = \"library\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\ntokio = {requirement}\n");
    fs::write(folder.join("library/Cargo.toml"), library).unwrap();
    fs::write(folder.join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(folder.join("library/src/lib.rs"), "").unwrap();
    // The versions that this workspace is built with: nothing need be downloaded.
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let generate =
        Command::new(env!("CARGO")).args(["metadata", "--offline", "--format-version", "1"]).current_dir(&folder).output().unwrap();
    assert!(generate.status.success(), "{}", String::from_utf8_lossy(&generate.stderr));
    folder
}

fn adopt(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cede"));
    command
        .arg("adopt")
        .args(arguments)
        .current_dir(folder.join("library"))
        .env("CARGO", env!("CARGO"))
        .env("CEDE_CONFIG", "/dev/null")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn files(folder: &Path) -> [Vec<u8>; 2] {
    ["Cargo.toml", "Cargo.lock"].map(|name| fs::read(folder.join(name)).unwrap())
}

#[test]
fn a_project_is_adopted_checked_and_given_back() {
    let folder = project("whole", "{ version = \"1.40\", features = [\"sync\", \"rt\"] }");
    let before = files(&folder);
    assert!(!adopt(&folder, &["--check"]).status.success());
    assert_eq!(files(&folder), before);

    let adopted = adopt(&folder, &[]);
    assert!(adopted.status.success(), "{}", said(&adopted));
    assert!(said(&adopted).contains("library") && said(&adopted).contains("program"), "{}", said(&adopted));
    let after = files(&folder);
    assert!(String::from_utf8_lossy(&after[0]).starts_with(&*String::from_utf8_lossy(&before[0])), "what was there stays");
    assert!(adopt(&folder, &["--check"]).status.success());
    assert!(adopt(&folder, &[]).status.success(), "again changes nothing");
    assert_eq!(files(&folder), after);

    let undone = adopt(&folder, &["--undo"]);
    assert!(undone.status.success(), "{}", said(&undone));
    assert_eq!(files(&folder).map(|bytes| String::from_utf8(bytes).unwrap()), before.map(|bytes| String::from_utf8(bytes).unwrap()));
    assert!(!adopt(&folder, &["--undo"]).status.success());
}

#[test]
fn who_is_in_the_way_is_named_and_nothing_is_changed() {
    let folder = project("pinned", "\"=1.54.1\"");
    let before = files(&folder);
    let refused = adopt(&folder, &[]);
    assert!(!refused.status.success());
    assert!(said(&refused).contains("library 0.1.0 wants tokio =1.54.1"), "{}", said(&refused));
    assert_eq!(files(&folder), before);
}

#[test]
fn who_takes_tokio_from_elsewhere_is_named_with_the_place() {
    let elsewhere = Path::new(env!("CARGO_TARGET_TMPDIR")).join("elsewhere/tokio");
    fs::create_dir_all(elsewhere.join("src")).unwrap();
    fs::write(elsewhere.join("src/lib.rs"), "").unwrap();
    fs::write(elsewhere.join("Cargo.toml"), "[package]\nname = \"tokio\"\nversion = \"1.54.0\"\n\n[workspace]\n").unwrap();
    let folder = project("elsewhere", &format!("{{ path = {:?} }}", elsewhere.display().to_string()));
    let before = files(&folder);
    let refused = adopt(&folder, &[]);
    assert!(!refused.status.success());
    assert!(said(&refused).contains(&format!("library 0.1.0 takes tokio from {}", elsewhere.display())), "{}", said(&refused));
    assert!(!said(&refused).contains("program"), "that one is not in the way: {}", said(&refused));
    assert_eq!(files(&folder), before);
}

#[test]
fn a_folder_that_is_no_facade_is_refused() {
    let folder = project("no-facade", "\"1\"");
    let before = files(&folder);
    let refused = adopt(&folder, &["--facade", "."]);
    assert!(said(&refused).contains("is not cede's package called tokio"), "{}", said(&refused));
    assert_eq!(files(&folder), before);
}
