//! One download against a faulty origin, and what has to hold after it, however it ended.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cede_transfer::engine::{Check, Complete, Engine, Job, Output, Settings, Stop, Watch};
use cede_transfer::plan::Rules;
use cede_transfer::{Exit, Failure, IfExists};
use url::Url;

use crate::origin::{Fault, Origin, Setup};

/// More requests than this are never needed for the files of these tests.
const REQUESTS: usize = 120;

pub(crate) struct Case {
    pub(crate) origin: Origin,
    pub(crate) dir: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) check: Check,
    pub(crate) mirrors: Vec<String>,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    pub(crate) said: String,
    /// How long it was to wait before each further try.
    pub(crate) waits: Vec<Duration>,
}

/// Remembers what it was told.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>, Mutex<Vec<Duration>>);

impl Watch for Notes {
    fn named(&self, _: &str, _: Option<u64>) {}
    fn have(&self, _: u64) {}
    fn verifying(&self) {}
    fn note(&self, note: &str) {
        self.0.lock().unwrap().push(note.to_owned());
    }
    fn retry(&self, _: &Url, _: &Failure, wait: Option<Duration>) {
        self.1.lock().unwrap().extend(wait);
    }
}

/// Waits short enough for tests.
pub(crate) fn quick() -> Settings {
    let rules = Rules {
        wait: Duration::from_millis(2)..Duration::from_millis(20),
        stall: Duration::from_secs(10),
        min_split: 64 * 1024,
        ..Rules::default()
    };
    Settings { rules, if_exists: IfExists::Overwrite, connect_timeout: Duration::from_secs(5), ..Settings::default() }
}

impl Case {
    /// `name` is the test's.
    pub(crate) fn new(name: &str, setup: Setup, script: Vec<Fault>) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(std::fs::remove_dir_all(&dir));
        std::fs::create_dir_all(&dir).unwrap();
        Self { origin: Origin::start(setup, script), dir, settings: quick(), check: Check::Size, mirrors: Vec::new() }
    }

    pub(crate) fn eager(mut self, segments: usize) -> Self {
        self.settings.rules.eager = true;
        self.settings.rules.segments = segments;
        self
    }

    pub(crate) fn job(&self, path: &str) -> Job {
        Job {
            url: self.origin.url(path).parse().unwrap(),
            mirrors: self.mirrors.iter().map(|url| url.parse().unwrap()).collect(),
            output: Output::Named { dir: self.dir.clone(), name: "file".to_owned() },
            check: self.check.clone(),
        }
    }

    /// Downloads, and checks what has to hold in any case.
    #[track_caller]
    pub(crate) fn run(&self) -> Ended {
        self.run_job(self.job("/file"))
    }

    #[track_caller]
    pub(crate) fn run_job(&self, job: Job) -> Ended {
        let notes = Arc::new(Notes::default());
        let url = job.url.clone();
        let result = {
            let runtime = cede::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build().unwrap();
            runtime.block_on(Engine::new(self.settings.clone()).download(job, Arc::clone(&notes) as _, Stop::never()))
        };
        let waits = notes.1.lock().unwrap().clone();
        assert!(self.origin.asked().iter().all(|asked| asked.line.starts_with("GET ")), "what HEAD says is nobody's business");
        let requests = self.origin.asked().len();
        assert!(requests <= REQUESTS, "{requests} requests");
        match result {
            Ok(Complete { remark, .. }) => {
                let file = std::fs::read(self.dir.join("file")).unwrap();
                let known = (0..=self.origin.version()).any(|version| file == self.origin.content(version));
                assert!(known, "the file is of no version, but was called complete");
                assert_eq!(self.names(), ["file"], "nothing else is left");
                let said = notes.0.lock().unwrap().join("; ");
                Ended { exit: Exit::Done, said: format!("{said}; {remark}"), waits }
            }
            Err(unfinished) => {
                assert!(!self.dir.join("file").exists(), "a file without success");
                let (said, exit) = unfinished.told(&url);
                assert!(said.contains(url.as_str()), "no URL in: {said}");
                Ended { exit, said, waits }
            }
        }
    }

    /// Downloads something else than the origin's file.
    pub(crate) fn exit_of(&self, job: Job) -> Exit {
        let url = job.url.clone();
        let runtime = cede::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build().unwrap();
        let result = runtime.block_on(Engine::new(self.settings.clone()).download(job, Arc::new(Notes::default()), Stop::never()));
        result.map_or_else(|unfinished| unfinished.told(&url).1, |_| Exit::Done)
    }

    /// The file is there, and of this version.
    #[track_caller]
    pub(crate) fn right(&self, version: u64) -> Ended {
        let ended = self.run();
        assert_eq!(ended.exit, Exit::Done, "{}", ended.said);
        assert!(std::fs::read(self.dir.join("file")).unwrap() == self.origin.content(version), "not version {version}");
        ended
    }

    #[track_caller]
    pub(crate) fn fails(&self, exit: Exit, text: &str) {
        let ended = self.run();
        assert_eq!(ended.exit, exit, "{}", ended.said);
        assert!(ended.said.contains(text), "no {text:?} in: {}", ended.said);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}
