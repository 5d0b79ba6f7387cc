//! Runs all demos on both runtimes and prints what happened, as a table in Markdown. `cargo run` in this folder.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs, io};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn main() -> io::Result<()> {
    let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--locked", "--workspace", "--manifest-path"])
        .arg(Path::new(HERE).join("Cargo.toml"))
        .status()?;
    if !built.success() {
        return Err(io::Error::other("the demos do not compile"));
    }
    let mut demos: Vec<_> = fs::read_dir(Path::new(HERE).join("programs"))?.collect::<Result<_, _>>()?;
    demos.sort_by_key(fs::DirEntry::path);
    println!("| | tokio {} | cede |\n|---|---|---|", version_of_tokio()?);
    for demo in demos {
        let text = fs::read_to_string(demo.path())?;
        let what = text.lines().next().unwrap_or_default().trim_start_matches("//! ");
        let name = demo.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        println!("| [{name}](demos/programs/{name}.rs): {what} | {} | {} |", outcome("tokio", &name)?, outcome("cede", &name)?);
    }
    Ok(())
}

/// What a demo prints. It has a time limit of its own.
fn outcome(runtime: &str, demo: &str) -> io::Result<String> {
    let program = env::current_exe()?.with_file_name(format!("{runtime}-{demo}"));
    let output = Command::new(program).stderr(Stdio::null()).output()?;
    let line = String::from_utf8_lossy(&output.stdout).trim().replace('|', "\\|");
    Ok(if line.is_empty() { format!("{}", output.status) } else { line })
}

/// As it is locked.
fn version_of_tokio() -> io::Result<String> {
    let lock = fs::read_to_string(Path::new(HERE).join("Cargo.lock"))?;
    let mut lines = lock.lines().skip_while(|line| *line != "name = \"tokio\"");
    Ok(lines.nth(1).unwrap_or_default().trim_start_matches("version = ").trim_matches('"').to_owned())
}
