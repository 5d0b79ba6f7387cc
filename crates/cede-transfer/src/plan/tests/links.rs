//! How many connections a file gets, on links that are described by numbers and in a time that is counted: what each connection may bring, what all together, what this
//! machine takes, and how slowly a connection begins.

use std::time::Duration;

use super::world;
use crate::plan::{Action, Id, Plan, Rules, Verdict};

const TICK: Duration = Duration::from_millis(5);
const MIB: f64 = 1024.0 * 1024.0;

/// Rates are in bytes per second.
#[derive(Clone, Copy)]
struct Link {
    each: f64,
    together: f64,
    machine: f64,
    /// A connection brings so much at first, and twice as much each time that so much time has passed.
    slow_start: Option<(f64, Duration)>,
}

const UNLIMITED: Link = Link { each: f64::INFINITY, together: f64::INFINITY, machine: 900.0 * MIB, slow_start: None };

struct Flow {
    id: Id,
    began: Duration,
    left: u64,
    /// What a tick was too short to bring.
    fraction: f64,
}

#[derive(Debug)]
struct Outcome {
    took: Duration,
    most: usize,
    /// How many there would be at the end.
    width: usize,
    requests: u64,
}

impl Link {
    fn rate(&self, age: Duration) -> f64 {
        let begins = self.slow_start.map_or(f64::INFINITY, |(first, period)| first * (age.as_secs_f64() / period.as_secs_f64()).exp2());
        self.each.min(begins)
    }

    /// Downloads; every connection is there at once.
    fn download(&self, size: u64, segments: usize) -> Outcome {
        let mut plan = Plan::new(Rules { segments, ..Rules::default() }, 1, 1);
        let mut flows: Vec<Flow> = Vec::new();
        let (mut now, mut most, mut width) = (Duration::ZERO, 0, 1);
        loop {
            loop {
                match plan.poll_action(now) {
                    Action::Ask(ask) => {
                        plan.handle_sent(now, ask.id);
                        let (start, end) = ask.range.expect("ranges work");
                        assert_eq!(plan.handle_head(now, ask.id, &world::head_of(size, start, end)), Verdict::Take);
                        plan.handle_listening(now, ask.id);
                        flows.push(Flow { id: ask.id, began: now, left: end.unwrap_or(size) - start, fraction: 0.0 });
                    }
                    Action::Cancel(id) => flows.retain(|flow| flow.id != id),
                    Action::Wait(_) => break,
                    Action::Done => return Outcome { took: now, most, width, requests: plan.asks() },
                    other => panic!("{other:?}"),
                }
            }
            most = most.max(flows.len());
            width = plan.width();
            now += TICK;
            self.deliver(&mut plan, &mut flows, now);
        }
    }

    /// What comes within a tick.
    fn deliver(&self, plan: &mut Plan, flows: &mut Vec<Flow>, now: Duration) {
        let wanted: Vec<f64> = flows.iter().map(|flow| self.rate(now - flow.began)).collect();
        let sum: f64 = wanted.iter().sum();
        let share = (self.together.min(self.machine) / sum).min(1.0);
        let share = if sum.is_finite() { share } else { 0.0 };
        // Without any other limit, the connections share what the machine takes.
        let even = self.together.min(self.machine) / flows.len() as f64;
        let rates: Vec<f64> = wanted.iter().map(|rate| if sum.is_finite() { rate * share } else { even }).collect();
        let idle = 1.0 - (rates.iter().sum::<f64>() / self.machine).min(1.0);
        for (flow, rate) in flows.iter_mut().zip(rates) {
            flow.fraction += rate * TICK.as_secs_f64();
            let count = (flow.fraction as u64).min(flow.left);
            flow.fraction -= flow.fraction.floor();
            flow.left -= count;
            plan.handle_starved(now, flow.id, TICK.mul_f64(idle), Duration::ZERO);
            if count > 0 && !plan.handle_data(now, flow.id, count as usize).more {
                flow.left = 0;
            }
            plan.handle_listening(now, flow.id);
        }
        flows.retain(|flow| flow.left > 0);
    }
}

#[test]
fn where_nothing_is_limited_one_connection_does_it() {
    // Also where the machine has no more than a tenth of itself for the download.
    for machine in [900.0, 90.0, 20.0] {
        let outcome = Link { machine: machine * MIB, ..UNLIMITED }.download(1 << 30, 16);
        assert_eq!((outcome.most, outcome.requests), (1, 1), "{machine}: {outcome:?}");
    }
}

#[test]
fn a_server_half_as_fast_as_this_machine_is_left_alone() {
    let outcome = Link { together: 100.0 * MIB, machine: 200.0 * MIB, ..UNLIMITED }.download(1 << 30, 16);
    assert_eq!((outcome.most, outcome.requests), (1, 1), "{outcome:?}");
}

#[test]
fn a_limit_for_each_connection_takes_a_quarter_of_the_time_of_one() {
    let link = Link { each: 8.0 * MIB, ..UNLIMITED };
    let (one, many) = (link.download(64 << 20, 1), link.download(64 << 20, 16));
    assert!(many.took * 4 <= one.took, "{many:?} {one:?}");
}

#[test]
fn a_limit_for_all_together_costs_one_try() {
    let link = Link { together: 20.0 * MIB, ..UNLIMITED };
    let (one, many) = (link.download(256 << 20, 1), link.download(256 << 20, 16));
    assert_eq!((many.most, many.width), (2, 1), "{many:?}");
    assert!(many.took <= one.took + TICK * 2 && many.requests <= 6, "{many:?} {one:?}");
}

#[test]
fn limits_for_each_and_for_all_are_both_found() {
    let link = Link { each: 5.0 * MIB, together: 18.0 * MIB, ..UNLIMITED };
    let outcome = link.download(256 << 20, 16);
    assert!(outcome.most <= 8 && outcome.width >= 4, "{outcome:?}");
}

#[test]
fn a_connection_that_gets_up_to_speed_is_not_taken_for_a_limited_one() {
    // A long way: a second and more until the line is full.
    let slow_start = Some((0.3 * MIB, Duration::from_millis(150)));
    let link = Link { together: 40.0 * MIB, slow_start, ..UNLIMITED };
    let (one, many) = (link.download(256 << 20, 1), link.download(256 << 20, 16));
    assert!(many.most <= 2 && many.width == 1, "{many:?}");
    assert!(many.took <= one.took + TICK * 4, "{many:?} {one:?}");
    // Where each is limited too, that is found all the same.
    let link = Link { each: 5.0 * MIB, ..link };
    let (one, many) = (link.download(256 << 20, 1), link.download(256 << 20, 16));
    assert!(many.took * 4 <= one.took, "{many:?} {one:?}");
}

/// What a file's part of a line looks like: a mebibyte every 100 ms, and in between nothing for it.
fn share_of_a_line(plan: &mut Plan, mut tell: impl FnMut(&mut Plan, Duration, Id)) -> usize {
    let Action::Ask(ask) = plan.poll_action(Duration::ZERO) else { panic!("nothing is asked") };
    plan.handle_sent(Duration::ZERO, ask.id);
    assert_eq!(plan.handle_head(Duration::ZERO, ask.id, &world::head(1 << 30)), Verdict::Take);
    plan.handle_listening(Duration::ZERO, ask.id);
    for step in 1..400 {
        let now = TICK * step;
        tell(plan, now, ask.id);
        if step % 20 == 0 {
            assert!(plan.handle_data(now, ask.id, 1 << 20).more);
            plan.handle_listening(now, ask.id);
        }
        drop(plan.poll_action(now));
    }
    plan.width()
}

#[test]
fn a_line_that_others_are_served_on_is_not_a_silent_one() {
    let plan = || Plan::new(Rules { segments: 16, ..Rules::default() }, 1, 1);
    let burst = TICK * 20;
    // The line is this file's alone: whoever sends so keeps back more.
    let alone = share_of_a_line(&mut plan(), |plan, now, id| plan.handle_starved(now, id, burst, burst));
    // In between, others got theirs: the line was never silent.
    let busy = share_of_a_line(&mut plan(), |plan, now, id| {
        plan.handle_line(id, None);
        plan.handle_starved(now, id, Duration::ZERO, Duration::ZERO);
    });
    // A line that is looked at just when nothing comes has not been silent for long.
    let nearly = share_of_a_line(&mut plan(), |plan, now, id| {
        plan.handle_line(id, Some(now - TICK));
        plan.handle_starved(now, id, Duration::ZERO, TICK);
    });
    // There are others, but the server keeps back from them, too.
    let all = share_of_a_line(&mut plan(), |plan, now, id| {
        plan.handle_line(id, Some(now - now.min(TICK * (now.as_millis() as u32 / 5 % 20))));
        plan.handle_starved(now, id, burst, burst);
    });
    assert!(alone > 1 && all > 1, "{alone} {all}");
    assert_eq!((busy, nearly), (1, 1));
}
