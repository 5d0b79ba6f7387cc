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
    /// What Cargo is told in the environment, which goes before the profile.
    incremental: Option<&'static str>,
}

/// Cargo compiles what is given by a path incrementally in debug builds, and so the facade but not the published tokio. That costs more in the first build. What comes from a registry or a
/// repository is never compiled so, hence the row without.
const BUILDS: [Build; 5] = [
    Build { name: "debug, `macros`, `net`, `rt-multi-thread`", words: &["--features", "axum"], incremental: None },
    Build { name: "the same, nothing incremental", words: &["--features", "axum"], incremental: Some("0") },
    Build { name: "debug, `full`", words: &["--features", "axum,full"], incremental: None },
    Build { name: "release, `macros`, `net`, `rt-multi-thread`", words: &["--release", "--features", "axum"], incremental: None },
    Build { name: "release, `full`", words: &["--release", "--features", "axum,full"], incremental: None },
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
    if let Some(incremental) = how.incremental {
        build.env("CARGO_INCREMENTAL", incremental);
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
