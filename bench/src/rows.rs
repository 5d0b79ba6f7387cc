//! What is measured: the rows of the table.

/// How a row is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The contender measures itself.
    Alone,
    /// The contender serves, a client process asks.
    Echo { connections: usize, size: usize },
    /// Resident bytes of the server for each idle connection.
    IdleConnections(usize),
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The workload's name.
    pub workload: &'static str,
    pub threads: usize,
    pub operations: u64,
    pub kind: Kind,
    /// What the contender reports in `extra`, instead of processor time.
    pub reports: &'static [&'static str],
}

const fn alone(workload: &'static str, threads: usize, operations: u64) -> Row {
    Row { workload, threads, operations, kind: Kind::Alone, reports: &[] }
}

const fn echo(workload: &'static str, connections: usize, size: usize, threads: usize, operations: u64) -> Row {
    Row { workload, threads, operations, kind: Kind::Echo { connections, size }, reports: &[] }
}

/// Those whose measure is processor time; short ones run for about a third of a second.
pub const ROWS: &[Row] = &[
    alone("spawn_join", 1, 1_000_000),
    alone("spawn_one", 1, 1_000_000),
    alone("spawn_one_block_on", 1, 1_000_000),
    alone("spawn_idle", 1, 200_000),
    alone("yield", 1, 5_000_000),
    alone("chained", 1, 1_000_000),
    alone("ping_pong", 1, 1_000_000),
    alone("ping_pong_1000", 1, 1_000_000),
    alone("request_reply", 1, 1_000_000),
    alone("request_reply_block_on", 1, 1_000_000),
    alone("mpsc_bounded_1", 1, 4_000_000),
    alone("mpsc_bounded_4", 1, 4_000_000),
    alone("mpsc_unbounded_1", 1, 4_000_000),
    alone("mpsc_unbounded_4", 1, 4_000_000),
    alone("oneshot", 1, 4_000_000),
    alone("mutex", 1, 4_000_000),
    alone("mutex_held", 1, 1_000_000),
    alone("rwlock", 1, 4_000_000),
    alone("semaphore", 1, 1_000_000),
    alone("notify", 1, 2_000_000),
    alone("timer_cancel", 1, 2_000_000),
    alone("timer_cancel_lone", 1, 2_000_000),
    alone("timer_cancel_batch", 1, 1_000_000),
    alone("timer_fire", 1, 100_000),
    alone("requests", 1, 100_000),
    alone("blocking", 1, 50_000),
    alone("blocking_one", 1, 20_000),
    alone("spawn_join", 2, 1_000_000),
    alone("spawn_join_block_on", 2, 1_000_000),
    alone("spawn_one", 2, 1_000_000),
    alone("spawn_one_block_on", 2, 500_000),
    alone("spawn_idle", 2, 200_000),
    alone("yield", 2, 5_000_000),
    alone("chained", 2, 1_000_000),
    alone("ping_pong", 2, 500_000),
    alone("ping_pong_1000", 2, 1_000_000),
    alone("request_reply", 2, 500_000),
    alone("mpsc_bounded_1", 2, 2_000_000),
    alone("mpsc_bounded_4", 2, 2_000_000),
    alone("mpsc_unbounded_1", 2, 2_000_000),
    alone("mpsc_unbounded_4", 2, 2_000_000),
    alone("mutex", 2, 2_000_000),
    alone("mutex_held", 2, 500_000),
    alone("rwlock", 2, 2_000_000),
    alone("semaphore", 2, 1_000_000),
    alone("notify", 2, 1_000_000),
    alone("timer_cancel", 2, 1_000_000),
    alone("timer_cancel_lone", 2, 1_000_000),
    alone("timer_cancel_batch", 2, 1_000_000),
    alone("timer_fire", 2, 100_000),
    alone("requests", 2, 100_000),
    alone("blocking", 2, 50_000),
    alone("blocking_one", 2, 20_000),
    echo("echo_1x64", 1, 64, 1, 10_000),
    echo("echo_50x64", 50, 64, 1, 60_000),
    echo("echo_1000x64", 1000, 64, 1, 60_000),
    echo("echo_1x16k", 1, 16384, 1, 10_000),
    echo("echo_50x16k", 50, 16384, 1, 30_000),
    echo("echo_1000x16k", 1000, 16384, 1, 30_000),
    echo("echo_1x64", 1, 64, 2, 10_000),
    echo("echo_50x64", 50, 64, 2, 240_000),
    echo("echo_1000x64", 1000, 64, 2, 60_000),
    echo("echo_1x16k", 1, 16384, 2, 10_000),
    echo("echo_50x16k", 50, 16384, 2, 60_000),
    echo("echo_1000x16k", 1000, 16384, 2, 30_000),
];

/// Those whose measure is something else.
const STUCK: &[&str] = &["timer_p50", "timer_p99", "timer_max", "echo_p50", "echo_p99", "echo_max"];

const SATURATED: &[&str] = &["p50", "p99", "max", "used", "background"];

pub const REPORTS: &[Row] = &[
    Row { workload: "memory_task", threads: 1, operations: 1_000_000, kind: Kind::Alone, reports: &["bytes"] },
    Row { workload: "memory_connection", threads: 1, operations: 0, kind: Kind::IdleConnections(8000), reports: &["bytes"] },
    Row { workload: "sleep_accuracy", threads: 1, operations: 1000, kind: Kind::Alone, reports: &["p50", "p99"] },
    Row { workload: "sleep_accuracy", threads: 2, operations: 1000, kind: Kind::Alone, reports: &["p50", "p99"] },
    Row { workload: "hogs_1", threads: 2, operations: 1, kind: Kind::Alone, reports: &["p50", "p99", "max"] },
    Row { workload: "hogs_2", threads: 2, operations: 1, kind: Kind::Alone, reports: &["p50", "p99", "max"] },
    Row { workload: "hogs_4", threads: 2, operations: 1, kind: Kind::Alone, reports: &["p50", "p99", "max"] },
    Row { workload: "saturated", threads: 2, operations: 1, kind: Kind::Alone, reports: SATURATED },
    Row { workload: "saturated_by_rank", threads: 2, operations: 1, kind: Kind::Alone, reports: SATURATED },
    Row { workload: "dump", threads: 2, operations: 1, kind: Kind::Alone, reports: &["p50", "max"] },
    Row { workload: "idle", threads: 2, operations: 1, kind: Kind::Alone, reports: &["permille"] },
    Row { workload: "stuck_asleep", threads: 4, operations: 1, kind: Kind::Alone, reports: STUCK },
    Row { workload: "stuck_spinning", threads: 4, operations: 1, kind: Kind::Alone, reports: STUCK },
];

/// One-thread workloads whose instructions are counted, with a small number of operations.
pub const COUNTED: &[(&str, u64)] = &[
    ("spawn_join", 20_000),
    ("spawn_one", 10_000),
    ("spawn_idle", 10_000),
    ("yield", 50_000),
    ("chained", 10_000),
    ("ping_pong", 10_000),
    ("ping_pong_1000", 10_000),
    ("request_reply", 10_000),
    ("mpsc_bounded_1", 50_000),
    ("mpsc_unbounded_1", 50_000),
    ("oneshot", 20_000),
    ("mutex", 50_000),
    ("mutex_held", 20_000),
    ("rwlock", 50_000),
    ("semaphore", 20_000),
    ("notify", 20_000),
    ("timer_cancel", 20_000),
    ("timer_cancel_lone", 20_000),
    ("timer_cancel_batch", 20_000),
    ("timer_fire", 20_000),
    ("requests", 50_000),
    ("mpsc_bounded_4", 50_000),
    ("mpsc_unbounded_4", 50_000),
    ("spawn_one_block_on", 10_000),
    ("request_reply_block_on", 10_000),
];
