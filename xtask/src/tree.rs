//! The files of the project.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root").to_owned()
}

/// A text file of the project.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

/// All text files that the project's authors wrote, sorted by path.
pub(crate) fn files() -> Vec<File> {
    let mut files = Vec::new();
    visit(&root(), "", &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn visit(directory: &Path, prefix: &str, files: &mut Vec<File>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("cannot list {}: {error}", directory.display()));
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            let generated = matches!(name.as_str(), "target" | ".git" | "corpus" | "artifacts");
            if !generated {
                visit(&entry.path(), &format!("{path}/"), files);
            }
        } else if let (true, Ok(text)) = (is_source(&name), fs::read_to_string(entry.path())) {
            files.push(File { path, text });
        }
    }
}

/// Whether people wrote it: everything but lock files.
fn is_source(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    matches!(extension, "rs" | "toml" | "md" | "txt" | "sh" | "yml" | "yaml") || name == "run"
}
