//! Downloads from a server that goes wrong in many ways at once, by seed: whatever happens, a file that is called complete is one version of the source, nothing is
//! left beside it, and the number of requests is bounded. `CEDE_SEEDS` sets how many seeds are tried.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cede_serve::fault::Plan;
use cede_serve::{Background, Log, Settings as ServerSettings};
use cede_transfer::engine::{Check, Engine, Job, Output, Settings, Silent, Stop};
use cede_transfer::plan::Rules;

const SIZE: usize = 1_500_000;
/// Far more than honest retries need, far fewer than a loop would make.
const MOST_REQUESTS: usize = 400;

/// An answer without a length, to a range that was ignored, which ends too early: that nobody could see without a checksum, so `no-length` is not among them.
const FAULTS: &str = "reset=20%,after=1..600K;truncate=10%,after=0..1M;status=503:10%,retry-after=0;status=500:5%;lost=3%;\
    ignore-range=10%;short-range=200K,p=20%;wrong-start=10%;wrong-total=5%;unknown-total=10%;deny-ranges=5%;\
    no-validators=5%;weak-tag=5%;new-tag=5%";

#[derive(Default)]
struct Count(AtomicUsize);

impl Log for Count {
    fn line(&self, _: &str) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The file, in its n-th version: the server changes every byte.
fn content(version: u8) -> Vec<u8> {
    (0..SIZE as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8 ^ version).collect()
}

fn seeds() -> u64 {
    std::env::var("CEDE_SEEDS").map_or(40, |text| text.parse().unwrap())
}

fn names(dir: &Path) -> Vec<String> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Runs one seed; returns the version that came, if any did.
fn run(dir: &Path, faults: &str, seed: u64) -> Option<u8> {
    let requests = Arc::new(Count::default());
    let log: Arc<dyn Log> = requests.clone();
    let faults = Some(Plan::parse(faults, seed).unwrap());
    let settings = ServerSettings { address: ([127, 0, 0, 1], 0).into(), faults, log, ..ServerSettings::new(dir.join("site")) };
    let mut server = Background::start(settings).unwrap();
    let rules = Rules {
        wait: Duration::from_millis(1)..Duration::from_millis(4),
        segments: 4,
        min_split: 100_000,
        eager: true,
        ..Rules::default()
    };
    let engine = Engine::new(Settings { rules, ..Settings::default() });
    let target = dir.join(format!("out-{seed}"));
    std::fs::create_dir_all(&target).unwrap();
    let output = Output::Named { dir: target.clone(), name: "file".to_owned() };
    let job = Job { url: server.url("/file").parse().unwrap(), mirrors: Vec::new(), output, check: Check::Size };
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(engine.download(job, Arc::new(Silent), Stop::never()));
    drop(runtime);
    server.stop();
    let asked = requests.0.load(Ordering::Relaxed);
    assert!(asked <= MOST_REQUESTS, "seed {seed}: {asked} requests");
    if result.is_err() {
        assert!(!names(&target).contains(&"file".to_owned()), "seed {seed}: it failed, but there is a file");
        return None;
    }
    assert_eq!(names(&target), ["file"], "seed {seed}");
    let got = std::fs::read(target.join("file")).unwrap();
    let version = (0..2).find(|version| got == content(*version));
    assert!(version.is_some(), "seed {seed}: {} bytes that are no version of the file", got.len());
    version
}

fn all_seeds(name: &str, faults: &str) -> Vec<Option<u8>> {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(dir.join("site")).unwrap();
    std::fs::write(dir.join("site/file"), content(0)).unwrap();
    let versions = (0..seeds()).map(|seed| run(&dir, faults, seed)).collect();
    std::fs::remove_dir_all(&dir).unwrap();
    versions
}

#[test]
fn one_version_or_none() {
    let versions = all_seeds("seeds-one", FAULTS);
    // Otherwise nothing would have been tried.
    assert!(versions.contains(&Some(0)));
}

#[test]
fn one_version_or_none_while_the_file_changes() {
    let versions = all_seeds("seeds-change", &format!("{FAULTS};change-at=4"));
    assert!(versions.iter().any(Option::is_some));
}
