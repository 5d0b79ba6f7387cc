//! A trace in the format of Chrome's tracing: a list of JSON objects, with times in microseconds.
//!
//! A track is a thread; polls and sleeps are slices (`X`), wakes are arrows (`s`, `f`) from the slice that they were made in to the begin of the poll that followed, what else happened are instants (`i`), and the lengths of
//! the queues are counters (`C`).

#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::trace::{Event, EventKind, Trace, Track};

/// A string of JSON.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for letter in self.0.chars() {
            match letter {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                control if (control as u32) < 0x20 => write!(f, "\\u{:04x}", control as u32)?,
                other => write!(f, "{other}")?,
            }
        }
        f.write_str("\"")
    }
}

/// Microseconds.
struct Micros(Duration);

impl Display for Micros {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        write!(f, "{}.{:03}", nanos / 1000, nanos % 1000)
    }
}

impl Display for Trace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Together(std::slice::from_ref(self)).fmt(f)
    }
}

/// The traces of several runtimes of one process, each shown as a process. Times count from when the first recording began.
pub(super) struct Together<'a>(pub(super) &'a [Trace]);

impl Display for Together<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{\"traceEvents\":[")?;
        let begun = self.0.iter().map(|trace| trace.begun).min().unwrap_or_default();
        for (index, trace) in self.0.iter().enumerate() {
            let (comma, name, process) = (if index == 0 { "" } else { "," }, Quoted(&trace.runtime), trace.number);
            write!(f, "{comma}\n{{\"ph\":\"M\",\"pid\":{process},\"tid\":0,\"name\":\"process_name\",\"args\":{{\"name\":{name}}}}}")?;
            let place = |thread| Place { trace, thread, offset: trace.begun - begun };
            for (index, track) in trace.tracks.iter().enumerate() {
                place(index + 1).track(f, track)?;
            }
            trace.arrows(f, place)?;
        }
        f.write_str("\n],\"displayTimeUnit\":\"ns\"}\n")
    }
}

/// Where the events of a track belong.
struct Place<'a> {
    trace: &'a Trace,
    thread: usize,
    offset: Duration,
}

impl Place<'_> {
    fn head(&self, f: &mut Formatter<'_>, phase: &str, at: Duration) -> fmt::Result {
        write!(f, ",\n{{\"ph\":\"{phase}\",\"pid\":{},\"tid\":{},\"ts\":{}", self.trace.number, self.thread, Micros(self.offset + at))
    }

    fn track(&self, f: &mut Formatter<'_>, track: &Track) -> fmt::Result {
        let (process, thread) = (self.trace.number, self.thread);
        let name = Quoted(&track.name);
        write!(f, ",\n{{\"ph\":\"M\",\"pid\":{process},\"tid\":{thread},\"name\":\"thread_name\",\"args\":{{\"name\":{name}}}}}")?;
        write!(
            f,
            ",\n{{\"ph\":\"M\",\"pid\":{process},\"tid\":{thread},\"name\":\"thread_sort_index\",\"args\":{{\"sort_index\":{thread}}}}}"
        )?;
        let mut state: Option<&Event> = None;
        for event in &track.events {
            if event.kind.is_state() {
                if let Some(begun) = state.replace(event) {
                    self.slice(f, begun, event.at)?;
                }
            } else {
                self.instant(f, event)?;
            }
        }
        match state {
            Some(last) => self.slice(f, last, self.trace.until.max(last.at)),
            None => Ok(()),
        }
    }

    /// What the thread did from an event on.
    fn slice(&self, f: &mut Formatter<'_>, event: &Event, end: Duration) -> fmt::Result {
        let (category, name) = match event.kind {
            EventKind::Poll { task } | EventKind::Resume { task } => ("poll", self.trace.label(task)),
            EventKind::Main => ("poll", "block_on".to_owned()),
            EventKind::Block { .. } => ("block", "block_in_place".to_owned()),
            EventKind::Look => ("driver", "timers and sockets".to_owned()),
            EventKind::Park => ("park", "parked".to_owned()),
            EventKind::Unpark => ("awake", "awake".to_owned()),
            _ => return Ok(()),
        };
        self.head(f, "X", event.at)?;
        write!(f, ",\"dur\":{},\"cat\":\"{category}\",\"name\":{}", Micros(end.saturating_sub(event.at)), Quoted(&name))?;
        self.arguments(f, event.kind)?;
        f.write_str("}")
    }

    fn arguments(&self, f: &mut Formatter<'_>, kind: EventKind) -> fmt::Result {
        let Some(number) = kind.task().filter(|&number| number != 0) else { return Ok(()) };
        write!(f, ",\"args\":{{\"task\":{number}")?;
        let known = self.trace.task(number);
        if let Some(name) = known.and_then(|task| task.name.as_deref()) {
            write!(f, ",\"name\":{}", Quoted(name))?;
        }
        if let Some(site) = known.and_then(|task| task.spawned_at) {
            write!(f, ",\"spawned_at\":{}", Quoted(&site.to_string()))?;
        }
        if let Some(future) = known.and_then(|task| task.future) {
            write!(f, ",\"future\":{}", Quoted(future))?;
        }
        f.write_str("}")
    }

    fn instant(&self, f: &mut Formatter<'_>, event: &Event) -> fmt::Result {
        let name = match event.kind {
            EventKind::Queued { here, outside } => {
                self.head(f, "C", event.at)?;
                let thread = self.thread;
                return write!(f, ",\"name\":\"queued on track {thread}\",\"args\":{{\"here\":{here},\"outside\":{outside}}}}}");
            }
            EventKind::Spawn { task } => format!("spawn {}", self.trace.label(task)),
            EventKind::Wake { task } => format!("wake {}", self.trace.label(task)),
            EventKind::End { task } => format!("end {}", self.trace.label(task)),
            EventKind::Panic { task } => format!("panic {}", self.trace.label(task)),
            EventKind::Stall { task } => format!("stall {}", self.trace.label(task)),
            EventKind::Rescue { task } => format!("rescue from {}", self.trace.label(task)),
            EventKind::Steal { count, from } => format!("steal {count} from worker {from}"),
            EventKind::Fire { count } => format!("{count} timers"),
            _ => return Ok(()),
        };
        self.head(f, "i", event.at)?;
        write!(f, ",\"s\":\"t\",\"name\":{}", Quoted(&name))?;
        self.arguments(f, event.kind)?;
        f.write_str("}")
    }
}

impl Trace {
    /// The task's name, else where it was spawned, else its number.
    fn label(&self, number: u64) -> String {
        let known = self.task(number);
        match (known.and_then(|task| task.name.as_deref()), known.and_then(|task| task.spawned_at)) {
            (Some(name), _) => name.to_owned(),
            (None, Some(site)) => format!("{}:{}", site.file(), site.line()),
            (None, None) => format!("task {number}"),
        }
    }

    /// From each spawn or wake to the poll that followed.
    fn arrows<'a>(&self, f: &mut Formatter<'_>, place: impl Fn(usize) -> Place<'a>) -> fmt::Result {
        let moves = |event: &&Event| matches!(event.kind, EventKind::Poll { .. } | EventKind::Spawn { .. } | EventKind::Wake { .. });
        let mut tracks: Vec<VecDeque<&Event>> = self.tracks.iter().map(|track| track.events.iter().filter(moves).collect()).collect();
        let mut woken = HashMap::new();
        let mut arrows = 0;
        while let Some(first) = first_of(&tracks, &woken) {
            let (thread, Some(event)) = (first + 1, tracks[first].pop_front()) else { break };
            match event.kind {
                EventKind::Spawn { task } | EventKind::Wake { task } => {
                    woken.insert(task, (thread, event.at));
                }
                EventKind::Poll { task } => {
                    let Some((from, at)) = woken.remove(&task) else { continue };
                    arrows += 1;
                    place(from).head(f, "s", at.min(event.at))?;
                    write!(f, ",\"id\":{arrows},\"cat\":\"wake\",\"name\":\"wake\"}}")?;
                    place(thread).head(f, "f", event.at)?;
                    write!(f, ",\"id\":{arrows},\"cat\":\"wake\",\"name\":\"wake\",\"bp\":\"e\"}}")?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The track whose next event comes first. Each track is in order. Across them, what is between two readings of the clock may have been at the first; then a poll comes after what it may have come from.
fn first_of(tracks: &[VecDeque<&Event>], woken: &HashMap<u64, (usize, Duration)>) -> Option<usize> {
    let is_poll = |event: &Event| matches!(event.kind, EventKind::Poll { .. });
    let rank = |track: &VecDeque<&Event>| {
        let event = track.front()?;
        let rank = match event.kind {
            EventKind::Poll { task } if woken.contains_key(&task) => 1,
            // It may hide the wake that another thread's poll came from.
            EventKind::Poll { .. }
                if track.iter().take_while(|other| other.not_before == event.not_before).any(|other| !is_poll(other)) =>
            {
                2
            }
            EventKind::Poll { .. } => 3,
            _ => 0,
        };
        Some((event.not_before, rank))
    };
    let ranked = tracks.iter().enumerate().filter_map(|(index, track)| Some((rank(track)?, index)));
    ranked.min().map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Threads that did this, in this order, while nobody read the clock; and how many arrows begin and end.
    fn arrows(threads: &[&[EventKind]]) -> (usize, usize) {
        let event = |kind| Event { at: Duration::ZERO, kind, not_before: Duration::ZERO };
        let track = |kinds: &&[EventKind]| Track {
            name: String::new(),
            worker: None,
            thread: None,
            events: kinds.iter().copied().map(event).collect(),
        };
        let tracks = threads.iter().map(track).collect();
        let trace =
            Trace { number: 1, runtime: String::new(), begun: Duration::ZERO, tracks, tasks: BTreeMap::new(), until: Duration::ZERO };
        let text = trace.to_string();
        let count = |phase: &str| text.matches(&format!("\"ph\":\"{phase}\"")).count();
        (count("s"), count("f"))
    }

    /// A thread polls a task, wakes it by what it polls next, and polls it again; another one has woken that.
    #[test]
    fn an_arrow_for_each_wake_also_where_the_clock_was_not_read() {
        let (one, other) = (1, 2);
        let polls = |task| EventKind::Poll { task };
        let here = [EventKind::Spawn { task: one }, polls(one), polls(other), EventKind::Wake { task: one }, polls(one)];
        assert_eq!(arrows(&[&here, &[EventKind::Spawn { task: other }]]), (3, 3));
    }

    #[test]
    fn a_wake_that_another_threads_poll_hides_comes_before_the_poll_that_it_led_to() {
        let there = [EventKind::Poll { task: 1 }, EventKind::Wake { task: 2 }];
        assert_eq!(arrows(&[&[EventKind::Poll { task: 2 }], &there]), (1, 1));
    }
}
