//! Whether a project is built with `--cfg tokio_unstable`, by which tokio has more than is stable there. Most of that is not in cede, and nobody asks for it by a feature that Cargo would miss.
//!
//! It is looked for where Cargo takes flags for rustc from: from the first of two variables that is set, else from variables of its configuration and from the files of that, which are in the project's folder, in those above
//! it and in Cargo's home.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

const FLAG: &str = "tokio_unstable";

/// What there is to say about it.
pub(super) fn warning(folder: &Path) -> Option<String> {
    let decisive = ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"].into_iter().find_map(|name| Some((name, env::var_os(name)?)));
    let place = match decisive {
        Some((name, flags)) => has_flag(words(&flags.to_string_lossy())).then(|| name.to_owned()),
        None => in_environment().or_else(|| in_files(folder)),
    };
    let place = place?;
    Some(format!(
        "warning: {place} says `--cfg {FLAG}`. Of what tokio has with that only some is in cede (docs/differences-from-tokio.md): what needs the rest will not compile."
    ))
}

/// Configuration by variables: `CARGO_BUILD_RUSTFLAGS` and those of targets.
fn in_environment() -> Option<String> {
    env::vars_os().find_map(|(name, flags)| {
        let name = name.into_string().ok().filter(|name| name.starts_with("CARGO_") && name.ends_with("_RUSTFLAGS"))?;
        has_flag(words(&flags.to_string_lossy())).then_some(name)
    })
}

fn in_files(folder: &Path) -> Option<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let folders = folder.ancestors().map(|folder| folder.join(".cargo")).chain(home);
    let mut files = folders.flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(name)));
    // What cannot be read says nothing here; Cargo complains about it.
    let said = |path: &Path| fs::read_to_string(path).ok().and_then(|text| text.parse().ok()).is_some_and(|table| is_said(&table));
    files.find(|path| said(path)).map(|path| path.display().to_string())
}

/// Whether a configuration says it, for all that is built or for some targets.
fn is_said(config: &Table) -> bool {
    let targets = config.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let mut flags = config.get("build").into_iter().chain(targets).filter_map(|table| table.get("rustflags"));
    flags.any(|flags| match flags {
        Value::String(text) => has_flag(words(text)),
        Value::Array(words) => has_flag(words.iter().filter_map(Value::as_str)),
        _ => false,
    })
}

/// Cargo's encoded flags are apart by the separator of units.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || c == '\u{1f}').filter(|word| !word.is_empty())
}

fn has_flag<'a>(words: impl Iterator<Item = &'a str>) -> bool {
    let mut before = "";
    for word in words {
        if word.strip_prefix("--cfg=") == Some(FLAG) || (before == "--cfg" && word == FLAG) {
            return true;
        }
        before = word;
    }
    false
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
            ("[build]\nrustflags = [\"--check-cfg\", \"cfg(tokio_unstable)\", \"--check-cfg=cfg(tokio_unstable)\"]\n", false),
            ("[build]\n# rustflags = [\"--cfg\", \"tokio_unstable\"]\njobs = 2\n", false),
            ("[build]\nrustdocflags = [\"--cfg\", \"tokio_unstable\"]\n", false),
            ("[alias]\nrustflags = \"run --package tokio_unstable\"\n", false),
        ] {
            assert_eq!(is_said(&text.parse().unwrap()), said, "{text}");
        }
    }
}
