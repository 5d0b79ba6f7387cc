//! Instructions per operation, as valgrind counts them: the same on every run, so that a regression of three percent shows.
//!
//! `bench/instructions.toml` holds the numbers, and the compiler and processor that they were made with. Another compiler makes somewhat other code, so then only greater growth counts; on another processor the C
//! library chooses other variants of its functions, and there is nothing to compare.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::ci::{self, Done};
use crate::command::{command, output, run, succeeds};
use crate::tree;

const FILE: &str = "bench/instructions.toml";
/// Growth that fails, in percent: with the same compiler, and with another one.
const TOLERANCES: (u64, u64) = (3, 10);

#[derive(Debug, Default, PartialEq, Eq)]
struct Record {
    compiler: String,
    processor: String,
    rows: BTreeMap<String, u64>,
}

/// The name of the processor, as the kernel says it.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("unknown", |(_, name)| name).to_owned()
}

/// Counts and compares; `update` writes what was counted instead.
pub(crate) fn check(if_available: bool, update: bool) -> Result<Done, String> {
    let compiler = output("rustc", &["--version"]).trim().to_owned();
    let processor = processor();
    let path = tree::root().join(FILE);
    let recorded = parse(&std::fs::read_to_string(&path).unwrap_or_default());
    let obstacle = match () {
        () if !succeeds("valgrind", &["--version"]) => Some("valgrind is not installed: apt-get install valgrind".to_owned()),
        () if !update && recorded.processor != processor => Some(format!("{FILE} was made on {}, this is {processor}", recorded.processor)),
        () => None,
    };
    if let Some(what) = obstacle {
        return ci::missing(what, if_available);
    }
    run(&mut command(
        "cargo",
        &["build", "--release", "--quiet", "--locked", "--manifest-path", "bench/Cargo.toml", "--package", "cede-bench"],
    ))?;
    let rows = rows(&output("bench/target/release/bench", &["instructions"]));
    if update {
        let text = print(&Record { compiler, processor, rows });
        return std::fs::write(&path, text).map(Done::from).map_err(|error| format!("cannot write {FILE}: {error}"));
    }
    let tolerance = if recorded.compiler == compiler {
        TOLERANCES.0
    } else {
        eprintln!(
            "instructions: {FILE} was made with {}, this is {compiler}: growth of {} percent is let pass",
            recorded.compiler, TOLERANCES.1
        );
        TOLERANCES.1
    };
    let complaints = complaints(&recorded.rows, &rows, tolerance);
    complaints.iter().for_each(|complaint| eprintln!("instructions: {complaint}"));
    if complaints.is_empty() {
        Ok(Done::Checked)
    } else {
        let whose = if recorded.compiler == compiler { "" } else { " (perhaps by the other compiler)" };
        Err(format!("{} rows differ{whose}; if that is meant: cargo xtask instructions --update", complaints.len()))
    }
}

/// Lines of a name and a number.
fn rows(text: &str) -> BTreeMap<String, u64> {
    text.lines().filter_map(|line| line.split_once(' ')).filter_map(|(name, count)| Some((name.to_owned(), count.parse().ok()?))).collect()
}

fn parse(text: &str) -> Record {
    let mut record = Record::default();
    for (key, value) in text.lines().filter_map(|line| line.split_once(" = ")) {
        match value.parse() {
            Ok(count) => drop(record.rows.insert(key.to_owned(), count)),
            Err(_) if key == "compiler" => record.compiler = value.trim_matches('"').to_owned(),
            Err(_) if key == "processor" => record.processor = value.trim_matches('"').to_owned(),
            Err(_) => {}
        }
    }
    record
}

fn print(record: &Record) -> String {
    let mut text = "# User-space instructions per operation on one thread, counted by callgrind: `cargo xtask instructions`.\n".to_owned();
    let _ = writeln!(text, "compiler = \"{}\"\nprocessor = \"{}\"\n\n[rows]", record.compiler, record.processor);
    for (name, count) in &record.rows {
        let _ = writeln!(text, "{name} = {count}");
    }
    text
}

/// `tolerance` is in percent.
fn complaints(recorded: &BTreeMap<String, u64>, counted: &BTreeMap<String, u64>, tolerance: u64) -> Vec<String> {
    let missing = recorded.keys().filter(|name| !counted.contains_key(*name)).map(|name| format!("{name}: not counted any more"));
    let grown = counted.iter().filter_map(|(name, count)| match recorded.get(name) {
        None => Some(format!("{name} {count}: not recorded")),
        Some(number) if *count * 100 > number * (100 + tolerance) => Some(format!("{name} {count}: grew from {number}")),
        Some(_) => None,
    });
    missing.chain(grown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_growth_fails() {
        let recorded = rows("a 100\nb 100\n");
        assert_eq!(complaints(&recorded, &rows("a 103\nb 50\n"), 3), [""; 0]);
        assert_eq!(complaints(&recorded, &rows("a 110\nb 111\n"), 10), ["b 111: grew from 100"]);
        assert_eq!(complaints(&recorded, &rows("a 104\nb 100\n"), 3).len(), 1);
        assert_eq!(complaints(&recorded, &rows("a 100\n"), 3).len(), 1, "a row vanished");
        assert_eq!(complaints(&recorded, &rows("a 100\nb 100\nc 1\n"), 3).len(), 1, "a row is new");
    }

    #[test]
    fn what_is_written_is_read() {
        let record = Record { compiler: "rustc 1.2.3 (x = y)".to_owned(), processor: "A B-1".to_owned(), rows: rows("a 1\nb 2\n") };
        assert_eq!(parse(&print(&record)), record);
    }
}
