//! Runs the real binary in a directory of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Keeps away what whoever runs the tests has set for the program.
pub(crate) fn by_itself(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"CEDE_")) {
        command.env_remove(name);
    }
    for name in ["NETRC", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        command.env_remove(name);
    }
    command.env("CEDE_CONFIG", "/dev/null")
}

/// The binary's world in one test.
pub(crate) struct Place(PathBuf);

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) err: String,
    pub(crate) out: String,
}

impl Place {
    /// An empty directory; `name` is the test's.
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cede"));
        command.args(args).current_dir(&self.0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in
            ["SSL_CERT_FILE", "SSL_CERT_DIR", "NO_COLOR", "CI", "http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"]
        {
            command.env_remove(name);
        }
        by_itself(&mut command);
        // A fault is to be told at once, except where trying again is what is tested.
        command.env("CEDE_RETRY", "0").env("HOME", &self.0);
        command
    }

    pub(crate) fn get(&self, args: &[&str]) -> Ran {
        let args: Vec<_> = ["get"].iter().chain(args).copied().collect();
        Ran::of(self.command(&args).output().unwrap())
    }

    /// The names in the directory, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    /// The size of a file, 0 while it does not exist.
    pub(crate) fn size(&self, name: &str) -> u64 {
        fs::metadata(self.0.join(name)).map_or(0, |metadata| metadata.len())
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), err: text(output.stderr), out: text(output.stdout) }
    }

    /// Asserts the exit code and that the messages hold all of `texts`.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.err);
        for text in texts {
            assert!(self.err.contains(text), "no {text:?} in:\n{}", self.err);
        }
        assert!(!self.err.contains('\x1b'), "escapes without a terminal:\n{}", self.err);
    }
}
