//! Servers with and without a limit for each connection, as numbers only; with a plan around it in `plan/tests/links.rs`.

use std::time::Duration;

use super::{Look, Ramp};

fn look(ramp: &Ramp, received: u64, remaining: u64) -> Look {
    Look { received, flights: ramp.limit(), receiving: ramp.limit(), still: Duration::MAX, waits: Duration::ZERO, remaining }
}

/// Runs for some seconds; `rate` tells the bytes per second of so many connections, and `idle` which part of its time each waits for bytes. Returns the most and
/// the last number of connections.
fn run(mut ramp: Ramp, seconds: u64, idle: f64, rate: impl Fn(usize) -> u64) -> (usize, usize) {
    let (mut received, mut most) = (0, 0);
    let tick = Duration::from_millis(10);
    for n in 0..seconds * 100 {
        let connections = ramp.limit();
        received += rate(connections) / 100;
        most = most.max(connections);
        let now = tick * n as u32;
        (0..connections).for_each(|_| ramp.starve(now, tick.mul_f64(idle)));
        ramp.hear(now, Duration::MAX);
        ramp.listen(now);
        ramp.update(now, look(&ramp, received, 1 << 40));
    }
    (most, ramp.limit())
}

#[test]
fn a_limit_for_each_connection_is_worked_around() {
    assert_eq!(run(Ramp::new(16, false), 4, 0.95, |n| n as u64 * 8_000_000), (16, 16));
    assert_eq!(run(Ramp::new(16, false), 9, 0.95, |n| n.min(4) as u64 * 8_000_000), (8, 4));
}

#[test]
fn where_more_do_not_help_there_is_one() {
    assert_eq!(run(Ramp::new(16, false), 9, 0.95, |_| 100_000_000), (2, 1));
}

#[test]
fn what_keeps_this_side_busy_stays_alone() {
    // However slow it is, and although two would be faster: this machine, its disk or its user sets the pace.
    for rate in [1_000_000, 20_000_000, 200_000_000] {
        assert_eq!(run(Ramp::new(16, false), 9, 0.6, |n| n as u64 * rate), (1, 1));
    }
}

#[test]
fn what_fills_the_machine_stays_alone() {
    assert_eq!(run(Ramp::new(16, false), 9, 0.95, |n| n as u64 * 300_000_000), (1, 1));
}

/// Connections that each bring a good deal when they begin, and then so much each period. Returns the most there were.
fn bursts(period: u64, offset: u64, listening: bool) -> usize {
    let mut ramp = Ramp::new(16, false);
    let (mut begun, mut received, mut most) = (Vec::new(), 0, 0);
    for now in (offset..1500).step_by(10) {
        begun.resize(ramp.limit().max(begun.len()), now);
        let count = begun.iter().filter(|start| (now - **start) / 10 % (period / 10) == 0).count() as u64;
        if count > 0 {
            received += count * 8_000_000 * period / 1000;
            ramp.hear(Duration::from_millis(now), Duration::MAX);
        }
        if !listening {
            ramp.listen(Duration::from_millis(now));
        }
        let look = Look { still: if listening { Duration::MAX } else { Duration::ZERO }, ..look(&ramp, received, 1 << 30) };
        ramp.update(Duration::from_millis(now), look);
        most = most.max(ramp.limit());
    }
    most
}

#[test]
fn bursts_are_seen_through() {
    for period in [1000, 250] {
        for offset in 0..25 {
            assert_eq!(bursts(period, offset, true), 16, "period {period}, offset {offset}");
        }
    }
}

#[test]
fn a_slow_disk_is_no_silence_of_the_server() {
    for period in [1000, 250] {
        assert_eq!(bursts(period, 0, false), 1, "period {period}");
    }
}

#[test]
fn a_wait_that_began_before_the_window_counts_within_it_only() {
    let mut ramp = Ramp::new(16, false);
    ramp.update(Duration::from_secs(5), look(&ramp, 0, 1 << 40));
    // It ends right after the window has begun; from then on nothing is waited for.
    ramp.starve(Duration::from_millis(5010), Duration::from_secs(5));
    for now in (5010..5500).step_by(10) {
        ramp.hear(Duration::from_millis(now), Duration::MAX);
        ramp.update(Duration::from_millis(now), look(&ramp, (now - 5000) * 8_000, 1 << 40));
    }
    assert_eq!(ramp.limit(), 1);
}

#[test]
fn a_complaint_is_heeded() {
    let mut ramp = Ramp::new(16, true);
    ramp.trouble(Duration::ZERO, 3);
    assert_eq!(ramp.limit(), 3);
    ramp.trouble(Duration::ZERO, 0);
    assert_eq!(ramp.limit(), 1);
}
