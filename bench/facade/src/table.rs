//! Requests and the processor time that they take.

use std::process::Command;
use std::time::Instant;

use crate::contender::{CONTENDERS, build, program};
use crate::peer::Peer;
use crate::statistics::{median, quantile, short};

/// Who is measured, and by what.
#[derive(Clone, Copy)]
enum Kind {
    /// hyper's hello, asked on so many connections.
    Hello { connections: usize },
    /// reqwest, with so many requests in flight.
    Fetch { at_a_time: usize },
}

/// A row. No workers are the one-thread runtime.
#[derive(Clone, Copy)]
struct Row {
    kind: Kind,
    workers: usize,
    requests: u64,
}

const fn hello(connections: usize, workers: usize) -> Row {
    Row { kind: Kind::Hello { connections }, workers, requests: 50_000 }
}

const fn fetch(workers: usize) -> Row {
    Row { kind: Kind::Fetch { at_a_time: 200 }, workers, requests: 10_000 }
}

const ROWS: &[Row] =
    &[hello(50, 0), hello(1000, 0), hello(50, 1), hello(1000, 1), hello(50, 2), hello(1000, 2), fetch(0), fetch(1), fetch(2)];

/// What a run cost, in nanoseconds for each request.
#[derive(Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
}

pub(crate) fn print(rounds: usize, part: &str) {
    CONTENDERS.iter().for_each(|contender| build(contender));
    println!("| row | tokio: requests per CPU-second | cede | CPU per request, cede / tokio | time per request, cede / tokio |");
    println!("|---|--:|--:|--:|--:|");
    for row in ROWS.iter().filter(|row| row.name().contains(part)) {
        let mut costs = CONTENDERS.map(|_| Vec::new());
        for round in 0..rounds {
            for place in 0..CONTENDERS.len() {
                let index = (place + round) % CONTENDERS.len();
                costs[index].push(row.run(CONTENDERS[index]));
            }
        }
        let [tokio, cede] = costs;
        let ratio = |cost: fn(&Cost) -> f64| spread(tokio.iter().zip(&cede).map(|(tokio, cede)| cost(cede) / cost(tokio)));
        let rate = |costs: &[Cost]| short(1e9 / median(&costs.iter().map(|cost| cost.cpu).collect::<Vec<_>>()));
        println!("| {} | {} | {} | {} | {} |", row.name(), rate(&tokio), rate(&cede), ratio(|cost| cost.cpu), ratio(|cost| cost.wall));
    }
}

/// Median, and in brackets the quartiles.
fn spread(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<f64> = values.collect();
    format!("{} ({}–{})", short(median(&values)), short(quantile(&values, 0.25)), short(quantile(&values, 0.75)))
}

impl Row {
    fn name(&self) -> String {
        let what = match self.kind {
            Kind::Hello { connections } => format!("hyper hello, {connections} connections"),
            Kind::Fetch { at_a_time } => format!("reqwest, {at_a_time} in flight"),
        };
        let where_ = match self.workers {
            0 => "one-thread runtime".to_owned(),
            1 => "1 worker".to_owned(),
            count => format!("{count} workers"),
        };
        format!("{what}, {where_}")
    }

    fn run(&self, contender: &str) -> Cost {
        match self.kind {
            Kind::Hello { connections } => self.serve(contender, connections),
            Kind::Fetch { at_a_time } => self.fetch(contender, at_a_time),
        }
    }

    fn cost(&self, cpu: u64, wall: u64) -> Cost {
        Cost { cpu: cpu as f64 / self.requests as f64, wall: wall as f64 / self.requests as f64 }
    }

    /// With one thread or worker, who is measured has a processor of its own and the other side the other one.
    fn start(&self, core: usize, command: &mut Command) -> Peer {
        if self.workers < 2 { Peer::pinned(core, command) } else { Peer::start(command) }
    }

    fn serve(&self, contender: &str, connections: usize) -> Cost {
        let mut server = self.start(0, Command::new(program(contender, "hello")).arg(self.workers.to_string()));
        let port = server.number("port");
        let mut load = self.start(1, &mut Peer::role(&["load", &port.to_string(), &connections.to_string()]));
        load.number("ready");
        load.ask(&(self.requests / 10).max(connections as u64).to_string(), "nanos");
        let before = server.ask("", "cpu");
        let wall = load.ask(&self.requests.to_string(), "nanos");
        let cpu = server.ask("", "cpu") - before;
        self.cost(cpu, wall)
    }

    fn fetch(&self, contender: &str, at_a_time: usize) -> Cost {
        let mut origin = self.start(1, &mut Peer::role(&["origin"]));
        let port = origin.number("port");
        let numbers = [self.workers as u64, port, self.requests, at_a_time as u64].map(|number| number.to_string());
        let start = Instant::now();
        let cpu = self.start(0, Command::new(program(contender, "fetch")).args(numbers)).number("cpu");
        self.cost(cpu, start.elapsed().as_nanos() as u64)
    }
}
