//! The project's own commands: `cargo xtask <command>`.
//!
//! | command | does |
//! |---|---|
//! | `tidy` | checks the rules of `ARCHITECTURE.md` and `STYLE.md` that a machine can check; `--tighten` lowers the ratchets |
//! | `loom` | runs all loom models |
//! | `asan` | runs the tests under the address sanitizer (needs a nightly toolchain; `--if-available` makes that no failure) |
//! | `no-std` | proves that `cede-core` links neither `std` nor `alloc` |
//! | `conformance` | runs the tests of tokio, and of crates that are written against it, on the facade: `tokio`, `docs`, `api`, `crates`, `ecosystem`, `fast` |
//! | `instructions` | counts instructions per operation and compares with `bench/instructions.toml`; `--update` rewrites it |
//! | `ci` | all of the above and the rest of what continuous integration runs; `--skip NAME` leaves a step out |
#![forbid(unsafe_code)]

mod ci;
mod command;
mod conformance;
mod instructions;
mod source;
mod tidy;
mod tree;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let outcome = match arguments.first().map(String::as_str) {
        Some("tidy") => tidy::run(has("--tighten")),
        Some("loom") => ci::loom(),
        Some("asan") => ci::asan(has("--if-available")).map(drop),
        Some("no-std") => ci::no_std(),
        Some("conformance") => conformance::suite(&arguments[1..]),
        Some("instructions") => instructions::check(has("--if-available"), has("--update")).map(drop),
        Some("ci") => ci::all(&arguments[1..]),
        _ => Err("usage: cargo xtask tidy [--tighten] | loom | asan [--if-available] | no-std | conformance SUITE | instructions [--if-available] [--update] | ci [--skip STEP]…".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
