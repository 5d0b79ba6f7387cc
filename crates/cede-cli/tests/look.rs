//! `cede dump` and `cede top` on a running program: this test program again, running the one test that is ignored otherwise.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// One worker spins, and a task waits.
#[test]
#[ignore = "runs until it is killed; the other tests start it"]
fn is_looked_into() {
    let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(2).max_rescued_threads(1).enable_all().build().unwrap();
    let idlers = cede::task::CpuGroup::new("idlers", 7);
    let rank = cede::task::Builder::new().priority(cede::task::Priority::High).group(&idlers);
    rank.name("the one that waits").spawn_on(std::future::pending::<()>(), runtime.handle()).unwrap();
    while runtime.handle().dump().tasks()[0].polls == 0 {}
    cede::task::Builder::new()
        .name("the one that spins")
        .spawn_on(
            async {
                loop {
                    std::hint::spin_loop();
                }
            },
            runtime.handle(),
        )
        .unwrap();
    println!("ready");
    loop {
        std::thread::park();
    }
}

/// The program; killed when dropped.
struct LookedInto {
    child: Child,
    directory: PathBuf,
}

impl LookedInto {
    fn begin(name: &str, inspect: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("cede-look-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "is_looked_into", "--ignored", "--nocapture"])
            .env("CEDE_INSPECT", inspect)
            .env("XDG_RUNTIME_DIR", &directory);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The test harness says which test it is on the same line.
        assert!(lines.any(|line| line.unwrap().ends_with("ready")));
        Self { child, directory }
    }

    fn number(&self) -> String {
        self.child.id().to_string()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cede"));
        command.args(args).env("XDG_RUNTIME_DIR", &self.directory).env("CEDE_CONFIG", "/dev/null");
        command
    }

    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = self.command(args).stdin(Stdio::null()).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    fn end(&mut self) {
        let _ended_before = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Drop for LookedInto {
    fn drop(&mut self) {
        self.end();
        let _left = std::fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn a_dump_and_a_picture_of_a_program_that_spins() {
    let program = LookedInto::begin("dump", "1");
    let (code, dump, errors) = program.run(&["dump", &program.number()]);
    assert_eq!((code, &*errors), (Some(0), ""));
    assert!(dump.starts_with("2 tasks\n") && dump.contains("\"the one that waits\""), "{dump}");
    assert!(dump.contains("\n  group \"idlers\", 7 shares: 1 tasks, 1 polls in "), "{dump}");
    assert!(dump.contains(", high priority, of group \"idlers\""), "{dump}");

    // Nobody is polled but the one that spins and never waits, so there is nothing more to be seen.
    let (code, dump, errors) = program.run(&["dump", "--chains=1", &program.number()]);
    assert_eq!((code, &*errors), (Some(0), ""));
    assert!(dump.starts_with("2 tasks\n"), "{dump}");

    let (code, picture, errors) = program.run(&["top", "--once", &program.number()]);
    assert_eq!((code, &*errors), (Some(0), ""));
    let lines: Vec<_> = picture.lines().collect();
    assert!(lines[0].starts_with("runtime ") && lines[0].contains("2 tasks"), "{picture}");
    assert!(picture.contains("polls task") && picture.contains("look.rs"), "{picture}");
    let table = lines.iter().position(|line| line.trim_start().starts_with("TASK")).unwrap();
    assert!(lines[table + 1].contains("running") && lines[table + 1].contains("the one that spins"), "the busiest comes first: {picture}");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("group idlers (runtime ") && line.contains(" 7 shares): 1 tasks, 0.0% of a thread, 1 polls")),
        "{picture}"
    );
    let (code, picture, errors) = program.run(&["top", "--once", "--sort", "group", &program.number()]);
    assert_eq!((code, &*errors), (Some(0), ""));
    let first = picture.lines().skip_while(|line| !line.trim_start().starts_with("TASK")).nth(1).unwrap();
    assert!(first.contains(" high ") && first.contains(" idlers ") && first.contains("the one that waits"), "{picture}");
    // Without a terminal it is the same.
    let (code, piped, _) = program.run(&["top", "--sort", "task", &program.number()]);
    assert!(code == Some(0) && piped.contains("the one that waits") && !piped.contains('\x1b'), "{piped}");

    let (code, list, _) = program.run(&["dump"]);
    assert!(code == Some(0) && list.contains(&program.number()) && list.contains("is_looked_into"), "{list}");
}

#[test]
fn a_program_that_does_not_listen_and_one_that_has_ended_are_told_apart() {
    let mut program = LookedInto::begin("silent", "0");
    for command in ["dump", "top"] {
        let (code, output, errors) = program.run(&[command, &program.number()]);
        assert_eq!((code, &*output), (Some(1), ""));
        assert!(
            errors.contains("does not listen")
                && errors.contains("CEDE_INSPECT=1")
                && errors.contains("feature `inspect`")
                && errors.contains("kill -QUIT"),
            "{errors}"
        );
    }
    let (code, _, errors) = program.run(&["dump"]);
    assert!(code == Some(1) && errors.contains("no program of this user listens"), "{errors}");
    program.end();
    let (code, _, errors) = program.run(&["top", &program.number()]);
    assert!(code == Some(1) && errors.contains("there is no process"), "{errors}");
}

/// A terminal with `cede top` on it.
struct Screen {
    terminal: File,
    seen: Vec<u8>,
    child: Child,
}

impl Screen {
    fn of(program: &LookedInto) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        tcsetwinsize(&ours, Winsize { ws_row: 24, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let theirs = || open(ptsname(&ours, Vec::new()).unwrap(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let mut command = program.command(&["top", "--sort", "task", &program.number()]);
        let child = command.env("TERM", "xterm-256color").stdin(theirs()).stdout(theirs()).stderr(theirs()).spawn().unwrap();
        Self { terminal: File::from(ours), seen: Vec::new(), child }
    }

    /// Reads until a text was shown, in a place that was empty before: what stays the same is not written again. What comes next may have been read with it.
    fn shows(&mut self, text: &str) {
        let mut buffer = [0; 4096];
        while !words(&self.seen).contains(text) {
            let count = self.terminal.read(&mut buffer).unwrap_or(0);
            assert!(count > 0, "no {text:?} in {:?}", words(&self.seen));
            self.seen.extend_from_slice(&buffer[..count]);
        }
    }

    fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    /// The exit code, and what was shown last.
    fn ended(&mut self) -> (Option<i32>, String) {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = self.terminal.read(&mut buffer) {
            self.seen.extend_from_slice(&buffer[..count]);
        }
        (self.child.wait().unwrap().code(), String::from_utf8_lossy(&self.seen).into_owned())
    }
}

/// What was written, with a space for each run of spaces and of commands to the terminal.
fn words(written: &[u8]) -> String {
    let written = String::from_utf8_lossy(written);
    let pieces = written.split("\x1b[").enumerate().map(|(index, piece)| {
        let command = if index == 0 { None } else { piece.find(|c: char| c.is_ascii_alphabetic()) };
        command.map_or(piece, |end| &piece[end + 1..])
    });
    pieces.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_view_shows_a_task_in_detail_and_ends_by_a_key() {
    let program = LookedInto::begin("keys", "1");
    let mut screen = Screen::of(&program);
    screen.shows("the one that spins");
    screen.press("jj\r");
    screen.shows("share of a thread");
    // That comes from the program.
    screen.shows("runs on thread");
    screen.press("q");
    let (code, last) = screen.ended();
    assert_eq!(code, Some(0));
    assert!(last.contains("\x1b[?1049l"), "the terminal is as it was: {last:?}");
}

#[test]
fn the_view_ends_with_the_program() {
    let mut program = LookedInto::begin("ends", "1");
    let mut screen = Screen::of(&program);
    screen.shows("the one that waits");
    program.end();
    let (code, last) = screen.ended();
    assert_eq!(code, Some(1));
    assert!(last.contains("has ended"), "{last:?}");
}

#[test]
fn a_trace_of_a_program_that_did_not_record() {
    let program = LookedInto::begin("trace", "1");
    let file = program.directory.join("trace.json");
    let (code, told, errors) = program.run(&["trace", &program.number(), "--seconds", "0.2", "-o", file.to_str().unwrap()]);
    assert_eq!((code, &*errors), (Some(0), ""));
    assert!(told.contains("trace.json") && told.contains("perfetto"), "{told}");
    let trace: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let slices: Vec<_> = trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "X").collect();
    // The one that spins began before, and will never end; the other worker sleeps.
    let spins: Vec<_> = slices.iter().filter(|slice| slice["name"] == "the one that spins").collect();
    assert!(spins.len() == 1 && spins[0]["dur"].as_f64().unwrap() > 190_000.0, "{slices:#?}");
    assert!(spins[0]["args"]["spawned_at"].as_str().unwrap().contains("look.rs"), "{slices:#?}");
    let (code, piped, _) = program.run(&["trace", &program.number(), "--seconds", "0", "-o", "-"]);
    assert!(code == Some(0) && serde_json::from_str::<serde_json::Value>(&piped).unwrap()["traceEvents"].is_array(), "{piped}");
    let (code, _, errors) = program.run(&["trace", &program.number(), "--seconds", "0", "-o", "/nowhere/at/all"]);
    assert!(code == Some(1) && errors.contains("/nowhere/at/all"), "{errors}");
}
