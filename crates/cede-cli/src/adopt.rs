//! `cede adopt`: an existing project runs on cede without a changed line of code.
//!
//! It writes `[patch.crates-io] tokio = { path = … }` into the manifest of the workspace, tells Cargo to forget which tokio it had locked, and asks Cargo what it chose.
//! Cargo takes the published tokio without a word where some dependent cannot do with the facade, so the answer is what counts: exactly one tokio, and it is ours. If it is
//! not, the dependents that are in the way are named, and manifest and lock file are as they were, byte by byte.
//!
//! [`patch`] edits text, [`graph`] reads what Cargo says; both do nothing else. [`cargo`] runs Cargo, and heeds Ctrl-C; [`journal`] knows what the files were like, also if
//! this program is killed. Cargo is asked without the network first, because nothing new may be needed.

mod cargo;
mod graph;
mod journal;
mod patch;

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::AdoptArgs;
use cargo::Cargo;
use cede_transfer::Exit;
use graph::{Facade, Tokio};
use journal::{Files, Journal, read, write};
use sha2::{Digest, Sha256};

/// The facade of the sources that this program was built from.
const FACADE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tokio");

/// Runs the command.
pub(crate) fn run(args: &AdoptArgs) -> Exit {
    let mut cargo = Cargo::new();
    match Project::find(args, &mut cargo).and_then(|mut project| project.act(args)) {
        Ok(message) => {
            println!("{message}");
            Exit::Done
        }
        Err(message) => {
            eprintln!("cede: {message}");
            cargo.stopped().unwrap_or(Exit::Failed)
        }
    }
}

struct Project<'a> {
    files: Files,
    facade: Facade,
    cargo: &'a mut Cargo,
}

impl<'a> Project<'a> {
    fn find(args: &AdoptArgs, cargo: &'a mut Cargo) -> Result<Self, String> {
        let root = args.project.as_deref().unwrap_or(Path::new("."));
        let found = cargo.run(root, &["locate-project", "--workspace", "--message-format", "plain"])?;
        let manifest = PathBuf::from(found.trim());
        let lock = manifest.with_file_name("Cargo.lock");
        let facade = args.facade.as_deref().unwrap_or(Path::new(FACADE));
        let facade =
            facade.canonicalize().map_err(|error| format!("{}: {error}; say where crates/tokio is by --facade", facade.display()))?;
        let facade = Facade::read(&facade, &cargo.run(&facade, &["metadata", "--no-deps", "--offline", "--format-version", "1"])?)?;
        Ok(Self { files: Files { manifest, lock }, facade, cargo })
    }

    fn act(&mut self, args: &AdoptArgs) -> Result<String, String> {
        let (journal, mended) = Journal::begin(&self.files, args.check)?;
        let outcome = if args.check {
            self.verify()
        } else if args.undo {
            self.undo(mended.is_some())
        } else {
            self.adopt()
        };
        let outcome = outcome.and_then(|message| self.cargo.stopped().map_or(Ok(message), |_| Err("interrupted".to_owned())));
        // Asking Cargo may write a lock file.
        if (outcome.is_err() || args.check)
            && let Err(error) = journal.restore()
        {
            let message = outcome.unwrap_or_else(|message| message);
            return Err(format!("{message}\n{error}\nThe next `cede adopt` will try again to put it back."));
        }
        journal.end();
        let before = mended.map_or(String::new(), |mended| format!("{mended}\n"));
        match outcome {
            Ok(message) => Ok(before + &message),
            Err(message) if args.check => Err(before + &message),
            Err(message) => Err(format!("{before}{message}\nNothing was changed.")),
        }
    }

    fn adopt(&mut self) -> Result<String, String> {
        let text = read(&self.files.manifest)?;
        let patched = patch::add(&text, &self.facade.folder, &self.locked())?;
        let makes_lock = patched.is_some() && !self.files.lock.exists();
        if let Some(patched) = &patched {
            write(&self.files.manifest, patched)?;
        }
        for version in self.locked() {
            self.ask(&["update", "--package", &format!("tokio@{version}")])?;
        }
        let adopted = self.verify()?;
        if let (true, Some(patched), Some(made)) = (makes_lock, patched, self.lock_sum()) {
            write(&self.files.manifest, &patch::note_lock(&patched, &made))?;
        }
        Ok(adopted)
    }

    fn undo(&mut self, mended: bool) -> Result<String, String> {
        let Some(removed) = patch::remove(&read(&self.files.manifest)?) else {
            let is_done = mended.then(|| "tokio is the published one.".to_owned());
            return is_done.ok_or_else(|| format!("{} has no patch by `cede adopt`", self.files.manifest.display()));
        };
        // Made by us, and nobody has needed it for anything else since.
        let is_our_lock = removed.made_lock.is_some() && removed.made_lock == self.lock_sum();
        write(&self.files.manifest, &removed.text)?;
        let tokios = self.tokios()?;
        // Cargo has locked the newest one. If the one before cannot be had any more, that will do.
        if let (Some(before), [now]) = (removed.versions.first(), self.locked().as_slice())
            && before != now
        {
            let _newest = self.ask(&["update", "--package", &format!("tokio@{now}"), "--precise", before]);
        }
        if tokios.iter().any(|tokio| tokio.folder == self.facade.folder) {
            return Err("tokio still comes from cede: something else in the project says so".to_owned());
        }
        let lock = match removed.made_lock {
            None => "",
            Some(_) if is_our_lock => {
                fs::remove_file(&self.files.lock).map_err(|error| format!("{}: {error}", self.files.lock.display()))?;
                " Cargo.lock, which was not there before, is gone."
            }
            Some(_) => " Cargo.lock was not there before; it stays, because it has changed since.",
        };
        Ok(format!("tokio is the published one again.{lock}"))
    }

    /// Whether exactly one tokio is in the graph, and it is ours.
    fn verify(&mut self) -> Result<String, String> {
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

    fn tokios(&mut self) -> Result<Vec<Tokio>, String> {
        graph::tokios(&self.ask(&["metadata", "--format-version", "1"])?)
    }

    /// The published tokios in the lock file.
    fn locked(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.files.lock).unwrap_or_default();
        let packages =
            text.split("[[package]]").filter(|package| package.starts_with("\nname = \"tokio\"\n") && package.contains("\nsource = "));
        packages.filter_map(|package| Some(package.split_once("\nversion = \"")?.1.split_once('"')?.0.to_owned())).collect()
    }

    /// What tells the lock file that is there from others.
    fn lock_sum(&self) -> Option<String> {
        let sum = Sha256::digest(fs::read(&self.files.lock).ok()?);
        Some(sum[..8].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn ask(&mut self, arguments: &[&str]) -> Result<String, String> {
        let folder = self.files.manifest.parent().unwrap_or(Path::new("."));
        let offline = self.cargo.run(folder, &[arguments, &["--offline"]].concat());
        offline.or_else(|_| self.cargo.run(folder, arguments))
    }
}
