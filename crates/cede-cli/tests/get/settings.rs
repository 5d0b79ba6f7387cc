//! Settings from variables and the file, against flags: what is on the command line is what happens.

use std::fs;

use crate::run::{Place, Ran};
use crate::server::Server;

/// Of another file than any here.
const WRONG: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn get(place: &Place, variables: &[(&str, &str)], args: &[&str]) -> Ran {
    let args: Vec<_> = ["get"].iter().chain(args).copied().collect();
    Ran::of(place.command(&args).envs(variables.iter().copied()).output().unwrap())
}

#[test]
fn a_sum_on_the_command_line_is_checked_whatever_is_set() {
    let (server, place) = (Server::http(), Place::new("settings-sum"));
    let url = server.url("/chunked");
    place.write("c.toml", "[get]\nsum = \"auto\"\n");
    get(&place, &[("CEDE_CONFIG", "c.toml")], &["--sha256", WRONG, &url]).expect(10, &[WRONG]);
    get(&place, &[("CEDE_SUM", "auto")], &["--sha256", WRONG, "-o", "b", &url]).expect(10, &[WRONG]);
    assert_eq!(place.names(), ["b.part", "c.toml", "chunked.part"]);
}

#[test]
fn a_file_that_is_to_be_left_is_left_whatever_is_set() {
    let (server, place) = (Server::http(), Place::new("settings-force"));
    place.write("chunked", "mine");
    for how in [("skip", 0), ("error", 13)] {
        get(&place, &[("CEDE_FORCE", "1")], &["--if-exists", how.0, &server.url("/chunked")]).expect(how.1, &["exists"]);
        assert_eq!(place.read("chunked"), b"mine");
    }
}

#[test]
fn variables_that_other_programs_heed_too_are_no_obstacle() {
    let (server, place) = (Server::http(), Place::new("settings-login"));
    let url = server.url("/chunked");
    get(&place, &[("CEDE_BEARER", "t")], &["--user", "a:b", &url]).expect(0, &["saved"]);
    get(&place, &[("CEDE_USER", "a:b"), ("CEDE_RETRY", "")], &["--bearer", "t", "-f", &url]).expect(0, &["saved"]);
    get(&place, &[("CEDE_USER", "a:b"), ("CEDE_BEARER", "t")], &["-f", &url]).expect(2, &["it excludes what is said by CEDE_"]);
    // The variable is above the file: its netrc file is looked for, and not found.
    place.write("c.toml", "no-netrc = true\n");
    get(&place, &[("CEDE_CONFIG", "c.toml"), ("NETRC", "none")], &["-f", &url]).expect(2, &["--netrc none"]);
}

#[test]
fn a_jar_is_not_emptied() {
    let (server, place) = (Server::http(), Place::new("settings-jar"));
    let jar = "# Netscape HTTP Cookie File\nexample.com\tFALSE\t/\tTRUE\t4102444800\tname\tvalue\n";
    place.write("jar", jar);
    let args = ["-b", "jar", "--cookie-jar", "jar", &server.url("/chunked")];
    get(&place, &[("CEDE_NO_COOKIES", "true")], &args).expect(0, &[]);
    assert!(String::from_utf8(place.read("jar")).unwrap().ends_with("\tname\tvalue\n"));
    // An upload to a store takes no cookies, and says so by leaving the jar alone.
    place.write("jar", jar);
    let closed = "http://127.0.0.1:1/";
    let put = ["put", "jar", "s3://bucket/name", "--s3-endpoint", closed, "--cookie-jar", "jar"];
    Ran::of(place.command(&put).output().unwrap()).expect(4, &["could not connect"]);
    assert_eq!(fs::read_to_string(place.path().join("jar")).unwrap(), jar);
}

#[test]
fn a_list_in_the_file_is_enough() {
    let (server, place) = (Server::http(), Place::new("settings-list"));
    place.write("list", &server.url("/chunked\n"));
    place.write("c.toml", "[get]\ninput = \"list\"\n");
    get(&place, &[("CEDE_CONFIG", "c.toml")], &[]).expect(0, &["saved chunked"]);
    get(&place, &[], &[]).expect(2, &["required arguments were not provided"]);
}
