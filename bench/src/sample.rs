//! One measurement, and its line of text.

use std::fmt;
use std::future::Future;

use crate::arguments::Arguments;
use crate::system;

/// What one run of a workload cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// How many operations were done.
    pub operations: u64,
    /// Processor time of the process.
    pub cpu_nanos: u64,
    /// Time that passed.
    pub wall_nanos: u64,
    /// What else was measured, by name.
    pub extra: Vec<(String, f64)>,
}

/// A moment, as the two clocks see it.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    cpu: u64,
    wall: u64,
}

impl Start {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self { wall: system::wall_nanos(), cpu: system::own_cpu_nanos() }
    }

    /// What so many operations cost since then.
    #[must_use]
    pub fn sample(self, operations: u64) -> Sample {
        let (cpu, wall) = (system::own_cpu_nanos(), system::wall_nanos());
        Sample { operations, cpu_nanos: cpu - self.cpu, wall_nanos: wall - self.wall, extra: Vec::new() }
    }
}

/// How often to do it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// So many operations.
    pub operations: u64,
    /// A tenth of them before, unmeasured, and then by the clocks; else just do it, for somebody who counts from outside.
    pub timed: bool,
}

impl Plan {
    /// What the command line asks for.
    #[must_use]
    pub fn of(arguments: &Arguments) -> Self {
        Self { operations: arguments.get("operations", 100_000), timed: arguments.get("timed", true) }
    }
}

/// Prints what was measured and ends the process; with status 2 if there is no such workload.
pub fn finish(sample: Option<Sample>) -> ! {
    match sample {
        Some(sample) => println!("{sample}"),
        None => std::process::exit(2),
    }
    // Without the destructors, which are not measured: some workloads leave a million tasks.
    std::process::exit(0)
}

/// Runs a workload, which says how many operations it has done.
pub async fn measure<F: Future<Output = u64>>(plan: Plan, workload: impl Fn(u64) -> F) -> Sample {
    if !plan.timed {
        let operations = workload(plan.operations).await;
        return Sample { operations, ..Sample::default() };
    }
    workload(plan.operations / 10 + 1).await;
    let start = Start::now();
    let operations = workload(plan.operations).await;
    start.sample(operations)
}

impl Sample {
    /// Processor time of one operation.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nobody measures to sixteen digits")]
    pub fn cpu_per_operation(&self) -> f64 {
        self.cpu_nanos as f64 / self.operations.max(1) as f64
    }

    /// Time of one operation.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nobody measures to sixteen digits")]
    pub fn wall_per_operation(&self) -> f64 {
        self.wall_nanos as f64 / self.operations.max(1) as f64
    }

    /// The sample in what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("sample "))?;
        let mut sample = Self::default();
        for (name, value) in line.split_whitespace().filter_map(|pair| pair.split_once('=')) {
            match name {
                "operations" => sample.operations = value.parse().ok()?,
                "cpu" => sample.cpu_nanos = value.parse().ok()?,
                "wall" => sample.wall_nanos = value.parse().ok()?,
                name => sample.extra.push((name.to_owned(), value.parse().ok()?)),
            }
        }
        Some(sample)
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sample operations={} cpu={} wall={}", self.operations, self.cpu_nanos, self.wall_nanos)?;
        self.extra.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}
