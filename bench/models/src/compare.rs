//! The whole comparison: each model, each size, several times.
#![forbid(unsafe_code)]

use std::{io, thread};

use clap::Args;

use crate::job::{Model, PIECE};
use crate::measure::{self, Task};
use crate::models;
use crate::report::{ModelRows, Report, Row, median};
use crate::shard::Sample;

/// What is compared.
#[derive(Args, Debug)]
pub(crate) struct Choice {
    /// A few seconds: at most 100 requests, once.
    #[arg(long)]
    quick: bool,
    /// Only models whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// At most so many requests at a time.
    #[arg(long, default_value_t = 100_000)]
    most: usize,
    /// How often each is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// MiB to hash.
    #[arg(long, default_value_t = 512)]
    megabytes: u64,
}

/// Measures everything, and says on the way where it is. In each round each model runs once, so that whatever else the machine does hits all alike.
pub(crate) fn run(choice: &Choice) -> io::Result<Report> {
    let (most, rounds, megabytes) = if choice.quick { (100, 1, 8) } else { (choice.most, choice.rounds.max(1), choice.megabytes) };
    let measured: Vec<&dyn Model> = models::ALL.iter().copied().filter(|model| model.name().contains(&choice.only)).collect();
    let mut rows: Vec<ModelRows> = Vec::new();
    let pieces = megabytes * (1 << 20) / PIECE;
    for (model, hash) in measured.iter().zip(all_rows(&measured, Task::Hash(pieces), rounds)?) {
        rows.push(ModelRows { name: model.name().to_owned(), lines: models::lines(*model), requests: Vec::new(), hash });
    }
    for n in (0..).map(|power| 10_usize.pow(power)).take_while(|&n| n <= most) {
        for (model, row) in rows.iter_mut().zip(all_rows(&measured, Task::Requests(n), rounds)?) {
            model.requests.push(row);
        }
    }
    Ok(Report { processors: thread::available_parallelism()?.get(), share: measure::share()?, rounds, models: rows })
}

/// The row of each model for one task.
fn all_rows(measured: &[&dyn Model], task: Task, rounds: usize) -> io::Result<Vec<Row>> {
    let units = match task {
        Task::Requests(n) => n,
        Task::Hash(pieces) => usize::try_from(pieces).unwrap_or(usize::MAX),
    };
    let refusal = |model: &dyn Model| model.refuses(units).filter(|_| matches!(task, Task::Requests(_)));
    let mut outcomes: Vec<Result<Vec<Sample>, String>> =
        measured.iter().map(|model| refusal(*model).map_or_else(|| Ok(Vec::new()), Err)).collect();
    for round in 1..=rounds {
        eprintln!("{task:?}, round {round}");
        for (model, outcome) in measured.iter().zip(&mut outcomes) {
            let Ok(samples) = outcome else { continue };
            match measure::once(*model, task)? {
                Ok(sample) => samples.push(sample),
                Err(reason) => *outcome = Err(reason),
            }
        }
    }
    let row = |(model, outcome): (&&dyn Model, Result<Vec<Sample>, String>)| Row {
        units,
        at_once: model.in_flight(units),
        outcome: outcome.map(|samples| median(&samples)),
    };
    Ok(measured.iter().zip(outcomes).map(row).collect())
}
