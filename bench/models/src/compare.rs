//! The whole comparison: each model, each size, several times.
#![forbid(unsafe_code)]

use std::{io, thread};

use clap::Args;

use crate::job::{Model, PIECE};
use crate::measure::{self, Task};
use crate::models;
use crate::report::{ModelRows, Report, Row, median};

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

/// Measures everything, and says on the way where it is.
pub(crate) fn run(choice: &Choice) -> io::Result<Report> {
    let (most, rounds, megabytes) = if choice.quick { (100, 1, 8) } else { (choice.most, choice.rounds.max(1), choice.megabytes) };
    let sizes: Vec<usize> = (0..).map(|power| 10_usize.pow(power)).take_while(|&n| n <= most).collect();
    let measured = models::ALL.iter().filter(|model| model.name().contains(&choice.only));
    let rows = measured.map(|&model| {
        let requests = sizes.iter().map(|&n| row(model, Task::Requests(n), rounds)).collect::<io::Result<_>>()?;
        let hash = row(model, Task::Hash(megabytes * (1 << 20) / PIECE), rounds)?;
        Ok(ModelRows { name: model.name().to_owned(), lines: models::lines(model), requests, hash })
    });
    Ok(Report {
        processors: thread::available_parallelism()?.get(),
        share: measure::share()?,
        rounds,
        models: rows.collect::<io::Result<_>>()?,
    })
}

fn row(model: &dyn Model, task: Task, rounds: usize) -> io::Result<Row> {
    let units = match task {
        Task::Requests(n) => n,
        Task::Hash(pieces) => usize::try_from(pieces).unwrap_or(usize::MAX),
    };
    eprintln!("{}: {task:?}", model.name());
    if let Some(reason) = model.refuses(units).filter(|_| matches!(task, Task::Requests(_))) {
        return Ok(Row { units, outcome: Err(reason) });
    }
    let samples = (0..rounds).map(|_| measure::once(model, task)).collect::<io::Result<Result<Vec<_>, _>>>()?;
    Ok(Row { units, outcome: samples.map(|samples| median(&samples)) })
}
