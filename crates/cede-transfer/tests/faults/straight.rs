//! Large answers that are read past the HTTP library: what comes after them on the connection, and what comes too late for a large read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cede::sync::Notify;
use cede_transfer::engine::{Engine, Output, Stop, Watch};

use crate::case::Case;
use crate::origin::{Fault, Setup};

/// Large enough for the reader to see that the server is fast, and to wait for many bytes at once.
const SIZE: usize = 24 << 20;
/// Not at the end of any read.
const GATE: u64 = (14 << 20) + 12_345;

/// Knows how far it got.
#[derive(Debug, Default)]
struct Progress {
    have: AtomicU64,
    moved: Notify,
}

impl Watch for Progress {
    fn named(&self, _: &str, _: Option<u64>) {}
    fn have(&self, bytes: u64) {
        self.have.fetch_max(bytes, Ordering::Relaxed);
        self.moved.notify_one();
    }
    fn verifying(&self) {}
    fn note(&self, _: &str) {}
}

#[test]
fn what_comes_before_a_silence_is_taken_however_little_it_is() {
    let mut case = Case::new("straight-gate", Setup { size: SIZE, ..Setup::default() }, vec![Fault::Gate(GATE as usize)]);
    case.settings.rules.segments = 1;
    let job = case.job("/file");
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let progress = Arc::new(Progress::default());
    let watch = Arc::clone(&progress);
    runtime.block_on(async {
        let engine = Engine::new(case.settings.clone());
        let download = cede::spawn(async move { engine.download(job, watch as _, Stop::never()).await.map(drop) });
        // The server waits for the gate, and the gate for the last byte before it.
        while progress.have.load(Ordering::Relaxed) < GATE {
            progress.moved.notified().await;
        }
        case.origin.open();
        assert!(download.await.unwrap().is_ok());
    });
    assert!(std::fs::read(case.dir.join("file")).unwrap() == case.origin.content(0));
}

#[test]
fn one_answer_after_the_other_on_a_connection() {
    let case = Case::new("straight-again", Setup { size: 6 << 20, ..Setup::default() }, vec![]);
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut settings = case.settings.clone();
        // So that each has to take the connection of the one before.
        settings.connections = 1;
        settings.rules.segments = 1;
        let engine = Engine::new(settings);
        for name in ["a", "b", "c"] {
            let mut job = case.job("/file");
            job.output = Output::Named { dir: case.dir.clone(), name: name.to_owned() };
            let done = engine.download(job, Arc::new(Progress::default()), Stop::never()).await;
            assert!(done.is_ok(), "{name}: {done:?}");
            assert!(std::fs::read(case.dir.join(name)).unwrap() == case.origin.content(0), "{name}");
        }
    });
}
