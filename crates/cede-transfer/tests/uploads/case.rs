//! A server, a file, and an upload from one to the other.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cede_serve::fault::Plan;
use cede_serve::{Background, Log, Settings as ServerSettings};
use cede_transfer::Exit;
use cede_transfer::engine::{Engine, Settings, Silent, Stop, Watch};
use cede_transfer::plan::Rules;
use cede_transfer::upload::{How, Order, Source, Stored};

/// What the server logged.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

pub(crate) struct Case {
    server: Background,
    lines: Arc<Lines>,
    pub(crate) dir: PathBuf,
    pub(crate) order: Order,
    pub(crate) rules: Rules,
    pub(crate) watch: Arc<dyn Watch>,
    pub(crate) stop: Stop,
}

/// Bytes that differ everywhere.
pub(crate) fn content(size: usize, seed: u64) -> Vec<u8> {
    (0..size as u64).map(|at| ((at + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

impl Case {
    /// A file of this size, to be uploaded in this way to a server with these faults.
    pub(crate) fn new(how: How, size: usize, faults: &str) -> Self {
        Self::seeded(how, size, faults, 5)
    }

    pub(crate) fn seeded(how: How, size: usize, faults: &str, seed: u64) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let dir = std::env::temp_dir().join(format!("cede-uploads-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        drop(std::fs::remove_dir_all(&dir));
        std::fs::create_dir_all(dir.join("site")).unwrap();
        std::fs::write(dir.join("file"), content(size, 1)).unwrap();
        let lines = Arc::new(Lines::default());
        let log: Arc<dyn Log> = lines.clone();
        let settings = ServerSettings {
            address: ([127, 0, 0, 1], 0).into(),
            upload: true,
            faults: Some(Plan::parse(faults, seed).unwrap()),
            log,
            ..ServerSettings::new(dir.join("site"))
        };
        let server = Background::start(settings).unwrap();
        let order = Order {
            source: Source::File(dir.join("file")),
            url: server.url("/stored").parse().unwrap(),
            how,
            only_new: false,
            check: false,
            restart: false,
            state: Some(dir.join("state")),
        };
        let rules = Rules { wait: Duration::from_millis(1)..Duration::from_millis(5), ..Rules::default() };
        Self { server, lines, dir, order, rules, watch: Arc::new(Silent), stop: Stop::never() }
    }

    /// Uploads, in a runtime and with connections of its own, as a new process would.
    pub(crate) fn run(&self) -> Result<Stored, (Exit, String)> {
        self.run_with_threads(512)
    }

    /// The same, where at most so many closures may block at a time.
    pub(crate) fn run_with_threads(&self, threads: usize) -> Result<Stored, (Exit, String)> {
        let engine = Engine::new(Settings { rules: self.rules.clone(), ..Settings::default() });
        let runtime = cede::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(threads).build().unwrap();
        let result = runtime.block_on(engine.upload(self.order.clone(), Arc::clone(&self.watch), self.stop.clone()));
        result.map_err(|unfinished| {
            let (told, exit) = unfinished.told(&self.order.url);
            (exit, told)
        })
    }

    pub(crate) fn stored(&self) -> Vec<u8> {
        std::fs::read(self.dir.join("site/stored")).unwrap()
    }

    pub(crate) fn is_stored(&self) -> bool {
        self.dir.join("site/stored").exists()
    }

    pub(crate) fn replace(&self, bytes: &[u8]) {
        std::fs::write(self.dir.join("fresh"), bytes).unwrap();
        std::fs::rename(self.dir.join("fresh"), self.dir.join("file")).unwrap();
    }

    /// The journals that are left.
    pub(crate) fn journals(&self) -> usize {
        std::fs::read_dir(self.dir.join("state")).map_or(0, Iterator::count)
    }

    /// The requests with this method, as the server logged them.
    pub(crate) fn asked(&self, method: &str) -> Vec<String> {
        let lines = self.lines.0.lock().unwrap();
        lines.iter().filter(|line| line.contains(&format!(" {method} "))).cloned().collect()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        self.server.stop();
        drop(std::fs::remove_dir_all(&self.dir));
    }
}
