//! Dependencies point down, and the invariants of absence of `ARCHITECTURE.md`.

use std::collections::BTreeMap;

use super::{Finding, Project, RustFile};
use crate::source::find_word;

/// Code under a path that must not name some words.
struct Absence {
    under: &'static str,
    words: &'static [&'static str],
    why: &'static str,
}

const ABSENCES: &[Absence] = &[
    Absence { under: "crates/cede-core/src/", words: &["std", "alloc"], why: "the core works without std and without an allocator" },
    Absence {
        under: "crates/cede-sync/src/",
        words: &["cede_driver", "libc", "Instant", "SystemTime"],
        why: "locks and channels know no runtime and no clock",
    },
    Absence { under: "crates/cede-driver/src/", words: &["Future", "TaskRef"], why: "drivers wake, they never poll a future" },
    Absence {
        under: "crates/cede/src/runtime/",
        words: &["libc", "Instant", "SystemTime", "TcpStream", "UdpSocket", "OpenOptions"],
        why: "schedulers do no I/O and read no clock; they meet drivers at `park`",
    },
];

/// Types that, as a `static`, would be global state.
const GLOBALS: &[&str] = &["Atomic", "Mutex", "RwLock", "Lock<", "OnceLock", "LazyLock", "OnceCell"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut findings = dependencies(project);
    let layers = layers(project);
    for file in project.shipped() {
        let ours = ABSENCES.iter().filter(|absence| file.path.starts_with(absence.under));
        findings.extend(ours.filter_map(|absence| absent(file, absence)));
        if file.crate_name().and_then(|name| layers.get(name)).is_some_and(|layer| *layer < 4) {
            findings.extend(globals(file));
        }
    }
    findings
}

fn absent(file: &RustFile, absence: &Absence) -> Option<Finding> {
    let lines = file.source.lines.iter().enumerate().filter(|(_, line)| !line.gated && !line.code.trim_start().starts_with('#'));
    let named = lines.filter_map(|(number, line)| Some((number, *absence.words.iter().find(|word| names(&line.code, word))?)));
    counted("absence", file, named, absence.why)
}

fn counted<'a>(rule: &'static str, file: &RustFile, places: impl Iterator<Item = (usize, &'a str)>, why: &str) -> Option<Finding> {
    let places: Vec<String> = places.map(|(number, word)| format!("line {} names `{word}`", number + 1)).collect();
    let detail = format!("{why}; {}", places.join(", "));
    (!places.is_empty()).then(|| Finding::Counted { rule, place: file.path.clone(), count: places.len(), limit: 0, detail })
}

/// Whether the code names the crate or type, not merely a feature or module of the same name.
fn names(code: &str, word: &str) -> bool {
    let crate_like = word.chars().all(|c| c.is_lowercase() || c == '_');
    let code = code.replace("core::alloc", "");
    find_word(&code, word).is_some_and(|position| {
        let after = &code[position + word.len()..];
        !crate_like || after.starts_with("::") || code.contains("extern crate")
    })
}

fn globals(file: &RustFile) -> Option<Finding> {
    let is_global = |code: &str| {
        let code = code.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        code.starts_with("static ") && GLOBALS.iter().any(|name| code.contains(name))
    };
    let lines = file.source.lines.iter().enumerate().filter(|(_, line)| !line.gated && is_global(&line.code));
    counted("global-state", file, lines.map(|(number, _)| (number, "static")), "below `cede` nothing is global")
}

/// The manifests of the crates: name, layer, normal dependencies.
fn manifests(project: &Project) -> impl Iterator<Item = (&str, Option<u32>, Vec<&str>)> {
    project.files.iter().filter_map(|file| {
        let name = file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
        let (layer, dependencies) = parse(&file.text);
        Some((name, layer, dependencies))
    })
}

fn parse(text: &str) -> (Option<u32>, Vec<&str>) {
    let (mut section, mut layer, mut dependencies) = ("", None, Vec::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if let Some((key, value)) = line.split_once('=') {
            let normal = section == "[dependencies]" || (section.starts_with("[target.") && section.ends_with(".dependencies]"));
            match key.trim() {
                "layer" if section == "[package.metadata.cede]" => layer = value.trim().parse().ok(),
                key if normal => dependencies.push(key.split('.').next().unwrap_or(key)),
                _ => {}
            }
        }
    }
    (layer, dependencies)
}

fn layers(project: &Project) -> BTreeMap<&str, u32> {
    manifests(project).filter_map(|(name, layer, _)| Some((name, layer?))).collect()
}

fn dependencies(project: &Project) -> Vec<Finding> {
    let layers = layers(project);
    let mut findings = Vec::new();
    for (name, layer, dependencies) in manifests(project) {
        let Some(layer) = layer else {
            findings.push(Finding::Forbidden(format!("crates/{name}: no `layer` in [package.metadata.cede]")));
            continue;
        };
        for dependency in dependencies {
            if let Some(below) = layers.get(dependency).filter(|below| **below >= layer) {
                findings.push(Finding::Forbidden(format!(
                    "crates/{name} (layer {layer}) depends on {dependency} (layer {below}), which is not below it"
                )));
            }
        }
    }
    findings
}
