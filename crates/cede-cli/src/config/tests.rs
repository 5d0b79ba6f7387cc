//! Which wish wins, and how mistakes are told.

use std::collections::HashMap;
use std::path::Path;

use clap::{CommandFactory, FromArgMatches};

use super::{TRANSFERS, bare, matches, names, with_defaults};
use crate::cli::{Cli, Command, GetArgs, IfExists};
use crate::progress::view::Wish;

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
    let line: Vec<_> = ["get", "http://h/"].iter().chain(line).copied().collect();
    let Command::Get(args) = parse(file, variables, &line)? else { panic!("not get") };
    Ok(*args)
}

fn parse(file: &str, variables: &[(&str, &str)], line: &[&str]) -> Result<Command, String> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    let environment = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let line: Vec<_> = ["cede"].iter().chain(line).copied().collect();
    let given = bare(Cli::command()).try_get_matches_from(&line).map_err(|error| error.to_string())?;
    let (name, given) = given.subcommand().unwrap();
    let file = Some((Path::new("c.toml"), file));
    let command = with_defaults(Cli::command(), name, given, file, &environment)?.unwrap_or_else(|| bare(Cli::command()));
    Ok(Cli::from_arg_matches(&command.try_get_matches_from(line).map_err(|error| error.to_string())?).unwrap().command)
}

/// What the flags of `get` come to, as far as some exclude others.
fn said(args: &GetArgs) -> Vec<&'static str> {
    let network = &args.network;
    let flags = [
        ("sum", args.sum.is_some()),
        ("sha256", args.sha256.is_some()),
        ("force", args.force),
        ("if-exists", args.if_exists == IfExists::Skip),
        ("user", network.user.is_some()),
        ("bearer", network.bearer.is_some()),
        ("proxy", network.proxy.is_some()),
        ("no-proxy", network.no_proxy),
        ("netrc", network.netrc.is_some()),
        ("no-netrc", network.no_netrc),
        ("continue", args.resume),
        ("restart", args.restart),
        ("cookie", !network.cookie.is_empty()),
        ("cookie-jar", network.cookie_jar.is_some()),
        ("no-cookies", network.no_cookies),
        ("tui", args.tui),
        ("json", args.show.json),
        ("quiet", args.show.quiet),
        ("progress", args.show.progress != Wish::Auto),
        ("output", args.output.is_some()),
        ("extract", args.extract.is_some()),
        ("dir", args.dir.is_some()),
        ("dry-run", args.dry_run),
    ];
    flags.into_iter().filter(|(_, is_said)| *is_said).map(|(flag, _)| flag).collect()
}

/// Flags that exclude each other, with values.
fn rivals() -> Vec<[(&'static str, &'static str); 2]> {
    vec![
        [("sum", "auto"), ("sha256", SHA)],
        [("force", "true"), ("if-exists", "skip")],
        [("user", "a:b"), ("bearer", "x")],
        [("proxy", "http://p/"), ("no-proxy", "true")],
        [("netrc", "n"), ("no-netrc", "true")],
        [("continue", "true"), ("restart", "true")],
        [("cookie", "a=1"), ("no-cookies", "true")],
        [("cookie-jar", "j"), ("no-cookies", "true")],
        [("tui", "true"), ("json", "true")],
        [("tui", "true"), ("quiet", "true")],
        [("tui", "true"), ("progress", "lines")],
        [("tui", "true"), ("output", "-")],
        [("json", "true"), ("output", "-")],
        [("extract", "d"), ("output", "o")],
        [("extract", "d"), ("dir", "o")],
        [("dry-run", "true"), ("json", "true")],
        [("dry-run", "true"), ("tui", "true")],
    ]
}

const SHA: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn line_of((flag, value): (&str, &str)) -> String {
    if value == "true" { format!("--{flag}") } else { format!("--{flag}={value}") }
}

fn file_of((flag, value): (&str, &str)) -> String {
    if value == "true" { format!("{flag} = true\n") } else { format!("{flag} = \"{value}\"\n") }
}

#[test]
fn of_rivals_the_higher_place_counts() {
    for [one, other] in rivals() {
        for (more, less) in [(one, other), (other, one)] {
            let variable = |(flag, _): (&str, _), of: &str| format!("CEDE_{of}{}", flag.to_uppercase().replace('-', "_"));
            let (all, own) = (variable(more, ""), variable(more, "GET_"));
            let (less_all, line) = (variable(less, ""), line_of(more));
            for (file, variables, line) in [
                (format!("[get]\n{}", file_of(less)), vec![], vec![line.as_str()]),
                (String::new(), vec![(less_all.as_str(), less.1)], vec![line.as_str()]),
                (format!("[get]\n{}", file_of(less)), vec![(all.as_str(), more.1)], vec![]),
                (String::new(), vec![(less_all.as_str(), less.1), (own.as_str(), more.1)], vec![]),
            ] {
                let args = get(&file, &variables, &line).unwrap_or_else(|error| panic!("{file} {variables:?} {line:?}: {error}"));
                assert_eq!(said(&args), [more.0], "{file} {variables:?} {line:?}");
                let plan = crate::plan::Plan::new(&args);
                // There is no such netrc file.
                assert_eq!(plan.is_ok(), more.0 != "netrc", "{more:?}: {plan:?}");
            }
        }
    }
}

#[test]
fn what_a_table_says_beats_what_is_said_for_all() {
    let args = get("user = \"a:b\"\n[get]\nbearer = \"x\"\n", &[], &[]).unwrap();
    assert_eq!(said(&args), ["bearer"]);
}

#[test]
fn rivals_from_one_place_are_a_mistake() {
    let error = get("force = true\nif-exists = \"skip\"\n", &[], &[]).unwrap_err();
    assert!(error.contains("c.toml, line 2: if-exists: it excludes what is said by c.toml, line 1: force"), "{error}");
    assert!(get("", &[("CEDE_USER", "a:b"), ("CEDE_BEARER", "x")], &[]).unwrap_err().contains("it excludes what is said by CEDE_"));
    // Unless the command line has decided.
    assert_eq!(said(&get("force = true\nif-exists = \"skip\"\n", &[], &["--if-exists=skip"]).unwrap()), ["if-exists"]);
}

#[test]
fn what_goes_together_is_left_together() {
    for (file, line, whole) in [
        ("cookie = \"j\"\n", vec!["--cookie-jar=j"], vec!["cookie", "cookie-jar"]),
        ("cookie-jar = \"j\"\ncookie = \"j\"\n", vec![], vec!["cookie", "cookie-jar"]),
        ("quiet = true\n", vec!["--json"], vec!["json", "quiet"]),
        ("[get]\ntui = true\n", vec!["-o", "f"], vec!["tui", "output"]),
        ("quiet = true\n", vec!["-o", "-"], vec!["quiet", "output"]),
        ("[get]\nforce = false\n", vec!["--if-exists=skip"], vec!["if-exists"]),
        ("[get]\nif-exists = \"skip\"\n", vec![], vec!["if-exists"]),
    ] {
        assert_eq!(said(&get(file, &[("CEDE_FORCE", "0")], &line).unwrap()), whole, "{file}");
    }
}

#[test]
fn an_upload_that_is_to_go_on_does() {
    let put = |file: &str, line: &[&str]| match parse(file, &[], &[&["put", "f", "http://h/"], line].concat()).unwrap() {
        Command::Put(args) => (args.resume, args.restart),
        other => panic!("{other:?}"),
    };
    assert_eq!(put("restart = true\n", &["-c"]), (true, false));
    // Which says how it is uploaded, and the other one that it begins anew.
    assert_eq!(put("continue = true\n", &["--restart"]), (true, true));
}

#[test]
fn a_sum_that_is_known_is_the_one_that_is_checked() {
    let mut args = get("", &[], &["--sum=auto"]).unwrap();
    args.sha256 = Some(format!("sha256:{SHA}").parse().unwrap());
    let plan = crate::plan::Plan::new(&args).unwrap();
    assert!(matches!(plan.jobs[0].check, cede_transfer::engine::Check::Sum(_)));
}

#[test]
fn switches_in_variables() {
    for (value, is_set) in [("1", true), ("0", false), ("true", true), ("false", false), ("", true)] {
        // What is empty leaves it to the file.
        let environment = |name: &str| (name == "CEDE_QUIET" && !value.is_empty()).then(|| value.to_owned());
        let given = Cli::command().get_matches_from(["cede", "get", "http://h/"]);
        let file = Some((Path::new("c.toml"), "quiet = true"));
        let command = with_defaults(Cli::command(), "get", given.subcommand().unwrap().1, file, &environment).unwrap().unwrap();
        let cli = Cli::from_arg_matches(&command.get_matches_from(["cede", "get", "http://h/"])).unwrap();
        let Command::Get(args) = cli.command else { panic!("not get") };
        assert_eq!(args.show.quiet, is_set, "{value:?}");
    }
    assert_eq!(get("", &[("CEDE_QUIET", "yes")], &[]).unwrap_err(), "CEDE_QUIET: it is either true or false");
}

#[test]
fn a_list_in_the_file_is_enough() {
    for file in ["[get]\ninput = \"list\"\n", "[get]\nmetalink = [\"m\"]\n"] {
        let Command::Get(args) = parse(file, &[], &["get"]).unwrap() else { panic!("not get") };
        assert!(args.urls.is_empty() && (args.input.is_some() || !args.metalink.is_empty()));
    }
    assert!(parse("[get]\njobs = 3\n", &[], &["get"]).unwrap_err().contains("required arguments were not provided"));
}

#[test]
fn no_flag_has_a_variable_of_the_runtime_s() {
    let taken = ["CEDE_INSPECT", "CEDE_TRACE", "CEDE_TRACE_ON_STALL", "CEDE_CHAINS", "CEDE_ON_DEADLOCK", "CEDE_CONFIG"];
    let mut command = Cli::command();
    command.build();
    let mut seen = 0;
    for subcommand in command.get_subcommands() {
        for flag in subcommand.get_arguments().filter_map(|arg| arg.get_long()).filter(|flag| !super::NEVER.contains(flag)) {
            let (own, all) = names(subcommand.get_name(), flag);
            assert_eq!(all.is_some(), TRANSFERS.contains(&subcommand.get_name()));
            for name in all.iter().chain([&own]) {
                assert!(!taken.contains(&name.as_str()), "cede {} --{flag} would be set by {name}", subcommand.get_name());
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn the_file_says_what_nobody_else_does() {
    let args = get(FILE, &[], &[]).unwrap();
    assert_eq!((args.network.limit_rate, args.network.jobs, args.network.segments), (Some(2 << 20), 2, 3));
    assert_eq!((args.network.header.as_slice(), args.show.quiet), (["A: 1", "B: 2"].map(str::to_owned).as_slice(), true));
    assert_eq!(get("", &[], &[]).unwrap().network.jobs, 16);
}

#[test]
fn uploads_have_a_number_of_jobs_of_their_own() {
    let jobs = |file: &str, variables: &[(&str, &str)], flags: &[&str]| {
        let line: Vec<_> = ["put", "f", "http://h/"].iter().chain(flags).copied().collect();
        let Command::Put(args) = parse(file, variables, &line).unwrap() else { panic!("not put") };
        args.network.jobs
    };
    assert_eq!(jobs("", &[], &[]), 4);
    // What is said for all that transfer is said for uploads, too.
    assert_eq!(jobs("jobs = 9", &[], &[]), 9);
    assert_eq!(jobs(FILE, &[], &[]), 5);
    assert_eq!(jobs(FILE, &[("CEDE_JOBS", "6")], &[]), 6);
    assert_eq!(jobs(FILE, &[("CEDE_JOBS", "6")], &["-j", "7"]), 7);
    let help = Cli::command().find_subcommand_mut("put").unwrap().render_long_help().to_string();
    assert!(
        help.contains("How many files to upload at a time; each takes memory of its own\n          \n          [default: 4]"),
        "{help}"
    );
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
    assert_eq!(jobs(&[("HOME", &home), ("XDG_CONFIG_HOME", "/nonexistent")], &[]), Ok(16));
    assert_eq!(jobs(&[("HOME", &home)], &["--no-config"]), Ok(16));
    assert_eq!(jobs(&[("HOME", &home), ("CEDE_CONFIG", &other)], &[]), Ok(4));
    assert_eq!(jobs(&[("HOME", &home)], &["--config", &other]), Ok(4));
    // What is empty is not there.
    assert_eq!(jobs(&[("HOME", &home), ("CEDE_CONFIG", ""), ("CEDE_GET_JOBS", "")], &[]), Ok(3));
    assert_eq!(jobs(&[("HOME", &home), ("CEDE_GET_JOBS", ""), ("CEDE_JOBS", "6")], &[]), Ok(6));
    assert!(jobs(&[], &["--config", "/nonexistent/x"]).unwrap_err().starts_with("/nonexistent/x: "));
    std::fs::remove_dir_all(dir).unwrap();
}
