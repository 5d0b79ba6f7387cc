//! The facade against tests that nobody here wrote: `cargo xtask conformance <suite>`.
//!
//! | suite | runs |
//! |---|---|
//! | `tokio` | the integration tests of the published tokio; `--filter 'sync_*,time_*'` for a part, `--repeat N` and `--load N` to look for races |
//! | `docs` | the examples of tokio's documentation |
//! | `api` | nothing: compares the public items, their signatures and auto traits |
//! | `crates` | the tests of the crates of `conformance/crates.toml`; `--only NAME,NAME` for some |
//! | `ecosystem` | the programs of `examples/ecosystem`: axum, reqwest, rustls, WebSockets, tonic, quinn, redis, tokio-postgres and sqlx, unchanged, on the facade |
//! | `fast` | what continuous integration runs, beside `api` and `ecosystem`: a part of `tokio` and of `crates` |
//!
//! The work is done by scripts in `conformance/`, which read published crates from Cargo's download at run time. Results, a table and a JSON each, are in `target/conformance/`.

use crate::ci::{self, Done};
use crate::command::{NIGHTLY, command, nightly, run, succeeds};
use crate::tree;

/// Files of tokio's tests that build quickly and reach into every part.
const FAST_FILES: &str = "sync_*,rt_basic,rt_panic,rt_handle,macros_*,time_*,task_*,io_async_fd,io_copy*,io_split,tcp_*,udp,uds_stream,fs_file,process_smoke,signal_usr1";
const FAST_CRATES: &str = "tokio-stream,tokio-test";

/// Runs a suite; `arguments` are its name and what the script is given beside.
pub(crate) fn suite(arguments: &[String]) -> Result<(), String> {
    let (name, rest) = arguments.split_first().ok_or("conformance: which suite? tokio, docs, api, crates, ecosystem or fast")?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    needs(name)?;
    match name.as_str() {
        "tokio" => script("tokio_conformance.py", "tokio", &with(&["--unprivileged", "--exceptions", EXCEPTIONS], &rest)),
        "docs" => script("tokio_doctests.py", "docs", &with(&["--against-real", "--exceptions", EXCEPTIONS], &rest)),
        "api" => api(&rest),
        "crates" => script("crates.py", "crates", &with(&["--shared-target", "--exceptions", EXCEPTIONS], &rest)),
        "ecosystem" => ecosystem(),
        "fast" => fast(),
        other => Err(format!("conformance: no such suite: {other}")),
    }
}

/// A step of continuous integration: nothing where the tools are missing.
pub(crate) fn fast_if_available() -> Result<Done, String> {
    match needs("fast") {
        Ok(()) => fast().map(Done::from),
        Err(what) => ci::missing(what, true),
    }
}

/// A step of continuous integration: nothing where the tools are missing.
pub(crate) fn api_if_available() -> Result<Done, String> {
    match needs("api") {
        Ok(()) => api(&[]).map(Done::from),
        Err(what) => ci::missing(what, true),
    }
}

fn api(rest: &[&str]) -> Result<(), String> {
    let arguments = ["--features", "full,test-util", "--exceptions", EXCEPTIONS, "--toolchain", NIGHTLY];
    script("tokio_api_diff.py", "api", &with(&arguments, rest))
}

const EXCEPTIONS: &str = "conformance/exceptions.toml";

fn fast() -> Result<(), String> {
    let tokio = ["--unprivileged", "--timeout", "30", "--exceptions", EXCEPTIONS, "--filter", FAST_FILES];
    script("tokio_conformance.py", "tokio", &tokio)?;
    script("crates.py", "crates", &["--shared-target", "--exceptions", EXCEPTIONS, "--only", FAST_CRATES])
}

/// Needs nothing but Cargo.
pub(crate) fn ecosystem() -> Result<(), String> {
    run(&mut command("cargo", &["test", "--quiet", "--locked", "--manifest-path", "examples/ecosystem/Cargo.toml"]))
}

fn needs(suite: &str) -> Result<(), String> {
    if suite == "ecosystem" {
        return Ok(());
    }
    if !succeeds("python3", &["-c", "import sys, tomllib"]) {
        return Err("python3 (3.11 or later) is not installed".to_owned());
    }
    if !matches!(suite, "api" | "docs") && !succeeds("cargo", &["nextest", "--version"]) {
        return Err("cargo-nextest is not installed: cargo install --locked cargo-nextest".to_owned());
    }
    if suite == "api" {
        nightly()?;
    }
    Ok(())
}

fn with<'a>(first: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
    [first, rest].concat()
}

fn script(file: &str, folder: &str, arguments: &[&str]) -> Result<(), String> {
    let (file, facade) = (format!("conformance/{file}"), "crates/tokio");
    let out = tree::root().join("target/conformance").join(folder).display().to_string();
    let all = with(&[file.as_str(), "--facade", facade, "--out", out.as_str()], arguments);
    run(&mut command("python3", &all))
}
