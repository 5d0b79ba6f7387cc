//! A server in the process of the test, for a directory with one file, and a directory to run the binary in.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use cede_serve::{Background, Log, Settings};

/// The lines of the access log.
#[derive(Default)]
struct Requests(Mutex<Vec<String>>);

impl Log for Requests {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

pub(crate) struct Pair {
    pub(crate) server: Background,
    requests: Arc<Requests>,
    /// What is served; `f` is there.
    pub(crate) site: PathBuf,
    /// Where the binary runs.
    pub(crate) dir: PathBuf,
    retries: u32,
}

/// Bytes that differ everywhere.
pub(crate) fn content(size: usize) -> Vec<u8> {
    (0..size as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

impl Pair {
    /// `name` is the test's. The file has this size, and the binary tries again so often.
    pub(crate) fn start(name: &str, faults: &str, size: usize, retries: u32) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(std::fs::remove_dir_all(&root));
        let (site, dir) = (root.join("site"), root.join("work"));
        std::fs::create_dir_all(&site).unwrap();
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(site.join("f"), content(size)).unwrap();
        let requests = Arc::new(Requests::default());
        let faults = (!faults.is_empty()).then(|| cede_serve::fault::Plan::parse(faults, 1).unwrap());
        let address = ([127, 0, 0, 1], 0).into();
        let settings = Settings { address, faults, upload: true, log: Arc::clone(&requests) as _, ..Settings::new(&site) };
        Self { server: Background::start(settings).unwrap(), requests, site, dir, retries }
    }

    /// The binary, by itself: whoever runs the tests may have settings.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cede"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"CEDE_")) {
            command.env_remove(name);
        }
        for name in ["http_proxy", "all_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command
            .args(args)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .env("HOME", &self.dir)
            .env("CEDE_CONFIG", "/dev/null")
            .env("CEDE_RETRY", self.retries.to_string());
        command
    }

    /// What the server was asked to send so far, or in all, once it has [stopped](Background::stop): a line is written when an answer has ended.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.requests.0.lock().unwrap().iter().filter(|line| line.contains(" GET ")).cloned().collect()
    }
}
