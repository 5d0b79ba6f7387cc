//! `cede adopt`: an existing project runs on cede without a changed line of code.
//!
//! It writes `[patch.crates-io] tokio = { path = … }` into the manifest of the workspace, tells Cargo to forget which tokio it had locked, and asks Cargo what it chose.
//! Cargo takes the published tokio without a word where some dependent cannot do with the facade, so the answer is what counts: exactly one tokio, and it is ours. If it is
//! not, the dependents that are in the way are named, and manifest and lock file are as they were, byte by byte.
//!
//! [`patch`] edits text, [`graph`] reads what Cargo says; both do nothing else. Cargo is asked without the network first, because nothing new may be needed.

mod graph;
mod patch;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::AdoptArgs;
use cede_transfer::Exit;
use graph::{Facade, Tokio};

/// The facade of the sources that this program was built from.
const FACADE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tokio");

/// Runs the command.
pub(crate) fn run(args: &AdoptArgs) -> Exit {
    match Project::find(args).and_then(|project| project.act(args)) {
        Ok(message) => {
            println!("{message}");
            Exit::Done
        }
        Err(message) => {
            eprintln!("cede: {message}");
            Exit::Failed
        }
    }
}

struct Project {
    manifest: PathBuf,
    lock: PathBuf,
    facade: Facade,
}

impl Project {
    fn find(args: &AdoptArgs) -> Result<Self, String> {
        let root = args.project.as_deref().unwrap_or(Path::new("."));
        let found = cargo(root, &["locate-project", "--workspace", "--message-format", "plain"])?;
        let manifest = PathBuf::from(found.trim());
        let lock = manifest.with_file_name("Cargo.lock");
        let facade = args.facade.as_deref().unwrap_or(Path::new(FACADE));
        let facade =
            facade.canonicalize().map_err(|error| format!("{}: {error}; say where crates/tokio is by --facade", facade.display()))?;
        let facade = Facade::read(&facade, &cargo(&facade, &["metadata", "--no-deps", "--offline", "--format-version", "1"])?)?;
        Ok(Self { manifest, lock, facade })
    }

    fn act(&self, args: &AdoptArgs) -> Result<String, String> {
        let before = Snapshot::of(&[&self.manifest, &self.lock])?;
        let outcome = if args.check {
            self.verify()
        } else if args.undo {
            self.undo()
        } else {
            self.adopt()
        };
        // Asking Cargo may write a lock file.
        if outcome.is_err() || args.check {
            before.restore()?;
        }
        outcome.map_err(|message| if args.check { message } else { format!("{message}\nNothing was changed.") })
    }

    fn adopt(&self) -> Result<String, String> {
        let text = read(&self.manifest)?;
        if let Some(patched) = patch::add(&text, &self.facade.folder, &self.locked())? {
            write(&self.manifest, &patched)?;
        }
        for version in self.locked() {
            self.cargo(&["update", "--package", &format!("tokio@{version}")])?;
        }
        self.verify()
    }

    fn undo(&self) -> Result<String, String> {
        let Some((text, versions)) = patch::remove(&read(&self.manifest)?) else {
            return Err(format!("{} has no patch by `cede adopt`", self.manifest.display()));
        };
        write(&self.manifest, &text)?;
        let tokios = self.tokios()?;
        // Cargo has locked the newest one. If the one before cannot be had any more, that will do.
        if let (Some(before), [now]) = (versions.first(), self.locked().as_slice())
            && before != now
        {
            let _newest = self.cargo(&["update", "--package", &format!("tokio@{now}"), "--precise", before]);
        }
        match tokios.iter().find(|tokio| tokio.folder == self.facade.folder) {
            None => Ok("tokio is the published one again.".to_owned()),
            Some(_) => Err("tokio still comes from cede: something else in the project says so".to_owned()),
        }
    }

    /// Whether exactly one tokio is in the graph, and it is ours.
    fn verify(&self) -> Result<String, String> {
        let tokios = self.tokios()?;
        let others: Vec<&Tokio> = tokios.iter().filter(|tokio| tokio.folder != self.facade.folder).collect();
        match (tokios.len(), others.as_slice()) {
            (0, _) => Err("nothing in this project depends on tokio".to_owned()),
            (1, []) => Ok(format!("tokio is cede's, from {}, for {}.", self.facade.folder.display(), tokios[0].dependents_named())),
            (_, others) => {
                let reasons: Vec<String> = others.iter().flat_map(|tokio| tokio.reasons(&self.facade)).collect();
                Err(format!("the project does not run on cede alone:\n{}", reasons.join("\n")))
            }
        }
    }

    fn tokios(&self) -> Result<Vec<Tokio>, String> {
        graph::tokios(&self.cargo(&["metadata", "--format-version", "1"])?)
    }

    /// The published tokios in the lock file.
    fn locked(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.lock).unwrap_or_default();
        let packages =
            text.split("[[package]]").filter(|package| package.starts_with("\nname = \"tokio\"\n") && package.contains("\nsource = "));
        packages.filter_map(|package| Some(package.split_once("\nversion = \"")?.1.split_once('"')?.0.to_owned())).collect()
    }

    fn cargo(&self, arguments: &[&str]) -> Result<String, String> {
        let folder = self.manifest.parent().unwrap_or(Path::new("."));
        cargo(folder, &[arguments, &["--offline"]].concat()).or_else(|_| cargo(folder, arguments))
    }
}

/// What Cargo prints.
fn cargo(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output =
        Command::new(program).args(arguments).current_dir(folder).output().map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo {}:\n{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim_end()));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("cargo {}: {error}", arguments.join(" ")))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// What files were like.
struct Snapshot(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Snapshot {
    fn of(paths: &[&Path]) -> Result<Self, String> {
        let content = |path: &Path| match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", path.display())),
        };
        paths.iter().map(|path| Ok((path.to_path_buf(), content(path)?))).collect::<Result<_, _>>().map(Self)
    }

    fn restore(&self) -> Result<(), String> {
        for (path, content) in &self.0 {
            let done = match content {
                Some(bytes) if fs::read(path).is_ok_and(|now| now == *bytes) => Ok(()),
                Some(bytes) => fs::write(path, bytes),
                None if path.exists() => fs::remove_file(path),
                None => Ok(()),
            };
            done.map_err(|error| format!("{} could not be put back: {error}", path.display()))?;
        }
        Ok(())
    }
}
