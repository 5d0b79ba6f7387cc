//! `cede verify`: files against checksums, or just the checksums.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cede_transfer::repair::{Damage, examine, listed};
use cede_transfer::sum::{Algorithm, Sum};
use cede_transfer::{Exit, Failure, printable};

use crate::cli::VerifyArgs;
use crate::device::is_stdin;
use crate::out::print;
use crate::progress::lines::say;
use crate::repair::manifest_for;
use crate::sum::{stdin, sum_of};

/// One file, and what it should be.
struct Case {
    path: PathBuf,
    expected: Option<Sum>,
}

/// Runs the command: all processors read and hash, the results are told in order.
pub(crate) fn run(args: &VerifyArgs) -> Exit {
    if let Some(manifest) = &args.manifest {
        return against_manifest(manifest, &args.files);
    }
    let mut codes = Vec::new();
    let mut cases = Vec::new();
    for file in &args.files {
        if !args.list {
            cases.push(Case { path: file.clone(), expected: args.sum.clone() });
            continue;
        }
        match read_list(file) {
            Ok(listed) => cases.extend(listed),
            Err(failure) => {
                say(&format!("failed {failure}"));
                codes.push(failure.exit());
            }
        }
    }
    let runtime = match crate::start::small() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    codes.extend(runtime.block_on(async {
        let mut codes = Vec::new();
        // As many at a time as there are threads; the rest waits in the pool's queue, which holds only paths.
        let sums: Vec<_> = cases
            .into_iter()
            .map(|case| {
                let algorithm = case.expected.as_ref().map_or(Algorithm::Sha256, |sum| sum.algorithm);
                let path = case.path.clone();
                (case, cede::compute::spawn(move |_| sum_of(&path, algorithm)))
            })
            .collect();
        for (case, sum) in sums {
            let result = sum.await.unwrap_or_else(|error| Err(Failure::new(Exit::Failed, error.to_string())));
            codes.push(tell(&case, result));
        }
        codes
    }));
    Exit::of_all(codes)
}

/// Compares the pieces of files.
fn against_manifest(manifest: &Path, files: &[PathBuf]) -> Exit {
    let runtime = match crate::start::small() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let one = |file: &PathBuf| {
        let manifest = Arc::new(manifest_for(manifest, file)?);
        if !manifest.is_proof() && manifest.size.is_none() {
            return Err(Failure::new(Exit::Usage, "the manifest says nothing that could be compared"));
        }
        runtime.block_on(examine(file, &manifest))
    };
    Exit::of_all(files.iter().map(|file| {
        let path = printable(&file.to_string_lossy());
        match one(file) {
            Ok(damage) if damage.is_none() => {
                print(format!("right {path} ({} pieces)\n", damage.pieces));
                Exit::Done
            }
            Ok(damage) => {
                say(&format!("failed {path}: {}", wrong(&damage)));
                Exit::Checksum
            }
            Err(failure) => {
                say(&format!("failed {path}: {failure}"));
                failure.exit()
            }
        }
    }))
}

fn wrong(damage: &Damage) -> String {
    let mut words = Vec::new();
    if let Some((is, should)) = damage.size {
        words.push(format!("it has {is} bytes, not {should}"));
    }
    if !damage.bad.is_empty() {
        words.push(format!("{} of {} pieces are wrong: {}", damage.bad.len(), damage.pieces, listed(&damage.bad)));
    }
    if let Some((is, should)) = &damage.sum {
        words.push(format!("the {} is {}, not {}", is.algorithm.title(), is.hex(), should.hex()));
    }
    if damage.pieces > 0 {
        words.push("cede repair mends it".to_owned());
    }
    words.join("; ")
}

fn tell(case: &Case, result: Result<Sum, Failure>) -> Exit {
    let path = printable(&case.path.to_string_lossy());
    match (result, &case.expected) {
        (Err(failure), _) => {
            say(&format!("failed {path}: {failure}"));
            failure.exit()
        }
        (Ok(sum), Some(expected)) if sum != *expected => {
            say(&format!("failed {path}: the {} is {}, not {}", sum.algorithm.title(), sum.hex(), expected.hex()));
            Exit::Checksum
        }
        (Ok(sum), Some(_)) => {
            print(format!("right {path} ({})\n", sum.algorithm.title()));
            Exit::Done
        }
        (Ok(sum), None) => {
            print(format!("{sum}  {path}\n"));
            Exit::Done
        }
    }
}

/// The lines of `sha256sum`; names are relative to the list.
fn read_list(path: &Path) -> Result<Vec<Case>, Failure> {
    let (read, dir) = match is_stdin(path) {
        true => (std::io::read_to_string(stdin()?), Path::new("")),
        false => (std::fs::read_to_string(path), path.parent().unwrap_or(Path::new(""))),
    };
    let text = read.map_err(|error| Failure::of_file("read", path, &error))?;
    let line = |line: &str| {
        let (digits, name) = line.split_once([' ', '\t'])?;
        let algorithm = match digits.len() {
            32 => "md5",
            40 => "sha1",
            64 => "sha256",
            128 => "sha512",
            _ => return None,
        };
        let expected = format!("{algorithm}:{digits}").parse().ok()?;
        Some(Case { path: dir.join(name.trim_start_matches([' ', '*'])), expected: Some(expected) })
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let cases: Option<Vec<_>> = lines.map(line).collect();
    cases.filter(|cases| !cases.is_empty()).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{} is not a list of checksums", printable(&path.to_string_lossy())))
            .help("make one with sha256sum")
    })
}
