//! kill -9 at random moments, and then the same command. `CEDE_CRASHES` sets how many moments.

use std::time::Duration;

use crate::origin::{Fault, Origin, Setup, Tag};
use crate::run::{Place, Ran};

const SIZE: usize = 12_000_000;
/// Bytes per second for each connection.
const SPEED: u64 = 20_000_000;
/// How often the journal is written in these tests.
const EVERY: &str = "0.05";

/// A moment for the n-th crash: spread over the time that a download takes, in an order of no meaning.
fn moment(n: u64) -> Duration {
    Duration::from_millis(20 + n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 380)
}

fn crashes() -> u64 {
    std::env::var("CEDE_CRASHES").map_or(20, |text| text.parse().unwrap())
}

/// Starts the command and kills it.
fn crash(place: &Place, args: &[&str], after: Duration) {
    let mut child = place.command(args).spawn().unwrap();
    // What is tested is that the moment does not matter.
    std::thread::sleep(after);
    drop(child.kill());
    child.wait().unwrap();
}

fn survive(name: &str, setup: Setup, options: &[&str]) {
    let (origin, place) = (Origin::start(setup, vec![]), Place::new(name));
    let url = origin.url("/file");
    let command: Vec<&str> = ["get", "-q", "-f", "--journal-every", EVERY].iter().chain(options).copied().chain([url.as_str()]).collect();
    let (mut lost, mut files) = (0, 1);
    for n in 0..crashes() {
        crash(&place, &command, moment(n));
        // It may have been done just before.
        if place.names().contains(&"file".to_owned()) {
            assert!(place.read("file") == origin.content(0), "after {n} crashes");
            std::fs::remove_file(place.path().join("file")).unwrap();
            files += 1;
        } else {
            lost += 1;
        }
    }
    Ran::of(place.command(&command).output().unwrap()).expect(0, &[]);
    assert!(place.read("file") == origin.content(0));
    assert_eq!(place.names(), ["file"]);
    // Each crash may cost what came since the last claim: one interval, the time to sync and write it, and what was on its way.
    let again = origin.sent().saturating_sub(files * SIZE as u64);
    let most = lost * SPEED * 3 / 20;
    assert!(again <= most, "{again} bytes were fetched again after {lost} crashes");
}

#[test]
fn with_one_connection() {
    survive("crash-one", Setup { size: SIZE, speed: Some(SPEED), ..Setup::default() }, &["-s1"]);
}

#[test]
fn with_several_connections() {
    survive("crash-several", Setup { size: SIZE, speed: Some(SPEED / 4), ..Setup::default() }, &["--min-split", "100k"]);
}

#[test]
fn without_validators() {
    survive("crash-bare", Setup { size: SIZE, speed: Some(SPEED), tag: Tag::None, dated: false, ..Setup::default() }, &[]);
}

/// How many bytes the journal claims.
fn claimed(place: &Place) -> u64 {
    let journal = std::fs::read(place.path().join("file.part.journal")).ok().and_then(|bytes| cede_transfer::journal::read(&bytes));
    journal.map_or(0, |journal| journal.extents.len())
}

/// What came before the last interval is not fetched again, except what is gathered for one write. No clock decides here: the server sends so much and no more, and
/// the crash comes when that is written down.
#[test]
fn what_is_written_down_is_not_fetched_again() {
    const CAME: u64 = 6_000_000;
    /// What a connection gathers before it writes.
    const GATHERED: u64 = 512 * 1024;
    let setup = Setup { size: SIZE, ..Setup::default() };
    let (origin, place) = (Origin::start(setup, vec![Fault::Gate(CAME as usize)]), Place::new("crash-claimed"));
    let url = origin.url("/file");
    let command = ["get", "-q", "-s1", "--journal-every", EVERY, &url];
    let mut child = place.command(&command).spawn().unwrap();
    let start = std::time::Instant::now();
    while claimed(&place) < CAME - GATHERED {
        assert!(start.elapsed().as_secs() < 60, "only {} bytes were claimed", claimed(&place));
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(child.kill());
    child.wait().unwrap();
    let known = claimed(&place);
    Ran::of(place.command(&command).output().unwrap()).expect(0, &[]);
    assert!(place.read("file") == origin.content(0));
    assert_eq!(origin.asked().last().unwrap().range, Some((known, Some(SIZE as u64))), "exactly what was not claimed");
    assert!(origin.sent() - SIZE as u64 <= GATHERED, "{} bytes came again", origin.sent() - SIZE as u64);
    origin.open();
}

/// The file changes between the crash and the next run.
#[test]
fn with_a_file_that_changes() {
    for tag in [Tag::Strong, Tag::None] {
        let (origin, place) =
            (Origin::start(Setup { size: SIZE, speed: Some(SPEED), tag, ..Setup::default() }, vec![]), Place::new("crash-change"));
        let url = origin.url("/file");
        let command = ["get", "-q", "-f", "--journal-every", EVERY, &url];
        for n in 0..crashes().min(5) {
            crash(&place, &command, Duration::from_millis(300));
            origin.change();
            assert_eq!(origin.version(), n + 1);
        }
        Ran::of(place.command(&command).output().unwrap()).expect(0, &[]);
        assert!(place.read("file") == origin.content(origin.version()), "not the present version");
        let strict = ["get", "-q", "-f", "--journal-every", EVERY, "--no-restart", &url];
        crash(&place, &strict, Duration::from_millis(400));
        // With nothing claimed there is nothing that could have changed.
        if claimed(&place) > 0 {
            origin.change();
            Ran::of(place.command(&strict).output().unwrap()).expect(11, &["/file: the file changed on the server"]);
        }
    }
}
