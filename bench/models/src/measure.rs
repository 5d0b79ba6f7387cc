//! One measurement: origins and shards started, set off together, watched, summed up.
//!
//! A process may have a limited number of descriptors, so requests are spread over as many shards as are needed, of every model alike, each with an origin at addresses of its own.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use nix::sys::resource::{Resource, getrlimit};

use crate::job::Model;
use crate::shard::Sample;

/// Longer than this no run takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often threads are counted.
const LOOK: Duration = Duration::from_millis(3);

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Requests(usize),
    Hash(u64),
}

/// A child that is killed when nobody needs it any more.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Requests that one process can have under way: four fifths of its descriptors, and fewer than there are ports for one address.
pub(crate) fn share() -> io::Result<usize> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok((usize::try_from(most).unwrap_or(usize::MAX) / 5 * 4).min(16_000))
}

/// Runs a model once. The inner error is the model's own.
pub(crate) fn once(model: &dyn Model, task: Task) -> io::Result<Result<Sample, String>> {
    let parts: Vec<(usize, usize)> = match task {
        Task::Hash(pieces) => vec![(usize::try_from(pieces).unwrap_or(usize::MAX), 0)],
        Task::Requests(n) => {
            let shards = model.in_flight(n).div_ceil(share()?);
            (0..shards).map(|shard| n / shards + usize::from(shard < n % shards)).map(|part| (part, model.in_flight(part))).collect()
        }
    };
    let mut origins = Vec::new();
    let mut shards = Vec::new();
    for (index, (units, hold)) in parts.into_iter().enumerate() {
        let mut command = Command::new(env::current_exe()?);
        command.args(["shard", "--model", model.name(), "--units", &units.to_string()]);
        if matches!(task, Task::Requests(_)) {
            let (origin, address) = start_origin(index, hold)?;
            origins.push(origin);
            command.args(["--origin", address.trim()]);
        }
        shards.push(start_shard(command)?);
    }
    for (_, stdin, _) in &mut shards {
        stdin.write_all(b"\n")?;
    }
    collect(shards)
}

fn start_origin(index: usize, hold: usize) -> io::Result<(Program, String)> {
    let address = format!("127.0.{}.1", index + 1);
    let mut child = Command::new(env::current_exe()?)
        .args(["origin", &address, &hold.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().expect("it was asked for");
    let origin = Program(child);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    Ok((origin, line))
}

type Shard = (Program, ChildStdin, BufReader<ChildStdout>);

fn start_shard(mut command: Command) -> io::Result<Shard> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let pipes = (child.stdin.take().expect("it was asked for"), child.stdout.take().expect("it was asked for"));
    let program = Program(child);
    let mut stdout = BufReader::new(pipes.1);
    stdout.read_line(&mut String::new())?;
    Ok((program, pipes.0, stdout))
}

/// Waits for all shards, and counts their threads meanwhile. Times that pass are those of the slowest, all else is added up.
fn collect(shards: Vec<Shard>) -> io::Result<Result<Sample, String>> {
    let (send, results) = mpsc::channel();
    let mut programs = Vec::new();
    for (program, _stdin, mut stdout) in shards {
        programs.push(program);
        let send = send.clone();
        thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line).map(|_| line);
            // Nobody listens after a failure of another.
            let _ = send.send(read);
        });
    }
    drop(send);
    let mut total = Sample::default();
    let mut threads = 0;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match results.recv_timeout(LOOK) {
            Ok(line) => match serde_json::from_str::<Result<Sample, String>>(&line?) {
                Ok(Ok(sample)) => total = added(total, sample),
                Ok(Err(error)) => return Ok(Err(format!("error: {error}"))),
                Err(_) => return Ok(Err("the process died".to_owned())),
            },
            Err(mpsc::RecvTimeoutError::Timeout) if Instant::now() > deadline => {
                return Ok(Err(format!("not done after {} s", PATIENCE.as_secs())));
            }
            Err(mpsc::RecvTimeoutError::Timeout) => threads = threads.max(programs.iter().map(|program| threads_of(program.0.id())).sum()),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    total.threads += threads;
    Ok(Ok(total))
}

fn added(a: Sample, b: Sample) -> Sample {
    Sample {
        wall_nanos: a.wall_nanos.max(b.wall_nanos),
        cpu_nanos: a.cpu_nanos + b.cpu_nanos,
        bytes: a.bytes + b.bytes,
        switches: a.switches + b.switches,
        threads: a.threads + b.threads,
    }
}

fn threads_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok()).unwrap_or(0)
}
