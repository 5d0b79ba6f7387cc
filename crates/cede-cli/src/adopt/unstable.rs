//! Whether a project is built with `--cfg tokio_unstable`, by which tokio has more than is stable there. Most of that is not in cede, and nobody asks for it by a feature that Cargo would miss.
//!
//! It is looked for where Cargo takes flags for rustc from: variables of the environment, and the configuration of the project's folder and of those above it.

use std::env;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

const FLAG: &str = "tokio_unstable";

/// What there is to say about it.
pub(super) fn warning(folder: &Path) -> Option<String> {
    let place = in_environment().or_else(|| in_files(folder))?;
    Some(format!(
        "warning: {place} says `--cfg {FLAG}`. Of what tokio has with that only some is in cede (docs/differences-from-tokio.md): what needs the rest will not compile."
    ))
}

fn in_environment() -> Option<String> {
    let is_flags = |name: &str| name.ends_with("RUSTFLAGS") && (name == "RUSTFLAGS" || name.starts_with("CARGO_"));
    let said = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        let name = name.into_string().ok().filter(|name| is_flags(name))?;
        value.to_string_lossy().contains(FLAG).then_some(name)
    };
    env::vars_os().find_map(said)
}

fn in_files(folder: &Path) -> Option<String> {
    let files = folder.ancestors().flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(".cargo").join(name)));
    // What cannot be read says nothing here; Cargo complains about it.
    let said = |path: &Path| fs::read_to_string(path).ok().and_then(|text| text.parse().ok()).is_some_and(|table| is_said(&table));
    files.into_iter().find(|path| said(path)).map(|path| path.display().to_string())
}

/// Whether a configuration says it, for all that is built or for some targets.
fn is_said(config: &Table) -> bool {
    let targets = config.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let mut flags = config.get("build").into_iter().chain(targets).filter_map(|table| table.get("rustflags"));
    flags.any(has_flag)
}

/// A text, or a list of words.
fn has_flag(flags: &Value) -> bool {
    match flags {
        Value::String(text) => text.contains(FLAG),
        Value::Array(words) => words.iter().any(has_flag),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_said;

    #[test]
    fn flags_are_found_in_all_forms() {
        for (text, said) in [
            ("[build]\nrustflags = [\"--cfg\", \"tokio_unstable\"]\n", true),
            ("[build]\nrustflags = \"-C debuginfo=1 --cfg=tokio_unstable\"\n", true),
            ("build.rustflags = [\"--cfg=tokio_unstable\"]\n", true),
            ("[target.'cfg(unix)']\nrustflags = [\"--cfg\", \"tokio_unstable\"]\n", true),
            ("[target.x86_64-unknown-linux-gnu]\nlinker = \"x\"\nrustflags = \"--cfg tokio_unstable\"\n", true),
            ("[build]\n# rustflags = [\"--cfg\", \"tokio_unstable\"]\njobs = 2\n", false),
            ("[build]\nrustdocflags = [\"--cfg\", \"tokio_unstable\"]\n", false),
            ("[alias]\nrustflags = \"run --package tokio_unstable\"\n", false),
        ] {
            assert_eq!(is_said(&text.parse().unwrap()), said, "{text}");
        }
    }
}
