//! `--dry-run`: what is said, and that nothing is done.

use crate::origin::{Fault, Origin, Setup};
use crate::run::{Place, Ran};

#[test]
fn a_plan_is_told_and_nothing_is_written() {
    let place = Place::new("dry-run");
    let origin = Origin::start(Setup::default(), vec![]);
    let ran = place.get(&["--dry-run", "-d", "out", "-s", "4", &origin.url("/file")]);
    ran.expect(0, &[]);
    for part in
        ["target:      out/file", "(3000000 bytes)", "supported", "1 at first, at most 2", "bytes 0-2999999", "check:       the size"]
    {
        assert!(ran.out.contains(part), "no {part:?} in {}", ran.out);
    }
    assert_eq!((place.names().len(), origin.asked().len()), (0, 1));
    let ran = place.get(&["--dry-run", "-o", "-", &origin.url("/file")]);
    assert!(ran.out.contains("standard output, in order"), "{}", ran.out);
    let ran = place.get(&["--dry-run", "-o", "/dev/null", &origin.url("/file")]);
    assert!(ran.out.contains("target:      /dev/null, in order"), "{}", ran.out);
    place.get(&["--dry-run", "http://127.0.0.1:1/x"]).expect(4, &["failed http://127.0.0.1:1/x"]);
}

#[test]
fn what_an_earlier_run_left_is_counted() {
    let place = Place::new("dry-run-resume");
    let origin = Origin::start(Setup::default(), vec![Fault::Close(1_500_000), Fault::Status(404, "")]);
    assert_ne!(place.get(&["-s", "1", &origin.url("/file")]).code, Some(0));
    let before = place.names();
    let ran = place.get(&["--dry-run", &origin.url("/file")]);
    ran.expect(0, &[]);
    assert!(ran.out.contains("resumes:     with 1.4 MiB that are there") && ran.out.contains("bytes 1500000-2999999"), "{}", ran.out);
    let ran = place.get(&["--dry-run", "--restart", &origin.url("/file")]);
    assert!(!ran.out.contains("resumes") && ran.out.contains("bytes 0-2999999"), "{}", ran.out);
    origin.change();
    let ran = place.get(&["--dry-run", &origin.url("/file")]);
    assert!(ran.out.contains("but the file has changed since") && ran.out.contains("bytes 0-2999999"), "{}", ran.out);
    assert_eq!(place.names(), before);
}

#[test]
fn files_that_exist_have_a_fate() {
    let place = Place::new("dry-run-exists");
    let origin = Origin::start(Setup::default(), vec![]);
    place.write("file", "old");
    for (what, told) in [("error", "would fail"), ("skip", "left alone"), ("overwrite", "replaced"), ("rename", "called file.1")] {
        let ran = place.get(&["--dry-run", "--if-exists", what, &origin.url("/file")]);
        assert!(ran.out.contains(told), "{what}: {}", ran.out);
    }
    assert_eq!(place.read("file"), b"old");
}

#[test]
fn uploads_too() {
    let place = Place::new("dry-run-put");
    place.write("a", "1234");
    // Nobody listens there, and nobody is asked.
    let run = |args: &[&str]| Ran::of(place.command(&[&["put", "--dry-run"], args].concat()).output().unwrap());
    let ran = run(&["a", "http://127.0.0.1:1/in/"]);
    assert!(
        ran.code == Some(0) && ran.out.contains("http://127.0.0.1:1/in/a") && ran.out.contains("(4 bytes)") && ran.out.contains("PUT"),
        "{}",
        ran.out
    );
    let ran = run(&["none", "http://127.0.0.1:1/in/"]);
    assert!(ran.code == Some(3) && ran.out.contains("No such file"), "{}", ran.out);
    let ran = run(&["--tus", "-", "http://127.0.0.1:1/in/"]);
    assert!(ran.out.contains("standard input") && ran.out.contains("tus, resumable"), "{}", ran.out);
}
