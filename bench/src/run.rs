//! Running one contender once.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::rows::{Kind, Row};
use crate::sample::Sample;
use crate::system;

/// The server by hand with a buffer for each connection, as every task of the others has. It has no other workloads.
const RAW_EACH: &str = "raw_each";

/// A binary beside this one.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    std::env::current_exe().expect("the process has a file").with_file_name(name)
}

/// What one contender measures in one row; nothing if it does not offer that.
#[must_use]
pub fn once(contender: &str, row: &Row, scale: f64) -> Option<Sample> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "a rough number")]
    let operations = (row.operations as f64 * scale).max(1.0) as u64;
    match row.kind {
        // The others have no such case.
        Kind::Alone if row.workload.ends_with("_block_on") && !matches!(contender, "tokio" | "cede") => None,
        Kind::Alone if contender == RAW_EACH => None,
        Kind::Alone => alone(contender, row, operations),
        Kind::Echo { connections, size } => Server::start(contender, row.threads, size)?.echo(connections, size, operations),
        Kind::IdleConnections(_) if contender == RAW_EACH => None,
        Kind::IdleConnections(count) => Server::start(contender, row.threads, 64)?.idle(count),
    }
}

fn command(contender: &str, workload: &str, threads: usize) -> Command {
    let program = if contender == RAW_EACH { "raw" } else { contender };
    let mut command = Command::new(binary(&format!("run-{program}")));
    command.arg(workload).args(["--threads", &threads.to_string()]);
    if contender == RAW_EACH {
        command.args(["--buffers", "connections"]);
    }
    command
}

fn alone(contender: &str, row: &Row, operations: u64) -> Option<Sample> {
    let mut command = command(contender, row.workload, row.threads);
    let output = command.args(["--operations", &operations.to_string()]).stderr(Stdio::inherit()).output().expect("the contender is built");
    Sample::parse(&String::from_utf8_lossy(&output.stdout))
}

/// A child process that is killed when the value goes.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary is built");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = self.lines.read_line(&mut line);
        line
    }

    fn go_on(&mut self) {
        let _ = self.child.stdin.as_mut().expect("it is piped").write_all(b"\n");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Server {
    running: Running,
    port: String,
}

impl Server {
    /// With one thread the server has a processor of its own, and the client the other.
    fn start(contender: &str, threads: usize, size: usize) -> Option<Self> {
        let mut command = command(contender, "serve", threads);
        command.args(["--size", &size.to_string(), "--core", if threads == 1 { "0" } else { "-1" }]);
        let mut running = Running::start(command);
        let port = running.line().strip_prefix("port ")?.trim().to_owned();
        Some(Self { running, port })
    }

    fn client(&self, connections: usize, size: usize, operations: u64) -> Running {
        let mut command = Command::new(binary("client"));
        command.args(["connect", "--core", "1", "--port", &self.port]);
        command.args(["--connections", &connections.to_string(), "--size", &size.to_string(), "--operations", &operations.to_string()]);
        Running::start(command)
    }

    fn echo(self, connections: usize, size: usize, operations: u64) -> Option<Sample> {
        let mut client = self.client(connections, size, operations);
        let server = self.running.child.id();
        client.line().starts_with("ready").then_some(())?;
        let before = system::cpu_nanos_of(server);
        client.go_on();
        let mut sample = Sample::parse(&client.line())?;
        sample.cpu_nanos = system::cpu_nanos_of(server) - before;
        Some(sample)
    }

    fn idle(self, count: usize) -> Option<Sample> {
        let server = self.running.child.id().to_string();
        let before = system::resident_bytes(&server);
        let mut client = self.client(count, 64, 1);
        client.line().starts_with("ready").then_some(())?;
        let bytes = system::resident_bytes(&server).saturating_sub(before);
        #[expect(clippy::cast_precision_loss, reason = "nobody measures to sixteen digits")]
        let each = bytes as f64 / count as f64;
        Some(Sample { extra: vec![("bytes".to_owned(), each)], ..Sample::default() })
    }
}
