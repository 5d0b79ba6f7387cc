//! The models of concurrency compared: what the same two jobs cost as processes, threads, callbacks, coroutines, actors and tasks.
//!
//! The parent ([`compare`]) starts, for each measurement, an origin ([`origin`]) and one or more shards ([`shard`]), which are this program again. So each measurement has a memory of its
//! own. A [`Model`](job::Model) is a file in `models/`, complete in itself, whose lines are counted.
#![deny(unsafe_code)]

mod chart;
mod compare;
mod conclusions;
mod job;
mod measure;
mod models;
mod origin;
mod report;
mod shard;
mod table;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::{fs, io};

use clap::{Parser, Subcommand};

/// One I/O-bound and one CPU-bound job under all models of concurrency.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    choice: compare::Choice,
    /// Write all numbers to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Measure nothing, and show the numbers of this file.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Draw a chart into this file.
    #[arg(long)]
    svg: Option<PathBuf>,
}

/// What the program is when it started itself.
#[derive(Subcommand)]
enum Role {
    /// Answers requests.
    #[command(hide = true)]
    Origin { first: Ipv4Addr, hold: usize },
    /// Runs one model once.
    #[command(hide = true)]
    Shard(shard::Order),
    /// A process that makes one request.
    #[command(hide = true)]
    Request { origin: SocketAddr },
    /// A process that hashes one piece.
    #[command(hide = true)]
    Hash { piece: u64 },
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Origin { first, hold }) => return origin::serve(first, hold),
        Some(Role::Shard(order)) => return shard::run(&order),
        Some(Role::Request { origin }) => return models::processes::unit_request(origin),
        Some(Role::Hash { piece }) => return models::processes::unit_hash(piece),
        None => {}
    }
    let report = match arguments.from {
        Some(path) => serde_json::from_slice(&fs::read(path)?)?,
        None => compare::run(&arguments.choice)?,
    };
    print!("{}{}", table::of(&report), conclusions::of(&report));
    if let Some(path) = arguments.json {
        fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(path) = arguments.svg {
        chart::draw(&report, &path).map_err(io::Error::other)?;
    }
    Ok(())
}
