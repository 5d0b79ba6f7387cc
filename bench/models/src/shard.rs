//! One run of one model in a process of its own, measured by itself.
#![forbid(unsafe_code)]

use std::time::Instant;
use std::{fs, io};

use clap::Args;
use nix::sys::resource::{Resource, Usage, UsageWho, getrlimit, getrusage, setrlimit};
use serde::{Deserialize, Serialize};

use crate::job::{Elsewhere, Origin};
use crate::models;

/// What a shard shall do.
#[derive(Args, Clone, Debug)]
pub(crate) struct Order {
    #[arg(long)]
    pub(crate) model: String,
    /// Requests, or pieces to hash.
    #[arg(long)]
    pub(crate) units: usize,
    /// Where to send requests; without it, pieces are hashed.
    #[arg(long)]
    pub(crate) origin: Option<Origin>,
}

/// What a shard found.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Sample {
    pub(crate) wall_nanos: u64,
    /// User and system, of this process and its children.
    pub(crate) cpu_nanos: u64,
    /// By how much its resident memory grew at the peak, and that of its children.
    pub(crate) bytes: u64,
    /// Context switches, voluntary and not.
    pub(crate) switches: u64,
    /// Threads and processes at the same time; the parent counts the threads.
    pub(crate) threads: u64,
}

/// Says that it is ready, waits for a line, does what it shall and prints the [`Sample`].
pub(crate) fn run(order: &Order) -> io::Result<()> {
    let model = models::named(&order.model).ok_or_else(|| io::Error::other("no such model"))?;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    println!("ready");
    io::stdin().read_line(&mut String::new())?;

    let (resident, usage, start) = (memory("VmRSS:"), used()?, Instant::now());
    let result = match order.origin {
        Some(origin) => model.requests(origin, order.units),
        None => model.hash(order.units as u64).map(|hash| {
            std::hint::black_box(hash);
            Elsewhere::default()
        }),
    };
    let wall = start.elapsed();
    let after = used()?;
    let sample = result.map_err(|error| error.to_string()).map(|elsewhere| Sample {
        wall_nanos: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX),
        cpu_nanos: after.0 - usage.0,
        bytes: memory("VmHWM:").saturating_sub(resident) + elsewhere.bytes,
        switches: after.1 - usage.1,
        threads: elsewhere.processes,
    });
    println!("{}", serde_json::to_string(&sample)?);
    Ok(())
}

/// Processor time in nanoseconds and context switches until now.
fn used() -> io::Result<(u64, u64)> {
    let nanos = |time: nix::sys::time::TimeVal| (time.tv_sec() * 1_000_000_000 + time.tv_usec() * 1000).unsigned_abs();
    let of = |usage: Usage| {
        let switches = usage.voluntary_context_switches() + usage.involuntary_context_switches();
        (nanos(usage.user_time()) + nanos(usage.system_time()), switches.unsigned_abs())
    };
    let (own, children) = (of(getrusage(UsageWho::RUSAGE_SELF)?), of(getrusage(UsageWho::RUSAGE_CHILDREN)?));
    Ok((own.0 + children.0, own.1 + children.1))
}

/// A line of the process's status, in bytes.
fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status.lines().find_map(|text| text.strip_prefix(line)?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
