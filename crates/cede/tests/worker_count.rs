//! How many workers there are, and who says it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output};

use cede::runtime::{Builder, Runtime};

const NAME: &str = "TOKIO_WORKER_THREADS";

fn workers(runtime: &Runtime) -> usize {
    runtime.metrics().num_workers()
}

#[test]
#[ignore = "run by the other tests, in an environment of its own"]
fn says_how_many_there_are() {
    let said = workers(&Builder::new_multi_thread().worker_threads(2).build().unwrap());
    let alone = workers(&Builder::new_current_thread().build().unwrap());
    println!("said {said}, alone {alone}");
    println!("default {}, new {}", workers(&Builder::new_multi_thread().build().unwrap()), workers(&Runtime::new().unwrap()));
}

fn with(value: Option<&OsStr>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "says_how_many_there_are", "--ignored", "--nocapture"]).env_remove(NAME);
    value.map(|value| command.env(NAME, value));
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_environment_says_how_many_workers_there_are_unless_the_program_does() {
    let processors = std::thread::available_parallelism().unwrap().get();
    for (value, count) in [(Some("3"), 3), (Some("1"), 1), (None, processors)] {
        let output = with(value.map(OsStr::new));
        let said = text(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        assert!(said.contains("said 2, alone 1\n") && said.contains(&format!("default {count}, new {count}\n")), "{value:?}: {said}");
    }
}

#[test]
fn what_is_no_number_of_workers_is_said_and_panics() {
    for (value, why) in [
        (&b"0"[..], "\"TOKIO_WORKER_THREADS\" cannot be set to 0"),
        (b"two", "\"TOKIO_WORKER_THREADS\" must be usize, error: invalid digit found in string, value: two"),
        (b"", "\"TOKIO_WORKER_THREADS\" must be usize, error: cannot parse integer from empty string, value: "),
        (b"\xff", "\"TOKIO_WORKER_THREADS\" must be valid unicode, error: \"\\xFF\""),
    ] {
        let output = with(Some(OsStr::from_bytes(value)));
        assert!(!output.status.success() && text(&output.stderr).contains(why), "{why}: {output:?}");
        assert!(text(&output.stdout).contains("said 2, alone 1"), "who says it does not look at the environment: {output:?}");
    }
}
