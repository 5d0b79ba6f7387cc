//! After downloads that went well and badly, nothing is left: no task, no descriptor. One test, because descriptors belong to the process.
#![forbid(unsafe_code)]

#[path = "faults/origin.rs"]
mod origin;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cede_transfer::IfExists;
use cede_transfer::engine::{Check, Engine, Job, Output, Settings, Silent, Stop};
use cede_transfer::plan::Rules;
use origin::{Fault, Origin, Setup};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Runs some downloads on one engine, drops it, and waits until its tasks are gone.
fn run(script: Vec<Fault>, dir: &Path) {
    let origin = Origin::start(Setup { size: 600_000, ..Setup::default() }, script);
    let rules = Rules {
        wait: Duration::from_millis(1)..Duration::from_millis(5),
        stall: Duration::from_millis(300),
        min_split: 64 * 1024,
        eager: true,
        segments: 4,
        ..Rules::default()
    };
    let settings = Settings { rules, if_exists: IfExists::Overwrite, ..Settings::default() };
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::new(settings);
        for name in ["a", "b"] {
            let job = Job {
                url: origin.url("/file").parse().unwrap(),
                mirrors: Vec::new(),
                output: Output::Named { dir: dir.to_owned(), name: name.to_owned() },
                check: Check::Size,
            };
            drop(engine.download(job, Arc::new(Silent), Stop::never()).await);
        }
        drop(engine);
        let start = Instant::now();
        while cede::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
            assert!(start.elapsed() < Duration::from_secs(60), "a task is left");
            cede::task::yield_now().await;
        }
    });
}

#[test]
fn nothing_is_left() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("leaks");
    drop(std::fs::remove_dir_all(&dir));
    // What is made once for the process is made now.
    run(vec![], &dir);
    let before = descriptors();
    let scripts = [
        vec![],
        vec![Fault::Close(100_000), Fault::Reset(1000), Fault::Stall(50_000), Fault::Silent],
        vec![Fault::Status(503, ""); 30],
        vec![Fault::CloseAndChange(100_000), Fault::Shifted(3), Fault::Whole, Fault::Multipart],
        vec![Fault::Status(404, ""); 2],
    ];
    for script in scripts {
        run(script.clone(), &dir);
        assert_eq!(descriptors(), before, "after {script:?}");
    }
}
