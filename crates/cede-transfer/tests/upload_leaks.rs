//! After uploads that went well and badly, or were paused, dropped or cancelled, nothing is left: no task, no descriptor, no journal of what is complete. One test, because descriptors
//! belong to the process.
#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cede_serve::fault::Plan;
use cede_serve::{Background, Settings as ServerSettings};
use cede_transfer::control::Control;
use cede_transfer::engine::{Engine, Settings, Silent, Stop};
use cede_transfer::plan::Rules;
use cede_transfer::upload::{How, Order, Part, Source};

/// How an upload ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    ByItself,
    Dropped,
    CancelledWhilePaused,
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn order(dir: &Path, url: &str, how: How, source: Source) -> Order {
    let state = Some(dir.join("state"));
    Order { source, url: url.parse().unwrap(), how, only_new: false, check: false, restart: true, state }
}

/// Runs some uploads on one engine, drops it, and waits until its tasks are gone.
fn run(dir: &Path, faults: &str, end: End) {
    let settings = ServerSettings {
        address: ([127, 0, 0, 1], 0).into(),
        upload: true,
        drain: Duration::ZERO,
        faults: Some(Plan::parse(faults, 1).unwrap()),
        ..ServerSettings::new(dir.join("site"))
    };
    let server = Background::start(settings).unwrap();
    let rules = Rules {
        wait: Duration::from_millis(1)..Duration::from_millis(5),
        stall: Duration::from_millis(100),
        retries: 1,
        ..Rules::default()
    };
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::new(Settings { rules, ..Settings::default() });
        let file = || Source::File(dir.join("file"));
        let form = Source::Form(vec![Part::File { name: "f".to_owned(), path: dir.join("file"), called: None, kind: None }]);
        let orders = [
            order(dir, &server.url("/put"), How::Put, file()),
            order(dir, &server.url("/tus"), How::Tus { probe: true }, file()),
            order(dir, &server.url("/"), How::Post, form),
        ];
        for order in orders {
            let control = Control::new();
            let stop = Stop::never().steered_by(&control);
            let upload = engine.upload(order, Arc::new(Silent), stop);
            match end {
                End::ByItself => drop(upload.await),
                // It has begun by then, or it has not: either way nothing is left.
                End::Dropped => drop(cede::time::timeout(Duration::from_millis(30), upload).await),
                End::CancelledWhilePaused => {
                    control.set_limit(Some(1_000_000));
                    let steer = async {
                        cede::time::sleep(Duration::from_millis(20)).await;
                        control.pause();
                        cede::time::sleep(Duration::from_millis(5)).await;
                        control.cancel();
                        std::future::pending::<()>().await;
                    };
                    cede::select! {
                        ended = upload => drop(ended),
                        () = steer => {}
                    }
                }
            }
        }
        drop(engine);
        let start = Instant::now();
        while cede::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
            assert!(start.elapsed() < Duration::from_secs(60), "a task is left after {faults:?}, {end:?}");
            cede::task::yield_now().await;
        }
    });
    drop(runtime);
    drop(server);
}

#[test]
fn nothing_is_left() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("upload-leaks");
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(dir.join("site")).unwrap();
    std::fs::write(dir.join("file"), vec![7; 900_000]).unwrap();
    // What is made once for the process is made now.
    run(&dir, "", End::ByItself);
    assert_eq!(std::fs::read_dir(dir.join("state")).unwrap().count(), 0, "all are complete");
    let before = descriptors();
    for faults in ["", "reset,after=100K,tries=1..2;lost,tries=3", "stall,after=200K", "silent", "status=503,retry-after=0", "status=404"] {
        for end in [End::ByItself, End::Dropped, End::CancelledWhilePaused] {
            run(&dir, faults, end);
            assert_eq!(descriptors(), before, "after {faults:?}, {end:?}");
        }
    }
}
