//! Which wish wins, and how mistakes are told.

use std::collections::HashMap;
use std::path::Path;

use clap::{CommandFactory, FromArgMatches};

use super::{matches, with_defaults};
use crate::cli::{Cli, Command, GetArgs};

const FILE: &str = "\
limit-rate = \"2M\"
retry = 9
quiet = true
header = [\"A: 1\", \"B: 2\"]

[get]
segments = 3
jobs = 2

[put]
jobs = 5

[serve]
bind = \"127.0.0.1:9\"
";

/// `cede get` with a file and variables.
fn get(file: &str, variables: &[(&str, &str)], line: &[&str]) -> Result<GetArgs, String> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    let environment = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let command = with_defaults(Cli::command(), "get", Some((Path::new("c.toml"), file)), &environment)?.unwrap_or_else(Cli::command);
    let line = ["cede", "get", "http://h/"].iter().chain(line);
    let cli = Cli::from_arg_matches(&command.try_get_matches_from(line).map_err(|error| error.to_string())?).unwrap();
    let Command::Get(args) = cli.command else { panic!("not get") };
    Ok(*args)
}

#[test]
fn the_file_says_what_nobody_else_does() {
    let args = get(FILE, &[], &[]).unwrap();
    assert_eq!((args.network.limit_rate, args.network.jobs, args.network.segments), (Some(2 << 20), 2, 3));
    assert_eq!((args.network.header.as_slice(), args.show.quiet), (["A: 1", "B: 2"].map(str::to_owned).as_slice(), true));
    assert_eq!(get("", &[], &[]).unwrap().network.jobs, 8);
}

#[test]
fn variables_win_over_the_file_and_the_command_line_over_both() {
    let both = [("CEDE_JOBS", "4"), ("CEDE_GET_LIMIT_RATE", "1k"), ("CEDE_LIMIT_RATE", "3k")];
    let args = get(FILE, &both, &[]).unwrap();
    assert_eq!((args.network.limit_rate, args.network.jobs, args.network.segments), (Some(1024), 4, 3));
    let args = get(FILE, &both, &["--jobs", "7", "--limit-rate=5k", "-H", "C: 3"]).unwrap();
    assert_eq!((args.network.limit_rate, args.network.jobs), (Some(5 << 10), 7));
    assert_eq!(args.network.header, ["C: 3"]);
}

#[test]
fn a_default_conflicts_with_nothing_that_is_given() {
    let args = get("user = \"a:b\"\n[get]\nsum = \"auto\"\nif-exists = \"skip\"\n", &[], &["--bearer", "x", "--force"]).unwrap();
    assert_eq!((args.network.bearer.as_deref(), args.force), (Some("x"), true));
}

#[test]
fn mistakes_have_a_file_a_line_and_a_key() {
    for (file, told) in [
        ("a = ", "c.toml, line 1: "),
        ("\nno-such = 1", "c.toml, line 2: no-such: there is no flag --no-such"),
        ("limit_rate = 1", "line 1: limit_rate: there is no flag --limit_rate; keys are written with '-'"),
        ("bind = \"x\"", "line 1: bind: there is no flag --bind"),
        ("[fetch]\n", "line 1: fetch: there is no such command"),
        ("[get]\n\njobs = 0", "line 3: jobs: 0: 0 is not in 1..=4096"),
        ("jobs = \"many\"", "line 1: jobs: many: "),
        ("jobs = [1, 2]", "line 1: jobs: there can be only one value"),
        ("quiet = 1", "line 1: quiet: it is either true or false"),
        ("header = [[1]]", "line 1: header: a value is a string"),
        ("[get]\nif-exists = \"maybe\"", "line 2: if-exists: maybe: that is none of the values"),
        ("config = \"x\"", "there is no flag --config"),
        // Also what is for another command.
        ("[serve]\nmax-connections = 0", "line 2: max-connections: 0"),
    ] {
        let error = get(file, &[], &[]).unwrap_err();
        assert!(error.contains(told) && error.contains("c.toml"), "{file:?}: {error}");
    }
    assert_eq!(get("", &[("CEDE_JOBS", "0")], &[]).unwrap_err(), "CEDE_JOBS: 0: 0 is not in 1..=4096");
}

#[test]
fn the_file_is_where_it_is_said_to_be() {
    let dir = std::env::temp_dir().join(format!("cede-config-{}", std::process::id()));
    std::fs::create_dir_all(dir.join(".config/cede")).unwrap();
    std::fs::write(dir.join(".config/cede/config.toml"), "jobs = 3").unwrap();
    std::fs::write(dir.join("other.toml"), "jobs = 4").unwrap();
    let home = dir.to_string_lossy().into_owned();
    let other = dir.join("other.toml").to_string_lossy().into_owned();
    let jobs = |variables: &[(&str, &str)], flags: &[&str]| {
        let environment = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let line: Vec<_> = ["cede", "get", "http://h/"].iter().chain(flags).map(Into::into).collect();
        let cli = Cli::from_arg_matches(&matches(Cli::command(), &line, &environment)?).unwrap();
        let Command::Get(args) = cli.command else { panic!("not get") };
        Ok::<_, String>(args.network.jobs)
    };
    assert_eq!(jobs(&[("HOME", &home)], &[]), Ok(3));
    assert_eq!(jobs(&[("HOME", &home), ("XDG_CONFIG_HOME", "/nonexistent")], &[]), Ok(8));
    assert_eq!(jobs(&[("HOME", &home)], &["--no-config"]), Ok(8));
    assert_eq!(jobs(&[("HOME", &home), ("CEDE_CONFIG", &other)], &[]), Ok(4));
    assert_eq!(jobs(&[("HOME", &home)], &["--config", &other]), Ok(4));
    assert!(jobs(&[], &["--config", "/nonexistent/x"]).unwrap_err().starts_with("/nonexistent/x: "));
    std::fs::remove_dir_all(dir).unwrap();
}
