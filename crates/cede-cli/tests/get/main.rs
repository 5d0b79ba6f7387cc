//! `cede get` as users meet it: the binary, a server that may misbehave, and the files afterwards.
//!
//! The rule behind all of it: with exit code 0 the file is whole; with any other, nothing incomplete is under a final name.

mod cookies;
mod crash;
mod interruption;
mod names;
#[path = "../../../cede-transfer/tests/faults/origin.rs"]
mod origin;
mod parts;
mod plumbing;
mod rehearsal;
mod run;
mod secure;
mod server;
mod settings;
mod terminal;
mod tui;

use run::Place;
use server::{Server, TOGETHER, data};

#[test]
fn a_plain_file() {
    let (server, place) = (Server::http(), Place::new("plain"));
    let ran = place.get(&[&server.url("/data/1000000/big.bin")]);
    ran.expect(0, &["saved big.bin  977 KiB in "]);
    assert_eq!(ran.out, "");
    assert_eq!(place.names(), ["big.bin"]);
    assert!(place.read("big.bin") == data(1_000_000));
}

#[test]
fn an_empty_file() {
    let (server, place) = (Server::http(), Place::new("empty"));
    place.get(&[&server.url("/data/0/empty")]).expect(0, &["saved empty  0 B"]);
    assert_eq!(place.read("empty"), b"");
}

#[test]
fn bodies_without_a_length() {
    let (server, place) = (Server::http(), Place::new("no-length"));
    place.get(&[&server.url("/chunked"), &server.url("/until-close")]).expect(0, &["2 of 2 files"]);
    assert_eq!(place.read("chunked"), b"hello, world");
    assert_eq!(place.read("until-close"), b"no length");
}

#[test]
fn a_body_that_was_packed_unasked() {
    let (server, place) = (Server::http(), Place::new("packed"));
    place.get(&[&server.url("/packed")]).expect(0, &["saved packed", "left as the server packed it (gzip)"]);
    assert_eq!(place.read("packed"), b"not really gzip");
}

#[test]
fn transfers_run_at_the_same_time() {
    // The server answers none of them before all have asked.
    let (server, place) = (Server::http(), Place::new("together"));
    let urls: Vec<String> = (0..TOGETHER).map(|n| server.url(&format!("/together/{n}"))).collect();
    let args: Vec<&str> = ["-j", "4"].into_iter().chain(urls.iter().map(String::as_str)).collect();
    place.get(&args).expect(0, &["4 of 4 files"]);
    assert_eq!(place.names(), ["0", "1", "2", "3"]);
    assert_eq!(place.read("3"), b"3");
}

#[test]
fn many_files_few_at_a_time() {
    let (server, place) = (Server::http(), Place::new("many"));
    let urls: Vec<String> = (0..100).map(|n| server.url(&format!("/data/{}/{n:02}", n * 1000))).collect();
    let args: Vec<&str> = ["-j", "5", "-q"].into_iter().chain(urls.iter().map(String::as_str)).collect();
    let ran = place.get(&args);
    ran.expect(0, &[]);
    assert_eq!(ran.err, "");
    assert_eq!(place.names().len(), 100);
    for n in 0..100 {
        assert!(place.read(&format!("{n:02}")) == data(n * 1000), "{n}");
    }
}

#[test]
fn few_files_may_be_open() {
    let (server, place) = (Server::http(), Place::new("few-open"));
    let urls: Vec<String> = (0..100).map(|n| server.url(&format!("/data/50000/{n:02}"))).collect();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 48 && exec \"$0\" get -q -j 64 \"$@\"", env!("CARGO_BIN_EXE_cede")]).args(&urls);
    run::Ran::of(run::by_itself(&mut command).current_dir(place.path()).output().unwrap()).expect(0, &[]);
    assert_eq!(place.names().len(), 100);
}

#[test]
fn redirects_are_followed_to_the_end() {
    let (server, place) = (Server::http(), Place::new("redirects"));
    place.get(&[&server.url("/hop/5")]).expect(0, &["saved 5 "]);
    assert_eq!(place.read("5"), data(10));
    place.get(&["--name-from", "final-url", &server.url("/hop/5")]).expect(0, &["saved end.bin"]);
}

#[test]
fn redirects_that_lead_nowhere() {
    let (server, place) = (Server::http(), Place::new("nowhere"));
    place.get(&[&server.url("/loop/a")]).expect(15, &["redirect loop", "/loop/a"]);
    place.get(&[&server.url("/hop/20")]).expect(15, &["more than 10 redirects", "--max-redirects"]);
    place.get(&["--max-redirects", "0", &server.url("/hop/0")]).expect(15, &["more than 0 redirects"]);
    place.get(&[&server.url("/elsewhere")]).expect(15, &["redirects to a file: URL"]);
    assert!(place.names().is_empty());
}

#[test]
fn answers_that_are_not_the_file() {
    let (server, place) = (Server::http(), Place::new("status"));
    place.get(&[&server.url("/missing")]).expect(7, &["/missing: the server answered 404 Not Found", "check the URL"]);
    place.get(&[&server.url("/status/401")]).expect(6, &["401"]);
    place.get(&[&server.url("/status/429")]).expect(8, &["429"]);
    place.get(&[&server.url("/status/500")]).expect(8, &["500"]);
    place.get(&[&server.url("/status/204")]).expect(1, &["204"]);
    assert!(place.names().is_empty());
    // Always the same part, whichever is asked for.
    place.get(&[&server.url("/partial")]).expect(4, &["ended early: 4 of 9 bytes came", "kept in partial.part (4 B)"]);
}

#[test]
fn connections_that_break() {
    let (server, place) = (Server::http(), Place::new("broken"));
    place
        .get(&[&server.url("/short")])
        .expect(4, &["/short: the file ended early: 1000 of 2000 bytes came", "kept in short.part (1.0 KiB)"]);
    place.get(&[&server.url("/chunked-cut")]).expect(4, &["ended early, after 5 bytes"]);
    assert_eq!(place.names(), ["chunked-cut.part", "short.part"]);
    place.get(&[&server.url("/hang-up")]).expect(4, &["/hang-up: the server closed the connection"]);
    place.get(&[&server.url("/garbage")]).expect(4, &["not valid HTTP"]);
    assert_eq!(place.names(), ["chunked-cut.part", "short.part"]);
    // A later, whole answer takes the place of the part.
    place.get(&["-o", "short", &server.url("/data/5/x")]).expect(0, &[]);
    assert_eq!((place.names(), place.read("short")), (vec!["chunked-cut.part".to_owned(), "short".to_owned()], data(5)));
}

#[test]
fn nobody_listens() {
    let place = Place::new("refused");
    let port = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() };
    place.get(&[&format!("http://127.0.0.1:{port}/x")]).expect(4, &["could not connect", "refused"]);
    place.get(&["http://no-such-host.invalid/x"]).expect(19, &["could not resolve the host name no-such-host.invalid"]);
}

#[test]
fn silence_ends_a_transfer() {
    let (server, place) = (Server::http(), Place::new("stall"));
    place
        .get(&["--timeout", "0.3", &server.url("/stall")])
        .expect(12, &["after 10 B the server sent nothing for 0.3 s", "stall.part (10 B)"]);
    place.get(&["--timeout", "0.3", &server.url("/silent")]).expect(12, &["did not answer for 0.3 s"]);
    assert_eq!(place.names(), ["stall.part"]);
}

#[test]
fn one_failure_does_not_stop_the_others() {
    let (server, place) = (Server::http(), Place::new("one-fails"));
    let ran = place.get(&[&server.url("/missing"), &server.url("/data/100/there")]);
    ran.expect(1, &["/missing: the server answered 404", "saved there", "1 of 2 files", "1 failed"]);
    assert_eq!(place.read("there"), data(100));
    // All failed for one reason: that reason's code.
    place.get(&[&server.url("/missing"), &server.url("/gone")]).expect(7, &["0 of 2 files"]);
}

#[test]
fn checksums() {
    let (server, place) = (Server::http(), Place::new("checksum"));
    // Of "hello, world".
    let sum = "09ca7e4eaa6e8ae9c7d261167129184883644d07dfba7cbfbc4c8a2e08360d5b";
    place.get(&["--sha256", sum, &server.url("/chunked")]).expect(0, &["sha-256 right"]);
    let wrong = sum.replace('0', "1");
    place.get(&["--sha256", &wrong, "-o", "bad", &server.url("/chunked")]).expect(10, &[sum, &wrong, "kept in bad.part"]);
    assert_eq!(place.names(), ["bad.part", "chunked"]);
}

#[test]
fn wrong_use() {
    let place = Place::new("usage");
    place.get(&["-o", "x", "http://h/a", "http://h/b"]).expect(2, &["--dir"]);
    place.get(&["example.com/a"]).expect(2, &["did you mean https://example.com/a?"]);
    place.get(&[]).expect(2, &["URL"]);
    place.get(&["--no-such-flag", "http://h/"]).expect(2, &["--no-such-flag"]);
    assert!(place.names().is_empty());
}

#[test]
fn help_tells_the_exit_codes() {
    let place = Place::new("help");
    let ran = place.get(&["--help"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.contains("13  the file exists") && ran.out.contains("--if-exists"), "{}", ran.out);
}
