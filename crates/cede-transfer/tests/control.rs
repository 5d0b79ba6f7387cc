//! Downloads that are steered while they run: paused, resumed, cancelled, limited; and what they say about where their time goes.
#![forbid(unsafe_code)]

#[path = "faults/origin.rs"]
mod origin;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cede::sync::watch;
use cede::task::JoinHandle;
use cede_transfer::IfExists;
use cede_transfer::control::Control;
use cede_transfer::engine::{Cause, Check, Complete, Engine, Job, Output, Settings, Stop, Unfinished, Watch};
use cede_transfer::exit::Exit;
use cede_transfer::plan::Rules;
use cede_transfer::slow::{Slow, Wait, judge};
use origin::{Fault, Origin, Setup};

/// Tells how much has come.
struct Count(watch::Sender<u64>);

impl Watch for Count {
    fn named(&self, _: &str, _: Option<u64>) {}
    fn have(&self, bytes: u64) {
        self.0.send_replace(bytes);
    }
    fn verifying(&self) {}
    fn note(&self, _: &str) {}
}

struct Case {
    origin: Origin,
    dir: PathBuf,
    engine: Engine,
}

/// A download under way.
struct Running {
    control: Control,
    have: watch::Receiver<u64>,
    task: JoinHandle<Result<Complete, Unfinished>>,
}

fn engine() -> Engine {
    let rules = Rules { segments: 1, ..Rules::default() };
    Engine::new(Settings { rules, if_exists: IfExists::Overwrite, ..Settings::default() })
}

impl Case {
    fn new(name: &str, setup: Setup, script: Vec<Fault>) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("control-{name}"));
        drop(std::fs::remove_dir_all(&dir));
        std::fs::create_dir_all(&dir).unwrap();
        Self { origin: Origin::start(setup, script), dir, engine: engine() }
    }

    fn start(&self, path: &str, control: Control) -> Running {
        let job = Job {
            url: self.origin.url(path).parse().unwrap(),
            mirrors: Vec::new(),
            output: Output::Named { dir: self.dir.clone(), name: path.trim_start_matches('/').to_owned() },
            check: Check::Size,
        };
        let (sender, have) = watch::channel(0);
        let (engine, stop) = (self.engine.clone(), Stop::never().steered_by(&control));
        let task = cede::spawn(async move { engine.download(job, Arc::new(Count(sender)), stop).await });
        Running { control, have, task }
    }

    fn is_right(&self, name: &str) -> bool {
        std::fs::read(self.dir.join(name)).unwrap() == self.origin.content(0)
    }

    /// Where the requests began.
    fn starts(&self) -> Vec<u64> {
        self.origin.asked().iter().map(|asked| asked.range.map_or(0, |(start, _)| start)).collect()
    }
}

impl Running {
    async fn has(&mut self, bytes: u64) {
        self.have.wait_for(|have| *have >= bytes).await.unwrap();
    }

    async fn done(self) {
        self.task.await.unwrap().unwrap_or_else(|unfinished| panic!("{unfinished:?}"));
    }
}

/// Looks again and again; the test's own time limit is the only one.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        cede::time::sleep(Duration::from_millis(1)).await;
    }
}

fn run(test: impl Future<Output = ()>) {
    cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn a_pause_lets_go_and_what_had_come_does_not_come_again() {
    run(async {
        let case = Case::new("pause", Setup::default(), vec![Fault::Stall(1_000_000)]);
        let mut running = case.start("/file", Control::new());
        running.has(1_000_000).await;
        running.control.pause();
        // The connection is closed, or the server would wait for ever.
        until(|| case.origin.busy() == 0).await;
        assert_eq!((*running.have.borrow(), case.starts()), (1_000_000, vec![0]));
        running.control.resume();
        running.done().await;
        assert_eq!(case.starts(), [0, 1_000_000]);
        assert!(case.is_right("file"));
    });
}

#[test]
fn without_ranges_a_pause_keeps_the_connection() {
    run(async {
        let case = Case::new("hold", Setup { ranges: false, ..Setup::default() }, vec![Fault::Gate(200_000)]);
        let mut running = case.start("/file", Control::new());
        running.has(200_000).await;
        running.control.pause();
        // The time of a connection that rests does not count.
        let spent = || running.control.spent();
        let mut at_rest = spent();
        loop {
            cede::time::sleep(Duration::from_millis(2)).await;
            let now = spent();
            if now == at_rest {
                break;
            }
            at_rest = now;
        }
        case.origin.open();
        // Bytes are there to be read; nobody does.
        until(|| case.origin.sent() > 200_000).await;
        for _ in 0..50 {
            cede::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!((*running.have.borrow(), spent()), (200_000, at_rest));
        running.control.resume();
        running.done().await;
        assert_eq!(case.starts(), [0]);
        assert!(case.is_right("file"));
    });
}

#[test]
fn others_go_on_while_one_is_paused() {
    run(async {
        let case = Case::new("others", Setup { size: 500_000, ..Setup::default() }, vec![]);
        let control = Control::new();
        control.pause();
        let paused = case.start("/paused", control);
        case.start("/other", Control::new()).done().await;
        assert!(case.origin.asked().iter().all(|asked| !asked.line.contains("paused")), "a paused download asks for nothing");
        paused.control.resume();
        paused.done().await;
        assert!(case.is_right("paused") && case.is_right("other"));
    });
}

#[test]
fn a_cancelled_download_leaves_what_the_next_one_goes_on_with() {
    run(async {
        let mut case = Case::new("cancel", Setup::default(), vec![Fault::Stall(1_500_000)]);
        let mut running = case.start("/file", Control::new());
        running.has(1_500_000).await;
        running.control.cancel();
        let Err(Unfinished { cause: Cause::Stopped(exit), kept: Some(kept) }) = running.task.await.unwrap() else {
            panic!("it was cancelled")
        };
        assert!(exit == Exit::Interrupted && kept.contains("goes on from there"), "{kept}");
        assert!(!case.dir.join("file").exists());
        // A later run.
        case.engine = engine();
        case.start("/file", Control::new()).done().await;
        assert_eq!(case.starts(), [0, 1_500_000]);
        assert!(case.is_right("file"));
    });
}

/// Stops a download that is at such a place, with the clock stopped: then whatever waits for a time makes the clock jump there. What is done at the end (what has
/// come is written, claimed and synced) waits for work alone.
async fn takes_no_time(case: &Case, running: Running) -> Unfinished {
    let metrics = cede::runtime::Handle::current().metrics();
    // A job that has begun with the clock running would not keep it from jumping now.
    until(|| metrics.blocking_queue_depth() == 0 && metrics.num_idle_blocking_threads() == metrics.num_blocking_threads()).await;
    let asked = case.starts();
    cede::time::pause();
    let now = cede::time::Instant::now();
    running.control.cancel();
    let unfinished = running.task.await.unwrap().unwrap_err();
    assert_eq!(now.elapsed(), Duration::ZERO);
    assert!(matches!(unfinished.cause, Cause::Stopped(Exit::Interrupted)), "{unfinished:?}");
    assert_eq!(case.starts(), asked, "nothing more is asked for");
    unfinished
}

#[test]
fn to_stop_waits_for_no_time() {
    const CAME: u64 = 1_000_000;
    // In the middle of a body, most of which is not written yet, and nothing claimed.
    run(async {
        let case = Case::new("stop-body", Setup::default(), vec![Fault::Gate(CAME as usize)]);
        let mut running = case.start("/file", Control::new());
        running.has(CAME).await;
        let unfinished = takes_no_time(&case, running).await;
        assert!(unfinished.kept.unwrap().contains("goes on from there"));
        let journal = std::fs::read(case.dir.join("file.part.journal")).unwrap();
        let claimed = cede_transfer::journal::read(&journal).unwrap().extents;
        assert!(claimed.contains(0..CAME) && claimed.len() == CAME, "{claimed:?}");
    });
    // While there is no answer.
    run(async {
        let case = Case::new("stop-silent", Setup::default(), vec![Fault::Silent]);
        let running = case.start("/file", Control::new());
        until(|| case.starts().len() == 1).await;
        assert_eq!(takes_no_time(&case, running).await.kept, None);
    });
    // While the server wants to be left alone for an hour.
    run(async {
        let case = Case::new("stop-retry", Setup::default(), vec![Fault::Status(503, "Retry-After: 3600")]);
        let running = case.start("/file", Control::new());
        until(|| running.control.spent().waited(Wait::Retry) > Duration::ZERO).await;
        assert_eq!(takes_no_time(&case, running).await.kept, None);
    });
    // While the user's limit wants an hour's wait.
    run(async {
        let case = Case::new("stop-limit", Setup::default(), vec![]);
        let control = Control::new();
        control.set_limit(Some(800));
        let running = case.start("/file", control);
        until(|| running.control.spent().waited(Wait::OwnRate) > Duration::ZERO).await;
        assert!(takes_no_time(&case, running).await.kept.is_some());
    });
}

#[test]
fn a_paused_download_can_be_cancelled() {
    run(async {
        let case = Case::new("cancel-paused", Setup::default(), vec![Fault::Stall(1_500_000)]);
        let mut running = case.start("/file", Control::new());
        running.has(1_500_000).await;
        running.control.pause();
        until(|| case.origin.busy() == 0).await;
        running.control.cancel();
        assert!(matches!(running.task.await.unwrap(), Err(Unfinished { cause: Cause::Stopped(_), kept: Some(_) })));
    });
}

#[test]
fn a_limit_can_be_set_and_lifted() {
    run(async {
        let case = Case::new("limit", Setup::default(), vec![]);
        // With this it would take an hour.
        let control = Control::new();
        control.set_limit(Some(800));
        let running = case.start("/file", control);
        until(|| running.control.spent().waited(Wait::OwnRate) > Duration::from_millis(60)).await;
        until(|| judge(&running.control.spent()) == Some(Slow::OwnRate)).await;
        running.control.set_limit(None);
        running.done().await;
        assert!(case.is_right("file"));
    });
}

#[test]
fn the_limit_on_everything_can_be_lifted_too() {
    run(async {
        let case = Case::new("limit-all", Setup::default(), vec![]);
        case.engine.set_limit(Some(800));
        assert_eq!(case.engine.limit(), Some(800));
        let running = case.start("/file", Control::new());
        until(|| judge(&running.control.spent()) == Some(Slow::Rate)).await;
        case.engine.set_limit(None);
        running.done().await;
        assert!(case.is_right("file"));
    });
}

#[test]
fn a_silent_server_is_the_reason() {
    run(async {
        let case = Case::new("slow", Setup::default(), vec![Fault::Stall(1_000_000)]);
        let mut running = case.start("/file", Control::new());
        running.has(1_000_000).await;
        until(|| judge(&running.control.spent()) == Some(Slow::Server)).await;
        assert_eq!(running.control.spent().bytes(), 1_000_000);
        running.control.cancel();
        assert!(running.task.await.unwrap().is_err());

        let case = Case::new("no-answer", Setup::default(), vec![Fault::Silent]);
        let running = case.start("/file", Control::new());
        until(|| judge(&running.control.spent()) == Some(Slow::Answer)).await;
        running.control.cancel();
        assert!(running.task.await.unwrap().is_err());
    });
}

#[test]
fn a_reader_that_an_empty_file_waits_for_is_not_waited_for_after_a_stop() {
    /// Tells that it is flushed, and returns when it is allowed to.
    struct Gate(std::sync::mpsc::Receiver<()>, watch::Sender<bool>);
    impl std::io::Write for Gate {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("there is nothing to write"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            self.1.send_replace(true);
            let _: Result<(), _> = self.0.recv();
            Ok(())
        }
    }
    run(async {
        let case = Case::new("empty-reader", Setup { size: 0, ..Setup::default() }, vec![]);
        let ((open, gate), (sender, mut flushed)) = (std::sync::mpsc::channel(), watch::channel(false));
        let pipe = cede_transfer::engine::Pipe::new(Gate(gate, sender));
        let url = case.origin.url("/file").parse().unwrap();
        let job = Job { url, mirrors: Vec::new(), output: Output::Pipe(pipe), check: Check::Size };
        let (engine, control) = (case.engine.clone(), Control::new());
        let stop = Stop::never().steered_by(&control);
        let task = cede::spawn(async move { engine.download(job, Arc::new(cede_transfer::engine::Silent), stop).await });
        flushed.wait_for(|flushed| *flushed).await.unwrap();
        control.cancel();
        assert!(matches!(task.await.unwrap(), Err(Unfinished { cause: Cause::Stopped(_), .. })));
        drop(open);
    });
}

#[test]
fn a_slow_reader_is_the_reason() {
    /// Takes nothing until it is allowed to.
    struct Gate(std::sync::mpsc::Receiver<()>);
    impl std::io::Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            // Closed is open.
            let _: Result<(), _> = self.0.recv();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    run(async {
        let case = Case::new("reader", Setup { size: 80 << 20, ..Setup::default() }, vec![]);
        let (open, gate) = std::sync::mpsc::channel();
        let pipe = cede_transfer::engine::Pipe::new(Gate(gate));
        let url = case.origin.url("/file").parse().unwrap();
        let job = Job { url, mirrors: Vec::new(), output: Output::Pipe(pipe), check: Check::Size };
        let (engine, control) = (case.engine.clone(), Control::new());
        let stop = Stop::never().steered_by(&control);
        let task = cede::spawn(async move { engine.download(job, Arc::new(cede_transfer::engine::Silent), stop).await });
        until(|| judge(&control.spent()) == Some(Slow::Reader)).await;
        drop(open);
        task.await.unwrap().unwrap();
    });
}
