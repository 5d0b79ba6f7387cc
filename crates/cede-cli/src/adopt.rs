//! `cede adopt`: an existing project runs on cede without a changed line of code.
//!
//! It writes `[patch.crates-io] tokio = { path = … }` into the manifest of the workspace, tells Cargo to forget which tokio it had locked, and asks Cargo what it chose.
//! Cargo takes the published tokio without a word where some dependent cannot do with the facade, so the answer is what counts: exactly one tokio, and it is ours. If it is
//! not, the dependents that are in the way are named, and manifest and lock file are as they were, byte by byte.
//!
//! With it goes what keeps debug builds cheap ([`profile`]).
//!
//! [`patch`] and [`profile`] edit text, by [`entry`]; [`graph`] reads what Cargo says, [`lock`] what it locks; they do nothing else. [`unstable`] looks for a flag that cede does not heed. [`cargo`] runs Cargo, and heeds Ctrl-C;
//! [`journal`] knows what the files were like, also if this program is killed; [`replace`] writes them. Cargo is asked without the network first, because nothing new may be needed.

mod cargo;
mod entry;
mod graph;
mod journal;
mod lock;
mod patch;
mod profile;
mod replace;
mod unstable;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::cli::AdoptArgs;
use cargo::Cargo;
use cede_transfer::Exit;
use graph::{Facade, Graph, Tokio};
use journal::{Files, Journal, Restored};
use profile::Profile;
use replace::read;

/// The facade of the sources that this program was built from.
const FACADE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tokio");

/// What is said where [`profile`] has not been heeded.
const INCREMENTAL: &str = "Debug builds keep incremental state for it, by which the first one takes a tenth to a fifth longer";

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
        let found = cargo.run(root, &["locate-project", "--workspace", "--message-format", "plain"], Stdio::null())?;
        let manifest = PathBuf::from(found.trim());
        let lock = manifest.with_file_name("Cargo.lock");
        let facade = args.facade.as_deref().unwrap_or(Path::new(FACADE));
        let facade =
            facade.canonicalize().map_err(|error| format!("{}: {error}; say where crates/tokio is by --facade", facade.display()))?;
        let metadata = cargo.run(&facade, &["metadata", "--no-deps", "--offline", "--format-version", "1"], Stdio::null())?;
        let facade = Facade::read(&facade, &metadata)?;
        Ok(Self { files: Files { manifest, lock }, facade, cargo })
    }

    fn act(&mut self, args: &AdoptArgs) -> Result<String, String> {
        if args.check {
            return self.check();
        }
        let (mut journal, mended) = Journal::begin(&self.files)?;
        let outcome = if args.undo { self.undo(&mut journal, mended.is_some()) } else { self.adopt(&mut journal) };
        let outcome = outcome.and_then(|message| self.cargo.stopped().map_or(Ok(message), |_| Err("interrupted".to_owned())));
        let before = mended.map_or(String::new(), |mended| format!("{mended}\n"));
        let message = match outcome {
            Ok(message) => {
                journal.end();
                return Ok(before + &message);
            }
            Err(message) => message,
        };
        let restored = journal
            .restore()
            .map_err(|error| format!("{before}{message}\n{error}\nThe next `cede adopt` will try again to put it back."))?;
        journal.end();
        let name = self.files.manifest.display();
        let restored = match restored {
            Restored::All | Restored::AllAndKept(_) => "Nothing was changed.".to_owned(),
            Restored::AllButLock => {
                format!("{name} is as it was. Cargo.lock has been changed meanwhile by somebody else; it stays as it is.")
            }
            Restored::Nothing => {
                format!("{name} has been changed meanwhile by somebody else; it stays as it is, and Cargo.lock with it. See what it says.")
            }
        };
        Err(format!("{before}{message}\n{restored}"))
    }

    /// Says whether the project runs on cede, and writes nothing: neither do we, nor does Cargo.
    fn check(&mut self) -> Result<String, String> {
        journal::look(&self.files)?;
        if !self.files.lock.exists() {
            let name = self.files.lock.display();
            return Err(format!(
                "{name} is not there, the lock file that would tell, and --check writes none; `cede adopt` or any build does"
            ));
        }
        let folder = self.files.folder();
        let arguments = ["metadata", "--format-version", "1", "--locked"];
        let offline = self.cargo.run(folder, &[&arguments[..], &["--offline"]].concat(), Stdio::null());
        let metadata = offline.or_else(|_| self.cargo.run(folder, &arguments, Stdio::null()))?;
        let graph = Graph::read(&metadata)?;
        if !graph.tokios.is_empty() && !graph.tokios.iter().any(|tokio| tokio.is_ours) {
            return Err("tokio is not cede's in this project; `cede adopt` would make it so".to_owned());
        }
        let adopted = self.verify(&graph.tokios)?;
        Ok(self.with_warning(match Profile::of(&read(&self.files.manifest)?, &graph.strangers)? {
            Profile::Said => adopted,
            Profile::Silent(_) => format!("{adopted}\n{INCREMENTAL}; `cede adopt` would write what spares that."),
            Profile::Closed(why) => format!("{adopted}\n{INCREMENTAL}; {why}."),
        }))
    }

    fn with_warning(&self, adopted: String) -> String {
        match unstable::warning(self.files.folder()) {
            None => adopted,
            Some(warning) => format!("{adopted}\n{warning}"),
        }
    }

    fn adopt(&mut self, journal: &mut Journal) -> Result<String, String> {
        let text = read(&self.files.manifest)?;
        let makes_lock = match patch::remove(&text) {
            None => !self.files.lock.exists(),
            Some(before) => before.made_lock.is_some_and(|made| self.lock_sum().is_none_or(|now| now == made)),
        };
        let patched = patch::add(&text, &self.facade.folder, &self.locked())?;
        if let Some(patched) = &patched {
            journal.write_manifest(&text, patched)?;
        }
        for version in self.locked() {
            self.ask(journal, &["update", "--package", &format!("tokio@{version}")])?;
        }
        let graph = self.graph(journal)?;
        let mut adopted = self.verify(&graph.tokios)?;
        let patched = patched.unwrap_or(text);
        let mut complete = match self.lock_sum() {
            Some(made) if makes_lock => patch::note_lock(&patched, &made),
            _ => patched.clone(),
        };
        match Profile::of(&complete, &graph.strangers)? {
            Profile::Said => {}
            Profile::Silent(said) => {
                complete = said;
                adopted += "\nDebug builds keep no incremental state for it, as for what comes from crates.io.";
            }
            Profile::Closed(why) => adopted = format!("{adopted}\n{INCREMENTAL}; {why}."),
        }
        if complete != patched {
            journal.write_manifest(&patched, &complete)?;
        }
        Ok(self.with_warning(adopted))
    }

    fn undo(&mut self, journal: &mut Journal, mended: bool) -> Result<String, String> {
        let text = read(&self.files.manifest)?;
        let plain = profile::remove(&text);
        let Some(removed) = patch::remove(&plain) else {
            let is_done = (mended || plain != text).then(|| "tokio is the published one.".to_owned());
            if plain != text {
                journal.write_manifest(&text, &plain)?;
            }
            return is_done.ok_or_else(|| format!("{} has no patch by `cede adopt`", self.files.manifest.display()));
        };
        // Made by us, and nobody has needed it for anything else since.
        let is_our_lock = removed.made_lock.is_some() && removed.made_lock == self.lock_sum();
        journal.write_manifest(&text, &removed.text)?;
        let tokios = self.graph(journal)?.tokios;
        // Cargo has locked the newest one. If the one before cannot be had any more, that will do.
        if let (Some(before), [now]) = (removed.versions.first(), self.locked().as_slice())
            && before != now
        {
            let _newest = self.ask(journal, &["update", "--package", &format!("tokio@{now}"), "--precise", before]);
        }
        if tokios.iter().any(|tokio| tokio.folder == self.facade.folder) {
            return Err("tokio still comes from cede: something else in the project says so".to_owned());
        }
        let lock = match removed.made_lock {
            None => "",
            Some(_) if is_our_lock => {
                journal.remove_lock()?;
                " Cargo.lock, which was not there before, is gone."
            }
            Some(_) => " Cargo.lock was not there before; it stays, because it has changed since.",
        };
        Ok(format!("tokio is the published one again.{lock}"))
    }

    /// Whether exactly one tokio is in the graph, and it is ours.
    fn verify(&self, tokios: &[Tokio]) -> Result<String, String> {
        let others: Vec<&Tokio> = tokios.iter().filter(|tokio| tokio.folder != self.facade.folder).collect();
        match (tokios.len(), others.as_slice()) {
            (0, _) => Err("nothing in this project depends on tokio".to_owned()),
            (1, []) => Ok(format!("tokio is cede's, from {}, for {}.", self.facade.folder.display(), tokios[0].dependents_named())),
            (1, [other]) if other.is_ours => {
                let [there, here] = [&other.folder, &self.facade.folder].map(|folder| folder.display());
                Err(format!("tokio is cede's from {there}, and not from {here}"))
            }
            (_, others) => {
                let reasons: Vec<String> = others.iter().flat_map(|tokio| tokio.reasons(&self.facade)).collect();
                Err(format!("the project does not run on cede alone:\n{}", reasons.join("\n")))
            }
        }
    }

    fn graph(&mut self, journal: &mut Journal) -> Result<Graph, String> {
        Graph::read(&self.ask(journal, &["metadata", "--format-version", "1"])?)
    }

    /// The published tokios in the lock file.
    fn locked(&self) -> Vec<String> {
        lock::published(&fs::read_to_string(&self.files.lock).unwrap_or_default())
    }

    /// What tells the lock file that is there from others.
    fn lock_sum(&self) -> Option<String> {
        let mut sum = journal::sum(&fs::read_to_string(&self.files.lock).ok()?);
        sum.truncate(16);
        Some(sum)
    }

    /// Runs Cargo, without the network if that will do.
    fn ask(&mut self, journal: &mut Journal, arguments: &[&str]) -> Result<String, String> {
        let offline = self.run(journal, &[arguments, &["--offline"]].concat());
        offline.or_else(|_| self.run(journal, arguments))
    }

    fn run(&mut self, journal: &mut Journal, arguments: &[&str]) -> Result<String, String> {
        let said = self.cargo.run(self.files.folder(), arguments, journal.held()?);
        // It may have written also if it failed.
        journal.note_lock()?;
        said
    }
}
