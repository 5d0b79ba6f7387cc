//! `cede demo` as a script meets it: no terminal, no network, an exit code.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn the_demo_succeeds_with_plain_lines() {
    let output = Command::new(env!("CARGO_BIN_EXE_cede")).args(["demo", "--files", "6"]).env("CEDE_CONFIG", "/dev/null").output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{out}{err}");
    assert_eq!(err.lines().filter(|line| line.starts_with("saved file-") && line.ends_with("sha-256 right")).count(), 6, "{err}");
    assert_eq!(out.lines().filter(|line| line.ends_with("all right")).count(), 2, "{out}");
    assert!(!out.contains('\x1b') && !err.contains('\x1b'));

    // Fewer threads than files; the other way takes a thread for each, and the main thread.
    let threads: Vec<usize> = out.lines().filter(|line| line.ends_with("all right")).map(threads_of).collect();
    assert!(threads[0] < 6 && threads[1] == 7, "{out}");

    // A task for each download, the one that draws, and the one that closes connections which nobody uses; the other way spawns none.
    let tasks: Vec<usize> = out.lines().filter(|line| line.ends_with("all right")).map(tasks_of).collect();
    assert_eq!(tasks, [8, 0], "{out}");
}

#[test]
fn a_file_that_arrives_with_a_wrong_bit_fails_the_demo() {
    let wrong = ["demo", "--files", "4", "--fault", "flip=100%,path=/file-03.bin"];
    let output = Command::new(env!("CARGO_BIN_EXE_cede")).args(wrong).env("CEDE_CONFIG", "/dev/null").output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(!output.status.success(), "{out}{err}");
    assert!(err.lines().any(|line| line.starts_with("failed file-03.bin: the SHA-256 is ")), "{err}");
    assert_eq!(err.lines().filter(|line| line.starts_with("saved file-") && line.ends_with("sha-256 right")).count(), 3, "{err}");
    assert!(err.ends_with("error: not every file arrived with the right hash\n"), "{err}");
    assert!(!out.lines().any(|line| line.ends_with("all right")), "{out}");
}

/// The last two numbers of a row.
fn threads_of(line: &str) -> usize {
    line.strip_suffix("all right").unwrap().split_whitespace().next_back().unwrap().parse().unwrap()
}

fn tasks_of(line: &str) -> usize {
    line.strip_suffix("all right").unwrap().split_whitespace().nth_back(1).unwrap().parse().unwrap()
}

#[test]
fn ctrl_c_ends_the_demo_and_leaves_nothing() {
    let home = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo-interrupt");
    drop(std::fs::remove_dir_all(&home));
    std::fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cede"));
    let mut child = command
        .arg("demo")
        .env("CEDE_CONFIG", "/dev/null")
        .env("TMPDIR", &home)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first finished file shows that the demo is on its way.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("saved ")));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let rest: Vec<_> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0);
}

#[test]
fn a_table_that_nobody_gets_is_a_failure() {
    let script = "exec \"$0\" demo --files 2 >/dev/full";
    let output = Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_cede")]).env("CEDE_CONFIG", "/dev/null").output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(3) && err.contains("could not write to standard output: No space left"), "{err}");
}
