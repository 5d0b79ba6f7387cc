//! `--json` as programs meet it: every line an object of the documented kind, in order, and nothing else on standard output. And what `--extract` leaves.
#![forbid(unsafe_code)]

#[path = "support/pair.rs"]
mod pair;

use std::process::Command;

use pair::Pair;
use serde_json::Value;

const SCHEMA: &str = include_str!("../../../docs/transfer-events.md");
const SIZE: usize = 2_000_000;

fn content() -> Vec<u8> {
    pair::content(SIZE)
}

fn start(name: &str, faults: &str) -> Pair {
    Pair::start(name, faults, SIZE, 20)
}

/// The exit code, the events and what was said.
fn run(pair: &Pair, args: &[&str]) -> (i32, Vec<Value>, String) {
    let output = pair.command(args).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    events.iter().for_each(fits);
    (output.status.code().unwrap(), events, err)
}

/// The event has the fields of its section in the documentation, and no others.
#[track_caller]
fn fits(event: &Value) {
    let kind = event["event"].as_str().unwrap();
    let section = SCHEMA.split("\n### ").find(|section| section.starts_with(&format!("`{kind}`"))).unwrap_or_else(|| panic!("{event}"));
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut documented: Vec<&str> = ["v", "event"].into_iter().chain(rows).collect();
    let mut fields: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
    documented.sort_unstable();
    fields.sort_unstable();
    assert_eq!(fields, documented, "{event}");
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).filter(|kind| *kind != "progress").collect()
}

fn find<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    events.iter().find(|event| event["event"] == kind).unwrap_or_else(|| panic!("no {kind} in {events:?}"))
}

#[test]
fn a_download_that_is_tried_again() {
    let pair = start("events-retry", "status=503,tries=1");
    let (code, events, err) = run(&pair, &["get", "--json", "--retry-wait", "0.001", "-s", "1", &pair.server.url("/f")]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(kinds(&events), ["begin", "retry", "done", "summary"]);
    assert!(find(&events, "retry")["reason"].as_str().unwrap().contains("503"), "{events:?}");
    let done = find(&events, "done");
    assert_eq!((&done["path"], &done["bytes"], &done["kept"]), (&Value::from("f"), &Value::from(2_000_000), &Value::from(false)));
    let summary = events.last().unwrap();
    assert_eq!((&summary["saved"], &summary["exit"], &summary["bytes"]), (&Value::from(1), &Value::from(0), &Value::from(2_000_000)));
}

#[test]
fn failures_are_told_to_programs_and_people() {
    let pair = start("events-failed", "");
    let args = ["get", "--json", &pair.server.url("/f"), &pair.server.url("/none")];
    let (code, events, err) = run(&pair, &args);
    assert_eq!(code, 1);
    assert!(err.starts_with("failed http") && err.contains("/none"), "{err}");
    assert_eq!(find(&events, "failed")["exit"], 7);
    assert_eq!((&events.last().unwrap()["failed"], &events.last().unwrap()["exit"]), (&Value::from(1), &Value::from(1)));
    let (code, _, err) = run(&pair, &[&args[..], &["--quiet", "--force"]].concat());
    assert_eq!((code, err.as_str()), (1, ""));
    let (code, events, err) = run(&pair, &["get", "--json", "-o", "-", &pair.server.url("/f")]);
    assert_eq!((code, events.len(), err.contains("both want standard output")), (2, 0, true));
}

#[test]
fn resuming_is_told() {
    let pair = start("events-resumed", "truncate,tries=1,after=1500000;status=404,tries=2");
    let url = pair.server.url("/f");
    let (code, events, _) = run(&pair, &["get", "--json", "--retry-wait", "0.001", "-s", "1", &url]);
    assert_eq!((code, kinds(&events)), (7, vec!["begin", "retry", "failed", "summary"]), "{events:?}");
    let (code, events, _) = run(&pair, &["resume", "--json"]);
    assert_eq!((code, kinds(&events)), (0, vec!["begin", "resumed", "done", "summary"]), "{events:?}");
    assert!(find(&events, "resumed")["bytes"].as_u64().unwrap() > 0);
    assert!(std::fs::read(pair.dir.join("f")).unwrap() == content());
}

#[test]
fn uploads_and_repairs() {
    let pair = start("events-others", "");
    std::fs::write(pair.dir.join("g"), content()).unwrap();
    let (code, events, err) = run(&pair, &["put", "--json", "g", &pair.server.url("/g")]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        (kinds(&events).first(), kinds(&events).last(), &find(&events, "done")["path"]),
        (Some(&"begin"), Some(&"summary"), &Value::Null)
    );
    let made = Command::new(env!("CARGO_BIN_EXE_cede"))
        .args(["sum", "--pieces=512k", "g"])
        .current_dir(&pair.dir)
        .env("CEDE_CONFIG", "/dev/null")
        .output()
        .unwrap();
    assert!(made.status.success());
    let mut damaged = content();
    damaged[600_000] ^= 1;
    std::fs::write(pair.dir.join("g"), damaged).unwrap();
    let (code, events, err) = run(&pair, &["repair", "--json", "g", &pair.server.url("/f")]);
    assert_eq!((code, err.as_str(), kinds(&events)), (0, "", vec!["begin", "piece", "done", "summary"]));
    let piece = find(&events, "piece");
    assert_eq!((&piece["index"], &piece["offset"], &piece["bytes"]), (&Value::from(1), &Value::from(512 << 10), &Value::from(512 << 10)));
    assert!(std::fs::read(pair.dir.join("g")).unwrap() == content());
}

/// A tar archive with one file, packed by gzip in its simplest form: stored.
fn archive(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let padding = vec![0; bytes.len().next_multiple_of(512) - bytes.len() + 1024];
    [&header[..], bytes, &padding].concat()
}

#[test]
fn archives_are_unpacked_when_they_are_right() {
    let pair = start("events-extract", "");
    let tar = archive("d/x", &content());
    std::fs::write(pair.site.join("a.tar"), &tar).unwrap();
    std::fs::write(pair.site.join("bad.tar"), archive("../x", b"x")).unwrap();
    std::fs::write(pair.dir.join("a.tar"), &tar).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_cede"))
        .args(["sum", "a.tar"])
        .current_dir(&pair.dir)
        .env("CEDE_CONFIG", "/dev/null")
        .output()
        .unwrap();
    let sum = String::from_utf8(out.stdout).unwrap().split_whitespace().next().unwrap().to_owned();
    std::fs::remove_file(pair.dir.join("a.tar")).unwrap();
    let url = pair.server.url("/a.tar");
    let (code, events, err) = run(&pair, &["get", "--json", "--extract", "out", "--sum", &sum, &url]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(find(&events, "done")["remark"].as_str().unwrap().contains("1 file (1.9 MiB) unpacked into out"), "{events:?}");
    assert!(std::fs::read(pair.dir.join("out/d/x")).unwrap() == content());
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(&pair.dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["out"]);
    let (code, _, err) = run(&pair, &["get", "--extract", "out", &url]);
    assert_eq!((code, err.contains("out exists")), (13, true), "{err}");
    let wrong = format!("sha256:{}", "0".repeat(64));
    let (code, _, err) = run(&pair, &["get", "--extract", "other", "--sum", &wrong, &url]);
    assert_eq!((code, err.contains("nothing was unpacked")), (10, true), "{err}");
    let (code, _, err) = run(&pair, &["get", "--extract", "other", &pair.server.url("/bad.tar")]);
    assert_eq!((code, err.contains("an entry is called ../x")), (3, true), "{err}");
    let (code, _, err) = run(&pair, &["get", "--extract", "other", "--max-extracted", "1M", &url]);
    assert_eq!((code, err.contains("--max-extracted SIZE allows more")), (3, true), "{err}");
    let (code, ..) = run(&pair, &["get", "--extract", "other", &pair.server.url("/none.tar")]);
    assert_eq!(code, 7);
    assert_eq!(names(), ["out"]);
}

#[test]
fn an_archive_that_was_cut_off_is_gone_on_with() {
    for how in ["get", "resume"] {
        let mut pair = start("events-extract-again", "truncate,tries=1,after=1500000;status=404,tries=2");
        std::fs::write(pair.site.join("a.tar"), archive("d/x", &content())).unwrap();
        let url = pair.server.url("/a.tar");
        let first = ["get", "--json", "--retry-wait", "0.001", "-s", "1", "--extract", "out", &url];
        let (code, _, err) = run(&pair, &first);
        assert!(code == 7 && err.contains("nothing was unpacked; what came is kept in ") && err.contains("goes on from there"), "{err}");
        // As a crash would leave it.
        std::fs::create_dir_all(pair.dir.join(".out.cede-unpacked/d")).unwrap();
        let again = if how == "get" { &first[..] } else { &["resume", "--json"] };
        let (code, events, err) = run(&pair, again);
        assert_eq!((code, find(&events, "resumed")["bytes"].as_u64()), (0, Some(1_500_000)), "{err}");
        assert!(std::fs::read(pair.dir.join("out/d/x")).unwrap() == content());
        let names: Vec<_> = std::fs::read_dir(&pair.dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["out"], "{how}");
        pair.server.stop();
        assert!(pair.asked().len() == 3, "{:?}", pair.asked());
    }
}

#[test]
fn a_small_archive_is_found_by_resume_too() {
    let mut pair = start("events-extract-small", "truncate,tries=1,after=150000;status=404,tries=2");
    std::fs::write(pair.site.join("a.tar"), archive("d/x", &content()[..400_000])).unwrap();
    let url = pair.server.url("/a.tar");
    let (code, _, err) = run(&pair, &["get", "--json", "--retry-wait", "0.001", "--extract", "out", &url]);
    assert!(code == 7 && err.contains("nothing was unpacked; what came is kept in "), "{err}");
    let (code, events, err) = run(&pair, &["resume", "--json"]);
    assert_eq!((code, find(&events, "resumed")["bytes"].as_u64()), (0, Some(150_000)), "{err}");
    assert!(std::fs::read(pair.dir.join("out/d/x")).unwrap() == content()[..400_000]);
    assert_eq!(std::fs::read_dir(&pair.dir).unwrap().count(), 1);
    pair.server.stop();
}

#[test]
fn an_archive_that_changed_is_not_mixed() {
    let pair = start("events-extract-changed", "truncate,tries=1,after=1500000;status=404,tries=2");
    std::fs::write(pair.site.join("a.tar"), archive("d/x", &content())).unwrap();
    let url = pair.server.url("/a.tar");
    let line = ["get", "--json", "--retry-wait", "0.001", "-s", "1", "--extract", "out", &url];
    assert_eq!(run(&pair, &line).0, 7);
    let other: Vec<u8> = content().iter().map(|byte| !byte).collect();
    std::fs::remove_file(pair.site.join("a.tar")).unwrap();
    std::fs::write(pair.site.join("a.tar"), archive("d/x", &other)).unwrap();
    let (code, _, err) = run(&pair, &line);
    assert_eq!(code, 0, "{err}");
    assert!(std::fs::read(pair.dir.join("out/d/x")).unwrap() == other);
}
