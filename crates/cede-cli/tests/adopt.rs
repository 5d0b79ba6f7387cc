//! `cede adopt` on projects as they are found.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// A project whose member `library` asks for `requirement`, with a lock file that holds the published tokio.
fn project(name: &str, requirement: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("adopt").join(name);
    drop(fs::remove_dir_all(&folder));
    for folder in [folder.join("src"), folder.join("library/src")] {
        fs::create_dir_all(folder).unwrap();
    }
    let manifest = "# A project.\n[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\nmembers = [\"library\"]\n\n[dependencies]\ntokio = \"1\"\nlibrary = { path = \"library\" }\n";
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    let library =
        format!("[package]\nname = \"library\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\ntokio = {requirement}\n");
    fs::write(folder.join("library/Cargo.toml"), library).unwrap();
    fs::write(folder.join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(folder.join("library/src/lib.rs"), "").unwrap();
    // The versions that this workspace is built with: little need be downloaded.
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    resolve(&folder);
    folder
}

/// Lets Cargo lock the project. Without the network if that will do; it will not where packages that only other systems need have not been fetched yet.
fn resolve(folder: &Path) {
    let metadata = |further: &[&str]| {
        let arguments = [&["metadata", "--format-version", "1"], further].concat();
        Command::new(env!("CARGO")).args(arguments).current_dir(folder).output().unwrap()
    };
    if !metadata(&["--offline"]).status.success() {
        let output = metadata(&[]);
        assert!(output.status.success(), "{}", said(&output));
    }
}

/// Which tokios are locked: their versions, and where they are from. The rest of a lock file that Cargo has made anew depends on what it could choose from.
fn tokios(lock: &str) -> Vec<Vec<&str>> {
    let tokios = lock.split("[[package]]").filter(|package| package.starts_with("\nname = \"tokio\"\n"));
    tokios.map(|tokio| tokio.lines().filter(|line| line.starts_with("version") || line.starts_with("source")).collect()).collect()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cede"));
    command.arg("adopt").args(arguments).current_dir(folder.join("library")).env("CARGO", env!("CARGO")).env("CEDE_CONFIG", "/dev/null");
    // What this test is built with is not the project's.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

fn adopt(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn files(folder: &Path) -> [String; 2] {
    ["Cargo.toml", "Cargo.lock"].map(|name| fs::read_to_string(folder.join(name)).unwrap())
}

#[test]
fn a_project_is_adopted_checked_and_given_back() {
    let folder = project("whole", "{ version = \"1.40\", features = [\"sync\", \"rt\"] }");
    let before = files(&folder);
    let checked = adopt(&folder, &["--check"]);
    assert!(!checked.status.success() && said(&checked).contains("`cede adopt` would"), "{}", said(&checked));
    assert_eq!(files(&folder), before);

    let adopted = adopt(&folder, &[]);
    assert!(adopted.status.success(), "{}", said(&adopted));
    assert!(said(&adopted).contains("library") && said(&adopted).contains("program"), "{}", said(&adopted));
    let after = files(&folder);
    assert!(after[0].starts_with(&before[0]), "what was there stays");
    assert!(adopt(&folder, &["--check"]).status.success());
    assert!(adopt(&folder, &[]).status.success(), "again changes nothing");
    assert_eq!(files(&folder), after);

    let undone = adopt(&folder, &["--undo"]);
    assert!(undone.status.success(), "{}", said(&undone));
    assert_eq!(files(&folder), before);
    assert!(!adopt(&folder, &["--undo"]).status.success());
}

/// How Cargo compiles one of cede's packages in a debug build of the project.
fn compiled(folder: &Path) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["check", "--verbose", "--package", "cede-context", "--target-dir"]).arg(folder.with_extension("target"));
    let output = cargo.current_dir(folder).env_remove("CARGO_INCREMENTAL").env_remove("CARGO_BUILD_INCREMENTAL").output().unwrap();
    let said = said(&output);
    assert!(output.status.success() && !said.contains("warning"), "{said}");
    said.lines().find(|line| line.contains("--crate-name cede_context ")).unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn debug_builds_keep_no_incremental_state_for_cede() {
    let folder = project("profile", "\"1\"");
    let manifest = folder.join("Cargo.toml");
    let theirs = "\n# Ours.\n[profile.dev]\ndebug = 1 # enough\n\n[profile.dev.package.tokio]\nopt-level = 1\n\n[profile.dev.package.\"*\"]\nopt-level = 1 # why\n";
    let plain = fs::read_to_string(&manifest).unwrap();
    for (text, is_incremental) in [
        (plain.clone(), false),
        (plain.clone() + theirs, false),
        (plain.clone() + theirs + "incremental = true\n", true),
        (plain + "\n[profile.dev.package]\n\"*\" = { opt-level = 1 }\n", true),
    ] {
        fs::write(&manifest, &text).unwrap();
        drop(fs::remove_dir_all(folder.with_extension("target")));
        let adopted = adopt(&folder, &[]);
        assert!(adopted.status.success(), "{}", said(&adopted));
        let rustc = compiled(&folder);
        assert_eq!(rustc.contains("incremental="), is_incremental, "{rustc}");
        assert_eq!(rustc.contains("opt-level=1"), text.contains("opt-level"), "what they say stays: {rustc}");
        assert_eq!(said(&adopted).contains("by hand"), text.contains("\"*\" = "), "{}", said(&adopted));
        assert!(adopt(&folder, &["--undo"]).status.success());
        assert_eq!(fs::read_to_string(&manifest).unwrap(), text);
    }
}

#[test]
fn what_is_adopted_without_the_profile_gets_it_the_next_time() {
    let folder = project("profile-later", "\"1\"");
    let before = files(&folder);
    assert!(adopt(&folder, &[]).status.success());
    let after = files(&folder);
    let manifest = folder.join("Cargo.toml");
    let patch_alone = fs::read_to_string(&manifest).unwrap().split("\n[profile").next().unwrap().to_owned();
    assert!(patch_alone.contains("tokio = { path"), "{patch_alone}");
    fs::write(&manifest, patch_alone).unwrap();
    let checked = adopt(&folder, &["--check"]);
    assert!(checked.status.success() && said(&checked).contains("incremental"), "{}", said(&checked));
    assert!(adopt(&folder, &[]).status.success());
    assert_eq!(files(&folder), after);
    let checked = adopt(&folder, &["--check"]);
    assert!(checked.status.success() && !said(&checked).contains("incremental"), "{}", said(&checked));

    // Somebody has taken out the patch alone.
    let profile_alone: String = fs::read_to_string(&manifest)
        .unwrap()
        .split_inclusive('\n')
        .filter(|line| !line.contains("patch") && !line.contains("/tokio\""))
        .collect();
    assert!(profile_alone.contains("incremental"), "{profile_alone}");
    fs::write(&manifest, profile_alone).unwrap();
    let undone = adopt(&folder, &["--undo"]);
    assert!(undone.status.success(), "{}", said(&undone));
    assert_eq!(fs::read_to_string(&manifest).unwrap().trim_end(), before[0].trim_end());
}

#[test]
fn where_cede_has_moved_to_is_adopted_in_place_of_where_it_was() {
    let folder = project("moved", "\"1\"");
    let before = files(&folder);
    assert!(adopt(&folder, &[]).status.success());
    let [manifest, lock] = files(&folder);
    // From a place that is another, and from one that is not there any more.
    let facade = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tokio").canonicalize().unwrap();
    for place in ["other", "gone"] {
        let other = folder.join("..").join(place);
        drop(fs::remove_dir_all(&other));
        if place == "other" {
            fs::create_dir_all(other.join("src")).unwrap();
            fs::write(other.join("src/lib.rs"), "").unwrap();
            let text = "[package]\nname = \"tokio\"\nversion = \"1.999.0\"\n[package.metadata.cede]\nlayer = 6\n[workspace]\n";
            fs::write(other.join("Cargo.toml"), text).unwrap();
        }
        let moved = manifest.replace(facade.to_str().unwrap(), other.to_str().unwrap());
        assert_ne!(moved, manifest);
        fs::write(folder.join("Cargo.toml"), &moved).unwrap();
        if place == "other" {
            resolve(&folder);
            let checked = adopt(&folder, &["--check"]);
            assert!(said(&checked).contains("and not from"), "{}", said(&checked));
        }
        let adopted = adopt(&folder, &[]);
        assert!(adopted.status.success(), "{}", said(&adopted));
        let [manifest_now, lock_now] = files(&folder);
        assert_eq!(manifest_now, manifest, "{place}");
        // The other one needed less, so that Cargo has chosen anew what this one needs.
        assert_eq!(tokios(&lock_now), tokios(&lock), "{place}");
        assert!(place == "other" || lock_now == lock, "nothing had to be chosen");
        fs::write(folder.join("Cargo.lock"), &lock).unwrap();
    }
    assert!(adopt(&folder, &["--undo"]).status.success());
    assert_eq!(files(&folder), before);
}

#[test]
fn what_others_may_be_at_work_on_stays_incremental() {
    let folder = project("beside/project", "\"1\"");
    let stranger = folder.join("../stranger");
    fs::create_dir_all(stranger.join("src")).unwrap();
    fs::write(stranger.join("src/lib.rs"), "").unwrap();
    fs::write(stranger.join("Cargo.toml"), "[package]\nname = \"stranger\"\nversion = \"0.0.0\"\n").unwrap();
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap() + "stranger = { path = \"../stranger\" }\n";
    fs::write(&manifest, &text).unwrap();
    for arguments in [&[][..], &["--check"]] {
        let adopted = adopt(&folder, arguments);
        assert!(adopted.status.success() && said(&adopted).contains("also for stranger"), "{}", said(&adopted));
        assert!(!fs::read_to_string(&manifest).unwrap().contains("incremental"));
    }
    assert!(adopt(&folder, &["--undo"]).status.success());
    assert_eq!(fs::read_to_string(&manifest).unwrap(), text);
}

#[test]
fn who_is_built_with_what_is_unstable_in_tokio_is_warned() {
    let folder = project("unstable/project", "\"1\"");
    let warned = |output: &Output, place: &str| {
        assert!(output.status.success(), "{}", said(output));
        said(output).contains(&format!("{place} says `--cfg tokio_unstable`"))
    };
    let plainly = |arguments: &[&str]| {
        let mut command = command(&folder, arguments);
        command.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("RUSTFLAGS");
        command
    };
    // Set to nothing it decides, too, whatever the files of this machine say.
    let output = plainly(&[]).env("RUSTFLAGS", "").output().unwrap();
    assert!(output.status.success() && !said(&output).contains("tokio_unstable"), "{}", said(&output));
    for (name, flags) in [("RUSTFLAGS", "--cfg tokio_unstable"), ("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}tokio_unstable")] {
        let output = plainly(&["--check"]).env(name, flags).output().unwrap();
        assert!(warned(&output, name), "{}", said(&output));
    }
    // Cargo looks there and above.
    let config = folder.join("../.cargo/config.toml");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(&config, "[build]\nrustflags = [\"--cfg\", \"tokio_unstable\"]\n").unwrap();
    for arguments in [&[][..], &["--check"]] {
        let output = plainly(arguments).output().unwrap();
        assert!(warned(&output, "unstable/.cargo/config.toml"), "{}", said(&output));
    }
    fs::remove_file(config).unwrap();
}

#[test]
fn who_is_in_the_way_is_named_and_nothing_is_changed() {
    let folder = project("pinned", "\"=1.54.1\"");
    let before = files(&folder);
    let refused = adopt(&folder, &[]);
    assert!(!refused.status.success());
    assert!(said(&refused).contains("library 0.1.0 wants tokio =1.54.1"), "{}", said(&refused));
    assert_eq!(files(&folder), before);
}

#[test]
fn who_takes_tokio_from_elsewhere_is_named_with_the_place() {
    let elsewhere = Path::new(env!("CARGO_TARGET_TMPDIR")).join("elsewhere/tokio");
    fs::create_dir_all(elsewhere.join("src")).unwrap();
    fs::write(elsewhere.join("src/lib.rs"), "").unwrap();
    fs::write(elsewhere.join("Cargo.toml"), "[package]\nname = \"tokio\"\nversion = \"1.54.0\"\n\n[workspace]\n").unwrap();
    let folder = project("elsewhere", &format!("{{ path = {:?} }}", elsewhere.display().to_string()));
    let before = files(&folder);
    let refused = adopt(&folder, &[]);
    assert!(!refused.status.success());
    assert!(said(&refused).contains(&format!("library 0.1.0 takes tokio from {}", elsewhere.display())), "{}", said(&refused));
    assert!(!said(&refused).contains("program"), "that one is not in the way: {}", said(&refused));
    assert_eq!(files(&folder), before);
}

#[test]
fn a_folder_that_is_no_facade_is_refused() {
    let folder = project("no-facade", "\"1\"");
    let before = files(&folder);
    let refused = adopt(&folder, &["--facade", "."]);
    assert!(said(&refused).contains("is not cede's package called tokio"), "{}", said(&refused));
    assert_eq!(files(&folder), before);
}

/// What is in the folder, besides what Cargo has built.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const NAMES: [&str; 4] = ["Cargo.lock", "Cargo.toml", "library", "src"];

#[test]
fn a_lock_file_that_was_not_there_goes_with_the_patch_unless_it_is_used() {
    let folder = project("no-lock", "\"1\"");
    let (manifest, lock) = (folder.join("Cargo.toml"), folder.join("Cargo.lock"));
    let before = fs::read(&manifest).unwrap();
    for changed in [false, true] {
        fs::remove_file(&lock).unwrap();
        let adopted = adopt(&folder, &[]);
        assert!(adopted.status.success() && lock.exists(), "{}", said(&adopted));
        let text = fs::read_to_string(&lock).unwrap();
        assert!(adopt(&folder, &[]).status.success() && fs::read_to_string(&lock).unwrap() == text);
        if changed {
            fs::write(&lock, text + "# ours now\n").unwrap();
        }
        let undone = adopt(&folder, &["--undo"]);
        assert!(undone.status.success(), "{}", said(&undone));
        assert_eq!(lock.exists(), changed, "{}", said(&undone));
        assert_eq!(fs::read(&manifest).unwrap(), before);
        if !changed {
            fs::write(&lock, "").unwrap();
        }
    }
    assert_eq!(names(&folder), NAMES);
}

/// A Cargo that stands still, once it is asked what it has chosen, or when it has locked something. Says when it does, by its number.
fn a_cargo_that_stands_still(folder: &Path, when: &str) -> (PathBuf, PathBuf) {
    let (program, says) = (folder.join("../still"), folder.join("../still-says"));
    drop(fs::remove_file(&says));
    let [real, told] = [env!("CARGO").to_owned(), says.display().to_string()];
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n*--no-deps*) ;;\n{when}*) [ {when} = metadata ] || '{real}' \"$@\"; echo $$ > '{told}.new'; mv '{told}.new' '{told}'; exec sleep 1000 ;;\nesac\nexec '{real}' \"$@\"\n"
    );
    // If this process wrote it, a process that another test starts could have it open for writing while it is to be run.
    let write = ["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\""];
    assert!(Command::new("sh").args(write).arg(&program).arg(script).status().unwrap().success());
    (program, says)
}

/// Begins, and returns as soon as Cargo stands still; with Cargo's number.
fn begun(folder: &Path, arguments: &[&str]) -> (Child, Pid) {
    begun_by(folder, command(folder, arguments), "metadata")
}

fn begun_by(folder: &Path, mut command: Command, when: &str) -> (Child, Pid) {
    let (program, says) = a_cargo_that_stands_still(folder, when);
    let mut child = command.env("CARGO", program).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let cargo = standing_still(&mut child, &says);
    (child, cargo)
}

/// Waits for the next Cargo.
fn standing_still(child: &mut Child, says: &Path) -> Pid {
    // Only against waiting for ever.
    let deadline = Instant::now() + Duration::from_secs(300);
    while Instant::now() < deadline {
        if let Ok(number) = fs::read_to_string(says) {
            fs::remove_file(says).unwrap();
            return Pid::from_raw(number.trim().parse().unwrap()).unwrap();
        }
        assert_eq!(child.try_wait().unwrap(), None, "it ended too soon");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    panic!("it does not ask Cargo");
}

#[test]
fn whoever_interrupts_it_finds_everything_as_it_was() {
    for (number, (signal, code)) in [(Signal::INT, 130), (Signal::TERM, 143)].into_iter().enumerate() {
        let folder = project(&format!("interrupted-{number}/project"), "\"1\"");
        let before = files(&folder);
        let (child, cargo) = begun(&folder, &[]);
        assert_ne!(files(&folder), before, "it was in the middle");
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{}", said(&ended));
        assert!(said(&ended).contains("interrupted") && said(&ended).contains("Nothing was changed."), "{}", said(&ended));
        assert_eq!((files(&folder), names(&folder)), (before, NAMES.map(str::to_owned).to_vec()));
        assert!(test_kill_process(cargo).is_err(), "Cargo has ended, too");
    }
}

const BUSY: &str = "another `cede adopt` is at work";
const CUT_SHORT: &str = "an earlier `cede adopt` was cut short";

/// Killed in the middle, with nothing that it could do about it.
fn killed(folder: &Path, arguments: &[&str]) {
    killed_when(folder, arguments, "metadata");
}

fn killed_when(folder: &Path, arguments: &[&str], when: &str) {
    let (mut child, cargo) = begun_by(folder, command(folder, arguments), when);
    let busy = adopt(folder, &["--check"]);
    assert!(said(&busy).contains(BUSY), "{}", said(&busy));
    child.kill().unwrap();
    child.wait().unwrap();
    let middle = files_if_there(folder);
    for arguments in [&["--undo"][..], &[], &["--check"]] {
        let busy = adopt(folder, arguments);
        assert!(said(&busy).contains(BUSY), "its Cargo may write yet: {}", said(&busy));
    }
    assert_eq!(files_if_there(folder), middle);
    kill_process(cargo, Signal::KILL).unwrap();
    // As long as Cargo is there, it holds this lock.
    fs::File::open(folder.join(".cede-adopt")).unwrap().lock().unwrap();
}

fn files_if_there(folder: &Path) -> [Option<Vec<u8>>; 3] {
    ["Cargo.toml", "Cargo.lock", ".cede-adopt"].map(|name| fs::read(folder.join(name)).ok())
}

#[test]
fn what_was_killed_in_the_middle_is_put_right_by_the_next_one() {
    let folder = project("killed/project", "\"1\"");
    let before = files(&folder);
    killed(&folder, &[]);
    assert_ne!(files(&folder), before, "it was in the middle");
    let undone = adopt(&folder, &["--undo"]);
    assert!(undone.status.success() && said(&undone).contains(CUT_SHORT), "{}", said(&undone));
    assert_eq!((files(&folder), names(&folder)), (before.clone(), NAMES.map(str::to_owned).to_vec()));

    killed(&folder, &[]);
    let adopted = adopt(&folder, &[]);
    assert!(adopted.status.success() && said(&adopted).contains(CUT_SHORT), "{}", said(&adopted));
    let patched = files(&folder);

    killed(&folder, &["--undo"]);
    assert_ne!(files(&folder), patched, "it was in the middle");
    let adopted = adopt(&folder, &[]);
    assert!(adopted.status.success() && said(&adopted).contains(CUT_SHORT), "{}", said(&adopted));
    assert_eq!(files(&folder), patched);
    let undone = adopt(&folder, &["--undo"]);
    assert!(undone.status.success(), "{}", said(&undone));
    assert_eq!((files(&folder), names(&folder)), (before, NAMES.map(str::to_owned).to_vec()));
}

#[test]
fn a_manifest_that_was_changed_since_is_not_put_back() {
    let folder = project("changed/project", "\"1\"");
    let manifest = folder.join("Cargo.toml");
    killed(&folder, &[]);
    let changed = fs::read_to_string(&manifest).unwrap().replace("# A project.", "# My project.");
    fs::write(&manifest, changed).unwrap();
    let undone = adopt(&folder, &["--undo"]);
    assert!(undone.status.success() && said(&undone).contains("has been changed since"), "{}", said(&undone));
    let text = fs::read_to_string(&manifest).unwrap();
    assert!(text.starts_with("# My project.") && !text.contains("patch"), "{text}");
}

#[test]
fn a_lock_file_that_others_wrote_since_is_kept() {
    // Of a project that had none, and one that had one.
    for had in [false, true] {
        let folder = project(&format!("others-lock-{had}/project"), "\"1\"");
        let [manifest, lock] = ["Cargo.toml", "Cargo.lock"].map(|name| folder.join(name));
        let before = fs::read(&manifest).unwrap();
        let theirs = fs::read_to_string(&lock).unwrap() + "# theirs\n";
        if !had {
            fs::remove_file(&lock).unwrap();
        }
        killed(&folder, &[]);
        if !had {
            fs::write(&manifest, &before).unwrap();
        }
        fs::write(&lock, &theirs).unwrap();
        let undone = adopt(&folder, &["--undo"]);
        assert!(undone.status.success() && said(&undone).contains("Cargo.lock has been changed since"), "{}", said(&undone));
        assert_eq!(fs::read(&manifest).unwrap(), before);
        assert_eq!(fs::read_to_string(&lock).unwrap(), theirs);
        assert_eq!(names(&folder), NAMES);
    }
}

#[test]
fn a_lock_file_that_was_written_by_a_cargo_that_outlived_it_is_put_back() {
    let folder = project("outlived/project", "\"1\"");
    let before = files(&folder);
    let lock = folder.join("Cargo.lock");
    for is_cut_short in [false, true] {
        for arguments in [&["--undo"][..], &[]] {
            killed_when(&folder, &[], "update");
            let theirs = fs::read_to_string(&lock).unwrap();
            assert_ne!(theirs, before[1], "it has locked, and nobody noted it");
            if is_cut_short {
                fs::write(&lock, &theirs[..theirs.len() / 3]).unwrap();
            }
            let left = fs::read(&lock).unwrap();
            let mended = adopt(&folder, arguments);
            assert!(mended.status.success() && said(&mended).contains("Cargo.lock are again as they were"), "{}", said(&mended));
            // It may have been somebody else's.
            let kept = folder.join("Cargo.lock.kept1");
            assert!(said(&mended).contains("Cargo.lock.kept1"), "{}", said(&mended));
            assert_eq!(fs::read(&kept).unwrap(), left);
            fs::remove_file(kept).unwrap();
        }
        assert!(adopt(&folder, &["--undo"]).status.success());
        assert_eq!((files(&folder), names(&folder)), (before.clone(), NAMES.map(str::to_owned).to_vec()));
    }
}

#[test]
fn what_others_change_meanwhile_is_kept_when_it_fails() {
    let folder = project("meanwhile/project", "\"1\"");
    let manifest = folder.join("Cargo.toml");
    let (child, _cargo) = begun(&folder, &[]);
    let changed = fs::read_to_string(&manifest).unwrap().replace("library = ", "# Added.\nlibrary = ");
    fs::write(&manifest, &changed).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(said(&ended).contains("has been changed meanwhile") && !said(&ended).contains("Nothing was changed"), "{}", said(&ended));
    assert_eq!(fs::read_to_string(&manifest).unwrap(), changed);
    assert_eq!(names(&folder), NAMES);
}

/// Whether nothing was put back, and the rest was done.
fn is_finished(folder: &Path, patched: &[String; 2]) -> bool {
    let [manifest, lock] = files(folder);
    manifest.starts_with(&patched[0]) && lock == patched[1] && names(folder) == NAMES
}

#[test]
fn a_journal_that_is_a_copy_or_is_done_puts_nothing_back() {
    let folder = project("copied/project", "\"1\"");
    let (journal, copy) = (folder.join(".cede-adopt"), folder.join("../copy"));
    killed(&folder, &[]);
    // As if it was committed and cloned, in the middle.
    fs::copy(&journal, &copy).unwrap();
    fs::rename(&copy, &journal).unwrap();
    let patched = files(&folder);
    let checked = adopt(&folder, &["--check"]);
    assert!(checked.status.success(), "{}", said(&checked));
    let adopted = adopt(&folder, &[]);
    assert!(adopted.status.success() && !said(&adopted).contains(CUT_SHORT), "{}", said(&adopted));
    assert!(is_finished(&folder, &patched), "{:?}", files(&folder));

    let folder = project("done/project", "\"1\"");
    killed(&folder, &[]);
    let mut journal = fs::File::options().append(true).open(folder.join(".cede-adopt")).unwrap();
    journal.write_all(b"\ndone").unwrap();
    drop(journal);
    let patched = files(&folder);
    let adopted = adopt(&folder, &[]);
    assert!(adopted.status.success() && !said(&adopted).contains(CUT_SHORT), "{}", said(&adopted));
    assert!(is_finished(&folder, &patched), "{:?}", files(&folder));
}

#[test]
fn to_check_writes_nothing() {
    let folder = project("check/project", "\"1\"");
    let (mut child, cargo) = begun(&folder, &["--check"]);
    assert_eq!(names(&folder), NAMES);
    child.kill().unwrap();
    child.wait().unwrap();
    kill_process(cargo, Signal::KILL).unwrap();
    assert_eq!(names(&folder), NAMES);

    killed(&folder, &[]);
    let left = files_if_there(&folder);
    let checked = adopt(&folder, &["--check"]);
    assert!(!checked.status.success(), "{}", said(&checked));
    assert!(said(&checked).contains(CUT_SHORT) && said(&checked).contains("run `cede adopt`"), "{}", said(&checked));
    assert_eq!(files_if_there(&folder), left);

    let folder = project("check-no-lock", "\"1\"");
    fs::remove_file(folder.join("Cargo.lock")).unwrap();
    let checked = adopt(&folder, &["--check"]);
    assert!(said(&checked).contains("lock file"), "{}", said(&checked));
    assert_eq!(names(&folder), ["Cargo.toml", "library", "src"]);
}

#[test]
fn what_was_killed_while_it_wrote_the_manifest_is_tidied_away() {
    let folder = project("unfinished/project", "\"1\"");
    let (manifest, unfinished, target) = (folder.join("Cargo.toml"), folder.join("Cargo.toml.cede-new"), folder.join("../target"));
    let before = fs::read(&manifest).unwrap();
    killed(&folder, &[]);
    fs::write(&manifest, &before).unwrap();
    fs::write(&unfinished, "").unwrap();
    assert!(adopt(&folder, &["--undo"]).status.success());
    assert_eq!((fs::read(&manifest).unwrap(), names(&folder)), (before, NAMES.map(str::to_owned).to_vec()));

    // Something that cannot be written to is no hindrance, and what a link leads to is not written.
    fs::write(&target, "").unwrap();
    fs::set_permissions(&manifest, fs::Permissions::from_mode(0o444)).unwrap();
    std::os::unix::fs::symlink(&target, &unfinished).unwrap();
    let adopted = adopt(&folder, &[]);
    assert!(adopted.status.success(), "{}", said(&adopted));
    assert_eq!(fs::read(&target).unwrap(), b"");
    assert!(fs::symlink_metadata(&manifest).unwrap().is_file());
    assert_eq!(fs::metadata(&manifest).unwrap().permissions().mode() & 0o777, 0o444);
    assert_eq!(names(&folder), NAMES);
}

#[test]
fn a_signal_that_is_ignored_stays_so() {
    let folder = project("nohup/project", "\"1\"");
    let plain = command(&folder, &[]);
    let mut nohup = Command::new("sh");
    nohup.args(["-c", "trap '' HUP; exec \"$0\" adopt"]).arg(plain.get_program()).current_dir(&folder).env("CEDE_CONFIG", "/dev/null");
    let (mut child, cargo) = begun_by(&folder, nohup, "metadata");
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    kill_process(cargo, Signal::KILL).unwrap();
    // Then it is asked with the network.
    kill_process(standing_still(&mut child, &folder.join("../still-says")), Signal::KILL).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(!said(&ended).contains("interrupted"), "{}", said(&ended));
}

#[test]
fn a_journal_that_cannot_begin_leaves_nothing() {
    let folder = project("no-text", "\"1\"");
    fs::write(folder.join("Cargo.lock"), [0xff]).unwrap();
    let failed = adopt(&folder, &[]);
    assert!(!failed.status.success(), "{}", said(&failed));
    assert_eq!(names(&folder), NAMES);
}

#[test]
fn a_journal_that_was_cut_short_says_nothing() {
    let folder = project("half-a-journal", "\"1\"");
    let before = files(&folder);
    fs::write(folder.join(".cede-adopt"), "{\"manifest\": \"# A pro").unwrap();
    let checked = adopt(&folder, &["--check"]);
    assert!(!said(&checked).contains("cut short"), "{}", said(&checked));
    let undone = adopt(&folder, &["--undo"]);
    assert!(!said(&undone).contains("cut short"), "{}", said(&undone));
    assert_eq!((files(&folder), names(&folder)), (before, NAMES.map(str::to_owned).to_vec()));
}
