//! Where files land, and what happens to files that are there already.

use crate::run::Place;
use crate::server::{Server, data};

#[test]
fn the_server_may_name_the_file_but_not_its_directory() {
    let (server, place) = (Server::http(), Place::new("disposition"));
    place.get(&["-d", "deep/down", &server.url("/disposition/x.bin")]).expect(0, &["saved named.txt"]);
    assert_eq!(place.names(), ["deep"]);
    assert_eq!(place.read("deep/down/named.txt"), b"named");
    place.get(&["--name-from", "url", &server.url("/disposition/x.bin")]).expect(0, &["saved x.bin"]);
}

#[test]
fn hostile_names_in_urls() {
    let (server, place) = (Server::http(), Place::new("hostile"));
    let paths = ["/data/1/%2e%2e%2f%2e%2e%2fevil", "/data/2/a%00b%0aC%1b%5b31m", "/data/3/.profile", "/data/4/-rf", "/data/5/CON"];
    let urls: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    place.get(&urls.iter().map(String::as_str).collect::<Vec<_>>()).expect(0, &["5 of 5 files"]);
    assert_eq!(place.names(), ["_CON", "_profile", "_rf", "a_b_C_[31m", "evil"]);
}

#[test]
fn very_long_names_are_cut() {
    let (server, place) = (Server::http(), Place::new("long"));
    place.get(&["-q", &server.url(&format!("/data/1/{}.tar.gz", "n".repeat(400)))]).expect(0, &[]);
    let name = place.names().remove(0);
    assert!(name.len() == 242 && name.ends_with("n.gz"), "{name}");
}

#[test]
fn a_url_without_a_name() {
    let (server, place) = (Server::http(), Place::new("no-name"));
    place.get(&[&server.url("/data/7/")]).expect(0, &["saved index.html"]);
    assert_eq!(place.read("index.html"), data(7));
}

#[test]
fn an_existing_file_is_safe() {
    let (server, place) = (Server::http(), Place::new("exists"));
    let url = server.url("/data/9/file.txt");
    place.write("file.txt", "mine");
    place.get(&[&url]).expect(13, &["file.txt: file.txt exists", "--force"]);
    place.get(&["--if-exists", "skip", &url]).expect(0, &["exists and was left alone"]);
    assert_eq!(place.read("file.txt"), b"mine");
    place.get(&["--if-exists", "rename", &url]).expect(0, &["saved file.1.txt"]);
    assert_eq!((place.read("file.txt"), place.read("file.1.txt")), (b"mine".to_vec(), data(9)));
    place.get(&["--force", &url]).expect(0, &["saved file.txt"]);
    assert_eq!(place.read("file.txt"), data(9));
    assert_eq!(place.names(), ["file.1.txt", "file.txt"]);
}

#[test]
fn force_keeps_the_old_file_until_the_new_one_is_whole() {
    let (server, place) = (Server::http(), Place::new("force"));
    place.write("short", "old");
    place.get(&["-f", &server.url("/short")]).expect(4, &["ended early"]);
    assert_eq!(place.read("short"), b"old");
}

#[test]
fn two_urls_with_one_name() {
    let (server, place) = (Server::http(), Place::new("same-name"));
    let (a, b) = (server.url("/data/9/f?1"), server.url("/data/9/f?2"));
    place.get(&[&a, &b]).expect(1, &["1 of 2 files"]);
    assert_eq!(place.names(), ["f"]);
    place.get(&["--if-exists", "rename", &a, &b]).expect(0, &["2 of 2 files"]);
    assert_eq!(place.names(), ["f", "f.1", "f.2"]);
}

#[test]
fn output_names_the_file() {
    let (server, place) = (Server::http(), Place::new("output"));
    place.get(&["-d", "sub", "-o", "given name", &server.url("/disposition")]).expect(0, &["saved given name"]);
    assert_eq!(place.read("sub/given name"), b"named");
}

#[test]
fn a_place_that_cannot_be_written() {
    let (server, place) = (Server::http(), Place::new("unwritable"));
    place.write("file", "not a directory");
    let url = server.url("/data/9/f");
    place.get(&["-d", "file", &url]).expect(3, &["file is not a directory", "--dir"]);
    // Not even the administrator can make files there.
    place.get(&["-d", "/proc", &url]).expect(3, &["could not create /proc/f.part", "--dir"]);
    assert_eq!(place.names(), ["file"]);
}

#[test]
fn a_link_in_place_of_the_part() {
    let (server, place) = (Server::http(), Place::new("part-link"));
    std::os::unix::fs::symlink("/dev/full", std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("part-link/f.part")).unwrap();
    // The link is not followed; the device never gets a byte.
    place.get(&[&server.url("/data/9/f")]).expect(3, &["could not create f.part"]);
}
