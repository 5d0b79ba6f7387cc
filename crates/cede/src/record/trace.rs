//! A copy of the rings of a runtime, decoded.
//!
//! # Times
//! Some events have a reading of the clock, and those between two of them are put between the two: evenly, or if the span is long, near its begin. The latter is what is known of bursts of short polls: a reading
//! is left out only where the polls before were short and the monitor has not looked since, so what made the span long is its last poll.
//!
//! # Invariants
//! - I1: the argument of a `SITE` is the address of a `&'static Location`: only [`Writer::sight`](super::writer) writes such events, and a ring returns no event that is torn.

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::event::{Kind, Raw};
use super::recorder::{Recorder, Snapshot, Written};
use super::ticks::Scale;

/// In a span without readings that is longer than this, the events are put near its begin.
const LONG_NS: u64 = 50_000;
/// So near.
const STEP_NS: u64 = 1_000;

/// What the threads of a runtime did in the last seconds. `Display` writes it in the format of Chrome's tracing, for <https://ui.perfetto.dev> or `chrome://tracing`.
///
/// ```
/// use cede::record::{EventKind, FlightRecorder};
///
/// let runtime = cede::runtime::Builder::new_current_thread().flight_recorder(FlightRecorder::new()).build()?;
/// runtime.block_on(async { cede::spawn(async {}).await }).unwrap();
/// let trace = runtime.handle().trace().unwrap();
/// let polls = trace.tracks().iter().flat_map(|track| track.events()).filter(|event| matches!(event.kind, EventKind::Poll { .. }));
/// assert_eq!(polls.count(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trace {
    /// The runtime's number and what it is called.
    pub(super) number: u64,
    pub(super) runtime: String,
    /// When it began, by the clock of the process.
    pub(super) begun: Duration,
    pub(super) tracks: Vec<Track>,
    pub(super) tasks: BTreeMap<u64, TraceTask>,
    pub(super) until: Duration,
}

/// What is known of a task that is in a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceTask {
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// Where it was spawned.
    pub spawned_at: Option<&'static Location<'static>>,
    /// The type of its future, of a task that has not ended.
    pub future: Option<&'static str>,
}

/// What one thread did, in order.
#[derive(Clone, Debug)]
pub struct Track {
    pub(super) name: String,
    pub(super) worker: Option<usize>,
    /// The kernel's number of the thread.
    pub(super) thread: Option<i32>,
    pub(super) events: Vec<Event>,
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, since the recording began.
    pub at: Duration,
    /// What.
    pub kind: EventKind,
    /// Not before this; the same as `at` if the clock was read.
    pub(super) not_before: Duration,
}

/// What happened. The first ones say what a thread does until the next such event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// It polls a task.
    Poll {
        /// The task's number.
        task: u64,
    },
    /// It goes on with a poll, after it did something else in the middle of that.
    Resume {
        /// The task's number.
        task: u64,
    },
    /// It polls the future of `block_on`.
    Main,
    /// It looks at timers and sockets.
    Look,
    /// It sleeps.
    Park,
    /// It has woken up, or begins to run tasks.
    Unpark,
    /// A task blocks it, in `block_in_place`.
    Block {
        /// The task's number; zero: the future of `block_on`.
        task: u64,
    },
    /// It runs no worker any more.
    Leave,
    /// It spawned a task.
    Spawn {
        /// The task's number.
        task: u64,
    },
    /// It woke a task.
    Wake {
        /// The task's number.
        task: u64,
    },
    /// A task ended.
    End {
        /// The task's number.
        task: u64,
    },
    /// A task panicked.
    Panic {
        /// The task's number.
        task: u64,
    },
    /// It took tasks from the queue of another worker.
    Steal {
        /// How many.
        count: u32,
        /// From which.
        from: u32,
    },
    /// Timers fired.
    Fire {
        /// How many.
        count: u64,
    },
    /// How many tasks were waiting.
    Queued {
        /// For this worker.
        here: u32,
        /// From outside, for any worker.
        outside: u32,
    },
    /// A poll was reported to take too long.
    Stall {
        /// The task's number.
        task: u64,
    },
    /// The worker was taken from the thread that is stuck in this task.
    Rescue {
        /// The task's number.
        task: u64,
    },
}

impl EventKind {
    fn of(raw: Raw) -> Option<Self> {
        let task = raw.argument;
        let (upper, lower) = ((raw.argument >> 32) as u32, raw.argument as u32);
        Some(match raw.kind {
            Kind::Poll => Self::Poll { task },
            Kind::Resumed => Self::Resume { task },
            Kind::Main => Self::Main,
            Kind::Looking => Self::Look,
            Kind::Parked => Self::Park,
            Kind::Awake => Self::Unpark,
            Kind::Blocking => Self::Block { task },
            Kind::Away => Self::Leave,
            Kind::Spawned => Self::Spawn { task },
            Kind::Woken => Self::Wake { task },
            Kind::Ended => Self::End { task },
            Kind::Panicked => Self::Panic { task },
            Kind::Stole => Self::Steal { count: upper, from: lower },
            Kind::Fired => Self::Fire { count: raw.argument },
            Kind::Depths => Self::Queued { here: upper, outside: lower },
            Kind::Stalled => Self::Stall { task },
            Kind::Rescued => Self::Rescue { task },
            Kind::Site => return None,
        })
    }

    /// The task that this is about.
    #[must_use]
    pub fn task(self) -> Option<u64> {
        match self {
            Self::Poll { task }
            | Self::Resume { task }
            | Self::Block { task }
            | Self::Spawn { task }
            | Self::Wake { task }
            | Self::End { task }
            | Self::Panic { task }
            | Self::Stall { task }
            | Self::Rescue { task } => Some(task),
            _ => None,
        }
    }

    /// Whether the thread does this until the next such event.
    #[must_use]
    pub fn is_state(self) -> bool {
        matches!(
            self,
            Self::Poll { .. }
                | Self::Resume { .. }
                | Self::Main
                | Self::Look
                | Self::Park
                | Self::Unpark
                | Self::Block { .. }
                | Self::Leave
        )
    }
}

impl Track {
    /// The name of the thread, and the number of the worker that it runs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The worker that the thread ran, if it is one's.
    #[must_use]
    pub fn worker(&self) -> Option<usize> {
        self.worker
    }

    /// What it did, oldest first.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }
}

impl Trace {
    /// Nothing while the recorder is off.
    pub(crate) fn of(recorder: &Recorder, number: u64, runtime: String) -> Option<Self> {
        let Snapshot { zero, now, scale, tracks, names } = recorder.snapshot()?;
        let mut tasks = BTreeMap::<u64, TraceTask>::new();
        let tracks = tracks.iter().map(|track| decode(track, scale, &mut tasks)).collect();
        for (task, name) in names {
            tasks.entry(task).or_default().name = Some(name);
        }
        let begun = Duration::from_nanos(scale.span(zero));
        Some(Self { number, runtime, begun, tracks, tasks, until: Duration::from_nanos(scale.span(now)) })
    }

    /// One for each thread that ran a worker while this was recorded, and the first for all other threads together.
    #[must_use]
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// What is known of a task that is in the trace.
    #[must_use]
    pub fn task(&self, number: u64) -> Option<&TraceTask> {
        self.tasks.get(&number)
    }

    /// A thread has been polling a task since before it could begin to write.
    pub(super) fn add_stuck(&mut self, thread: i32, name: &str, task: u64) {
        if self.tracks.iter().all(|track| track.thread != Some(thread)) {
            let events = vec![Event { at: Duration::ZERO, kind: EventKind::Poll { task }, not_before: Duration::ZERO }];
            let name = format!("{name} (since before the recording, thread {thread})");
            self.tracks.push(Track { name, worker: None, thread: Some(thread), events });
            self.tasks.entry(task).or_default();
        }
    }

    pub(crate) fn tasks_mut(&mut self) -> &mut BTreeMap<u64, TraceTask> {
        &mut self.tasks
    }

    /// Writes it to a file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_to(&self, path: impl AsRef<Path>) -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        write!(file, "{self}")?;
        file.flush()
    }
}

/// The words of a ring, without what was written before a gap.
fn words(track: &Written) -> Vec<[u64; 2]> {
    let mut words = Vec::new();
    let mut next = 0;
    track.ring.read(|number, event| {
        if number != next {
            words.clear();
        }
        next = number + 1;
        words.push(event);
    });
    words
}

fn decode(track: &Written, scale: Scale, tasks: &mut BTreeMap<u64, TraceTask>) -> Track {
    let mut events = Vec::new();
    // Since the last reading of the clock.
    let mut burst: Vec<EventKind> = Vec::new();
    let mut read_at = None;
    let mut last_task = None;
    for raw in words(track).into_iter().filter_map(Raw::from_words) {
        let Some(kind) = EventKind::of(raw) else {
            if let Some(task) = last_task {
                tasks.entry(task).or_default().spawned_at = Some(site(raw.argument));
            }
            continue;
        };
        last_task = kind.task().or(last_task);
        if let Some(task) = kind.task().filter(|&task| task != 0) {
            tasks.entry(task).or_default();
        }
        if let Some(at) = raw.at {
            let at = scale.span(at);
            place(&mut events, &mut burst, read_at, Some(at));
            read_at = Some(at);
        }
        burst.push(kind);
    }
    place(&mut events, &mut burst, read_at, None);
    let (name, worker) = match &track.of {
        None => ("other threads".to_owned(), None),
        Some(of) => {
            let thread = of.name.as_deref().unwrap_or("without a name");
            let worker = of.worker.map_or("block_on".to_owned(), |worker| format!("worker {worker}"));
            (format!("{thread} ({worker}, thread {})", of.number), of.worker)
        }
    };
    Track { name, worker, thread: track.of.as_ref().map(|of| of.number), events }
}

/// Gives times to the events from one reading of the clock on until the next.
fn place(events: &mut Vec<Event>, burst: &mut Vec<EventKind>, begin: Option<u64>, end: Option<u64>) {
    // Before the first reading nothing is known.
    if let Some(begin) = begin {
        let span = end.map_or(0, |end| end.saturating_sub(begin));
        let polls = burst.iter().filter(|kind| matches!(kind, EventKind::Poll { .. })).count();
        let even = span / burst.len().max(1) as u64;
        let step = if span > LONG_NS && polls > 1 { even.min(STEP_NS) } else { even };
        let not_before = Duration::from_nanos(begin);
        for (index, &kind) in burst.iter().enumerate() {
            events.push(Event { at: not_before + Duration::from_nanos(step * index as u64), kind, not_before });
        }
    }
    burst.clear();
}

fn site(address: u64) -> &'static Location<'static> {
    let location = std::ptr::with_exposed_provenance::<Location<'static>>(address as usize);
    // SAFETY: [I1] it is the address of one, and that is never freed.
    unsafe { &*location }
}
