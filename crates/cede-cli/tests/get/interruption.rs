//! Ctrl-C at different moments.

use std::io::Write;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};

use crate::origin::{Fault, Origin, Setup};
use crate::run::{Place, Ran};
use crate::server::{Server, data};

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Polls until the condition holds; there is nothing to wait on.
#[track_caller]
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn interrupted_in_the_middle(name: &str, with: Signal) -> (Place, Ran) {
    let (server, place) = (Server::http(), Place::new(name));
    let child = place.command(&["get", "-j", "1", &server.url("/hold/big"), &server.url("/data/9/later")]).spawn().unwrap();
    until("the first batch", || place.size("big.part") > 0);
    signal(&child, with);
    let ran = Ran::of(child.wait_with_output().unwrap());
    (place, ran)
}

#[test]
fn what_has_come_is_kept() {
    let (place, ran) = interrupted_in_the_middle("interrupt", Signal::INT);
    ran.expect(130, &["/hold/big: what came is kept in big.part (", "/data/9/later: not started", "0 of 2 files", "2 stopped"]);
    assert_eq!(place.names(), ["big.part"]);
    let part = place.read("big.part");
    assert!(!part.is_empty() && data(1 << 20).starts_with(&part));
}

/// What is done when it is pressed: what has come is written down, the next command is told, and nothing more is asked for. No clock decides here: the server sends so
/// much and no more, and without the interruption nothing would be written down for an hour.
#[test]
fn what_is_done_about_it() {
    const SIZE: usize = 3_000_000;
    const CAME: u64 = 1_500_000;
    /// Two batches; the rest waits for a third.
    const WRITTEN: u64 = 1 << 20;
    let (origin, place) =
        (Origin::start(Setup { size: SIZE, ..Setup::default() }, vec![Fault::Gate(CAME as usize)]), Place::new("interrupt-done"));
    let (url, later) = (origin.url("/file"), origin.url("/later"));
    let command = ["get", "-s1", "-j1", "--journal-every", "3600", &url];
    let child = place.command(&[&command[..], &[&later]].concat()).spawn().unwrap();
    until("two batches", || place.size("file.part") >= WRITTEN);
    assert_eq!(place.names(), ["file.part"], "nothing is written down yet");
    signal(&child, Signal::INT);
    let ran = Ran::of(child.wait_with_output().unwrap());
    ran.expect(130, &["/file: what came is kept in file.part (", "; the same command goes on from there", "/later: not started"]);
    // The part, and all of it in the journal.
    assert_eq!(place.names(), ["file.part", "file.part.journal"]);
    let (kept, journal) = (place.size("file.part"), cede_transfer::journal::read(&place.read("file.part.journal")).unwrap());
    assert!(journal.extents.contains(0..kept) && journal.extents.len() == kept, "{kept}: {:?}", journal.extents);
    assert!((WRITTEN..=CAME).contains(&kept) && origin.content(0).starts_with(&place.read("file.part")), "{kept}");
    assert_eq!(origin.asked().len(), 1, "nothing more was asked for");
    // The same command goes on from there.
    origin.open();
    Ran::of(place.command(&command).output().unwrap()).expect(0, &["saved file"]);
    assert!(place.read("file") == origin.content(0));
    assert_eq!(origin.asked()[1].range, Some((kept, Some(SIZE as u64))));
}

#[test]
fn sigterm_does_the_same_with_its_own_code() {
    let (place, ran) = interrupted_in_the_middle("terminate", Signal::TERM);
    ran.expect(143, &["kept in big.part"]);
    assert_eq!(place.names(), ["big.part"]);
}

#[test]
fn a_list_that_was_not_read_to_its_end_is_not_done() {
    let (server, place) = (Server::http(), Place::new("interrupt-list"));
    for (with, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        // All that was named is there; whether more would have come, nobody knows.
        let mut child = place.command(&["get", "-f", "-i", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut list = child.stdin.take().unwrap();
        writeln!(list, "{}\n{}", server.url("/data/9/first"), server.url("/data/5/second")).unwrap();
        until("the first file", || place.size("first") > 0);
        signal(&child, with);
        let ran = Ran::of(child.wait_with_output().unwrap());
        drop(list);
        assert_eq!(ran.code, Some(code), "{}", ran.err);
        drop(std::fs::remove_file(place.path().join("first")));
    }
    // With an end, it is.
    let mut child = place.command(&["get", "-f", "-i", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", server.url("/data/9/first")).unwrap();
    Ran::of(child.wait_with_output().unwrap()).expect(0, &["saved first"]);
}

#[test]
fn while_waiting_for_an_answer() {
    let (server, place) = (Server::http(), Place::new("interrupt-early"));
    let child = place.command(&["get", "-j", "2", &server.url("/silent"), &server.url("/hold/started")]).spawn().unwrap();
    // The second transfer shows that the first has begun and the signals are ours.
    until("the first batch", || place.size("started.part") > 0);
    signal(&child, Signal::INT);
    Ran::of(child.wait_with_output().unwrap()).expect(130, &["/silent: nothing had come yet"]);
    assert_eq!(place.names(), ["started.part"]);
}

/// The writing end of a pipe without room.
fn full_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[0; 4096]).is_ok() {}
    while writer.write(&[0]).is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

#[test]
fn the_second_leaves_at_once_even_if_nobody_reads_the_messages() {
    let (server, place) = (Server::http(), Place::new("interrupt-twice"));
    let (_reader, stuck) = full_pipe();
    let mut child = place.command(&["get", &server.url("/hold/big")]).stderr(stuck).spawn().unwrap();
    until("the first batch", || place.size("big.part") > 0);
    signal(&child, Signal::INT);
    // One is not enough: the message about it has no room. Two that come together count as one, hence the repetition.
    let mut code = None;
    until("the end", || {
        signal(&child, Signal::INT);
        code = child.try_wait().unwrap();
        code.is_some()
    });
    assert_eq!(code.unwrap().code(), Some(130));
    assert_eq!(place.names(), ["big.part"]);
}
