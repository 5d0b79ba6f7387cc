//! Command lines that make a plan, and command lines that do not.

use std::path::PathBuf;

use clap::Parser;

use cede_transfer::IfExists;
use cede_transfer::engine::{NameFrom, Output};

use super::Plan;
use crate::cli::{Cli, Command};

fn plan(line: &str) -> Result<Plan, String> {
    let cli = Cli::try_parse_from(["cede", "get"].into_iter().chain(line.split_whitespace())).map_err(|error| error.to_string())?;
    match cli.command {
        Command::Get(args) => Plan::new(&args),
        _ => unreachable!("the line starts with get"),
    }
}

#[test]
fn several_urls_go_to_one_directory() {
    let plan = plan("-d out -j 3 http://h/a https://h/b").unwrap();
    assert_eq!(plan.width, 3);
    assert_eq!(plan.jobs.iter().map(|job| job.url.as_str()).collect::<Vec<_>>(), ["http://h/a", "https://h/b"]);
    assert_eq!(plan.jobs[1].output, Output::In { dir: PathBuf::from("out"), from: NameFrom::Auto });
    assert_eq!(plan.settings.if_exists, IfExists::Error);
}

#[test]
fn output_is_a_path_below_the_directory() {
    let place = |line: &str| plan(line).unwrap().jobs[0].output.clone();
    assert_eq!(place("-o f http://h/"), Output::Named { dir: PathBuf::new(), name: "f".into() });
    assert_eq!(place("-d a -o b/f http://h/"), Output::Named { dir: "a/b".into(), name: "f".into() });
    assert_eq!(place("-o - http://h/"), Output::Stdout);
    assert_eq!(place("-o /x/f http://h/"), Output::Named { dir: "/x".into(), name: "f".into() });
}

#[test]
fn mistakes_are_told_with_a_way_out() {
    let error = |line: &str| plan(line).unwrap_err();
    assert!(error("-o f http://h/a http://h/b").contains("--dir"));
    assert!(error("-o dir/ http://h/a").contains("names no file"));
    assert!(error("-o .. http://h/a").contains("names no file"));
    assert!(error("--mirror http://m/ http://h/a http://h/b").contains("--mirror"));
    assert!(error("--sum sha256:00 http://h/a").contains("64 hexadecimal digits"));
    assert!(error("-H Range:x http://h/a").contains("depends on this header"));
    assert!(error("--proxy socks5://h http://h/a").contains("socks5"));
    assert!(error("example.com/a").contains("did you mean https://example.com/a?"));
    assert!(error("localhost:80/a").contains("did you mean https://localhost:80/a?"));
    assert!(error("ftp://h/a").contains("only http and https"));
    assert!(error("http://").contains("not a URL"));
    assert!(error("--sha256 12 http://h/a").contains("64 hexadecimal digits"));
    let secret = error("https://me:secret@h/a");
    assert!(secret.contains("not supported") && !secret.contains("secret@") && !secret.contains("me:"), "{secret}");
    assert!(error("--timeout 0 http://h/").contains("more than 0"));
    assert!(error("-j 0 http://h/").contains("0 is not in"));
}

#[test]
fn force_is_overwrite() {
    assert_eq!(plan("-f http://h/").unwrap().settings.if_exists, IfExists::Overwrite);
    assert!(plan("-f --if-exists skip http://h/").is_err());
}
