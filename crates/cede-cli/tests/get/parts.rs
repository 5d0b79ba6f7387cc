//! Files whose names end in `.part`: they are never mistaken for each other, and never for unfinished downloads.

use crate::run::Place;
use crate::server::{Server, data};

#[test]
fn a_finished_part_is_not_the_next_ones_scratch() {
    let (server, place) = (Server::http(), Place::new("part-then-name"));
    let (part, name) = (server.url("/data/50/x.part"), server.url("/data/90/x"));
    place.get(&["-j1", &part, &name]).expect(1, &["saved x.part", "/data/90/x: another URL of this run writes to x.part", "1 of 2 files"]);
    assert_eq!((place.names(), place.read("x.part")), (vec!["x.part".to_owned()], data(50)));
}

#[test]
fn a_name_keeps_its_part_to_itself() {
    let (server, place) = (Server::http(), Place::new("name-then-part"));
    // Too large to be created in one go, which needs no part.
    let (name, part) = (server.url("/data/300000/x"), server.url("/data/50/x.part"));
    for options in [&["--force", "-j1"][..], &["--force", "-j2"]] {
        place.get(&[options, &[&name, &part]].concat()).expect(1, &["another URL of this run writes to x.part", "1 of 2 files"]);
        // With two at a time, whichever came first has its file; neither has the other's bytes.
        for saved in place.names() {
            let right = if saved == "x" { data(300_000) } else { data(50) };
            assert!(place.read(&saved) == right, "{saved}");
        }
    }
}

#[test]
fn a_small_file_needs_no_part_so_the_name_is_free() {
    let (server, place) = (Server::http(), Place::new("small-then-part"));
    place.get(&["-j1", &server.url("/data/90/x"), &server.url("/data/50/x.part")]).expect(0, &["2 of 2 files"]);
    assert_eq!((place.read("x"), place.read("x.part")), (data(90), data(50)));
}

#[test]
fn a_number_helps_both() {
    let (server, place) = (Server::http(), Place::new("part-numbered"));
    let (part, name) = (server.url("/data/50/x.part"), server.url("/data/90/x"));
    place.get(&["-j1", "--if-exists", "rename", &part, &name]).expect(0, &["saved x.part", "saved x.1 ", "2 of 2 files"]);
    assert_eq!((place.read("x.part"), place.read("x.1")), (data(50), data(90)));
}

#[test]
fn a_file_that_only_looks_like_a_part_is_safe() {
    let (server, place) = (Server::http(), Place::new("part-foreign"));
    place.write("x.part", "mine");
    let (name, part) = (server.url("/data/90/x"), server.url("/data/50/x.part"));
    place
        .get(&["-j1", "--if-exists", "skip", &name, &part])
        .expect(1, &["/data/90/x: x.part exists and is not an unfinished download", "help: ", "kept x.part"]);
    place.get(&["--force", &name]).expect(13, &["x.part exists and is not an unfinished download"]);
    assert_eq!((place.names(), place.read("x.part")), (vec!["x.part".to_owned()], b"mine".to_vec()));
}

#[test]
fn an_unfinished_download_is_not_good_enough() {
    let (server, place) = (Server::http(), Place::new("part-unfinished"));
    place.get(&[&server.url("/short")]).expect(4, &["kept in short.part"]);
    let url = server.url("/data/50/short.part");
    place.get(&["--if-exists", "skip", &url]).expect(13, &["short.part exists, but it is the unfinished download of another file"]);
    place.get(&["--force", &url]).expect(0, &["saved short.part"]);
    // Now it is a file like any other.
    place.get(&["--if-exists", "skip", &url]).expect(0, &["kept short.part"]);
    assert_eq!((place.names(), place.read("short.part")), (vec!["short.part".to_owned()], data(50)));
}

#[test]
fn an_existing_file_is_kept_only_with_the_right_checksum() {
    let (server, place) = (Server::http(), Place::new("skip-checksum"));
    let (url, sum) = (server.url("/chunked"), "09ca7e4eaa6e8ae9c7d261167129184883644d07dfba7cbfbc4c8a2e08360d5b");
    let skip = ["--if-exists", "skip", "--sha256", sum, &url];
    place.write("chunked", "something else");
    let ran = place.get(&skip);
    ran.expect(10, &["chunked exists, but its SHA-256 is ", sum, "--force"]);
    assert!(!ran.err.contains("saved"), "{}", ran.err);
    assert_eq!(place.read("chunked"), b"something else");

    place.write("chunked", "hello, world");
    let ran = place.get(&skip);
    ran.expect(0, &["kept chunked: it exists, sha-256 right"]);
    assert!(!ran.err.contains("saved"), "{}", ran.err);
}

#[test]
fn what_is_not_a_file_has_no_checksum() {
    let (server, place) = (Server::http(), Place::new("skip-pipe"));
    let sum = "0".repeat(64);
    // Nobody writes to the pipe: reading it would wait for ever.
    rustix::fs::mknodat(rustix::fs::CWD, place.path().join("chunked"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    place.get(&["--if-exists", "skip", "--sha256", &sum, &server.url("/chunked")]).expect(3, &["chunked is not a file"]);
}
