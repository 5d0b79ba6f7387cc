//! What a program costs before it runs: the time of a cold build, and its size.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::contender::{CONTENDERS, folder};
use crate::statistics::{median, quantile};

/// How axum's hello is built: by Cargo's own profiles, as by whoever tries it.
struct Build {
    name: &'static str,
    words: &'static [&'static str],
    state: State,
}

/// What Cargo compiles incrementally in debug builds: always the program, never what comes from a registry or a repository, so never the published tokio. The facade comes by a path.
enum State {
    /// As the manifest has it, which is as `cede adopt` writes it: not what a path from outside the workspace names.
    AsAdopted,
    /// What a path names, too, as with the patch alone. That costs more in the first build.
    Paths,
    Nothing,
}

const BUILDS: [Build; 6] = [
    Build { name: "debug, `macros`, `net`, `rt-multi-thread`", words: &["--features", "axum"], state: State::AsAdopted },
    Build { name: "the same, incremental state for the facade, too", words: &["--features", "axum"], state: State::Paths },
    Build { name: "the same, nothing incremental", words: &["--features", "axum"], state: State::Nothing },
    Build { name: "debug, `full`", words: &["--features", "axum,full"], state: State::AsAdopted },
    Build { name: "release, `macros`, `net`, `rt-multi-thread`", words: &["--release", "--features", "axum"], state: State::AsAdopted },
    Build { name: "release, `full`", words: &["--release", "--features", "axum,full"], state: State::AsAdopted },
];

struct Cost {
    wall: f64,
    cpu: f64,
    stripped: u64,
}

pub(crate) fn print(rounds: usize, part: &str) {
    println!(
        "| axum hello, with the features of tokio | tokio: CPU seconds | cede | cede / tokio | time that passes | tokio: stripped KB | cede | cede / tokio |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for build in BUILDS.iter().filter(|build| build.name.contains(part)) {
        let name = build.name;
        let mut costs = CONTENDERS.map(|_| Vec::new());
        for round in 0..rounds {
            for place in 0..CONTENDERS.len() {
                let index = (place + round) % CONTENDERS.len();
                costs[index].push(cold_build(CONTENDERS[index], build));
            }
        }
        let [tokio, cede] = &costs;
        let middle = |costs: &[Cost], part: fn(&Cost) -> f64| median(&costs.iter().map(part).collect::<Vec<_>>());
        let ratio = |part: fn(&Cost) -> f64| {
            let ratios: Vec<f64> = tokio.iter().zip(cede).map(|(tokio, cede)| part(cede) / part(tokio)).collect();
            format!("{:.2} ({:.2}–{:.2})", median(&ratios), quantile(&ratios, 0.25), quantile(&ratios, 0.75))
        };
        let size = |costs: &[Cost]| costs.first().map_or(0, |cost| cost.stripped);
        println!(
            "| {name} | {:.1} | {:.1} | {} | {} | {} | {} | {:.2} |",
            middle(tokio, |cost| cost.cpu),
            middle(cede, |cost| cost.cpu),
            ratio(|cost| cost.cpu),
            ratio(|cost| cost.wall),
            size(tokio) / 1024,
            size(cede) / 1024,
            size(cede) as f64 / size(tokio) as f64,
        );
    }
}

/// Builds with nothing built before; what has to be downloaded is there.
fn cold_build(contender: &str, how: &Build) -> Cost {
    let folder = folder(contender);
    let target = folder.join("target/cold");
    if target.exists() {
        std::fs::remove_dir_all(&target).expect("it is ours");
    }
    let fetched = Command::new("cargo").args(["fetch", "--quiet", "--locked"]).current_dir(&folder).status();
    assert!(fetched.expect("cargo can be started").success(), "dependencies cannot be had");
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--locked", "--offline", "--jobs", "2", "--bin", "axum_hello"]).args(how.words);
    build.env("CARGO_TARGET_DIR", &target).current_dir(&folder);
    match how.state {
        State::AsAdopted => {}
        State::Paths => drop(build.args(["--config", "profile.dev.package.\"*\".incremental=true"])),
        State::Nothing => drop(build.env("CARGO_INCREMENTAL", "0")),
    }
    let (start, before) = (Instant::now(), children_seconds());
    assert!(build.status().expect("cargo can be started").success(), "axum's hello on {contender} was not built");
    let (wall, cpu) = (start.elapsed().as_secs_f64(), children_seconds() - before);
    let profile = if how.words.contains(&"--release") { "release" } else { "debug" };
    Cost { wall, cpu, stripped: stripped(&target.join(profile).join("axum_hello")) }
}

fn stripped(program: &Path) -> u64 {
    let small = program.with_extension("stripped");
    let status = Command::new("strip").arg("-o").arg(&small).arg(program).status();
    assert!(status.expect("strip is installed").success(), "the program was not stripped");
    std::fs::metadata(&small).expect("it was just written").len()
}

/// Processor time of all children that have ended, and of theirs.
fn children_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts");
    (usage.user_time().num_milliseconds() + usage.system_time().num_milliseconds()) as f64 / 1000.0
}
