//! The rules that a machine can check.
//!
//! Each check is a function from the files to findings. A finding is either forbidden at once, or counted: then `ratchet.txt` may hold a number for it, which was
//! true when the check came into being and may only shrink.

mod cancel;
mod exceptions;
mod layers;
mod leftovers;
mod names;
mod ratchet;
mod safety;
mod size;
mod words;

#[cfg(test)]
mod tests;

use crate::source::Source;
use crate::tree::{self, File};

/// A Rust file of the project.
#[derive(Debug)]
pub(crate) struct RustFile {
    pub(crate) path: String,
    pub(crate) source: Source,
    /// The whole file is compiled for tests or models only.
    pub(crate) gated: bool,
}

/// Something that should not be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Never allowed.
    Forbidden(String),
    /// More of something than the rule allows.
    Counted {
        rule: &'static str,
        place: String,
        count: usize,
        limit: usize,
        /// What else helps to find it.
        detail: String,
    },
}

/// All files, as the checks want them.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) files: Vec<File>,
    pub(crate) rust: Vec<RustFile>,
}

impl Project {
    pub(crate) fn new(files: Vec<File>) -> Self {
        let is_rust = |file: &&File| file.path.ends_with(".rs");
        let mut rust: Vec<RustFile> = files.iter().filter(is_rust).map(RustFile::new).collect();
        let gated: Vec<String> = rust.iter().flat_map(RustFile::gated_paths).collect();
        for file in &mut rust {
            file.gated |= gated.iter().any(|path| file.path == format!("{path}.rs") || file.path.starts_with(&format!("{path}/")));
        }
        Self { files, rust }
    }

    /// The Rust files that are part of what is shipped.
    pub(crate) fn shipped(&self) -> impl Iterator<Item = &RustFile> {
        self.rust.iter().filter(|file| !file.gated)
    }
}

impl RustFile {
    fn new(file: &File) -> Self {
        let is_test =
            ["/tests/", "/benches/", "/examples/"].iter().any(|part| file.path.contains(part)) || file.path.starts_with("examples/");
        Self { path: file.path.clone(), source: Source::new(&file.text), gated: is_test }
    }

    /// The paths, without `.rs`, of the modules that this file declares for tests only.
    fn gated_paths(&self) -> Vec<String> {
        let stem = self.path.trim_end_matches(".rs");
        let is_root = ["lib", "main"].contains(&stem.rsplit('/').next().unwrap_or(""));
        let folder = if is_root { stem.rsplit_once('/').map_or("", |(folder, _)| folder) } else { stem };
        self.source.gated_modules().iter().map(|name| format!("{folder}/{name}")).collect()
    }

    /// The crate that it belongs to, for files under `crates/`.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}

/// Runs all checks; `tighten` lowers the numbers in the ratchet file to what is true now.
pub(crate) fn run(tighten: bool) -> Result<(), String> {
    let project = Project::new(tree::files());
    let checks =
        [cancel::check, exceptions::check, layers::check, leftovers::check, names::check, safety::check, size::check, words::check];
    let findings: Vec<Finding> = checks.iter().flat_map(|check| check(&project)).collect();
    let path = tree::root().join("xtask/ratchet.txt");
    let recorded = ratchet::parse(&std::fs::read_to_string(&path).unwrap_or_default())?;
    if tighten {
        std::fs::write(&path, ratchet::tightened(&recorded, &findings))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        return Ok(());
    }
    let complaints = ratchet::complaints(&recorded, &findings);
    for complaint in &complaints {
        eprintln!("tidy: {complaint}");
    }
    if complaints.is_empty() { Ok(()) } else { Err(format!("{} findings", complaints.len())) }
}
