//! Where the bytes of a job go.

use std::fs::File;
use std::process::Command;

use super::Output;
use crate::sink::lock;

/// Set in the process whose standard output is such.
const INSIDE: &str = "CEDE_TEST_READ_ONLY";

#[test]
fn a_standard_output_that_takes_nothing_says_so() {
    if std::env::var_os(INSIDE).is_some() {
        let pipe = Output::Stdout.pipe().unwrap();
        let written = lock(&pipe.0).write_all(b"lost");
        assert_eq!(written.unwrap_err().raw_os_error(), Some(rustix::io::Errno::BADF.raw_os_error()));
        // What the test harness prints there is lost too.
        return;
    }
    let this = "engine::tests::a_standard_output_that_takes_nothing_says_so";
    let mut inside = Command::new(std::env::current_exe().unwrap());
    inside.args(["--exact", this]).env(INSIDE, "1").stdout(File::open("/dev/null").unwrap());
    assert!(inside.status().unwrap().success());
}
