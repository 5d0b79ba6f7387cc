//! Every example runs, ends well and says what it promises. None of them needs a network.
//!
//! `cargo test -p cede-examples` builds the examples before it runs this.

use std::path::PathBuf;
use std::process::Command;

/// The example's binary is beside the test's: `target/PROFILE/{examples,deps}`.
fn run(name: &str) -> String {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.extend(["examples", name]);
    assert!(path.exists(), "{} was not built; leave --test out", path.display());
    // Some count their threads, and with that there is one more: the monitor.
    let output = Command::new(path).env_remove("CEDE_ON_DEADLOCK").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn two_pages() {
    let text = run("two_pages");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("tasks: ") && lines[0].ends_with(" on 1 thread"), "{text}");
    assert!(lines[1].starts_with("threads: ") && lines[1].ends_with(" on 3 threads"), "{text}");
    assert_eq!(sizes(lines[0]), sizes(lines[1]), "{text}");
}

/// The two numbers of bytes in a line of `two_pages`.
fn sizes(line: &str) -> Vec<&str> {
    line.split_whitespace().filter(|word| word.parse::<u32>().is_ok()).take(2).collect()
}

#[test]
fn progress_bar() {
    let text = run("progress_bar");
    let percents: Vec<u32> = text.lines().filter_map(|line| line.strip_suffix('%')?.split_whitespace().next_back()?.parse().ok()).collect();
    assert!(percents.is_sorted() && percents.len() > 3, "{text}");
    assert!(percents.iter().any(|percent| (10..90).contains(percent)), "it moved while the download ran: {text}");
    assert_eq!(percents.last(), Some(&100), "{text}");
    assert!(text.ends_with("983040 bytes, 1 thread\n"), "{text}");
}

#[test]
fn echo() {
    assert_eq!(run("echo"), "100 clients, the last said \"hello from client 99\", 1 thread\n");
}

#[test]
fn back_pressure() {
    let text = run("back_pressure");
    assert!(text.contains("at most 8 were waiting") && text.ends_with("1 thread\n"), "{text}");
}

#[test]
fn supervised_pipeline() {
    let text = run("supervised_pipeline");
    assert!(text.starts_with("42 numbers, 6 crashes, sum 25585; at most "), "{text}");
    assert!(text.ends_with("waited in the worker's mailbox; stopped; 0 messages were not handled\n"), "{text}");
}

#[test]
fn export() {
    let text = run("export");
    assert!(text.contains("uploads: 33554432 bytes\n"), "{text}");
    let prompt = text.lines().find_map(|line| line.strip_prefix("prompt: ")).unwrap();
    let answers: usize = prompt.split_whitespace().next().unwrap().parse().unwrap();
    assert!(answers >= 3 && prompt.contains(", p99 "), "it answers while all processors are busy: {text}");
}
