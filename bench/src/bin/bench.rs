//! The driver: runs all contenders and prints tables. See `bench/README.md`.

use std::collections::BTreeMap;
use std::process::Command;

use cede_bench::arguments::Arguments;
use cede_bench::rows::{COUNTED, REPORTS, ROWS, Row};
use cede_bench::run;
use cede_bench::sample::Sample;
use cede_bench::statistics::{median, quantile, short};

/// The first is what the others are compared with.
const CONTENDERS: &[&str] = &["tokio", "cede", "smol", "futures", "nio", "monoio", "glommio", "kanal", "raw", "raw_each"];

fn main() {
    let arguments = Arguments::of_process();
    match arguments.word.as_str() {
        "table" => table(&arguments),
        "instructions" => instructions(&arguments.get("contender", "cede".to_owned())),
        _ => eprintln!("usage: bench table [--rounds 7] [--rows PART] [--scale 1.0] | bench instructions [--contender cede]"),
    }
}

/// All samples of a row, by contender; nothing in a round if the contender does not offer the workload.
type Samples = BTreeMap<&'static str, Vec<Option<Sample>>>;

fn measure(row: &Row, arguments: &Arguments) -> Samples {
    let mut samples = Samples::new();
    for round in 0..arguments.get("rounds", 7_usize) {
        for place in 0..CONTENDERS.len() {
            let contender = CONTENDERS[(place + round) % CONTENDERS.len()];
            let so_far = samples.entry(contender).or_default();
            let absent = so_far.first().is_some_and(Option::is_none);
            so_far.push(if absent { None } else { run::once(contender, row, arguments.get("scale", 1.0)) });
        }
    }
    samples
}

fn selected(rows: &'static [Row], arguments: &Arguments) -> impl Iterator<Item = &'static Row> {
    let part = arguments.get("rows", String::new());
    rows.iter().filter(move |row| format!("{} {}t", row.workload, row.threads).contains(&part))
}

fn table(arguments: &Arguments) {
    println!("| row | tokio, CPU ns/op | {} |", CONTENDERS[1..].join(" | "));
    println!("|---|--:|{}", "--:|".repeat(CONTENDERS.len() - 1));
    for row in selected(ROWS, arguments) {
        let samples = measure(row, arguments);
        let costs = |contender: &str| {
            samples[contender].iter().map(|sample| sample.as_ref().map_or(f64::NAN, Sample::cpu_per_operation)).collect::<Vec<_>>()
        };
        let first = costs(CONTENDERS[0]);
        let ratios = CONTENDERS[1..].iter().map(|contender| {
            let ratios: Vec<f64> = costs(contender).iter().zip(&first).map(|(cost, first)| cost / first).collect();
            spread(&ratios)
        });
        println!("| {} {}t | {} | {} |", row.workload, row.threads, spread(&first), ratios.collect::<Vec<_>>().join(" | "));
    }
    println!("\n| row | {} |", CONTENDERS.join(" | "));
    println!("|---|{}", "--:|".repeat(CONTENDERS.len()));
    for row in selected(REPORTS, arguments) {
        let samples = measure(row, arguments);
        for name in row.reports {
            let value = |sample: &Option<Sample>| {
                sample.as_ref().and_then(|sample| sample.extra.iter().find(|(n, _)| n == name)).map_or(f64::NAN, |(_, v)| *v)
            };
            let cells = CONTENDERS.iter().map(|contender| spread(&samples[contender].iter().map(value).collect::<Vec<_>>()));
            println!("| {} {}t {name} | {} |", row.workload, row.threads, cells.collect::<Vec<_>>().join(" | "));
        }
    }
}

/// Median, and in brackets the quartiles.
fn spread(values: &[f64]) -> String {
    if values.iter().any(|value| value.is_nan()) {
        return "–".to_owned();
    }
    format!("{} ({}–{})", short(median(values)), short(quantile(values, 0.25)), short(quantile(values, 0.75)))
}

/// Prints `row instructions` lines: user-space instructions for each operation on one thread, from two runs of different length, so that start and end cancel out.
fn instructions(contender: &str) {
    for (workload, operations) in COUNTED {
        let count = |operations: u64| collected(contender, workload, operations);
        if let (Some(short), Some(long)) = (count(*operations), count(operations * 3)) {
            println!("{workload} {}", (long - short) / (operations * 2));
        }
    }
}

fn collected(contender: &str, workload: &str, operations: u64) -> Option<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(run::binary(&format!("run-{contender}")));
    command.args([workload, "--timed", "false", "--operations", &operations.to_string()]);
    let output = command.output().expect("valgrind is installed");
    output.status.success().then_some(())?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.lines().find_map(|line| line.split_once("Collected :")).and_then(|(_, number)| number.trim().parse().ok())
}
