//! The steps of continuous integration, each also a command of its own.

use std::time::Instant;

use crate::command::{command, nightly, output, run};
use crate::conformance;
use crate::instructions;
use crate::tidy;
use crate::tree;

/// Crates whose `unsafe` is worth an address sanitizer.
const ASAN_CRATES: &[&str] = &["cede-core", "cede-sync", "cede-io", "cede-driver", "cede"];
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What became of a step that did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Checked,
    /// Nothing was checked, because something is not there.
    Skipped(String),
}

impl From<()> for Done {
    fn from((): ()) -> Self {
        Self::Checked
    }
}

type Step = (&'static str, fn() -> Result<Done, String>);

/// In the order of what fails fastest.
const STEPS: &[Step] = &[
    ("fmt", || run(&mut command("cargo", &["fmt", "--all", "--check"])).map(Done::from)),
    ("tidy", || tidy::run(false).map(Done::from)),
    ("clippy", || {
        run(&mut command("cargo", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])).map(Done::from)
    }),
    ("features", || features().map(Done::from)),
    ("tests", || tests().map(Done::from)),
    ("doc", || doc().map(Done::from)),
    ("no-std", || no_std().map(Done::from)),
    ("loom", || loom().map(Done::from)),
    ("bench", || bench().map(Done::from)),
    ("demos", || demos().map(Done::from)),
    ("ecosystem", || conformance::ecosystem().map(Done::from)),
    ("conformance", conformance::fast_if_available),
    ("api", conformance::api_if_available),
    ("asan", || asan(true)),
    ("instructions", || instructions::check(true, false)),
];

/// Runs all steps but those named after `--skip`, and says how long each took, and at the end which of them could check nothing here.
pub(crate) fn all(arguments: &[String]) -> Result<(), String> {
    let mut skipped = Vec::new();
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match (word, words.next()) {
            ("--skip", Some(name)) if STEPS.iter().any(|(step, _)| *step == name) => skipped.push(name),
            (word, next) => return Err(format!("ci: unknown argument or step: {word} {}", next.unwrap_or(""))),
        }
    }
    let mut times = Vec::new();
    let mut failed = Vec::new();
    let mut unchecked = Vec::new();
    for (name, step) in STEPS.iter().filter(|(name, _)| !skipped.contains(name)) {
        eprintln!("== {name}");
        let start = Instant::now();
        match step() {
            Ok(Done::Checked) => {}
            Ok(Done::Skipped(why)) => unchecked.push(format!("{name} ({why})")),
            Err(message) => {
                eprintln!("== {name}: {message}");
                failed.push(*name);
            }
        }
        times.push(format!("{name} {:.0} s", start.elapsed().as_secs_f64()));
    }
    eprintln!("== times: {}", times.join(", "));
    for step in &unchecked {
        eprintln!("== NOT CHECKED: {step}");
    }
    if !skipped.is_empty() {
        eprintln!("== not asked for: {}", skipped.join(", "));
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// A deadlock that a test does not expect is an error, whether it is a false alarm or not.
fn tests() -> Result<(), String> {
    run(command("cargo", &["test", "--workspace"]).env("CEDE_ON_DEADLOCK", "abort"))
}

/// What dependents of tokio ask for: each alone that selects modules, what axum and hyper-util ask for, and all; then what only cede has.
const FEATURES: &[&str] = &[
    "",
    "fs",
    "io-std",
    "io-util",
    "macros",
    "net",
    "process",
    "signal",
    "macros,net,rt-multi-thread,sync,time",
    "full",
    "backtrace",
    "record",
    "inspect",
];

/// What only who depends on cede itself asks for: traits of others on its types.
const ADAPTERS: &[&str] = &["hyper", "futures-io", "futures-task"];

/// The facade, and what it is made of, compiles without a warning whatever is asked of it.
fn features() -> Result<(), String> {
    FEATURES.iter().try_for_each(|features| compiles("crates/tokio/Cargo.toml", features))?;
    ADAPTERS.iter().try_for_each(|features| compiles("crates/cede/Cargo.toml", features))
}

fn compiles(manifest: &str, features: &str) -> Result<(), String> {
    let mut check = command("cargo", &["check", "--manifest-path", manifest, "--no-default-features", "--features", features]);
    let output = check.stderr(std::process::Stdio::piped()).output().map_err(|error| format!("cargo cannot be started: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || said.lines().any(|line| line.starts_with("warning")) {
        return Err(format!("{manifest} with the features {features:?}:\n{said}"));
    }
    Ok(())
}

/// Links to private items are allowed: the essays are for readers of the source as well.
fn doc() -> Result<(), String> {
    let flags = "-D warnings -A rustdoc::private_intra_doc_links";
    run(command("cargo", &["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", flags))
}

fn bench() -> Result<(), String> {
    run(&mut command("cargo", &["check", "--quiet", "--locked", "--manifest-path", "bench/Cargo.toml"]))?;
    // The driver only: what it measures is built when it measures.
    run(&mut command("cargo", &["check", "--quiet", "--locked", "--manifest-path", "bench/Cargo.toml", "--package", "cede-bench-facade"]))?;
    // The comparison of models, in its quick mode.
    run(&mut command("cargo", &["test", "--quiet", "--locked", "--manifest-path", "bench/Cargo.toml", "--package", "cede-bench-models"]))
}

/// Builds the demos on both runtimes, and asserts what they do on cede.
fn demos() -> Result<(), String> {
    let manifest = ["--quiet", "--locked", "--manifest-path", "demos/Cargo.toml"];
    run(command("cargo", &["build", "--workspace"]).args(manifest))?;
    run(command("cargo", &["test", "--package", "demos-on-cede"]).args(manifest))
}

/// The crates that have models: those that depend on loom.
fn crates_with_models() -> Vec<String> {
    let manifests = tree::files().into_iter().filter(|file| file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml"));
    let with_loom = manifests.filter(|file| file.text.lines().any(|line| line.starts_with("loom")));
    with_loom.filter_map(|file| file.path.split('/').nth(1).map(str::to_owned)).collect()
}

/// Runs every interleaving (with at most two preemptions) of all models.
pub(crate) fn loom() -> Result<(), String> {
    let crates = crates_with_models();
    let mut arguments = vec!["test", "--release", "--quiet", "--lib", "--target-dir", "target/loom"];
    arguments.extend(crates.iter().flat_map(|name| ["-p", name.as_str()]));
    arguments.push("loom");
    let mut command = command("cargo", &arguments);
    // Thin LTO and one unit, as for what is shipped, would cost minutes here for nothing.
    command.env("RUSTFLAGS", "--cfg loom").env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    run(command.env("LOOM_MAX_PREEMPTIONS", "2"))
}

/// Runs the tests of the crates with `unsafe` under the address sanitizer.
pub(crate) fn asan(if_available: bool) -> Result<Done, String> {
    let nightly = match nightly() {
        Ok(nightly) => nightly,
        Err(why) => return missing(why, if_available),
    };
    let mut arguments =
        vec![nightly.as_str(), "test", "--quiet", "--no-fail-fast", "--lib", "--tests", "--target", TARGET, "--target-dir", "target/asan"];
    arguments.extend(ASAN_CRATES.iter().flat_map(|name| ["-p", name]));
    let suppressions = format!("suppressions={}:print_suppressions=0", tree::root().join("xtask/leaks.txt").display());
    run(command("cargo", &arguments).env("RUSTFLAGS", "-Zsanitizer=address").env("LSAN_OPTIONS", suppressions)).map(Done::from)
}

/// What a step needs is not there: a failure, unless the step is only wanted if it can be had.
pub(crate) fn missing(what: String, if_available: bool) -> Result<Done, String> {
    if !if_available {
        return Err(what);
    }
    eprintln!("{what}");
    Ok(Done::Skipped(what))
}

/// Proves that the core needs neither `std` nor an allocator: for a target that has neither, if one is installed; else as a static library
/// with a panic handler and no allocator, which does not compile if anything below it links `std` (two panic handlers) or `alloc` (no allocator).
pub(crate) fn no_std() -> Result<(), String> {
    let targets = output("rustup", &["target", "list", "--installed"]);
    if let Some(target) = targets.lines().find(|target| target.ends_with("-none") || target.contains("-none-")) {
        return run(&mut command("cargo", &["build", "--quiet", "-p", "cede-core", "--no-default-features", "--target", target]));
    }
    let folder = tree::root().join("target/no-std-proof");
    let core = tree::root().join("crates/cede-core");
    let manifest = format!(
        "[package]\nname = \"no-std-proof\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"staticlib\"]\n\
         [dependencies]\ncede-core = {{ path = {core:?}, default-features = false }}\n[profile.dev]\npanic = \"abort\"\n[workspace]\n"
    );
    let library = "#![no_std]\nuse cede_core as _;\n#[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n";
    let write = |path: &str, text: &str| std::fs::write(folder.join(path), text).map_err(|error| format!("cannot write {path}: {error}"));
    std::fs::create_dir_all(folder.join("src")).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    write("Cargo.toml", &manifest)?;
    write("src/lib.rs", library)?;
    run(&mut command("cargo", &["build", "--quiet", "--manifest-path", "target/no-std-proof/Cargo.toml"]))
}
